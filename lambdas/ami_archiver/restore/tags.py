"""What a restored image and its snapshots say of themselves, and how a repeated step finds them."""

from __future__ import annotations

from datetime import datetime

from ami_archiver.model import RESTORE_ID_TAG
from ami_archiver.restore.model import RestoreRecord

MAX_VALUE = 256


def tags_of(record: RestoreRecord, at: datetime) -> dict[str, str]:
    """Those of the image; its snapshots get the same. A key longer than a tag's value is cut at its front."""
    return {
        **record.options.tags,
        RESTORE_ID_TAG: record.restore_id,
        "archiver:source-image-id": record.source_image_id or "unknown",
        "archiver:object-key": record.object_key[-MAX_VALUE:],
        "archiver:object-version": record.object_version_id or "null",
        "archiver:run-id": record.run_id,
        "archiver:restored-at": at.isoformat(timespec="seconds"),
    }
