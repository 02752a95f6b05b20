"""What retirement saved, as figures that a person can add up: honest about what cannot be known."""

from __future__ import annotations

from typing import Any

from ami_archiver.model import GIB, ArchiveRecord
from ami_archiver.prices import EBS_DIRECT_READ_GIB, EBS_SNAPSHOT, PRICED_ON, S3_STORAGE, S3_WRITE_REQUEST
from ami_archiver.retire.model import Saved
from ami_archiver.settings import Settings

MOST_REQUESTS = 10_002
"""Of one multi-part upload: S3 takes 10,000 parts, EC2 does not say how many it makes of an image.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html"""
REQUESTS_AT_MOST = MOST_REQUESTS * S3_WRITE_REQUEST + max(price.transition_request for price in S3_STORAGE.values())
"""Dollars per image, its move to another storage class included."""
DAYS_A_MONTH = 30


def saved_by(record: ArchiveRecord, settings: Settings) -> Saved:
    """What the retirement of a RETIRED record's original gave back, and the object that is there instead."""
    policy = settings.policy(record.policy)
    bin_days = policy.retire.recycle_bin_days if policy else None
    retirement, object_gib = record.retirement, (record.object_bytes or 0) / GIB
    storage_class = (policy.storage_class if policy else None) or "STANDARD"
    return Saved(
        images=1,
        stored_gib=record.snapshot_gib,
        snapshot_gib=retirement.snapshot_gib,
        freed_at_least_gib=retirement.freed_at_least_gib,
        freed_at_most_gib=retirement.freed_at_most_gib,
        object_gib=object_gib,
        object_dollars_month=object_gib * S3_STORAGE[storage_class].gib_month,
        recycle_bin_dollars=retirement.freed_at_most_gib * EBS_SNAPSHOT.gib_month * (bin_days or 0) / DAYS_A_MONTH,
    )


def as_json(saved: Saved, *, saves_from: str | None = None) -> dict[str, Any]:
    """Snapshots before against objects after. GiB in thousandths, dollars of us-east-1 in cents; a pair is a range.

    Snapshots are incremental: deleting one frees only the blocks that no other one refers to. Where that could not be
    computed it lies between nothing and all of its written blocks. `saves_from`: the day on which the Recycle Bin lets
    go what was deleted; until then it is paid for as before.
    """
    least, most = saved.freed_at_least_gib * EBS_SNAPSHOT.gib_month, saved.freed_at_most_gib * EBS_SNAPSHOT.gib_month
    objects = saved.object_dollars_month
    return {
        "images": saved.images,
        "snapshot_gib": round(saved.snapshot_gib, 3),
        "freed_gib": [round(saved.freed_at_least_gib, 3), round(saved.freed_at_most_gib, 3)],
        "object_gib": round(saved.object_gib, 3),
        "snapshots_dollars_month": [round(least, 2), round(most, 2)],
        "objects_dollars_month": round(objects, 2),
        "saved_dollars_month": [round(least - objects, 2), round(most - objects, 2)],
        "stored_dollars_once": round(saved.stored_gib * EBS_DIRECT_READ_GIB, 2),
        "requests_dollars_once_at_most": round(saved.images * REQUESTS_AT_MOST, 2),
        "recycle_bin_dollars_once_at_most": round(saved.recycle_bin_dollars, 2),
        "saves_from": saves_from,
        "prices_of": PRICED_ON.isoformat(),
    }
