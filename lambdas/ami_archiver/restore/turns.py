"""Runs of restores that wait for the budget at the same time take turns."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from ami_archiver.restore.model import WaitingRun

LATE = timedelta(minutes=5)
"""So late a run may come to its look: clocks differ, and a step that failed is tried again."""


def own_turn(run_id: str, waiting: Iterable[WaitingRun], now: datetime) -> WaitingRun:
    """The run as it waits, or begins to wait."""
    return next((run for run in waiting if run.run_id == run_id), WaitingRun(run_id, now, now))


def goes_before(run: WaitingRun, others: Iterable[WaitingRun], now: datetime) -> WaitingRun | None:
    """The run whose turn it is instead: of those that still come, the one that has had none for longest."""
    comes = [other for other in others if other.run_id != run.run_id and other.looks_at + LATE >= now]
    first = min([run, *comes], key=lambda one: (one.turn_at, one.run_id))
    return None if first is run else first
