"""How long a run waits before it looks again: until the next task ends whose room somebody waits for.

Without images that wait, that is the last end; each look before it could start nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from statistics import median

from ami_archiver.model import InFlight

TRUSTED_SHARE = 0.15
"""Of an estimate, while images wait: progress comes in whole percents, and where tasks share a rate the last ones end
much sooner than their progress says. An idle budget costs more than a look."""
LOOKS_PER_TASK = 25
"""At most, while images wait: a budget of many small ones then stands idle for some 2 % of the time."""
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
    refused_looks: int = 0,
) -> int:
    """Seconds until a look pays, at most `longest`.

    At least `shortest`, but less where images wait and the usual task is a short one. After looks of which EC2 took
    nothing (`refused_looks` in a row) the shortest wait doubles with each. A task without progress is taken to go at
    the median pace of the others; where none has any, the wait grows with the age of the youngest.
    """
    if refused_looks:
        shortest = min(longest, shortest << min(refused_looks, 10))
    paces = [pace for task in in_flight if (pace := gib_per_second(task, now))]
    if not paces:
        youngest = min((_elapsed_seconds(task, now) for task in in_flight), default=0.0)
        return _within(youngest / STILL_LOOKS, shortest, longest)
    pace = median(paces)
    ends = sorted((estimate_seconds_left(task, now, pace), task.gib) for task in in_flight)
    if not more_to_start:
        return _within(ends[-1][0], shortest, longest)
    if not refused_looks:
        usual_seconds = median(task.gib for task in in_flight) / pace
        shortest = round(max(1, min(shortest, usual_seconds / LOOKS_PER_TASK)))
    return _within(_room_in_seconds(ends, budget_gib) * TRUSTED_SHARE, shortest, longest)


def _room_in_seconds(ends: Sequence[tuple[float, float]], budget_gib: float) -> float:
    """When enough has ended that the budget has room, from (seconds, GiB) of each end in order."""
    left_gib = sum(gib for _, gib in ends)
    for seconds, gib in ends:
        left_gib -= gib
        if left_gib < budget_gib:
            return seconds
    return 0.0


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


def _within(seconds: float, shortest: int, longest: int) -> int:
    return round(max(shortest, min(longest, seconds)))


def _elapsed_seconds(task: InFlight, now: datetime) -> float:
    return max(0.0, (now - task.started_at).total_seconds())
