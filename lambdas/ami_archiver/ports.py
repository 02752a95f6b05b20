"""What the steps need from the world, in the archiver's words. `adapters` implement it with botocore.

Every method may raise TemporarilyUnavailable or AccessDenied; what else it raises or returns is said there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from ami_archiver.model import (
    ArchiveRecord,
    DecisionLine,
    Image,
    QueueEntry,
    Running,
    Snapshot,
    Status,
    StoredObject,
    StoreTask,
)
from ami_archiver.policy import Policy


@dataclass(frozen=True, slots=True)
class ImagePage:
    images: list[Image]
    next_token: str | None


class Images(Protocol):
    """EC2's images and snapshots."""

    def pages(self, policy: Policy, start: str | None = None) -> Iterator[ImagePage]:
        """This account's images that carry the policy's tags, disabled ones too, up to 1,000 a page."""
        ...

    def by_id(self, image_ids: Collection[str]) -> dict[str, Image]:
        """Those of the images that can be seen; the others are left out."""
        ...

    def snapshots(self, snapshot_ids: Collection[str]) -> dict[str, Snapshot]:
        """Those of the snapshots that can be seen; the others are left out."""
        ...

    def launch_permissions(self, image_id: str) -> tuple[str, ...] | None:
        """As in RestoreFacts; None where the image is gone, or this may not be asked of it."""
        ...

    def ssm_parameters(self, image_ids: Sequence[str]) -> dict[str, tuple[str, ...]] | None:
        """ARNs of the SSM parameters that point at each image; None where this cannot be asked."""
        ...


@dataclass(frozen=True, slots=True)
class Accepted:
    object_key: str


@dataclass(frozen=True, slots=True)
class Refused:
    """EC2 did not take the store: the budget, the image, or a task or object that is there already."""

    code: str
    message: str
    concerns_image: bool
    """The code says that it is this image (not found, malformed …). Otherwise it may be the budget."""
    throttled: bool = False
    """The code is one of throttling: it never concerns the image, and perhaps the budget."""
    denied: bool = False
    """For want of a permission: of the role for this image, or for all."""


class StoreTasks(Protocol):
    """EC2's store tasks."""

    def in_progress(self) -> list[StoreTask]:
        """Every task in progress in the account and Region, whoever started it."""
        ...

    def newest(self, image_ids: Collection[str], bucket: str) -> dict[str, StoreTask]:
        """The newest task into that bucket of each image that has one that EC2 remembers (31 days)."""
        ...

    def start(self, image_id: str, bucket: str, prefix: str, tags: Mapping[str, str]) -> Accepted | Refused: ...


@dataclass(frozen=True, slots=True)
class ListedObject:
    """The current version of an object, as a listing shows it."""

    key: str
    version_id: str
    size_bytes: int
    etag: str


NO_EXPEDITED_CAPACITY = "GlacierExpeditedRetrievalNotAvailable"
"""What S3 answers when it has no capacity for the fastest retrieval just now."""


class ArchiveBucket(Protocol):
    """The stored objects."""

    def listing(self) -> Iterator[ListedObject]:
        """The current version of every object in the bucket."""
        ...

    def look(self, key: str) -> StoredObject | None:
        """The current version of one object; None where there is none."""
        ...


@dataclass(frozen=True, slots=True)
class Fetched:
    """Records by image id; `unreadable` says of the others that exist why they cannot be read."""

    records: dict[str, ArchiveRecord]
    unreadable: dict[str, str]


@dataclass(frozen=True, slots=True)
class IndexedRecord:
    """A record as the index shows it, perhaps a second late; `cursor` goes on behind it."""

    cursor: str
    image_id: str
    record: ArchiveRecord | None
    unreadable: str | None = None
    """Why there is no record to read."""


class Records(Protocol):
    """Archive records, and the queue of those that wait for their store task. Reads are strongly consistent, but for
    `in_status`."""

    def get(self, image_ids: Collection[str]) -> Fetched: ...

    def in_status(self, status: Status, after: str | None) -> Iterator[IndexedRecord]:
        """The records of a status in the order of the index, from behind a cursor."""
        ...

    def enqueue(
        self, changes: Sequence[tuple[ArchiveRecord | None, ArchiveRecord]], entries: Sequence[QueueEntry]
    ) -> set[str]:
        """Write (before, after) records, each with its queue entry or not at all; returns ids that others changed."""
        ...

    def save(self, before: ArchiveRecord | None, after: ArchiveRecord, *, leaving: QueueEntry | None = None) -> bool:
        """Write what differs and take `leaving` off the queue, if the record still is as `before`; False: it is not."""
        ...

    def drop(self, entry: QueueEntry) -> None:
        """Take an entry off the queue whose record is not SELECTED; one that is stays."""
        ...

    def largest(self, night: str, below_gib: float | None, closed: Collection[str]) -> Iterator[QueueEntry]:
        """The queue's entries of a night but those of the closed policies, largest first, from below a size."""
        ...

    def nights(self) -> Iterator[str]:
        """The nights that have entries in the queue, oldest first."""
        ...


@dataclass(frozen=True, slots=True)
class ActiveRun:
    """A run as the lease knows it: the working one and those that joined it."""

    run_id: str
    policy: str
    started_at: datetime
    execution_arn: str | None = None
    """The execution that began it; None: a release that did not note it."""


@dataclass(frozen=True, slots=True)
class Lease:
    """Who works off the queue, for how long, for which runs, and which images have a store under way."""

    holder: str | None
    expires_at: datetime | None
    runs: dict[str, ActiveRun] = field(default_factory=dict)
    in_flight: frozenset[str] = frozenset()


class Leases(Protocol):
    """The one lease of the account and Region. All changes are conditional; all reads strongly consistent."""

    def read(self) -> Lease: ...

    def take(self, run: ActiveRun, now: datetime, until: datetime, *, instead_of: str | None = None) -> Lease | None:
        """Hold it, if nobody does, or the holder's time is over, or it is ours or that of the run `instead_of`; None:
        somebody holds it."""
        ...

    def join(self, holder: str, run: ActiveRun, now: datetime) -> bool:
        """Add a run to the holder's, while it holds the lease."""
        ...

    def renew(self, run_id: str, until: datetime, *, add: Collection[str] = (), remove: Collection[str] = ()) -> Lease:
        """Prolong it and add to the set of images in flight, or remove from it. Raises LeaseLost."""
        ...

    def exchange(self, lease: Lease, until: datetime, *, add: Collection[str], remove: Collection[str]) -> Lease:
        """`renew` of its holder with both, in one write where the set is still as the lease shows. Raises LeaseLost."""
        ...

    def release(self, run_id: str, runs: int) -> bool:
        """Give it back, if it still has so many runs. False: another run joined. Raises LeaseLost."""
        ...


class Executions(Protocol):
    """Executions of the archive's workflow."""

    def has_ended(self, execution_arn: str) -> bool | None:
        """Whether the execution has, and all that its run was handed over to; None: no such execution is known.

        Raises AwsRefused.
        """
        ...


@dataclass(frozen=True, slots=True)
class Sight:
    """What a look found when it asked EC2."""

    at: datetime
    running: tuple[Running, ...]
    """The account's store tasks in progress, whoever started them."""
    ended: frozenset[str]
    """The images that the look finished: those on its page."""


class Runs(Protocol):
    """What runs decided (in pages) and their summaries."""

    def put_page(self, run_id: str, page: str, lines: Sequence[DecisionLine], sight: Sight | None = None) -> None:
        """Write one page of decisions, if there are any; the same page written again replaces it."""
        ...

    def sight(self, run_id: str, page: str) -> Sight | None:
        """What the look found that wrote the page; None where that is not there, or cannot be read."""
        ...

    def pages(self, run_id: str, kind: str) -> Iterator[list[DecisionLine]]:
        """The run's pages whose name begins so, one in memory at a time."""
        ...

    def put_summary(self, run_id: str, summary: Mapping[str, Any]) -> None: ...

    def summary(self, run_id: str) -> dict[str, Any] | None: ...


class Notifier(Protocol):
    """Whoever reads a run's summary."""

    def publish(self, subject: str, text: str) -> None: ...
