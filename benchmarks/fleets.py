"""The fleets whose nights are measured, and what others store meanwhile. Equal names give equal fleets."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import get_args

from local_cloud.fleet.sizes import FleetKind, benchmark_gib
from local_cloud.model import GIB
from local_cloud.settings import EngineSettings, ThroughputSettings

BUDGET_GIB = 600.0
"""EC2's documented in-flight limit."""
KINDS: tuple[FleetKind, ...] = tuple(kind for kind in get_args(FleetKind) if kind != "realistic")
BELOW_BUDGET = "heavy-tail below the budget"
"""The heavy tail again, without the images that EC2 stores one after the other whatever the order."""

SHARED_GIB_PER_SECOND = 1.0
"""What an account's tasks divide among them where they share one rate: ten times a single task's own rate."""


@dataclass(frozen=True, slots=True)
class Foreign:
    """Store tasks of somebody else: some at the beginning, then one after the other.

    One that finds no room starts as soon as there is some, before ours.
    """

    first_gib: tuple[float, ...] = ()
    then_gib: float = 0.0
    every_seconds: float = 0.0

    def due(self, count: int) -> float | None:
        """When, in seconds, the one after `count` of them comes; None: no more come."""
        if count < len(self.first_gib):
            return 0.0
        return self.every_seconds * (count - len(self.first_gib) + 1) if self.then_gib else None

    def gib(self, count: int) -> float:
        return self.first_gib[count] if count < len(self.first_gib) else self.then_gib


NOBODY = Foreign()
OTHERS = Foreign((150.0, 90.0), 60.0, 1800.0)
"""Two fifths of the budget at the beginning, and from then on a tenth of it every half hour."""


def sizes_gib(kind: str, images: int, seed: int = 1) -> list[float]:
    """The sizes of a fleet, in the order in which its images were made; to a thousandth, as the archiver counts."""
    rng = Random(f"{kind} {images} {seed}")  # noqa: S311 -- the same fleet in every run, no secrets
    sizes: list[float] = []
    while len(sizes) < images:
        gib = _gib(kind, rng, len(sizes))
        if kind != BELOW_BUDGET or gib < BUDGET_GIB:
            sizes.append(round(gib, 3))
    return sizes


def _gib(kind: str, rng: Random, index: int) -> float:
    if kind == BELOW_BUDGET:
        return benchmark_gib("heavy-tail", rng, index)
    return next(benchmark_gib(known, rng, index) for known in KINDS if known == kind)


def engine_settings(model: str) -> EngineSettings:
    """The local cloud's image service, with one of its two models of how fast tasks run."""
    if model == "shared":
        throughput = ThroughputSettings("shared", store_gib_per_second=SHARED_GIB_PER_SECOND)
    else:
        throughput = ThroughputSettings("per-task")
    return EngineSettings(store_limit_gib=BUDGET_GIB, bytes_per_gib=1, throughput=throughput)


def whole_bytes(gib: float) -> int:
    return int(gib * GIB)
