"""Tags given to CreateMultipartUpload reach the finished object, which MiniStack forgets."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl

from local_cloud.operations import Answer

_UPLOAD_ID = re.compile(rb"<UploadId>([^<]+)</UploadId>")


def complete(s3: Any) -> None:
    """Wrap MiniStack's two ends of a multipart upload. Does nothing the second time."""
    if hasattr(s3, "_create_without_tags"):
        return
    create = s3._create_without_tags = s3._create_multipart_upload
    finish = s3._complete_multipart_upload

    def create_with_tags(bucket: str, key: str, headers: dict[str, str]) -> Answer:
        answer: Answer = create(bucket, key, headers)
        if (tagging := headers.get("x-amz-tagging")) and (upload := _UPLOAD_ID.search(answer[2])):
            tags = dict(parse_qsl(tagging, keep_blank_values=True))
            s3._multipart_uploads[upload.group(1).decode()]["tags"] = tags
        return answer

    def finish_with_tags(bucket: str, key: str, body: bytes, query: dict[str, list[str]], *rest: Any) -> Answer:
        upload = s3._multipart_uploads.get(query["uploadId"][0])
        answer: Answer = finish(bucket, key, body, query, *rest)
        if answer[0] == 200 and upload and upload.get("tags"):
            current = s3._buckets[bucket]["objects"][key]
            s3._object_tags[(bucket, key, current.get("version_id"))] = upload["tags"]
        return answer

    s3._create_multipart_upload = create_with_tags
    s3._complete_multipart_upload = finish_with_tags
