"""How long a run waits before it looks again: until the next thing worth doing, by the progress seen."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from statistics import median
from typing import Protocol


class Moving(Protocol):
    """A store or a restore in progress, as far as it has come."""

    @property
    def gib(self) -> float: ...

    @property
    def started_at(self) -> datetime: ...

    @property
    def progress_percentage(self) -> int: ...


def gib_per_second(moving: Moving, now: datetime) -> float | None:
    """The pace so far; None before any progress was seen, and for a task whose size is unknown (0)."""
    if not _is_seen_moving(moving, now) or moving.gib <= 0:
        return None
    return moving.gib * moving.progress_percentage / 100 / _elapsed_seconds(moving, now)


def remaining_seconds(moving: Moving, now: datetime, usual_gib_per_second: float) -> float:
    """By its own progress or, before any, at the usual pace."""
    elapsed = _elapsed_seconds(moving, now)
    done = moving.progress_percentage
    if _is_seen_moving(moving, now):
        return elapsed * max(0, 100 - done) / done
    return max(0.0, moving.gib / usual_gib_per_second - elapsed)


def _is_seen_moving(moving: Moving, now: datetime) -> bool:
    """Not before there is progress, nor by a clock that is behind EC2's."""
    return moving.progress_percentage > 0 and _elapsed_seconds(moving, now) > 0


def _elapsed_seconds(moving: Moving, now: datetime) -> float:
    return max(0.0, (now - moving.started_at).total_seconds())


def in_flight_gib(running: Sequence[Moving]) -> float:
    return sum(r.gib for r in running)


GRAIN = 0.01
"""Looks are no nearer to each other than it takes to store this share of the budget."""
OVERHEAD_SECONDS = 20
"""How long a task may take before it moves anything; AWS says nothing of it. Its progress makes the end look later than
it comes by as much again as is left of the task: where that matters, the look is the earlier."""
CAREFULLY = 0.25
"""How much of an estimate is waited for an end that leaves most of the budget idle. The last tasks of several that
share a rate go several times faster than their progress so far says, and a look costs less than an idle night."""

LOOK_IDLE_SECONDS = 2.0
"""What a look is worth at most, in seconds of a wholly idle budget."""
LOOK_IDLE_SHARE = 1 / 30
"""And no more than this share of the night for each image that has ended, so that many small ones are not held up."""
FEWEST_ENDED = 400
"""As many images are taken to have ended at least: a night that has ended fewer may be a short one."""


def shortest_wait(refused: int, minimum: int, maximum: int) -> int:
    """After so many fills in a row of which EC2 took nothing: it doubles with each."""
    return min(maximum, minimum << min(refused, 10))


def worth_of_a_look(night: timedelta, ended_images: int) -> float:
    """For how many seconds the whole budget may stand idle to save a look, so far into the night."""
    an_image = night.total_seconds() / max(ended_images, FEWEST_ENDED)
    return max(0.0, min(LOOK_IDLE_SECONDS, LOOK_IDLE_SHARE * an_image))


def seconds_to_wait(
    running: Sequence[Moving],
    now: datetime,
    *,
    budget_gib: float,
    more_to_start: bool,
    minimum: int,
    maximum: int,
    brisk: bool = True,
    look_worth_seconds: float = 0.0,
) -> int:
    """Seconds until a look pays, between `minimum` and `maximum`; less, if `brisk`, where many small tasks end sooner.

    While images wait for the budget: until enough tasks have ended that one may start, and as many more as makes a look
    worth while (`worth_of_a_look`). When nothing waits any more: until the last task has ended, since each look costs
    calls and state transitions and can start nothing. A task without progress yet is taken to go at the median pace of
    the others; where none has any, the wait grows with time.

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
        wait, awaited, left_gib = _worth_looking(ends, budget_gib, look_worth_seconds)
        if left_gib < budget_gib / 2:
            wait *= CAREFULLY
        wait = min(wait, _all_ended_seconds([(seconds, gib_per_second(r, now) or usual) for seconds, r in ends]))
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
    seen = [awaited] if _is_seen_moving(awaited, now) else [r for r in running if _is_seen_moving(r, now)]
    return median(_elapsed_seconds(r, now) for r in seen)


def _all_ended_seconds(ends: Sequence[tuple[float, float]]) -> float:
    """Until all tasks have ended if they share a rate, from (seconds alone, pace): AWS does not say whether they do."""
    return sum(seconds * pace for seconds, pace in ends) / sum(pace for _, pace in ends)


def _worth_looking(
    ends: Sequence[tuple[float, Moving]], budget_gib: float, worth_seconds: float
) -> tuple[float, Moving, float]:
    """(seconds, task, GiB then in flight) of the end, of those in order, at which a look pays.

    A look at second t costs what it is worth and what has stood idle by then. Of what that comes to per second, the
    least is where `share * t - idle` first reaches the look's worth: `share` of the budget stands idle at t, and `idle`
    sums it up. An image of the usual size more counts as idle, since the last one started may be above the budget.
    """
    in_flight = in_flight_gib([r for _, r in ends])
    usual_gib = in_flight / len(ends)
    idle = share = previous = 0.0
    for seconds, r in ends:
        idle += share * (seconds - previous)
        previous = seconds
        in_flight -= r.gib
        if in_flight < budget_gib:
            share = (budget_gib - in_flight + usual_gib) / (budget_gib + usual_gib)
            if share * seconds - idle >= worth_seconds:
                break
    return seconds, r, in_flight
