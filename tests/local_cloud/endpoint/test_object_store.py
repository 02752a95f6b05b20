"""The image service's S3: real multipart uploads through the cloud's own endpoint."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local_cloud.errors import AwsError
from local_cloud.object_store import EC2_CALLER, S3ObjectStore
from local_cloud.server import LocalCloud
from tests.local_cloud.endpoint.scenes import ACCOUNT, REGION, add_image, unique, until


@pytest.fixture
def bucket(local_cloud: LocalCloud) -> str:
    name = unique("archive")
    local_cloud.client("s3").create_bucket(Bucket=name)
    return name


def objects(cloud: LocalCloud) -> S3ObjectStore:
    assert isinstance(cloud.service.objects, S3ObjectStore)
    return cloud.service.objects


def test_object_is_written_by_multipart_upload_with_metadata_and_tags(local_cloud: LocalCloud, bucket: str) -> None:
    parts = [bytes([n]) * 5_000_000 for n in range(4)]
    objects(local_cloud).write(ACCOUNT, bucket, "p/a.bin", parts, metadata={"m": "1"}, tags={"k k": "v&=ü", "e": ""})
    head = objects(local_cloud).head(ACCOUNT, bucket, "p/a.bin")
    assert head is not None
    assert (head.size_bytes, head.metadata, head.tags) == (20_000_000, {"m": "1"}, {"k k": "v&=ü", "e": ""})
    assert objects(local_cloud).read(ACCOUNT, bucket, "p/a.bin") == b"".join(parts)
    etag = local_cloud.client("s3").head_object(Bucket=bucket, Key="p/a.bin")["ETag"]
    assert etag.endswith('-3"')
    wrote = [c.operation for c in local_cloud.calls.filter("s3", caller=EC2_CALLER) if c.parameters["Bucket"] == bucket]
    assert wrote[:5] == ["CreateMultipartUpload", "UploadPart", "UploadPart", "UploadPart", "CompleteMultipartUpload"]


def test_object_is_encrypted_as_the_bucket_says(local_cloud: LocalCloud, bucket: str) -> None:
    key = local_cloud.client("kms").create_key()["KeyMetadata"]["Arn"]
    s3 = local_cloud.client("s3")
    by_default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
    s3.put_bucket_encryption(
        Bucket=bucket,
        ServerSideEncryptionConfiguration={"Rules": [{"ApplyServerSideEncryptionByDefault": by_default}]},
    )
    objects(local_cloud).write(ACCOUNT, bucket, "a.bin", [b"x"], metadata={}, tags={})
    head = s3.head_object(Bucket=bucket, Key="a.bin")
    assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", key)


def test_write_into_no_bucket_is_refused_and_leaves_nothing(local_cloud: LocalCloud, bucket: str) -> None:
    with pytest.raises(AwsError, match="NoSuchBucket"):
        objects(local_cloud).write(ACCOUNT, unique("none"), "a", [b""], metadata={}, tags={})

    def broken() -> Any:
        yield b"x" * 9_000_000
        raise RuntimeError("the source broke")

    with pytest.raises(RuntimeError, match="the source broke"):
        objects(local_cloud).write(ACCOUNT, bucket, "a", broken(), metadata={}, tags={})
    assert "Uploads" not in local_cloud.client("s3").list_multipart_uploads(Bucket=bucket)
    assert objects(local_cloud).head(ACCOUNT, bucket, "a") is None
    with pytest.raises(AwsError, match="NoSuchKey"):
        objects(local_cloud).read(ACCOUNT, bucket, "a")


def test_bucket_of_another_account_or_of_none_has_no_region(local_cloud: LocalCloud, bucket: str) -> None:
    store = objects(local_cloud)
    assert store.bucket_region(ACCOUNT, bucket) == REGION
    assert store.bucket_region("999999999999", bucket) is None
    assert store.bucket_region(ACCOUNT, unique("none")) is None
    elsewhere = unique("elsewhere")
    local_cloud.client("s3").create_bucket(
        Bucket=elsewhere, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    assert store.bucket_region(ACCOUNT, elsewhere) == "eu-west-1"


def test_many_stores_end_while_many_clients_call(local_cloud: LocalCloud, bucket: str) -> None:
    image_ids = [add_image(local_cloud.catalog, gib=0.5) for _ in range(24)]
    ec2, s3, dynamodb = (local_cloud.client(name) for name in ("ec2", "s3", "dynamodb"))

    def store(image_id: str) -> None:
        ec2.create_store_image_task(ImageId=image_id, Bucket=bucket)

    def ask(number: int) -> None:
        if number % 3 == 0:
            ec2.describe_store_image_tasks()
        elif number % 3 == 1:
            s3.list_objects_v2(Bucket=bucket)
        else:
            dynamodb.list_tables()

    with ThreadPoolExecutor(16) as threads:
        started = [threads.submit(store, image_id) for image_id in image_ids]
        asked = [threads.submit(ask, number) for number in range(96)]
        for call in started + asked:
            call.result(timeout=60)

    def keys() -> set[str]:
        return {o["Key"] for o in s3.list_objects_v2(Bucket=bucket).get("Contents", [])}

    until(lambda: keys() == {f"{image_id}.bin" for image_id in image_ids}, seconds=60)


def test_object_appears_without_anybody_calling_ec2(local_cloud: LocalCloud, bucket: str) -> None:
    image_id = add_image(local_cloud.catalog)
    local_cloud.client("ec2").create_store_image_task(ImageId=image_id, Bucket=bucket)
    s3 = local_cloud.client("s3")

    def there() -> bool:
        try:
            s3.head_object(Bucket=bucket, Key=f"{image_id}.bin")
        except ClientError:
            return False
        return True

    until(there)
