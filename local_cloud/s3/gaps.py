"""What MiniStack's S3 lacks: tags of multipart uploads, another key for an object in place, the managed key, thaws.

docs.aws.amazon.com/AmazonS3/latest/API/API_UpdateObjectEncryption.html, userguide/UsingKMSEncryption.html
"""

from __future__ import annotations

import re
import uuid
from typing import Any
from urllib.parse import parse_qsl

from local_cloud.operations import Answer
from local_cloud.replacing import Function, replaces

_UPLOAD_ID = re.compile(rb"<UploadId>([^<]+)</UploadId>")
_KEY_ARN = re.compile(rb"<KMSKeyArn>(arn:[^<]+)</KMSKeyArn>")
_ALGORITHM = "x-amz-server-side-encryption"
_KEY_ID = "x-amz-server-side-encryption-aws-kms-key-id"


def fill(s3: Any, responses: Any) -> None:
    """Complete MiniStack's S3 module."""

    @replaces(s3, "_create_multipart_upload")
    def create_with_tags(create: Function, bucket: str, key: str, headers: dict[str, str]) -> Answer:
        answer: Answer = create(bucket, key, headers)
        if (tagging := headers.get("x-amz-tagging")) and (upload := _UPLOAD_ID.search(answer[2])):
            tags = dict(parse_qsl(tagging, keep_blank_values=True))
            s3._multipart_uploads[upload.group(1).decode()]["tags"] = tags
        return answer

    @replaces(s3, "_complete_multipart_upload")
    def complete_with_tags(complete: Function, bucket: str, key: str, body: bytes, query: Any, *rest: Any) -> Answer:
        upload = s3._multipart_uploads.get(query["uploadId"][0])
        answer: Answer = complete(bucket, key, body, query, *rest)
        if answer[0] == 200 and upload and upload.get("tags"):
            current = s3._buckets[bucket]["objects"][key]
            s3._object_tags[(bucket, key, current.get("version_id"))] = upload["tags"]
        return answer

    @replaces(s3, "_dispatch")
    def dispatch(pass_on: Function, method: str, bucket: str, key: str, headers: Any, body: bytes, query: Any) -> Any:
        """MiniStack takes UpdateObjectEncryption for PutObject, and overwrites the object."""
        if method == "PUT" and key and "encryption" in query:
            return _update_encryption(s3, bucket, key, body, query)
        return pass_on(method, bucket, key, headers, body, query)

    @replaces(s3, "_resolve_sse_write_headers")
    def with_managed_key(resolve: Function, headers: dict[str, str], bucket: str) -> Any:
        """SSE-KMS without a key means the account's AWS managed key (`aws/s3`)."""
        key = managed_key_arn(responses.get_account_id(), responses.get_region())
        if headers.get(_ALGORITHM) == "aws:kms" and not headers.get(_KEY_ID):
            headers = {**headers, _KEY_ID: key}
        applied, error = resolve(headers, bucket)
        if applied and applied.get(_ALGORITHM) == "aws:kms":
            applied.setdefault(_KEY_ID, key)
        return applied, error

    @replaces(s3, "_object_record_from_version")
    def with_restore(record_of: Function, version: dict[str, Any]) -> Any:
        """MiniStack shows the restore of an object for HEAD without a version only."""
        return record_of(version) | ({"restore": version["restore"]} if "restore" in version else {})


def managed_key_arn(account_id: str, region: str) -> str:
    """The managed key of an account and Region: always the same one."""
    return f"arn:aws:kms:{region}:{account_id}:key/{uuid.uuid5(uuid.NAMESPACE_DNS, f'{account_id}.{region}.aws-s3')}"


def _update_encryption(s3: Any, bucket_name: str, key: str, body: bytes, query: dict[str, list[str]]) -> Any:
    bucket = s3._buckets.get(bucket_name) or {"objects": {}}
    version_id = s3._resolve_subresource_version(query, bucket, key)
    current = [found for found in [bucket["objects"].get(key)] if found and found.get("version_id") == version_id]
    older = [v for v in s3._object_versions.get((bucket_name, key), []) if v["version_id"] == version_id]
    if not current + older:
        return s3._error("NoSuchKey", "The specified key does not exist.", 404, f"/{bucket_name}/{key}")
    arn = _KEY_ARN.search(body)
    if arn is None:
        return s3._error("InvalidRequest", "Requests that modify an object's encryption require a KMS key ARN.", 400)
    for found in current + older:
        encryption = {_ALGORITHM: "aws:kms", _KEY_ID: arn[1].decode()}
        found["preserved_headers"] = found.get("preserved_headers", {}) | encryption
    return 200, {}, b""
