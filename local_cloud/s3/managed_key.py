"""SSE-KMS without a key means the account's AWS managed key (`aws/s3`), which MiniStack does not have.

docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html
"""

from __future__ import annotations

import uuid
from typing import Any

_ALGORITHM = "x-amz-server-side-encryption"
_KEY_ID = "x-amz-server-side-encryption-aws-kms-key-id"


def key_arn(account_id: str, region: str) -> str:
    """The managed key of an account and Region: always the same one."""
    return f"arn:aws:kms:{region}:{account_id}:key/{uuid.uuid5(uuid.NAMESPACE_DNS, f'{account_id}.{region}.aws-s3')}"


def complete(s3: Any, responses: Any) -> None:
    """Let MiniStack's S3 fall back to the managed key. Does nothing the second time."""
    if hasattr(s3, "_resolve_without_managed_key"):
        return
    resolve = s3._resolve_without_managed_key = s3._resolve_sse_write_headers

    def with_managed_key(headers: dict[str, str], bucket: str) -> Any:
        key = key_arn(responses.get_account_id(), responses.get_region())
        if headers.get(_ALGORITHM) == "aws:kms" and not headers.get(_KEY_ID):
            headers = {**headers, _KEY_ID: key}
        applied, error = resolve(headers, bucket)
        if applied and applied.get(_ALGORITHM) == "aws:kms":
            applied.setdefault(_KEY_ID, key)
        return applied, error

    s3._resolve_sse_write_headers = with_managed_key
