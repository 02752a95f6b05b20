"""Where a stored object goes or comes from: the bucket, its path and what EC2 says when it cannot get there."""

from __future__ import annotations

from local_cloud.engine.objects import ObjectStore
from local_cloud.errors import AwsError

MAX_KEY_BYTES = 1024


def object_address(bucket: str, image_id: str) -> tuple[str, str]:
    """(bucket, key) for CreateStoreImageTask's `Bucket`, which may carry a path: 'my-bucket/path1/path2'."""
    name, _, path = bucket.partition("/")
    folders = [folder for folder in path.split("/") if folder]
    key = "/".join([*folders, f"{image_id}.bin"])
    if not name:
        raise AwsError("MissingParameter", "The request must contain the parameter Bucket")
    if len(key.encode()) > MAX_KEY_BYTES:
        raise AwsError("InvalidParameterValue", f"The object key would have more than {MAX_KEY_BYTES} bytes: {key}")
    return name, key


def check_bucket(objects: ObjectStore, account_id: str, region: str, bucket: str) -> None:
    """AwsError unless the account has access to the bucket and it is in the Region of the request."""
    found = objects.bucket_region(account_id, bucket)
    if found is None:
        raise AwsError("NoSuchBucket", f"The specified bucket does not exist: {bucket}")
    if found != region:
        raise AwsError(
            "InaccessibleStorageLocation",
            f"Error accessing resource in S3: bucket {bucket} is in {found}. Ensure that the bucket is within the "
            f"same Region as the request ({region}).",
        )
