"""Simple rules that a person would write to work off a fleet, on the local cloud's own model of how tasks run.

Each starts the next image at the very moment at which its rule allows it, which nothing that polls can do: the
comparison is kind to them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from random import Random

from benchmarks.fleets import BUDGET_GIB, Model, throughput
from local_cloud.engine.throughput import Pool, Transfer

ROUNDING_GIB = 0.0005
"""Sums of floats waver; sizes are thousandths of a GiB."""

Fits = Callable[[float, float], bool]
"""Whether an image of so many GiB may start while so many are in flight: (in flight, size)."""


def aws_admits(in_flight_gib: float, _gib: float) -> bool:
    """EC2's own rule."""
    return in_flight_gib < BUDGET_GIB - ROUNDING_GIB


def sum_stays_below(in_flight_gib: float, gib: float) -> bool:
    """`in_flight + new <= budget`; an image above the budget goes alone, since it would never go otherwise."""
    return in_flight_gib + gib <= BUDGET_GIB + ROUNDING_GIB or in_flight_gib < ROUNDING_GIB


def in_order(order_gib: Iterable[float], fits: Fits = aws_admits, model: Model = "per-task") -> float:
    """How many seconds it takes to start images one after the other, each as soon as it may, until all are stored."""
    speed = throughput(model)
    pool = Pool(speed.store_gib_per_second, speed.task_overhead_seconds, shared=model == "shared")
    waiting = deque(order_gib)
    now = in_flight_gib = 0.0
    while True:
        while waiting and fits(in_flight_gib, waiting[0]):
            gib = waiting.popleft()
            pool.add(Transfer(gib, gib), now)
            in_flight_gib += gib
        at = pool.next_event()
        if at is None:
            return now
        now = at
        ended = pool.step()
        if ended is not None:
            in_flight_gib -= ended.size_gib


def simple_rules(sizes_gib: Sequence[float], model: Model = "per-task", seed: int = 1) -> dict[str, float]:
    """How many seconds a night takes by each rule, for a fleet in the order in which its images were made."""
    shuffled = list(sizes_gib)
    Random(seed).shuffle(shuffled)  # noqa: S311 -- the same order in every run, no secrets
    return {
        "in turn": in_order(sizes_gib, sum_stays_below, model),
        "largest first": in_order(sorted(sizes_gib, reverse=True), aws_admits, model),
        "smallest first": in_order(sorted(sizes_gib), aws_admits, model),
        "random": in_order(shuffled, aws_admits, model),
        "oldest first": in_order(sizes_gib, aws_admits, model),
    }
