"""The fleets whose nights are measured. Equal names give equal fleets."""

from __future__ import annotations

from random import Random
from typing import Literal, get_args

from local_cloud.fleet.sizes import FleetKind, benchmark_gib
from local_cloud.settings import ThroughputSettings

BUDGET_GIB = 600.0
"""EC2's documented in-flight limit."""
KINDS: tuple[FleetKind, ...] = tuple(kind for kind in get_args(FleetKind) if kind != "realistic")
BELOW_BUDGET = "heavy-tail below the budget"
"""The heavy tail again, without the images that EC2 stores one after the other whatever the order."""
SHARED_GIB_PER_SECOND = 1.0
"""What an account's tasks divide among them where they share one rate: ten times a single task's own rate."""

Model = Literal["per-task", "shared"]
"""AWS does not document whether each task has a rate of its own, or all of an account's tasks share one."""


def throughput(model: Model) -> ThroughputSettings:
    """How fast the local cloud stores under each of the two models."""
    if model == "shared":
        return ThroughputSettings("shared", store_gib_per_second=SHARED_GIB_PER_SECOND)
    return ThroughputSettings("per-task")


def sizes_gib(kind: str, images: int, seed: int = 1) -> list[float]:
    """The sizes of a fleet, in the order in which its images were made; to a thousandth, as the archiver counts."""
    rng = Random(f"{kind} {images} {seed}")  # noqa: S311 -- the same fleet in every run, no secrets
    known: FleetKind = next((known for known in KINDS if known == kind), "heavy-tail")
    sizes: list[float] = []
    while len(sizes) < images:
        gib = benchmark_gib(known, rng, len(sizes))
        if kind != BELOW_BUDGET or gib < BUDGET_GIB:
            sizes.append(round(gib, 3))
    return sizes
