"""How long a run of restores waits before it looks again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from ami_archiver.waiting import Moving, in_flight_gib, seconds_to_wait

PATIENCE = 10
"""After so many looks at the shortest distance, what has not moved is looked at less and less often."""


def seconds_to_look(
    running: Sequence[Moving],
    now: datetime,
    *,
    budget_gib: float,
    more_to_start: bool,
    minimum: int,
    maximum: int,
) -> int:
    """Until enough of `running` has ended that one may start or, when nothing waits to be started, until all has.

    What has not moved at all may never: it gets looks whose distance grows with its age, and no estimate rests on it.
    """
    still = [r for r in running if r.progress_percentage == 0 and _age_seconds(r, now) > PATIENCE * minimum]
    moving = [r for r in running if r not in still]
    waits = []
    if moving:
        waits.append(
            seconds_to_wait(
                moving,
                now,
                budget_gib=budget_gib - in_flight_gib(still),
                more_to_start=more_to_start,
                minimum=minimum,
                maximum=maximum,
            )
        )
    if still:
        waits.append(round(min(_age_seconds(r, now) for r in still) / PATIENCE))
    return max(minimum, min([*waits, maximum] if waits else [minimum]))


def _age_seconds(moving: Moving, now: datetime) -> float:
    return (now - moving.started_at).total_seconds()
