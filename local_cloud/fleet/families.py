"""Families: the versions of one application's image over the years."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from local_cloud.fleet.sizes import log_normal_gib

_APPLICATIONS = (
    *("web", "api", "auth", "billing", "checkout", "search", "catalog", "inventory"),
    *("payments", "reporting", "etl", "warehouse", "jenkins", "gitlab", "bastion", "vpn"),
    *("proxy", "cache", "queue-worker", "mail", "crm", "erp", "sharepoint", "desktop"),
    *("scheduler", "notifier", "media-encoder", "feature-store", "ml-training", "geo-index", "ledger", "pricing"),
)
_ENVIRONMENTS = ("production", "production", "production", "staging", "development")


@dataclass(frozen=True, slots=True)
class System:
    """An operating system, as DescribeImages prints it."""

    platform: str | None
    platform_details: str
    usage_operation: str


LINUX = System(None, "Linux/UNIX", "RunInstances")
WINDOWS = System("windows", "Windows", "RunInstances:0002")
RED_HAT = System(None, "Red Hat Enterprise Linux", "RunInstances:0010")
_SYSTEMS = {2: WINDOWS, 6: RED_HAT, 12: WINDOWS}
"""By a family's number modulo 20. What a family is follows from its number, so that a small fleet has every sort."""


@dataclass(frozen=True, slots=True)
class Family:
    """What the versions have in common."""

    application: str
    environment: str
    architecture: str
    system: System
    median_gib: float
    volumes: int
    kms_key_id: str | None
    archived: bool
    """Whether its images carry Archive=true."""
    newest: datetime
    cadence_days: int

    def version(self, index: int) -> datetime:
        """When version `index` was made; 0 is the newest."""
        return self.newest - timedelta(days=index * self.cadence_days)

    def name(self, created: datetime) -> str:
        return f"{self.application}-{created:%Y.%m.%d}-{self.architecture}"


def uuid_of(rng: Random) -> str:
    digits = f"{rng.getrandbits(128):032x}"
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


def families(images: int, rng: Random, *, now: datetime, owner_id: str, region: str) -> Iterator[tuple[Family, int]]:
    """Families with how many versions each has, `images` in all."""
    keys = [f"arn:aws:kms:{region}:{owner_id}:key/{uuid_of(rng)}" for _ in range(4)]
    number = 0
    longest = max(2, images // 5)
    while images > 0:
        versions = min(images, longest, rng.choice((1, 2, 2, 3, 4, 5, 6, 8, 12, 24)))
        yield _family(number, rng, now=now, keys=keys), versions
        images -= versions
        number += 1


def _family(number: int, rng: Random, *, now: datetime, keys: list[str]) -> Family:
    application = _APPLICATIONS[number % len(_APPLICATIONS)]
    if number >= len(_APPLICATIONS):
        application = f"{application}-{number // len(_APPLICATIONS) + 1}"
    system = _SYSTEMS.get(number % 20, LINUX)
    return Family(
        application=application,
        environment=rng.choice(_ENVIRONMENTS),
        architecture="arm64" if number % 4 == 1 else "x86_64",
        system=system,
        median_gib=log_normal_gib(rng, spread=1.05),
        volumes=rng.choice((2, 2, 3, 4)) if number % 3 == 0 else 1,
        kms_key_id=rng.choice(keys) if number % 3 == 1 else None,
        archived=rng.random() < 0.85,
        newest=now - timedelta(days=rng.randrange(1, 900), seconds=rng.randrange(86_400)),
        cadence_days=rng.choice((1, 7, 7, 14, 30, 30, 60)),
    )
