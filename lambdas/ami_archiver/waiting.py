"""How long a run waits before it looks again: until the next thing worth doing, by the progress seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ami_archiver.middle import median
from ami_archiver.model import StoreTask


class Moving(Protocol):
    """A store or a restore in progress, as far as it has come."""

    @property
    def gib(self) -> float: ...

    @property
    def started_at(self) -> datetime: ...

    @property
    def progress_percentage(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Running:
    """A store task in progress, with the size that its description does not tell."""

    task: StoreTask
    gib: float

    @property
    def started_at(self) -> datetime:
        return self.task.started_at

    @property
    def progress_percentage(self) -> int:
        return self.task.progress_percentage


def gib_per_second(moving: Moving, now: datetime) -> float | None:
    """The pace so far; None before any progress was seen, and for a task whose size is unknown (0)."""
    elapsed = _elapsed_seconds(moving, now)
    done = moving.progress_percentage
    return moving.gib * done / 100 / elapsed if done > 0 and elapsed > 0 and moving.gib > 0 else None


def remaining_seconds(moving: Moving, now: datetime, usual_gib_per_second: float) -> float:
    """By its own progress or, before any, at the usual pace."""
    elapsed = _elapsed_seconds(moving, now)
    done = moving.progress_percentage
    if done > 0 and elapsed > 0:
        return elapsed * max(0, 100 - done) / done
    return max(0.0, moving.gib / usual_gib_per_second - elapsed)


def _elapsed_seconds(moving: Moving, now: datetime) -> float:
    return max(0.0, (now - moving.started_at).total_seconds())


def in_flight_gib(running: Sequence[Moving]) -> float:
    return sum(r.gib for r in running)


GRAIN = 0.01
"""A look pays when this share of the budget has been stored since the last: half of it, on average, stood idle."""
OVERHEAD_SECONDS = 20
"""How long a task may take before it moves anything; AWS says nothing of it. Its progress makes the end look later than
it comes by as much again as is left of the task: where that matters, the look is the earlier."""
CAREFULLY = 0.25
"""How much of an estimate is waited for an end that leaves most of the budget idle. The last tasks of several that
share a rate go several times faster than their progress so far says, and a look costs less than an idle night."""


def seconds_to_wait(
    running: Sequence[Moving],
    now: datetime,
    *,
    budget_gib: float,
    more_to_start: bool,
    minimum: int,
    maximum: int,
    brisk: bool = True,
) -> int:
    """Seconds until a look pays, between `minimum` and `maximum`; less, if `brisk`, where many small tasks end sooner.

    While images wait for the budget: until enough tasks have ended that one may start. When nothing waits any more:
    until the last task has ended, since each look costs calls and state transitions and can start nothing. A task
    without progress yet is taken to go at the median pace of the others; where none has any, the wait grows with time.

    An estimate is trusted for no longer than the time that it rests on: early on, whole percents and the time that a
    task takes before it moves anything make it several times too long, while the budget would stand idle.
    """
    paces = [pace for r in running if (pace := gib_per_second(r, now))]
    if not paces:
        oldest = max((_elapsed_seconds(r, now) for r in running), default=0.0)
        return max(minimum, round(min(maximum, oldest / 2)))
    usual = median(paces)
    ends = sorted(((remaining_seconds(r, now, usual), r) for r in running), key=lambda end: end[0])
    wait, awaited = ends[-1]
    if more_to_start:
        wait, awaited, left_gib = _first_with_room(ends, budget_gib)
        if left_gib < budget_gib / 2:
            wait *= CAREFULLY
        grain = GRAIN * budget_gib / (usual * len(running))
        early = _without_overhead(wait, _elapsed_seconds(awaited, now))
        wait = max(early if wait - early > grain else wait, grain)
        if brisk:
            minimum = max(1, round(min(minimum, grain)))
    wait = min(wait, _rests_on_seconds(awaited, running, now))
    return max(minimum, round(min(maximum, wait)))


def _without_overhead(seconds: float, elapsed: float) -> float:
    """What an estimate comes to if the task has moved nothing at first, for at most half of the time."""
    return seconds * max(elapsed / 2, elapsed - OVERHEAD_SECONDS) / elapsed if elapsed > 0 else seconds


def _rests_on_seconds(awaited: Moving, running: Sequence[Moving], now: datetime) -> float:
    """For how long what an estimate is made of has been seen: the task's own progress or, before any, the others'."""
    seen = [awaited] if awaited.progress_percentage else [r for r in running if r.progress_percentage]
    return median(_elapsed_seconds(r, now) for r in seen)


def _first_with_room(ends: Sequence[tuple[float, Moving]], budget_gib: float) -> tuple[float, Moving, float]:
    """(seconds, task, GiB then in flight) of the first end, of those in order, that leaves room for a start.

    AWS does not say whether tasks share a rate. If they do, each end lets the others go faster; so it is taken that
    they do: a look too early costs a look, one too late an idle budget.
    """
    in_flight = in_flight_gib([r for _, r in ends])
    seconds = previous = 0.0
    for number, (alone, r) in enumerate(ends):
        seconds += (alone - previous) * (len(ends) - number) / len(ends)
        previous = alone
        in_flight -= r.gib
        if in_flight < budget_gib:
            break
    return seconds, r, in_flight
