"""Whether a stored object is the whole archive of an image, by what S3 says of it now."""

from __future__ import annotations

from ami_archiver.failures import Failure, reason
from ami_archiver.model import ArchiveRecord, StoredObject

IMAGE_TAG = "archiver:image-id"
POLICY_TAG = "archiver:policy"
"""Object tags that the archiver gives EC2 with every store: whose object it is, and for the lifecycle rule."""


def why_not_whole(image_id: str, found: StoredObject, bucket_key_arn: str) -> str | None:
    """Why an object cannot be recorded as the image's archive, or None. The text says what to do."""
    key = found.key
    if key.rsplit("/", 1)[-1] != f"{image_id}.bin":
        return reason(
            Failure.OBJECT_MISNAMED,
            f"object {key} is not named {image_id}.bin, as EC2 names it",
            "see in CloudTrail who changed the record's object_key; the next run takes the image's object or stores it",
        )
    if found.size_bytes <= 0:
        return reason(
            Failure.OBJECT_EMPTY, f"object {key} is empty", "delete it, then the next run stores the image again"
        )
    tagged = found.tags.get(IMAGE_TAG)
    if tagged is not None and tagged != image_id:
        return reason(
            Failure.OBJECT_OF_ANOTHER_IMAGE,
            f"object {key} is tagged {IMAGE_TAG}={tagged}",
            "move it to another key (docs/errors.md has the commands); then the next run stores the image again",
        )
    if not (found.encryption or "").startswith("aws:kms") or found.kms_key_id != bucket_key_arn:
        encryption = f"{found.encryption or 'nothing'} {found.kms_key_id or ''}".rstrip()
        return reason(
            Failure.OBJECT_WRONG_KEY,
            f"object {key} is encrypted with {encryption}, the bucket's key is {bucket_key_arn}",
            "give it the stack's key (docs/errors.md has the commands); then the next run takes it",
        )
    return None


def why_altered(record: ArchiveRecord, found: StoredObject | None, *, missing_counts: bool = False) -> str | None:
    """Why the object of a VERIFIED record is not what was recorded, or None. What is not known of one of the two, but
    of the other, is a difference only with `missing_counts`."""
    if found is None:
        return reason(
            Failure.OBJECT_GONE,
            f"object {record.object_key} is gone",
            f"remove the delete marker above version {record.object_version_id}",
        )
    pairs = (
        ("version", record.object_version_id, found.version_id),
        ("size in bytes", record.object_bytes, found.size_bytes),
        ("ETag", record.object_etag, found.etag),
        ("checksum", record.object_checksum, found.checksum),
    )
    for what, recorded, now in pairs:
        if recorded != now and (missing_counts or (recorded is not None and now is not None)):
            return reason(
                Failure.OBJECT_ALTERED,
                f"object {record.object_key} was altered: {what} is {now}, recorded is {recorded}",
                f"make version {record.object_version_id} the current one again",
            )
    return None
