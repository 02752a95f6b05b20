"""UpdateObjectEncryption: another KMS key for an object in place. MiniStack takes it for PutObject and overwrites it.

docs.aws.amazon.com/AmazonS3/latest/API/API_UpdateObjectEncryption.html
"""

from __future__ import annotations

import re
from typing import Any

from local_cloud.operations import Answer

_KEY_ARN = re.compile(rb"<KMSKeyArn>(arn:[^<]+)</KMSKeyArn>")


def complete(s3: Any) -> None:
    """Wrap MiniStack's choice of what a request asks for. Does nothing the second time."""
    if hasattr(s3, "_dispatch_without_encryption"):
        return
    dispatch = s3._dispatch_without_encryption = s3._dispatch

    def with_encryption(
        method: str, bucket: str, key: str, headers: dict[str, str], body: bytes, query: dict[str, list[str]]
    ) -> Answer:
        if method == "PUT" and key and "encryption" in query:
            return _update(s3, bucket, key, body, query)
        answer: Answer = dispatch(method, bucket, key, headers, body, query)
        return answer

    s3._dispatch = with_encryption


def _update(s3: Any, bucket_name: str, key: str, body: bytes, query: dict[str, list[str]]) -> Answer:
    bucket = s3._buckets.get(bucket_name) or {"objects": {}}
    version_id = s3._resolve_subresource_version(query, bucket, key)
    current = [found for found in [bucket["objects"].get(key)] if found and found.get("version_id") == version_id]
    older = [v for v in s3._object_versions.get((bucket_name, key), []) if v["version_id"] == version_id]
    answer: Answer
    if not current + older:
        answer = s3._error("NoSuchKey", "The specified key does not exist.", 404, f"/{bucket_name}/{key}")
        return answer
    arn = _KEY_ARN.search(body)
    if arn is None:
        answer = s3._error("InvalidRequest", "Requests that modify an object's encryption require a KMS key ARN.", 400)
        return answer
    for found in current + older:
        found["preserved_headers"] = found.get("preserved_headers", {}) | {
            "x-amz-server-side-encryption": "aws:kms",
            "x-amz-server-side-encryption-aws-kms-key-id": arn[1].decode(),
        }
    return 200, {}, b""
