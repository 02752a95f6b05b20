"""How large images are: distributions of written blocks, in GiB."""

from __future__ import annotations

import math
from random import Random
from typing import Literal, get_args

FleetKind = Literal["realistic", "log-normal", "heavy-tail", "all-small", "mixed"]
FLEET_KINDS: tuple[str, ...] = get_args(FleetKind)

SMALLEST_GIB = 4.0
BUDGET_GIB = 600.0
"""EC2's documented in-flight limit, around which the kinds are made."""
LARGEST_GIB = 4800.0
"""Stays below the 5,000 GiB that EC2 stores at most."""

MEDIAN_GIB = 30.0
SPREAD = 1.1
"""Of the logarithm: one image in 300 is above the budget."""


def log_normal_gib(rng: Random, median_gib: float = MEDIAN_GIB, spread: float = SPREAD) -> float:
    return min(max(rng.lognormvariate(math.log(median_gib), spread), SMALLEST_GIB), LARGEST_GIB)


def above_budget_gib(rng: Random) -> float:
    return rng.uniform(1.02, 2.5) * BUDGET_GIB


def benchmark_gib(kind: FleetKind, rng: Random, index: int) -> float:
    """The size of image `index` in a fleet for benchmarks.

    log-normal: none above the budget; heavy-tail: Pareto, a few images hold most of the GiB; all-small: 4 to 16 GiB;
    mixed: log-normal, with one in fifty above the budget.
    """
    if kind == "all-small":
        return rng.uniform(SMALLEST_GIB, 16.0)
    if kind == "heavy-tail":
        return min(2 * SMALLEST_GIB * rng.paretovariate(1.05), LARGEST_GIB)
    if kind == "mixed" and index % 50 == 25:
        return above_budget_gib(rng)
    while (size_gib := log_normal_gib(rng)) > BUDGET_GIB:
        pass
    return size_gib
