"""The S3 that the image service writes to and reads from: the port, and one in memory for virtual time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from local_cloud.errors import AwsError

MAX_KEY_BYTES = 1024
ARCHIVED_CLASSES = frozenset({"GLACIER", "DEEP_ARCHIVE"})
"""Storage classes whose objects S3 does not hand out before RestoreObject has thawed them."""


@dataclass(frozen=True)
class StoredObjectHead:
    """What S3 tells about an object without its bytes."""

    bucket: str
    key: str
    size_bytes: int
    storage_class: str
    readable: bool
    """False while it lies in an archived class and is not thawed."""
    metadata: dict[str, str]
    tags: dict[str, str]


class ObjectStore(Protocol):
    """What the image service needs of S3, in the name of an account. Called without the catalog's lock held."""

    def bucket_region(self, account_id: str, bucket: str) -> str | None:
        """The bucket's Region; None if there is no such bucket, or no access to it."""
        ...

    def head(self, account_id: str, bucket: str, key: str) -> StoredObjectHead | None: ...

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
        """Upload the parts, of any sizes, as one object by multipart upload; AwsError if S3 refuses."""
        ...

    def read(self, account_id: str, bucket: str, key: str) -> bytes:
        """The whole object; AwsError NoSuchKey or InvalidObjectState."""
        ...


@dataclass
class _Bucket:
    region: str
    account_id: str | None
    write_error: AwsError | None = None


class MemoryObjectStore:
    """Buckets and objects in a dict. What a test wants to spoil is an attribute or a method away."""

    def __init__(self) -> None:
        self.heads: dict[tuple[str, str], StoredObjectHead] = {}
        self.contents: dict[tuple[str, str], bytes] = {}
        self._buckets: dict[str, _Bucket] = {}

    def create_bucket(self, bucket: str, region: str = "us-east-1", account_id: str | None = None) -> None:
        """A bucket; with `account_id` only that account has access, without it every account has."""
        self._buckets[bucket] = _Bucket(region, account_id)

    def delete_bucket(self, bucket: str) -> None:
        del self._buckets[bucket]

    def delete(self, bucket: str, key: str) -> None:
        del self.heads[bucket, key], self.contents[bucket, key]

    def refuse_writes(self, bucket: str, error: AwsError | None) -> None:
        """Let every write to the bucket fail with `error`; None: let them succeed again."""
        self._buckets[bucket].write_error = error

    def bucket_region(self, account_id: str, bucket: str) -> str | None:
        found = self._buckets.get(bucket)
        return found.region if found and found.account_id in (None, account_id) else None

    def head(self, account_id: str, bucket: str, key: str) -> StoredObjectHead | None:
        return self.heads.get((bucket, key)) if self.bucket_region(account_id, bucket) else None

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
        if self.bucket_region(account_id, bucket) is None:
            raise AwsError("NoSuchBucket", f"The specified bucket does not exist: {bucket}")
        if error := self._buckets[bucket].write_error:
            raise error
        content = b"".join(parts)
        self.contents[bucket, key] = content
        self.heads[bucket, key] = StoredObjectHead(
            bucket, key, len(content), "STANDARD", readable=True, metadata=dict(metadata), tags=dict(tags)
        )

    def read(self, account_id: str, bucket: str, key: str) -> bytes:
        head = self.head(account_id, bucket, key)
        if head is None:
            raise AwsError("NoSuchKey", f"The specified key does not exist: {key}")
        if not head.readable:
            raise AwsError("InvalidObjectState", "The operation is not valid for the object's storage class")
        return self.contents[bucket, key]


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
