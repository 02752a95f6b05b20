"""The archive bucket."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any, Literal

from botocore.exceptions import ClientError

from ami_archiver.adapters.aws_errors import code_of, translated
from ami_archiver.adapters.clients import paged
from ami_archiver.errors import AccessDenied
from ami_archiver.model import NO_EXPEDITED_CAPACITY, ListedObject, StoredObject
from ami_archiver.restore.model import Tier

ABSENT = frozenset({"404", "NoSuchKey", "NotFound", "405", "MethodNotAllowed"})
"""405: what is asked for is a delete marker."""

FROZEN: dict[str, Literal["GLACIER", "DEEP_ARCHIVE"]] = {
    "GLACIER": "GLACIER",
    "ARCHIVE_ACCESS": "GLACIER",
    "DEEP_ARCHIVE": "DEEP_ARCHIVE",
    "DEEP_ARCHIVE_ACCESS": "DEEP_ARCHIVE",
}
"""Storage classes, and Intelligent-Tiering's archive tiers, that are thawed before they are read."""

THAWING_ANYWAY = frozenset({"RestoreAlreadyInProgress", "ObjectAlreadyInActiveTierError"})


class S3ArchiveBucket:
    """The stored objects."""

    def __init__(self, client: Any, bucket: str) -> None:
        self._s3 = client
        self._bucket = bucket

    def listing(self) -> Iterator[ListedObject]:
        """The current version of every object in the bucket."""
        for raw in paged(self._s3, "list_object_versions", "Versions", self._bucket, Bucket=self._bucket):
            if raw.get("IsLatest"):
                yield ListedObject(
                    raw["Key"], raw.get("VersionId", "null"), raw.get("Size", 0), raw.get("ETag", "").strip('"')
                )

    def head(self, key: str) -> StoredObject | None:
        """The current version of one object, with its tags; None where there is none."""
        try:
            head = self._head(key)
            with translated(key):
                tagging = self._s3.get_object_tagging(Bucket=self._bucket, Key=key)
        except ClientError as error:
            if code_of(error) in ABSENT:
                return None
            raise
        return StoredObject(
            key=key,
            version_id=head.get("VersionId", "null"),
            size_bytes=head["ContentLength"],
            etag=head["ETag"].strip('"'),
            checksum=_checksum(head),
            encryption=head.get("ServerSideEncryption"),
            kms_key_id=head.get("SSEKMSKeyId"),
            tags={tag["Key"]: tag["Value"] for tag in tagging["TagSet"]},
            frozen_class=FROZEN.get(str(head.get("ArchiveStatus") or head.get("StorageClass"))),
            thaw=_thaw(head.get("Restore", "")),
            self_thawing=bool(head.get("ArchiveStatus")),
            metadata=head.get("Metadata", {}),
        )

    def unreadable(self, key: str, version_id: str) -> str | None:
        """Why a version's first byte cannot be read, or None. An object in a frozen storage class is not tried."""
        try:
            with translated(key):
                answer = self._s3.get_object(Bucket=self._bucket, Key=key, VersionId=version_id, Range="bytes=0-0")
                with closing(answer["Body"]) as body:
                    return None if body.read(1) else "EmptyAnswer"
        except ClientError as error:
            return code_of(error)
        except AccessDenied as error:
            return code_of(error.__cause__) if isinstance(error.__cause__, ClientError) else str(error)

    def thaw(self, key: str, days: int | None, tier: Tier) -> str | None:
        """Ask S3 for a readable copy; asking twice is fine. S3's error code, or None."""
        request = {"GlacierJobParameters": {"Tier": tier}, **({} if days is None else {"Days": days})}
        try:
            with translated(key):
                try:
                    self._s3.restore_object(Bucket=self._bucket, Key=key, RestoreRequest=request)
                except ClientError as error:
                    if code_of(error) == NO_EXPEDITED_CAPACITY:  # comes as a 503, but is no fault of S3's
                        return NO_EXPEDITED_CAPACITY
                    raise
        except ClientError as error:
            code = code_of(error)
            return None if code in THAWING_ANYWAY else code
        return None

    def _head(self, key: str) -> dict[str, Any]:
        """Asking for the checksum needs kms:Decrypt on the object's key, which may be another than the bucket's."""
        try:
            with translated(key):
                head: dict[str, Any] = self._s3.head_object(Bucket=self._bucket, Key=key, ChecksumMode="ENABLED")
        except AccessDenied:
            with translated(key):
                head = self._s3.head_object(Bucket=self._bucket, Key=key)
        return head


def _thaw(restore: str) -> Literal["asked", "thawed"] | None:
    """From HEAD's x-amz-restore: ongoing-request="false", expiry-date="Fri, 21 Dec 2012 00:00:00 GMT"."""
    if 'ongoing-request="true"' in restore:
        return "asked"
    return "thawed" if 'ongoing-request="false"' in restore else None


def _checksum(head: dict[str, Any]) -> str | None:
    found = ((name, head.get(f"Checksum{name}")) for name in ("CRC64NVME", "SHA256", "SHA1", "CRC32C", "CRC32"))
    return next((f"{name}:{value}" for name, value in found if value), None)
