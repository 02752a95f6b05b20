"""Other ways to work off a fleet, on the engine's own model of how tasks run: what ours is compared with.

All but the tutorial's shape start the next image at the very moment at which their rule allows it, which nothing
that polls can do: the comparison is kind to them.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterable, Sequence
from random import Random

from benchmarks.fleets import BUDGET_GIB, NOBODY, Foreign, engine_settings
from local_cloud.engine.throughput import Pool, Transfer

POLL_SECONDS = 60.0
MAX_CONCURRENCY = (10, 40)
"""Step Functions' inline Map runs up to 40 iterations at once; 10 is what examples use."""
HALF_A_SLIVER = 0.0005
"""Sums of floats waver; sizes are thousandths of a GiB."""

Fits = Callable[[float, float], bool]
"""Whether an image of so many GiB may start while so many are in flight: (in flight, size)."""


def aws_admits(in_flight_gib: float, _gib: float) -> bool:
    return in_flight_gib < BUDGET_GIB - HALF_A_SLIVER


def sum_stays_below(in_flight_gib: float, gib: float) -> bool:
    """`in_flight + new <= budget`; an image above the budget goes alone, since it would never go otherwise."""
    return in_flight_gib + gib <= BUDGET_GIB + HALF_A_SLIVER or in_flight_gib < HALF_A_SLIVER


class Account:
    """An account's store tasks: the engine's pool, what is in flight, and what others start in it."""

    def __init__(self, model: str = "per-task", foreign: Foreign = NOBODY) -> None:
        speed = engine_settings(model).throughput
        self._pool = Pool(speed.store_gib_per_second, speed.task_overhead_seconds, shared=model == "shared")
        self._foreign = foreign
        self._foreign_started = 0
        self._ours: set[Transfer] = set()
        self.now = 0.0
        self.in_flight_gib = 0.0
        self.last_end = 0.0
        self.advance(0.0)

    @property
    def busy(self) -> bool:
        """Whether a task of ours is in progress."""
        return bool(self._ours)

    def start(self, gib: float) -> Transfer:
        transfer = self._add(gib)
        self._ours.add(transfer)
        return transfer

    def runs(self, transfer: Transfer) -> bool:
        return transfer in self._ours

    def next_event(self) -> float | None:
        due = self._foreign.due(self._foreign_started)
        times = [at for at in (self._pool.next_event(), due if due and due > self.now else None) if at is not None]
        return min(times, default=None)

    def advance(self, until: float) -> None:
        """Let everything up to then happen."""
        while (at := self.next_event()) is not None and at <= until:
            self.now = max(self.now, at)
            self._settle()
        self.now = max(self.now, until)
        self._settle()

    def _settle(self) -> None:
        while (at := self._pool.next_event()) is not None and at <= self.now:
            ended = self._pool.step()
            if ended is not None:
                self.in_flight_gib -= ended.size_gib
                if ended in self._ours:
                    self._ours.remove(ended)
                    self.last_end = max(self.last_end, at)
        while (due := self._foreign.due(self._foreign_started)) is not None and due <= self.now:
            if not aws_admits(self.in_flight_gib, 0.0):
                return
            self._add(self._foreign.gib(self._foreign_started))
            self._foreign_started += 1

    def _add(self, gib: float) -> Transfer:
        transfer = Transfer(gib, gib)
        self._pool.add(transfer, self.now)
        self.in_flight_gib += gib
        return transfer


def in_order(
    order_gib: Iterable[float], fits: Fits = aws_admits, model: str = "per-task", foreign: Foreign = NOBODY
) -> float:
    """The makespan, in seconds, of images that are started one after the other as soon as each may."""
    account = Account(model, foreign)
    waiting = iter(order_gib)
    image = next(waiting, None)
    while image is not None or account.busy:
        while image is not None and fits(account.in_flight_gib, image):
            account.start(image)
            image = next(waiting, None)
        at = account.next_event()
        if at is None:
            raise RuntimeError(f"nothing is in flight, and an image of {image} GiB may not start")
        account.advance(at)
    return account.last_end


def map_that_polls(
    sizes_gib: Sequence[float], concurrency: int, model: str = "per-task", foreign: Foreign = NOBODY
) -> float:
    """A Map over the images with MaxConcurrency: each asks EC2 to store one, then looks every 60 s whether it has.

    One that EC2 rejects for the budget asks again 60 s later.
    """
    account = Account(model, foreign)
    waiting = iter(sizes_gib)
    wakes: list[tuple[float, int, float | None, Transfer | None]] = []
    for branch in range(min(concurrency, len(sizes_gib))):
        heapq.heappush(wakes, (0.0, branch, next(waiting), None))
    while wakes:
        at, branch, image, task = heapq.heappop(wakes)
        account.advance(at)
        if task is not None and not account.runs(task):
            image, task = next(waiting, None), None
            if image is None:
                continue
        if task is None and image is not None and aws_admits(account.in_flight_gib, image):
            task = account.start(image)
        # Nothing changes before the next event: the polls until then are passed over.
        idle = max(0.0, (account.next_event() or at) - at)
        heapq.heappush(wakes, (at + POLL_SECONDS * max(1, math.ceil(idle / POLL_SECONDS)), branch, image, task))
    return account.last_end


def others(
    sizes_gib: Sequence[float], model: str = "per-task", foreign: Foreign = NOBODY, seed: int = 1
) -> dict[str, float]:
    """The makespan of every other way, by its name, for a fleet in the order in which its images were made."""
    shuffled = list(sizes_gib)
    Random(seed).shuffle(shuffled)  # noqa: S311 -- the same order in every run, no secrets
    maps = [map_that_polls(sizes_gib, places, model, foreign) for places in MAX_CONCURRENCY]
    return {
        "Map, 60 s": min(maps),
        "in turn, sum <= budget": in_order(sizes_gib, sum_stays_below, model, foreign),
        "largest first": in_order(sorted(sizes_gib, reverse=True), aws_admits, model, foreign),
        "smallest first": in_order(sorted(sizes_gib), aws_admits, model, foreign),
        "random": in_order(shuffled, aws_admits, model, foreign),
        "oldest first": in_order(sizes_gib, aws_admits, model, foreign),
    }
