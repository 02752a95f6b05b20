"""Every failure of one image, by name: the first word of the reason that a person reads.

What ends a whole execution has its names in `errors`, what fails one restore in `restore.failures`; docs/errors.md
explains them all.
"""

from __future__ import annotations

from enum import StrEnum

from ami_archiver.errors import AccessDenied


class Failure(StrEnum):
    """Why an image could not be archived, or why its archive is not what was recorded."""

    STORE_FAILED = "StoreFailed"
    """EC2 took the store and did not bring it to its end."""
    STORE_REFUSED = "StoreRefused"
    """EC2 did not take the store, and it was not the in-flight budget."""
    OBJECT_MISSING = "ObjectMissing"
    """EC2 says that the object is complete, and it is not in the bucket."""
    OBJECT_EMPTY = "ObjectEmpty"
    OBJECT_MISNAMED = "ObjectMisnamed"
    """Its key does not end in the image's id."""
    OBJECT_OF_ANOTHER_IMAGE = "ObjectOfAnotherImage"
    """Its tag names another image than its key."""
    OBJECT_WRONG_KEY = "ObjectWrongKey"
    """Not encrypted with the bucket's key."""
    OBJECT_GONE = "ObjectGone"
    """It was verified once and is not in the bucket any more."""
    OBJECT_ALTERED = "ObjectAltered"
    """It was verified once, and the current version is another one."""
    ACCESS_DENIED = "AccessDenied"
    """AWS denied a call about the image or its object."""
    IN_ANOTHER_BUCKET = "InAnotherBucket"
    """The record's object is in another bucket than this stack's."""
    BAD_RECORD = "BadRecord"
    """The image's record cannot be read; it is left as it is."""


def reason(failure: StrEnum, what: str, to_do: str) -> str:
    """The reason of a failure: its name, what happened to which object or image, and what to do now."""
    return f"{failure}: {what}; {to_do}"


def denied(what: str, then: str) -> str:
    """The reason of what AWS denied; `then` says what comes when it is granted."""
    return reason(Failure.ACCESS_DENIED, what, f"grant it to the function's role, or see who denies it; {then}")


def hidden(key: str, error: AccessDenied, then: str) -> str:
    """Why nothing can be said of an object that may not be looked at."""
    return denied(f"object {key} could not be looked at and may be whole: {error.what}", then)


NEXT_STEPS: dict[Failure, str] = {
    Failure.STORE_FAILED: "look at the image and its snapshots in EC2; the next run tries again",
    Failure.STORE_REFUSED: "correct what EC2 names, or take the policy's tag off the image; the next run tries again",
    Failure.OBJECT_MISSING: "see in CloudTrail who deleted it; the next run stores the image again",
}
"""What to do once the attempts at storing an image are used up."""
