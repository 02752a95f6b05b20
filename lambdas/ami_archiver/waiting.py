"""How long a run waits before it looks again: until the next task ends whose room somebody waits for.

Without images that wait, that is the last end; each look before it could start nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from statistics import median

from ami_archiver.model import InFlight

TRUSTED_SHARE = 0.5
"""Of an estimate, while images wait: progress comes in whole percents, and the last of several tasks that share a rate
go faster than their progress says."""
STILL_LOOKS = 10
"""So many looks are made at what does not move before as much time again has passed."""


def seconds_to_wait(
    in_flight: Sequence[InFlight],
    now: datetime,
    *,
    budget_gib: float,
    more_to_start: bool,
    shortest: int,
    longest: int,
) -> int:
    """Seconds until a look pays, from `shortest` to `longest`.

    A task without progress is taken to go at the median pace of the others. Where none has any, the wait grows with
    the time that the youngest has been under way.
    """
    paces = [pace for task in in_flight if (pace := gib_per_second(task, now))]
    if not paces:
        youngest = min((_elapsed_seconds(task, now) for task in in_flight), default=0.0)
        return _within(youngest / STILL_LOOKS, shortest, longest)
    ends = sorted((estimate_seconds_left(task, now, median(paces)), task.gib) for task in in_flight)
    if not more_to_start:
        return _within(ends[-1][0], shortest, longest)
    left_gib = in_flight_gib(in_flight)
    for seconds_left, gib in ends:
        left_gib -= gib
        if left_gib < budget_gib:
            return _within(seconds_left * TRUSTED_SHARE, shortest, longest)
    return shortest


def estimate_seconds_left(task: InFlight, now: datetime, usual_gib_per_second: float) -> float:
    """By the task's own progress or, before any was seen, at the usual pace.

    One that has not moved though it should have ended by now may never: it is looked at less and less often.
    """
    elapsed = _elapsed_seconds(task, now)
    if task.progress_percentage > 0 and elapsed > 0:
        return elapsed * max(0, 100 - task.progress_percentage) / task.progress_percentage
    return max(task.gib / usual_gib_per_second - elapsed, elapsed / STILL_LOOKS)


def gib_per_second(task: InFlight, now: datetime) -> float | None:
    """The pace so far; None before any progress was seen, and for a task whose size is unknown (0)."""
    elapsed = _elapsed_seconds(task, now)
    if task.progress_percentage <= 0 or elapsed <= 0 or task.gib <= 0:
        return None
    return task.gib * task.progress_percentage / 100 / elapsed


def in_flight_gib(in_flight: Sequence[InFlight]) -> float:
    return sum(task.gib for task in in_flight)


def shortest_wait(refused_looks: int, shortest: int, longest: int) -> int:
    """After so many looks in a row of which EC2 took nothing: it doubles with each."""
    return min(longest, shortest << min(refused_looks, 10))


def _within(seconds: float, shortest: int, longest: int) -> int:
    return round(max(shortest, min(longest, seconds)))


def _elapsed_seconds(task: InFlight, now: datetime) -> float:
    return max(0.0, (now - task.started_at).total_seconds())
