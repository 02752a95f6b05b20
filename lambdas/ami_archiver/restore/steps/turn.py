"""Runs of restores that wait at the same time take turns at filling the budget; `restore.turns` says whose it is."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from ami_archiver.restore.app import RestoreApp
from ami_archiver.restore.model import WaitingRun
from ami_archiver.restore.state import RestoreState
from ami_archiver.restore.turns import goes_before


def turn_of(app: RestoreApp, state: RestoreState) -> tuple[WaitingRun, WaitingRun | None]:
    """This run as it waits, and the one whose turn it is instead, if any."""
    now = app.clock.now()
    waiting = app.restores.waiting_runs()
    own = next((run for run in waiting if run.run_id == state.run_id), WaitingRun(state.run_id, now, now))
    return own, goes_before(own, waiting, now)


def keep_turn(app: RestoreApp, own: WaitingRun, wait_seconds: int, *, had_it: bool = False) -> None:
    """Let the others know that this run still comes."""
    now = app.clock.now()
    turn_at = now if had_it else own.turn_at
    app.restores.wait(replace(own, turn_at=turn_at, looks_at=now + timedelta(seconds=wait_seconds)))
