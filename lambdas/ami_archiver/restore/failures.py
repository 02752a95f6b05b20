"""Every failure of one restore, by name: the first word of the reason that a person reads. docs/errors.md says more."""

from __future__ import annotations

from enum import StrEnum


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
