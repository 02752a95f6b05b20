"""What retirement needs from the world, beside what the archive needs. `adapters` implement it with botocore.

Every method may raise TemporarilyUnavailable or AccessDenied; what else it raises or returns is said there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from ami_archiver.model import ArchiveRecord, Image, Snapshot, Status
from ami_archiver.policy import Policy, UseKind
from ami_archiver.ports import ArchiveBucket, ImagePage


@dataclass(frozen=True, slots=True)
class Unwilling:
    """EC2 did not do what it was asked for."""

    code: str
    message: str

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


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


class ReadableBucket(ArchiveBucket, Protocol):
    """The stored objects, and the proof that one can be read."""

    def unreadable(self, key: str, version_id: str) -> str | None:
        """Why a version's first byte cannot be read, or None. An object in a frozen storage class is not tried."""
        ...


class Originals(Protocol):
    """EC2's images as something that can go. One who implements this has the power to delete."""

    def pages(self, policy: Policy) -> Iterator[ImagePage]:
        """This account's images that carry the policy's tags, disabled ones too."""
        ...

    def by_id(self, image_ids: Collection[str]) -> dict[str, Image]:
        """Those of the images that can be seen, disabled ones too; the others are left out."""
        ...

    def count(self, enough: int) -> int:
        """How many images the account owns; counting stops at `enough`."""
        ...

    def snapshots(self, snapshot_ids: Collection[str]) -> dict[str, Snapshot]:
        """Those of the snapshots that can be seen; the others are left out."""
        ...

    def locks(self, snapshot_ids: Collection[str]) -> dict[str, str] | None:
        """The state of each lock that still holds, by snapshot; None where this cannot be asked."""
        ...

    def others_on(self, snapshot_ids: Collection[str], image_id: str) -> set[str]:
        """Those of the snapshots that another image uses as well."""
        ...

    def launch_permissions(self, image_id: str) -> tuple[str, ...] | None:
        """As in RestoreFacts; None where the image is gone."""
        ...

    def disable(self, image_id: str) -> Unwilling | None: ...

    def enable(self, image_id: str) -> Unwilling | None: ...

    def share(self, image_id: str, permissions: Sequence[str]) -> str | None:
        """Give launch permissions as in RestoreFacts; why EC2 did not take them, or None."""
        ...

    def deregister(self, image_id: str) -> Deregistered | Unwilling:
        """With its snapshots, but for those that another image uses."""
        ...

    def delete_snapshot(self, snapshot_id: str) -> tuple[SnapshotEnd, str]:
        """A snapshot that is gone already is DELETED; one that an image uses is SHARED."""
        ...

    def mark(self, resource_ids: Collection[str], key: str, value: str) -> Unwilling | None:
        """Set a tag on all of the images and snapshots, or on none."""
        ...

    def unmark(self, resource_ids: Collection[str], keys: Collection[str]) -> None:
        """Take tags off, from each that is there and has them."""
        ...

    def tag(self, image_id: str, key: str, value: str | None) -> Unwilling | None:
        """Set a tag, or take it off (None)."""
        ...


@dataclass(frozen=True, slots=True)
class UsesFound:
    """What refers to images, and what could not be asked whether it does."""

    references: dict[str, tuple[str, ...]]
    """Of each image that has any, in words: 'launch template lt-… version 7'."""
    not_asked: frozenset[UseKind]


class Uses(Protocol):
    """Who in this account would miss an image."""

    def of(self, image_ids: Collection[str], template_versions: int) -> UsesFound:
        """By DescribeImageReferences, launch template versions, Auto Scaling groups, launch configurations and spot
        fleets. Where that first call is not there or not allowed, instances and SSM parameters of image type are
        asked instead, and Image Builder is not.
        """
        ...


@dataclass(frozen=True, slots=True)
class UsageReport:
    """EC2's report on who outside this account uses an image."""

    report_id: str
    image_id: str
    created_at: datetime
    available: bool


class UsageReports(Protocol):
    """EC2's image usage reports: asked for first, readable some time later."""

    def newest(self, image_ids: Collection[str]) -> dict[str, UsageReport] | None:
        """The newest report of each image that has one that did not fail. None: cannot be asked."""
        ...

    def ask(self, image_id: str) -> str | Unwilling:
        """Let EC2 make a report on all accounts; its id."""
        ...

    def accounts(self, report_id: str) -> tuple[str, ...]:
        """Who uses the image, in words: 'account 111122223333 (2 ec2:Instance)'; for an available report."""
        ...


@dataclass(frozen=True, slots=True)
class Freed:
    """What deleting snapshots gives back: only blocks that no other snapshot refers to."""

    at_least_gib: float
    at_most_gib: float


class Blocks(Protocol):
    """What EBS snapshots hold."""

    def freed(self, snapshots: Collection[Snapshot]) -> Freed:
        """By deleting these together; a range where it cannot be computed."""
        ...


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
        return Saved(
            self.images + other.images,
            self.snapshot_gib + other.snapshot_gib,
            self.freed_at_least_gib + other.freed_at_least_gib,
            self.freed_at_most_gib + other.freed_at_most_gib,
            self.object_gib + other.object_gib,
            self.object_dollars_month + other.object_dollars_month,
            self.stored_gib + other.stored_gib,
            self.recycle_bin_dollars + other.recycle_bin_dollars,
        )


@dataclass(frozen=True, slots=True)
class FirstRun:
    """The run that found a policy's `original` set to what it is now."""

    original: str
    run_id: str


@dataclass(frozen=True, slots=True)
class Seen:
    """A record as the index shows it, perhaps a second late; `cursor` goes on behind it. None: cannot be read."""

    cursor: str
    record: ArchiveRecord | None


class Retirements(Protocol):
    """Records on their way out, snapshots left behind, first runs, approvals. Reads are consistent, but for `due`."""

    def due(self, status: Status, until: datetime, after: str | None) -> Iterator[Seen]:
        """Records that came into the status until then, oldest first, from behind a cursor."""
        ...

    def get(self, image_id: str) -> ArchiveRecord | None:
        """None: there is none, or it cannot be read."""
        ...

    def save(
        self,
        before: ArchiveRecord,
        after: ArchiveRecord,
        *,
        adding: Collection[LeftSnapshot] = (),
        leaving: Collection[LeftSnapshot] = (),
        saved: Saved | None = None,
    ) -> bool:
        """Write what differs, the list of snapshots and the total of what is saved, all or nothing; False: it is not as
        `before` any more."""
        ...

    def left_snapshots(self) -> Iterator[LeftSnapshot]: ...

    def drop(self, left: LeftSnapshot) -> None:
        """Take a snapshot off the list."""
        ...

    def total_saved(self) -> Saved: ...

    def first_run(self, policy: str) -> FirstRun | None: ...

    def put_first_run(self, policy: str, run: FirstRun) -> None: ...

    def put_token(self, run_id: str, token: str) -> None:
        """What an approval of the run is sent to."""
        ...

    def token(self, run_id: str) -> str | None: ...
