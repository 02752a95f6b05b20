"""How long a run waits before it looks again: until the next thing worth doing, by the progress seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median

from ami_archiver.model import StoreTask


@dataclass(frozen=True, slots=True)
class Running:
    """A store task in progress, with the size that its description does not tell."""

    task: StoreTask
    gib: float

    def elapsed_seconds(self, now: datetime) -> float:
        return max(0.0, (now - self.task.started_at).total_seconds())

    def gib_per_second(self, now: datetime) -> float | None:
        """The pace so far; None before any progress was seen, and for a task whose size is unknown (0)."""
        elapsed = self.elapsed_seconds(now)
        done = self.task.progress_percentage
        return self.gib * done / 100 / elapsed if done > 0 and elapsed > 0 and self.gib > 0 else None

    def remaining_seconds(self, now: datetime, usual_gib_per_second: float) -> float:
        """By its own progress or, before any, at the usual pace."""
        elapsed = self.elapsed_seconds(now)
        done = self.task.progress_percentage
        if done > 0 and elapsed > 0:
            return elapsed * max(0, 100 - done) / done
        return max(0.0, self.gib / usual_gib_per_second - elapsed)


def in_flight_gib(running: Sequence[Running]) -> float:
    return sum(r.gib for r in running)


def seconds_to_wait(
    running: Sequence[Running],
    now: datetime,
    *,
    budget_gib: float,
    more_to_start: bool,
    minimum: int,
    maximum: int,
) -> int:
    """Seconds until a look pays, between `minimum` and `maximum`.

    While images wait for the budget: until enough tasks have ended that one may start. When nothing waits any more:
    until the last task has ended, since each look costs calls and state transitions and can start nothing. A task
    without progress yet is taken to go at the median pace of the others; where none has any, the wait is the minimum.
    """
    paces = [pace for r in running if (pace := r.gib_per_second(now))]
    if not paces:
        return minimum
    usual = median(paces)
    ends = sorted((r.remaining_seconds(now, usual), r.gib) for r in running)
    wait = ends[-1][0]
    if more_to_start:
        in_flight = in_flight_gib(running)
        for seconds, gib in ends:
            in_flight -= gib
            if in_flight < budget_gib:
                wait = seconds
                break
    return max(minimum, round(min(maximum, wait)))
