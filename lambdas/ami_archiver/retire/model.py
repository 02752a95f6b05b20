"""The words of retirement: what EC2 says of an original and its snapshots, and what letting it go saves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from ami_archiver.model import GIB, ArchiveRecord
from ami_archiver.policy import UseKind
from ami_archiver.prices import EBS_DIRECT_READ_GIB, EBS_SNAPSHOT, PRICED_ON, S3_STORAGE, S3_WRITE_REQUEST
from ami_archiver.settings import Settings

MOST_REQUESTS = 10_002
"""Of one multi-part upload: S3 takes 10,000 parts, EC2 does not say how many it makes of an image.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html"""
REQUESTS_AT_MOST = MOST_REQUESTS * S3_WRITE_REQUEST + max(price.transition_request for price in S3_STORAGE.values())
"""Dollars per image, its move to another storage class included."""
DAYS_A_MONTH = 30


class SnapshotEnd(StrEnum):
    """What became of a snapshot of a deregistered image."""

    DELETED = "deleted"
    SHARED = "kept: another image uses it"
    LEFT = "not deleted yet"
    """EC2 could not: it is tried again by every run until it is gone."""


@dataclass(frozen=True, slots=True)
class Deregistered:
    """EC2 has deregistered the image; `snapshots` says of each of its snapshots what became of it, and why."""

    snapshots: Mapping[str, tuple[SnapshotEnd, str]]


@dataclass(frozen=True, slots=True)
class UsesFound:
    """What refers to images, and what could not be asked whether it does."""

    references: dict[str, tuple[str, ...]]
    """Of each image that has any, in words: 'launch template lt-… version 7'."""
    not_asked: frozenset[UseKind]


@dataclass(frozen=True, slots=True)
class UsageReport:
    """EC2's report on who outside this account uses an image."""

    report_id: str
    created_at: datetime
    available: bool


@dataclass(frozen=True, slots=True)
class Freed:
    """What deleting snapshots gives back: only blocks that no other snapshot refers to."""

    at_least_gib: float
    at_most_gib: float


@dataclass(frozen=True, slots=True)
class LeftSnapshot:
    """A snapshot that goes with its image: noted before the call, taken off the list when it is known to be gone."""

    image_id: str
    snapshot_id: str


@dataclass(frozen=True, slots=True)
class Saved:
    """What retirement gave back and what it took. Sums of images add up field by field."""

    images: int = 0
    snapshot_gib: float = 0.0
    """Written blocks of the snapshots that are gone."""
    freed_at_least_gib: float = 0.0
    freed_at_most_gib: float = 0.0
    object_gib: float = 0.0
    object_dollars_month: float = 0.0
    """Of the objects, in the storage class that their policy moves them to."""
    stored_gib: float = 0.0
    """What EC2 read to store them: with the snapshots that stay, since another image uses them."""
    recycle_bin_dollars: float = 0.0
    """At most: for what was freed, while the Recycle Bin keeps it."""

    def plus(self, other: Saved) -> Saved:
        return Saved(*(one + more for one, more in zip(astuple(self), astuple(other), strict=True)))


@dataclass(frozen=True, slots=True)
class FirstRun:
    """The run that found a policy's `original` set to what it is now."""

    original: str
    run_id: str


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


def saved_as_json(saved: Saved, *, saves_from: str | None = None) -> dict[str, Any]:
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
