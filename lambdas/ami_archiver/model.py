"""The words of the archive: image, snapshot, store task, stored object, and what is decided about them.

Sizes are GiB (`_gib`) or bytes (`_bytes`); times are timezone-aware UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal

GIB = 1024**3
RESTORE_ID_TAG = "archiver:restore-id"
"""On an image that a restore has made, and on its snapshots."""


class Status(StrEnum):
    """Where an archive record stands. `lifecycle` knows which moves exist."""

    SELECTED = "SELECTED"
    STORING = "STORING"
    STORED = "STORED"
    VERIFIED = "VERIFIED"
    DISABLED = "DISABLED"
    """The original is disabled, or was and somebody has enabled it again."""
    RETIRED = "RETIRED"
    """The original is deregistered."""
    FAILED = "FAILED"


ARCHIVED = frozenset({Status.VERIFIED, Status.DISABLED, Status.RETIRED})
"""The image's object was verified: it can be restored, whatever became of the original."""


class Decision(StrEnum):
    """What a run decided about an image; each comes with a reason that a person can read."""

    STORED = "stored"
    ALREADY_ARCHIVED = "already_archived"
    DEFERRED = "deferred"
    INELIGIBLE = "ineligible"
    EXCLUDED = "excluded"
    FAILED = "failed"
    KEPT = "kept"
    """The original is due to go, and stays: the reason says why."""
    ANNOUNCED = "announced"
    """The original goes on a day that its tag and the notification say."""
    DISABLED = "disabled"
    RETIRED = "retired"


ABOUT_STORING = (
    Decision.STORED,
    Decision.ALREADY_ARCHIVED,
    Decision.DEFERRED,
    Decision.INELIGIBLE,
    Decision.EXCLUDED,
    Decision.FAILED,
)
RETIRING = (Decision.RETIRED, Decision.DISABLED, Decision.ANNOUNCED, Decision.KEPT)
"""What is decided about an original, beside what is decided about storing it."""


class Action(StrEnum):
    """What is done to an original, in this order; each only when it is provably safe at that moment."""

    DISABLE = "disable"
    """DisableImage: nobody can launch it any more; EnableImage takes it back."""
    DEREGISTER = "deregister"
    """DeregisterImage with its snapshots: from then on there is only the archive."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A decision about one image, with its reason."""

    decision: Decision
    reason: str


@dataclass(frozen=True, slots=True)
class Volume:
    """One EBS entry of an image's block device mapping."""

    snapshot_id: str
    volume_gib: int | None
    """As the mapping says; None where it leaves it to the snapshot."""


@dataclass(frozen=True, slots=True)
class Image:
    """An AMI as DescribeImages shows it, reduced to what decisions need."""

    image_id: str
    name: str
    owner_id: str
    state: str
    creation_date: datetime
    root_device_type: str = "ebs"
    virtualization_type: str = "hvm"
    public: bool = False
    volumes: tuple[Volume, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    description: str = ""
    architecture: str = ""
    platform_details: str = ""
    """Such as 'Windows' or 'Red Hat Enterprise Linux': with `usage_operation`, what its licence is billed by."""
    usage_operation: str = ""
    product_codes: tuple[str, ...] = ()
    last_launched_at: datetime | None = None
    """EC2 tells it a day late, and not at all where nobody has launched the image since 2017."""
    deregistration_protection: str = "disabled"

    @property
    def snapshot_ids(self) -> tuple[str, ...]:
        return tuple(volume.snapshot_id for volume in self.volumes)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """An EBS snapshot as DescribeSnapshots shows it."""

    snapshot_id: str
    state: str
    volume_gib: int
    written_bytes: int | None = None
    """FullSnapshotSizeInBytes: every written block. None where AWS leaves it out or says 0."""
    encrypted: bool = False
    kms_key_id: str | None = None
    volume_id: str | None = None
    """The volume that it was taken of; None where EC2 does not know one, as of a copy."""
    started_at: datetime | None = None
    tier: str = "standard"
    """'archive': EBS Snapshots Archive holds a full copy of it."""
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StoreTask:
    """The newest store task of an image, as DescribeStoreImageTasks shows it (it knows no id and no size)."""

    image_id: str
    bucket: str
    object_key: str
    state: Literal["InProgress", "Completed", "Failed"]
    progress_percentage: int
    started_at: datetime
    failure_reason: str = ""


@dataclass(frozen=True, slots=True)
class InFlight:
    """A store or restore task in progress in the account, whoever started it, with the size that EC2 does not tell."""

    task_id: str
    """Tells it from all others."""
    image_id: str
    """The image that is stored, or that is being made."""
    bucket: str
    gib: float
    started_at: datetime
    progress_percentage: int = 0


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object in the archive bucket, as S3 shows it now."""

    key: str
    version_id: str
    size_bytes: int
    etag: str
    checksum: str | None = None
    """'ALGORITHM:value', where S3 keeps one."""
    encryption: str | None = None
    """AES256 | aws:kms | aws:kms:dsse"""
    kms_key_id: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    frozen_class: Literal["GLACIER", "DEEP_ARCHIVE"] | None = None
    """The storage class, if it is one that an object cannot be read from before it is thawed."""
    thaw: Literal["asked", "thawed"] | None = None
    """What RestoreObject has come to: under way, or a readable copy is there."""
    self_thawing: bool = False
    """In an archive tier of Intelligent-Tiering: thawed for good, not for a number of days."""
    metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def readable(self) -> bool:
        return self.frozen_class is None or self.thaw == "thawed"


@dataclass(frozen=True, slots=True)
class Origin:
    """What a person searches an archive by, years after the image is gone: as it was when it was selected."""

    description: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    group: str | None = None
    """As its policy groups images; None: it is in no group, or the record is older than this field."""
    architecture: str = ""
    platform_details: str = ""
    usage_operation: str = ""
    product_codes: tuple[str, ...] = ()
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class RestoreFacts:
    """What a restore needs and EC2 does not keep in the stored object; recorded before its store is asked for."""

    launch_permissions: tuple[str, ...] | None = None
    """'user:123456789012', 'group:all', 'organization:arn…', 'unit:arn…'; None: could not be read."""
    ssm_parameters: tuple[str, ...] | None = None
    """ARNs of SSM parameters whose value is the image id; None: could not be asked."""
    encrypted: bool | None = None
    """Whether a snapshot was encrypted; None: not known."""
    kms_key_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Retirement:
    """How far an original is on its way out, and why not farther."""

    kept_because: str | None = None
    """Why the newest run that found it due has kept it; None: it has not."""
    announced: Action | None = None
    retire_on: datetime | None = None
    """The announced action is not taken before."""
    intention: Action | None = None
    """Written before the call, cleared with its result."""
    disabled_at: datetime | None = None
    """Since when it has been disabled; None: it is not, or somebody has enabled it again."""
    snapshots: dict[str, str] = field(default_factory=dict)
    """By id of every snapshot that the original had when it was deregistered: what became of it."""
    snapshot_gib: float = 0.0
    """Written blocks of those that went with it: what no other image uses."""
    freed_at_least_gib: float = 0.0
    freed_at_most_gib: float = 0.0


@dataclass(frozen=True, slots=True)
class Move:
    """One entry of a record's history."""

    at: datetime
    run_id: str
    from_status: Status | None
    to_status: Status
    why: str


@dataclass(frozen=True, slots=True)
class ArchiveRecord:
    """What the archive knows of one image: one item in the table, never deleted."""

    image_id: str
    image_name: str
    status: Status
    decision: Decision
    reason: str
    policy: str
    run_id: str
    bucket: str
    object_key: str
    snapshot_gib: float
    attempts: int
    """Store tasks of this image that ended, whole or failed, since it was last selected."""
    selected_at: datetime
    changed_at: datetime
    object_version_id: str | None = None
    object_bytes: int | None = None
    object_etag: str | None = None
    object_checksum: str | None = None
    failed_task_started_at: datetime | None = None
    """Start of the newest failed task that is already counted in `attempts`."""
    verified_at: datetime | None = None
    facts: RestoreFacts = field(default_factory=RestoreFacts)
    origin: Origin = field(default_factory=Origin)
    retirement: Retirement = field(default_factory=Retirement)
    history: tuple[Move, ...] = ()
    """The newest moves; the table keeps older ones in items of their own."""
    revision: int = 0
    """Moves there ever were, which tells one state of the record from another. 0: written before it was counted."""

    @property
    def gib(self) -> float:
        """What it counts in the in-flight budget."""
        return self.snapshot_gib


@dataclass(frozen=True, slots=True)
class QueueEntry:
    """An image that waits for its store task. Entries of earlier nights come first."""

    night: str
    """YYYYMMDD, UTC, of the run that selected it."""
    image_id: str
    policy: str
    snapshot_gib: float

    @property
    def entry_id(self) -> str:
        return self.image_id


@dataclass(frozen=True, slots=True)
class DecisionLine:
    """What a run's pages keep of one image: enough for the report, small enough for a fleet."""

    image_id: str
    policy: str
    decision: Decision
    reason: str
    gib: float = 0.0


@dataclass(frozen=True, slots=True)
class Refusal:
    """AWS did not do what it was asked for."""

    code: str
    message: str
    own_fault: bool = False
    """The code says that it is this image or request (not found, malformed …). Otherwise it may be the budget."""
    throttled: bool = False
    """The code is one of throttling: it never concerns the image, and perhaps the budget."""
    denied: bool = False
    """For want of a permission: of the role for this image, or for all."""

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


@dataclass(frozen=True, slots=True)
class ImagePage:
    images: list[Image]
    next_token: str | None


@dataclass(frozen=True, slots=True)
class ListedObject:
    """The current version of an object, as a listing shows it."""

    key: str
    version_id: str
    size_bytes: int
    etag: str


NO_EXPEDITED_CAPACITY = "GlacierExpeditedRetrievalNotAvailable"
"""What S3 answers when it has no capacity for the fastest retrieval just now."""


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
