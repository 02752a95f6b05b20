"""When it pays to look whether an object has thawed, by the hours that AWS documents."""

from __future__ import annotations

from datetime import datetime, timedelta

from ami_archiver.failures import reason
from ami_archiver.restore.failures import RestoreFailure
from ami_archiver.restore.model import Tier

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
