"""The words of a restore: what was asked for, what became of it, and what EC2 shows of an image on its way back."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal

from ami_archiver.sharing import permissions

Tier = Literal["Expedited", "Standard", "Bulk"]
"""How fast, and how dear, S3 thaws: https://docs.aws.amazon.com/AmazonS3/latest/userguide/restoring-objects-retrieval-options.html"""


class RestoreStatus(StrEnum):
    """Where a restore stands. `restore.lifecycle` knows which moves exist."""

    PLANNED = "PLANNED"
    THAWING = "THAWING"
    RESTORING = "RESTORING"
    RESTORED = "RESTORED"
    FAILED = "FAILED"
    REFUSED = "REFUSED"
    """Never started: the plan says why."""


@dataclass(frozen=True, slots=True)
class RestoreOptions:
    """What a request asks for beside the images; each of its restores carries it."""

    name: str | None = None
    """A template with {name}, {image_id}, {date}; None: the original's name, and only that."""
    tags: dict[str, str] = field(default_factory=dict)
    """On top of the original's."""
    storage_tier_speed: Tier = "Standard"
    thaw_days: int = 7
    """For how long S3 keeps the readable copy of a thawed object: the wait for the budget included."""
    share_with: tuple[str, ...] = ()
    """Account ids, ARNs of organizations and units: those of the original's launch permissions that are confirmed. What
    is shared goes by the run's state, not by this: whoever can write the table could write this too."""
    share_publicly: bool = False
    point_ssm_parameters: bool = False
    allow_unencrypted: bool = False

    @property
    def confirmed(self) -> tuple[str, ...]:
        """Launch permissions that the request confirms, as RestoreFacts writes them."""
        return permissions(self.share_with, self.share_publicly)


@dataclass(frozen=True, slots=True)
class RestoreMove:
    """One entry of a restore's history."""

    at: datetime
    from_status: RestoreStatus | None
    to_status: RestoreStatus
    why: str


@dataclass(frozen=True, slots=True)
class RestoreRecord:
    """One object that a run restores: one item in the table, never deleted."""

    restore_id: str
    """<run id>.<number>; also a tag on the new image and its snapshots, by which a repeated step finds them."""
    run_id: str
    status: RestoreStatus
    reason: str
    object_key: str
    source_image_id: str
    """'' where neither a record nor the object says which image it was."""
    name: str
    """The new image's, unique in the account; '' for a restore that was refused."""
    gib: float
    """What it counts in the restore budget: GiB of snapshot data after the restore, the whole budget if unknown."""
    gib_known: bool
    planned_at: datetime
    changed_at: datetime
    options: RestoreOptions = field(default_factory=RestoreOptions)
    object_version_id: str | None = None
    object_etag: str | None = None
    needs_encryption: bool = False
    """It was planned because the account encrypts by default: if that is off when its turn comes, it fails."""
    takes_over: str | None = None
    """The restore id of an equal request, whose image this restore ends with instead of making one."""
    reported_by: str | None = None
    """The run that took this restore's image over and has reported it."""
    differences: tuple[str, ...] = ()
    """What will not be as it was, in sentences."""
    thaw_asked_at: datetime | None = None
    requested_at: datetime | None = None
    """When the intention to call CreateRestoreImageTask was written."""
    restored_image_id: str | None = None
    attempts: int = 0
    """Calls that EC2 refused for no reason that the budget explains."""
    history: tuple[RestoreMove, ...] = ()
    revision: int = 0
    """Entries there ever were, as in an archive record. 0: written before it was counted."""

    @property
    def begun_at(self) -> datetime:
        """When its call was written down; before that, when it last changed."""
        return self.requested_at or self.changed_at


@dataclass(frozen=True, slots=True)
class UnreadableRestore:
    """A restore's item that is not as it was written: it is left as it is, and its restore goes on without us."""

    restore_id: str
    why: str
    """Which attribute has which value, and what to do about it."""


@dataclass(frozen=True, slots=True)
class RestoreEntry:
    """A restore that waits for its turn in the budget."""

    entry_id: str
    """Its restore id."""
    snapshot_gib: float


@dataclass(frozen=True, slots=True)
class ThawEntry:
    """A restore whose object is to be thawed, and when it is worth a look."""

    restore_id: str
    look_at: datetime


@dataclass(frozen=True, slots=True)
class WaitingRun:
    """A run that has more to start than the budget has room for."""

    run_id: str
    turn_at: datetime
    """When it last asked EC2 for anything, or began to wait."""
    looks_at: datetime
    """When it will look whether there is room now."""


@dataclass(frozen=True, slots=True)
class RestoredImage:
    """An image on its way back, or arrived, as EC2 shows it now."""

    image_id: str
    name: str
    state: str
    state_reason: str
    created_at: datetime
    gib: float
    """As for an archive: written blocks, or the volumes' size; 0 while EC2 shows no snapshots."""
    progress_percentage: int
    restore_id: str | None
    """Our tag."""
    made_of_instance: bool
    """CreateImage makes pending images too: those are no restores."""


@dataclass(frozen=True, slots=True)
class FetchedRestores:
    """Restores by id; `unreadable` says of the others that exist why they cannot be read."""

    records: dict[str, RestoreRecord]
    unreadable: dict[str, str] = field(default_factory=dict)


class RestoreFailure(StrEnum):
    """Why an object was not restored. Of the archive's own failures, those of records and objects occur here too."""

    NOT_ARCHIVED = "NotArchived"
    OBJECT_UNKNOWN = "ObjectUnknown"
    """Neither a record nor the bucket knows it."""
    NO_SUCH_RETRIEVAL = "NoSuchRetrieval"
    """S3 has no retrieval of that speed for the object's storage class."""
    TOO_MANY_TAGS = "TooManyTags"
    WOULD_BE_UNENCRYPTED = "WouldBeUnencrypted"
    BAD_NAME = "BadName"
    NAME_TAKEN = "NameTaken"
    THAW_REFUSED = "ThawRefused"
    THAW_OVERDUE = "ThawOverdue"
    RESTORE_REFUSED = "RestoreRefused"
    """EC2 did not take the restore, and it was not the restore budget."""
    RESTORE_FAILED = "RestoreFailed"
    """EC2 took the restore and did not bring it to its end."""
    IMAGE_GONE = "ImageGone"
    """Somebody deregistered the new image before it was available."""
    GIVEN_UP = "GivenUp"
    """Nothing was restored for so long that the run ended."""


NEXT_STEPS: dict[RestoreFailure, str] = {
    RestoreFailure.RESTORE_REFUSED: "correct what EC2 names, then restore again",
    RestoreFailure.NAME_TAKEN: "give a 'name' template",
}
"""What to do once EC2 has refused a call for the last time."""
