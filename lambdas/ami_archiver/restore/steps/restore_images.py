"""RestoreImages: thaw what is due, look what EC2 has ended, fill the restore budget, and say how long to wait."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from ami_archiver.app import App
from ami_archiver.engine import Filling, in_turn
from ami_archiver.errors import LeaseLost
from ami_archiver.model import InFlight, Lease
from ami_archiver.queue_reader import QueueReader
from ami_archiver.restore.model import RestoreEntry, RestoreRecord, ThawEntry, WaitingRun
from ami_archiver.restore.state import RestoreState
from ami_archiver.restore.steps import lease as leases
from ami_archiver.restore.steps.finish import give_up
from ami_archiver.restore.steps.finish_restores import adopt_arrived, to_finish
from ami_archiver.restore.steps.lease import goes_before, own_turn
from ami_archiver.restore.steps.restore_work import Look, RestoreWork
from ami_archiver.restore.steps.thaw import thaw_due
from ami_archiver.run_state import HAND_OVER_LOOPS, Metrics, Next
from ami_archiver.waiting import in_flight_gib, seconds_to_wait

logger = logging.getLogger(__name__)

RestoreFilling = Filling[RestoreRecord, RestoreEntry]

IN_FLIGHT = "RestoreInFlightGiB"


def restore_images(app: App, state: RestoreState) -> tuple[RestoreState, Metrics]:
    """One look at everything that is under way, of whatever run: what a run that died left is finished as well."""
    state = state.then(Next.WAIT, loops=state.loops + 1)
    try:
        if thaw_due(app, state):
            state = replace(state, progressed_at=app.clock.now())
        with leases.held(app, state) as lease:
            return _look(app, state, lease)
    except LeaseLost as error:  # this step took longer than a lease lasts; what is written is right, so look again
        logger.warning("lease lost", extra={"run_id": state.run_id, "reason": str(error)})
        return replace(state, wait_seconds=app.settings.wait_min_seconds), {}


@dataclass(frozen=True)
class _Left:
    """What of the run is not done yet."""

    own: Sequence[InFlight]
    unstarted: Sequence[RestoreRecord]
    is_waiting: bool
    """Something waits for the budget."""
    thaw: ThawEntry | None
    ended: bool
    """FinishRestores has something to do."""

    @property
    def more_to_start(self) -> bool:
        return self.is_waiting or bool(self.unstarted)

    @property
    def anything(self) -> bool:
        return self.more_to_start or bool(self.own) or self.thaw is not None or self.ended


def _look(app: App, state: RestoreState, lease: Lease | None) -> tuple[RestoreState, Metrics]:
    """`lease` is None while another run fills the budget."""
    work = RestoreWork(app, state, (lease or app.restore_leases.read()).in_flight)
    look = work.look()
    adopt_arrived(app, work, look)
    _give_up_abandoned(app, state, look)
    if lease is not None:
        leases.drop_ended(app, state, lease, work.records)
    reader = QueueReader(app.restores.queue(state.run_id))
    left = _Left(
        own=[task for task in look.in_flight if work.is_own(task)],
        unstarted=[record for record in look.unstarted if record.run_id == state.run_id],
        is_waiting=reader.head() is not None,
        thaw=next(app.restores.thaws(state.run_id, None), None),
        ended=bool(to_finish(app, state, work, look)),
    )
    if not left.anything and not _has_grown(app, state, work):
        return state.then(Next.REPORT, wait_seconds=0), {IN_FLIGHT: in_flight_gib(look.in_flight)}
    if left.thaw is None and not left.ended and state.loops > 1 and _stands_still(app, state):
        for record in left.unstarted:
            give_up(app, record)
        if lease is not None:
            leases.drop_ended(app, state, lease, app.restores.get(lease.in_flight).records)
        return state.then(Next.REPORT, wait_seconds=0), {IN_FLIGHT: in_flight_gib(look.in_flight)}
    step = Next.FINISH if left.ended else Next.HAND_OVER if state.loops % HAND_OVER_LOOPS == 0 else Next.WAIT
    if lease is None and left.more_to_start:
        wait_seconds = app.settings.wait_min_seconds  # until the other run has filled the budget
        return state.then(step, wait_seconds=wait_seconds), {IN_FLIGHT: in_flight_gib(look.in_flight)}
    filling = RestoreFilling(
        work,
        look.in_flight,
        budget_gib=app.settings.restore_budget_gib,
        rule=app.settings.admission_rule,
    )
    now, runs = app.clock.now(), app.restores.waiting_runs() if left.more_to_start else []
    own = own_turn(state.run_id, runs, now)
    if left.more_to_start:
        filling.again(in_turn(left.unstarted, state.loops))
        if goes_before(own, runs, now) is None:
            filling.from_queue(reader)
        elif left.is_waiting:
            filling.more_to_start = True
    state = _counted(app, state, work, filling)
    wait_seconds = _seconds_to_wait(app, state, work, filling, left)
    if left.more_to_start:
        _keep_turn(app, own, filling, wait_seconds)
    return state.then(step, wait_seconds=wait_seconds), {IN_FLIGHT: in_flight_gib(filling.in_flight)}


def _has_grown(app: App, state: RestoreState, work: RestoreWork) -> bool:
    """Whether a restore of this run was started since the lease was read: this step may be run twice at once."""
    unseen = app.restore_leases.read().in_flight - work.records.keys()
    return any(restore_id.startswith(f"{state.run_id}.") for restore_id in unseen)


def _give_up_abandoned(app: App, state: RestoreState, look: Look) -> None:
    """Intentions of runs that died or were stopped: nobody asks EC2 for them again."""
    for record in look.unstarted:
        if record.run_id != state.run_id and app.clock.now() - record.begun_at > app.settings.run_limit:
            give_up(app, record)


def _stands_still(app: App, state: RestoreState) -> bool:
    return app.clock.now() - state.progressed_at > app.settings.run_limit


def _keep_turn(app: App, own: WaitingRun, filling: RestoreFilling, wait_seconds: int) -> None:
    """Let the other runs know whether this one still comes, and when."""
    if not filling.more_to_start:
        app.restores.wait_no_more(own.run_id)
        return
    now = app.clock.now()
    turn_at = now if filling.asked else own.turn_at
    app.restores.wait(replace(own, turn_at=turn_at, looks_at=now + timedelta(seconds=wait_seconds)))


def _counted(app: App, state: RestoreState, work: RestoreWork, filling: RestoreFilling) -> RestoreState:
    """The state with what EC2 has said to this look's starts."""
    started = filling.started + work.taken_over
    return replace(
        state,
        progressed_at=app.clock.now() if started else state.progressed_at,
        refused_starts=state.refused_starts + 1 if filling.only_refused and not started else 0,
        restores_denied=state.restores_denied + filling.denied,
        restores_taken=state.restores_taken or started > 0,
    )


def _seconds_to_wait(
    app: App,
    state: RestoreState,
    work: RestoreWork,
    filling: RestoreFilling,
    left: _Left,
) -> int:
    """Until a restore ends that matters, or the next thaw is worth a look, whichever comes first.

    A thaw may be hours away: then this is hours, since nobody else has to wait for this run meanwhile.
    """
    now, settings = app.clock.now(), app.settings
    shortest = settings.wait_min_seconds
    waits = [shortest] if left.ended else []
    own = [task for task in filling.in_flight if work.is_own(task)]
    if own or filling.more_to_start:
        waits.append(
            seconds_to_wait(
                filling.in_flight if filling.more_to_start else own,
                now,
                budget_gib=settings.restore_budget_gib,
                more_to_start=filling.more_to_start,
                shortest=shortest,
                longest=settings.wait_max_seconds,
                refused_looks=state.refused_starts,
            )
        )
    if (thaw := next(app.restores.thaws(state.run_id, None), None)) is not None:
        waits.append(max(shortest, round((thaw.look_at - now).total_seconds())))
    return min(waits, default=shortest)
