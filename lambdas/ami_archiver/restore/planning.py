"""Whether an object can be restored, and what will not be as it was: pure decisions, each with its reason."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from ami_archiver.failures import Failure, reason
from ami_archiver.inventory import image_id_of
from ami_archiver.model import ArchiveRecord, Status, StoredObject
from ami_archiver.restore.model import RestoreFailure, RestoreOptions, Tier
from ami_archiver.restore.request import Query
from ami_archiver.selection import NewestOfGroups
from ami_archiver.sharing import sharing
from ami_archiver.verification import IMAGE_TAG, why_altered

NOT_ARCHIVED_YET = frozenset({Status.SELECTED, Status.STORING, Status.STORED, Status.FAILED})
MAX_TAGS_OF_AN_IMAGE = 50
OWN_TAGS = 6
NAME_LABELS = ("ami-name", "AMI name", "Name")
"""Under which of its object tags or metadata EC2 may have written an image's name: AWS does not document the key."""


@dataclass(frozen=True, slots=True)
class Account:
    """What a plan has to know of the account and the stack."""

    bucket_name: str
    region: str
    encrypts_by_default: bool
    budget_gib: float
    parameter_prefixes: tuple[str, ...] = ()
    """How the names of SSM parameters begin that may be pointed at a restored image."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """An object to restore, with all that is known of it."""

    key: str
    """'' where neither a record nor the bucket knows an object of the image."""
    image_id: str
    """'' where nothing says which image the object was."""
    record: ArchiveRecord | None
    found: StoredObject | None
    unreadable: str | None = None
    """Why its record cannot be read, or its object not be looked at."""


def why_not_restorable(candidate: Candidate, options: RestoreOptions, account: Account) -> str | None:
    """Why the object cannot be restored, with what to do about it, or None."""
    record, found = candidate.record, candidate.found
    if candidate.unreadable:
        return candidate.unreadable
    if record is not None:
        if record.status in NOT_ARCHIVED_YET:
            return reason(
                RestoreFailure.NOT_ARCHIVED,
                f"is not archived: its record is {record.status} ({record.reason})",
                "restore it once its record is VERIFIED",
            )
        if record.bucket != account.bucket_name:
            return reason(
                Failure.IN_ANOTHER_BUCKET,
                f"its object is in bucket {record.bucket}, this stack restores from {account.bucket_name} in "
                f"{account.region}",
                "copy the object there, then restore it by its key",
            )
        if changed := why_altered(record, found):
            return changed
    if found is None:
        where = f"object {candidate.key} is not in" if candidate.key else "there is no record of it and no object in"
        return reason(
            RestoreFailure.OBJECT_UNKNOWN,
            f"{where} bucket {account.bucket_name}",
            "see whether the id or key is right, and whether its object has a delete marker",
        )
    if found.size_bytes <= 0:
        return reason(
            Failure.OBJECT_EMPTY, f"object {candidate.key} is empty", "make a version that is not empty the current one"
        )
    if found.frozen_class is not None and not found.readable:
        problem = why_not_thawable(found.frozen_class, options.storage_tier_speed)
        if problem is not None:
            return problem
    if record is not None:
        tags = len(record.origin.tags | options.tags) + OWN_TAGS
        if tags > MAX_TAGS_OF_AN_IMAGE:
            return reason(
                RestoreFailure.TOO_MANY_TAGS,
                f"would have {tags} tags with those of the restore, EC2 allows {MAX_TAGS_OF_AN_IMAGE}",
                "ask for fewer 'tags', or restore this object with EC2's own CreateRestoreImageTask",
            )
    return unencrypted(candidate, account) if not options.allow_unencrypted else None


def unencrypted(candidate: Candidate, account: Account) -> str | None:
    """Why the restored image would be less protected than the original was, or None."""
    if account.encrypts_by_default:
        return None
    encrypted = candidate.record.facts.encrypted if candidate.record else None
    if encrypted is False:
        return None
    was = "the original was encrypted" if encrypted else "whether the original was encrypted is not recorded"
    return reason(
        RestoreFailure.WOULD_BE_UNENCRYPTED,
        f"would be restored unencrypted, and {was}",
        f"turn on EBS encryption by default in {account.region}, or allow it with 'allow_unencrypted': true",
    )


def differences(candidate: Candidate, options: RestoreOptions, account: Account, name: str) -> tuple[str, ...]:
    """What will not be as it was, in sentences."""
    record = candidate.record
    found = ["a new image id and new snapshot ids"]
    if record is None:
        found.append("no record: size, encryption, sharing and licence of the original are not known")
    elif name != record.image_name:
        found.append(f"name {name!r} instead of {record.image_name!r}")
    encrypted = record.facts.encrypted if record else None
    if account.encrypts_by_default and not encrypted:
        found.append("encrypted with the account's default key")
    elif account.encrypts_by_default and record:
        found.append(
            f"encrypted with the account's default key, was {', '.join(record.facts.kms_key_ids) or 'another'}"
        )
    elif encrypted is not False:
        found.append("not encrypted" if encrypted else "not encrypted, whatever the original was")
    if record is not None:
        found += _of_record(record, options, account)
    return tuple(found)


def pointable(arn: str, prefixes: Iterable[str]) -> bool:
    """Whether the configuration lets an SSM parameter be changed. The ARN leaves out a slash before its name."""
    return arn.partition(":parameter/")[2].startswith(tuple(prefix.lstrip("/") for prefix in prefixes))


def _of_record(record: ArchiveRecord, options: RestoreOptions, account: Account) -> Iterable[str]:
    shared = record.facts.launch_permissions
    if shared is None:
        yield "not shared; the record does not say with whom the original was shared"
    else:
        yield from sharing(shared, options.confirmed).left_out()
    prefixes = account.parameter_prefixes if options.point_ssm_parameters else ()
    left = [arn for arn in record.facts.ssm_parameters or () if not pointable(arn, prefixes)]
    if left:
        yield f"SSM parameters that pointed at the original do not point at it: {', '.join(left)}"
    if record.origin.product_codes:
        yield f"product codes {', '.join(record.origin.product_codes)}: AWS does not say whether a restore keeps them"
    if record.origin.usage_operation not in ("", "RunInstances"):
        yield (
            f"licence {record.origin.platform_details} ({record.origin.usage_operation}): AWS does not say whether a "
            "restore keeps its billing code; compare PlatformDetails before you launch"
        )


def original_name(candidate: Candidate) -> str:
    """The image's name by its record or, without one, by what EC2 wrote on the object; else its id or key."""
    if candidate.record is not None:
        return candidate.record.image_name
    if candidate.found is not None:
        labels = {**candidate.found.metadata, **candidate.found.tags}
        for label in NAME_LABELS:
            if labels.get(label):
                return labels[label]
    return candidate.image_id or candidate.key.rsplit("/", 1)[-1].removesuffix(".bin")


def source_image_id(key: str, found: StoredObject | None) -> str:
    """Which image an object without a record was: by our tag, else by its name."""
    tagged = found.tags.get(IMAGE_TAG, "") if found else ""
    return tagged or (image_id_of(key) if image_id_of(key).startswith("ami-") else "")


def choose(query: Query, records: Iterable[ArchiveRecord]) -> list[str]:
    """Ids of the images that a query chooses; memory grows with what is chosen."""
    newest = NewestOfGroups(1)
    chosen = []
    for record in records:
        if not query.matches(record):
            continue
        if query.newest_per_group and record.origin.group is not None:
            created_at = record.origin.created_at or record.selected_at
            newest.add((record.policy, record.origin.group), created_at, record.image_id)
        else:
            chosen.append(record.image_id)
    return sorted([*chosen, *newest.image_ids()])


HOUR = 3600
DOCUMENTED_SECONDS: dict[tuple[str, Tier], tuple[int, int]] = {
    ("GLACIER", "Expedited"): (60, 300),
    ("GLACIER", "Standard"): (3 * HOUR, 5 * HOUR),
    ("GLACIER", "Bulk"): (5 * HOUR, 12 * HOUR),
    ("DEEP_ARCHIVE", "Standard"): (9 * HOUR, 12 * HOUR),
    ("DEEP_ARCHIVE", "Bulk"): (36 * HOUR, 48 * HOUR),
}
"""From and to. For Deep Archive AWS only says 'within 12 hours' and 'within 48': from three quarters on, looks pay.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/restoring-objects-retrieval-options.html"""

SLOWEST = (0, 48 * HOUR)
"""For a class that an object was moved to while it thawed, and that knows no such speed."""
LOOKS = 8
"""Within the documented range; each costs a handful of state transitions and a call per object."""
GIVE_UP_SECONDS = 24 * HOUR
"""So long after the documented time a thaw counts as failed."""


def why_not_thawable(frozen_class: str, tier: Tier) -> str | None:
    """Why an object of that class cannot be thawed at that speed, or None."""
    if (frozen_class, tier) in DOCUMENTED_SECONDS:
        return None
    speeds = ", ".join(speed for known, speed in DOCUMENTED_SECONDS if known == frozen_class)
    return reason(
        RestoreFailure.NO_SUCH_RETRIEVAL,
        f"{frozen_class} has no retrieval {tier!r}",
        f"'storage_tier_speed' may be {speeds}",
    )


def look_at(frozen_class: str, tier: Tier, asked_at: datetime, now: datetime, minimum_seconds: int) -> datetime:
    """When to look next at an object that is not thawed by `now`."""
    earliest, latest = DOCUMENTED_SECONDS.get((frozen_class, tier), SLOWEST)
    first = asked_at + timedelta(seconds=earliest)
    pause = timedelta(seconds=max(minimum_seconds, (latest - earliest) / LOOKS))
    return first if now < first else now + pause


def overdue(frozen_class: str, tier: Tier, asked_at: datetime, now: datetime) -> bool:
    latest = DOCUMENTED_SECONDS.get((frozen_class, tier), SLOWEST)[1]
    return now > asked_at + timedelta(seconds=latest + GIVE_UP_SECONDS)
