"""What a demonstration shows: a fleet, what happens to it, and what is expected to be decided."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ami_archiver.model import Decision
from local_cloud.fleet.fleet import Fleet
from local_cloud.model import GIB

ACCOUNT_ID = "123456789012"
OTHER_ACCOUNT_ID = "444455556666"
REGION = "us-east-1"
BUDGET_GIB = 600.0
"""EC2's in-flight limit, and what archiver.local.toml leaves as the budget."""
STORE_SECONDS = 15
"""How long all the stores of the demonstration shall take."""


@dataclass(frozen=True, slots=True)
class Scene:
    """One demonstration. Images are named by id; `expected` says what the policy that has an image decides."""

    fleet: Fleet
    notes: tuple[str, ...]
    """What to know about the fleet, one line each."""
    store_gib: float
    """What will be stored, roughly: the cloud's speed follows from it."""
    expected: Mapping[str, Decision] = field(default_factory=dict)
    fails_once: str | None = None
    always_fails: str | None = None
    stored_before: str | None = None
    """Somebody else stores it into the archive bucket before the run."""
    kept: Mapping[str, str] = field(default_factory=dict)
    """How the reason begins for which each of these originals must stay."""
    in_template: str | None = None
    """The newest version of a launch template names it, which no Auto Scaling group uses."""
    used_elsewhere: str | None = None
    """Another account runs an instance of it, from when it was shared."""
    foreign: tuple[str, ...] = ()
    """Another team stores these while the run is on."""

    @property
    def gib_per_second(self) -> float:
        """What all running store tasks move together."""
        return max(20.0, self.store_gib / STORE_SECONDS)


def sizes_gib(fleet: Fleet) -> dict[str, float]:
    """By image: what its snapshots hold; where that is unknown, their volumes' sizes."""
    held = {each.snapshot_id: each.full_snapshot_size_bytes or each.volume_size_gib * GIB for each in fleet.snapshots}
    return {image.image_id: sum(held.get(each, 0) for each in image.snapshot_ids) / GIB for image in fleet.images}


def names(fleet: Fleet) -> dict[str, str]:
    """By image: its name or, where it has none, its id."""
    return {image.image_id: image.name or image.image_id for image in fleet.images}
