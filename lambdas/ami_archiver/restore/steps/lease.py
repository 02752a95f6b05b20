"""The restores' lease: who looks at the budget and fills it just now.

Runs of restores go on side by side, since one may wait two days for a thaw while another is urgent. Only filling the
budget is done by one at a time, and the lease is held no longer than that. What is in flight, of all runs, is a set on
the lease: an id is added before the intention is written, and taken off after the result is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta

from ami_archiver.app import App
from ami_archiver.errors import ArchiverError, LeaseLost
from ami_archiver.model import ActiveRun, Lease
from ami_archiver.restore.lifecycle import ENDED
from ami_archiver.restore.model import RestoreRecord, RestoreStatus, WaitingRun
from ami_archiver.restore.state import RestoreState
from ami_archiver.steps.lease import CLOCK_SKEW_SECONDS, STEP_SECONDS

LASTS = timedelta(seconds=STEP_SECONDS + CLOCK_SKEW_SECONDS)
"""How long a step that died keeps the others waiting; its own repetition goes on at once."""


@contextmanager
def held(app: App, state: RestoreState) -> Iterator[Lease | None]:
    """The lease, or None while another run has it. A step that is killed keeps it until it ends by itself."""
    now = app.clock.now()
    lease = app.restore_leases.take(ActiveRun(state.run_id, "restore", state.started_at), now, now + LASTS)
    if lease is None:
        yield None
        return
    try:
        yield lease
    except LeaseLost:
        raise
    except ArchiverError:
        app.restore_leases.release(state.run_id, 1)
        raise
    app.restore_leases.release(state.run_id, 1)


def renew(app: App, state: RestoreState, *, add: Collection[str] = (), remove: Collection[str] = ()) -> Lease:
    """Prolong it and change what is in flight. Raises LeaseLost."""
    return app.restore_leases.renew(state.run_id, app.clock.now() + LASTS, add=add, remove=remove)


def drop_ended(app: App, state: RestoreState, lease: Lease, records: Mapping[str, RestoreRecord]) -> None:
    """Take off the lease what is not in flight any more, or never was and never will be. Raises LeaseLost."""
    records = {one: record for one, record in records.items() if not _left_behind(app, state, record)}
    over = {one for one in lease.in_flight if one not in records or records[one].status in ENDED}
    if over:
        renew(app, state, remove=over)


def _left_behind(app: App, state: RestoreState, record: RestoreRecord) -> bool:
    """Whether another run's step was about to write this one's intention, so long ago that it must have died.

    Sooner nobody may take it off: the step would write it after all, and no look would find it.
    """
    since = app.clock.now() - record.changed_at
    return (
        record.status is not RestoreStatus.RESTORING
        and record.run_id != state.run_id
        and since > app.settings.run_limit
    )


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
