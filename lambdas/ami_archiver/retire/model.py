"""The words of retirement: what EC2 says of an original and its snapshots, and what letting it go saves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple, dataclass
from datetime import datetime
from enum import StrEnum

from ami_archiver.policy import UseKind


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
