"""What a restore needs from the world, beside what the archive needs. `adapters` implement it with botocore.

Every method may raise TemporarilyUnavailable or AccessDenied; what else it raises or returns is said there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from ami_archiver.model import ArchiveRecord, Status, StoredObject
from ami_archiver.ports import ArchiveBucket
from ami_archiver.restore.model import (
    RestoredImage,
    RestoreEntry,
    RestoreRecord,
    ThawEntry,
    Tier,
    UnreadableRestore,
    WaitingRun,
)


@dataclass(frozen=True, slots=True)
class Started:
    image_id: str


@dataclass(frozen=True, slots=True)
class NotStarted:
    """EC2 did not take the restore."""

    code: str
    message: str
    concerns_restore: bool
    """The code says that it is this restore (its object, its tags …). Otherwise it may be the budget."""
    name_taken: bool = False
    throttled: bool = False
    """The code is one of throttling: it never concerns the restore, and perhaps the budget."""
    denied: bool = False
    """For want of a permission: of the role for this restore, or for all."""


class RestoreTasks(Protocol):
    """EC2's restores. There is no call that describes one: it is seen by its image and snapshots."""

    def encrypts_by_default(self) -> bool: ...

    def start(
        self, bucket: str, key: str, name: str, image_tags: Mapping[str, str], snapshot_tags: Mapping[str, str]
    ) -> Started | NotStarted: ...

    def pending(self) -> list[RestoredImage]:
        """This account's images that are not yet available, whoever makes them."""
        ...

    def by_id(self, image_ids: Collection[str]) -> dict[str, RestoredImage]:
        """Those of the images that can be seen; the others are left out."""
        ...

    def named(self, names: Collection[str]) -> dict[str, RestoredImage]:
        """This account's images by name, of those names that are taken; without sizes and progress."""
        ...

    def share(self, image_id: str, permissions: Sequence[str]) -> str | None:
        """Give launch permissions as in RestoreFacts; why EC2 did not take them, or None."""
        ...


class Parameters(Protocol):
    """SSM parameters."""

    def point(self, arn: str, from_image_id: str, to_image_id: str) -> str | None:
        """Let a parameter that points at one image point at another; why it was left as it is, or None."""
        ...


class ThawingBucket(ArchiveBucket, Protocol):
    """The stored objects, and their way out of the cold."""

    def glance(self, key: str) -> StoredObject | None:
        """As `look`, without the object's tags: half the calls."""
        ...

    def thaw(self, key: str, days: int | None, tier: Tier) -> str | None:
        """Ask S3 for a readable copy; asking twice is fine. S3's error code, or None."""
        ...


@dataclass(frozen=True, slots=True)
class FetchedRestores:
    """Restores by id; `unreadable` says of the others that exist why they cannot be read."""

    records: dict[str, RestoreRecord]
    unreadable: dict[str, str] = field(default_factory=dict)


class RestoreQueue(Protocol):
    """A run's restores that wait for the budget, as `steps.queue.Front` reads them."""

    def nights(self) -> Iterator[str]: ...

    def largest(self, night: str, below_gib: float | None, closed: Collection[str]) -> Iterator[RestoreEntry]: ...


class Restores(Protocol):
    """Restore records and what waits. Reads are strongly consistent, but for `archived`."""

    def request(self, run_id: str) -> tuple[dict[str, Any], list[str]] | None:
        """What the run was asked for, and the image ids or object keys that it is about."""
        ...

    def put_request(self, run_id: str, request: Mapping[str, Any], candidates: Sequence[str]) -> None: ...

    def archived(self, statuses: Collection[Status]) -> Iterator[ArchiveRecord]:
        """Archive records in these statuses that can be read, by an index that may be a second late."""
        ...

    def plan(
        self,
        records: Sequence[RestoreRecord],
        entries: Mapping[str, RestoreEntry | ThawEntry],
        *,
        draft: bool = False,
    ) -> None:
        """Write records of the plan, each with its entry (by restore id); those that are there stay as they are.

        A draft is what a dry run leaves: nobody but the same run ever reads it.
        """
        ...

    def get(self, restore_ids: Collection[str]) -> FetchedRestores: ...

    def of_run(self, run_id: str, *, draft: bool = False) -> Iterator[RestoreRecord | UnreadableRestore]:
        """Every restore of the run in the order of the request, a page at a time; or its draft."""
        ...

    def save(
        self,
        before: RestoreRecord,
        after: RestoreRecord,
        *,
        leaving: RestoreEntry | ThawEntry | None = None,
        joining: RestoreEntry | ThawEntry | None = None,
    ) -> bool:
        """Write what differs and change what it waits for, if the record still is as `before`; False: it is not."""
        ...

    def drop(self, restore_id: str, entry: RestoreEntry | ThawEntry) -> None:
        """Let an entry go whose record cannot be read or does not wait any more."""
        ...

    def queue(self, run_id: str) -> RestoreQueue: ...

    def thaws(self, run_id: str, until: datetime | None) -> Iterator[ThawEntry]:
        """What is to be looked at until then (None: ever), soonest first."""
        ...

    def waiting_runs(self) -> list[WaitingRun]:
        """Every run that waits for the budget, or died doing so."""
        ...

    def wait(self, run: WaitingRun) -> None: ...

    def wait_no_more(self, run_id: str) -> None: ...
