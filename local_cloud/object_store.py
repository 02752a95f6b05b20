"""The image service's S3: real calls to the cloud's own endpoint, in the name of the account that asked.

So a stored object arrives like EC2's: CreateMultipartUpload, UploadPart and CompleteMultipartUpload, with tags, under
the bucket's default encryption, and every one of them is in the log of calls, made by `ec2.amazonaws.com`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from urllib.parse import urlencode

from botocore.exceptions import ClientError

from local_cloud.engine.objects import StoredObjectHead
from local_cloud.errors import AwsError

EC2_CALLER = "ec2.amazonaws.com"
"""The application id of what EC2 does on behalf of a caller."""

PART_BYTES = 8 * 1024 * 1024
"""S3 takes no part below 5 MiB but the last: docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html"""

ClientFactory = Callable[[str, str], Any]
"""From a service's name and an account to a boto3 client."""


class S3ObjectStore:
    """Safe to use from many threads: boto3's clients are, and are made once per account."""

    def __init__(self, make_client: ClientFactory) -> None:
        self._make_client = make_client
        self._clients: dict[str, Any] = {}
        self._lock = threading.Lock()

    def _s3(self, account_id: str) -> Any:
        with self._lock:
            if account_id not in self._clients:
                self._clients[account_id] = self._make_client("s3", account_id)
            return self._clients[account_id]

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
        archived = storage_class in ("GLACIER", "DEEP_ARCHIVE")
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
        s3 = self._s3(account_id)
        where = {"Bucket": bucket, "Key": key}
        try:
            upload_id = s3.create_multipart_upload(**where, Metadata=metadata, Tagging=urlencode(tags))["UploadId"]
            try:
                done = [
                    {
                        "PartNumber": number,
                        "ETag": s3.upload_part(**where, UploadId=upload_id, PartNumber=number, Body=part)["ETag"],
                    }
                    for number, part in enumerate(regroup(parts, PART_BYTES), start=1)
                ]
                s3.complete_multipart_upload(**where, UploadId=upload_id, MultipartUpload={"Parts": done})
            except BaseException:
                s3.abort_multipart_upload(**where, UploadId=upload_id)
                raise
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


def regroup(parts: Iterable[bytes], size: int) -> Iterator[bytes]:
    """The same bytes in parts of `size`, the last one smaller; one empty part if there is nothing."""
    held = bytearray()
    sent = False
    for part in parts:
        held += part
        while len(held) >= size:
            yield bytes(held[:size])
            sent = True
            del held[:size]
    if held or not sent:
        yield bytes(held)


def _aws_error(error: ClientError) -> AwsError:
    details = error.response["Error"]
    return AwsError(details.get("Code", "InternalError"), details.get("Message", ""))
