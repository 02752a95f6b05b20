"""The image service's S3: real calls to the cloud's own endpoint, in the name of the account that asked.

So a stored object arrives like EC2's: CreateMultipartUpload, UploadPart and CompleteMultipartUpload, with tags, under
the bucket's default encryption, and every one of them is in the log of calls, made by `ec2.amazonaws.com`.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode

from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError

from local_cloud.engine.objects import ARCHIVED_CLASSES, StoredObjectHead
from local_cloud.errors import AwsError

EC2_CALLER = "ec2.amazonaws.com"
"""The application id of what EC2 does on behalf of a caller."""

_MULTIPART = TransferConfig(multipart_threshold=1, use_threads=False)
"""EC2 uploads by multipart, however small the object is."""

ClientFactory = Callable[[str, str], Any]
"""From a service's name and an account to a boto3 client."""


class S3ObjectStore:
    """Safe to use from many threads: boto3's clients are, and are made once per account."""

    def __init__(self, make_client: ClientFactory) -> None:
        self._s3 = lru_cache(maxsize=None)(lambda account_id: make_client("s3", account_id))

    def bucket_region(self, account_id: str, bucket: str) -> str | None:
        try:
            answer = self._s3(account_id).head_bucket(Bucket=bucket)
        except ClientError:
            return None
        return str(answer.get("BucketRegion") or answer["ResponseMetadata"]["HTTPHeaders"]["x-amz-bucket-region"])

    def head(self, account_id: str, bucket: str, key: str) -> StoredObjectHead | None:
        s3 = self._s3(account_id)
        try:
            head = s3.head_object(Bucket=bucket, Key=key)
            tags = s3.get_object_tagging(Bucket=bucket, Key=key)["TagSet"]
        except ClientError:
            return None
        storage_class = head.get("StorageClass", "STANDARD")
        archived = storage_class in ARCHIVED_CLASSES
        return StoredObjectHead(
            bucket=bucket,
            key=key,
            size_bytes=head["ContentLength"],
            storage_class=storage_class,
            readable=not archived or 'ongoing-request="false"' in head.get("Restore", ""),
            metadata=dict(head["Metadata"]),
            tags={tag["Key"]: tag["Value"] for tag in tags},
        )

    def write(
        self,
        account_id: str,
        bucket: str,
        key: str,
        parts: Iterable[bytes],
        *,
        metadata: dict[str, str],
        tags: dict[str, str],
    ) -> None:
        try:
            self._s3(account_id).upload_fileobj(
                io.BytesIO(b"".join(parts)),
                bucket,
                key,
                ExtraArgs={"Metadata": metadata, "Tagging": urlencode(tags)},
                Config=_MULTIPART,
            )
        except ClientError as error:
            raise _aws_error(error) from error

    def read(self, account_id: str, bucket: str, key: str) -> bytes:
        try:
            body: bytes = self._s3(account_id).get_object(Bucket=bucket, Key=key)["Body"].read()
        except ClientError as error:
            raise _aws_error(error) from error
        return body


class SsmParameters:
    """The SSM parameters of an account, for DescribeImageReferences."""

    def __init__(self, make_client: Callable[[str, str, str], Any]) -> None:
        self._make_client = make_client

    def parameters(self, account_id: str, region: str) -> Iterator[tuple[str, str, str]]:
        """(arn, data type, value) of each."""
        ssm = self._make_client("ssm", account_id, region)
        for page in ssm.get_paginator("describe_parameters").paginate():
            names = [parameter["Name"] for parameter in page["Parameters"]]
            for start in range(0, len(names), 10):  # GetParameters takes at most 10
                for parameter in ssm.get_parameters(Names=names[start : start + 10])["Parameters"]:
                    yield parameter["ARN"], parameter.get("DataType", "text"), parameter["Value"]


def _aws_error(error: ClientError) -> AwsError:
    details = error.response["Error"]
    return AwsError(details.get("Code", "InternalError"), details.get("Message", ""))
