"""StoreImages: settle what EC2 has ended, fill the account's in-flight budget, and say how long to wait."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace

from ami_archiver.app import App
from ami_archiver.engine import MANY_DENIED, Filling, in_turn
from ami_archiver.failures import denied
from ami_archiver.model import ArchiveRecord, DecisionLine, InFlight, Lease, QueueEntry
from ami_archiver.queue_reader import QueueReader
from ami_archiver.run_state import HAND_OVER_LOOPS, Metrics, Next, RunState
from ami_archiver.steps import lease as leases
from ami_archiver.steps.pages import log_decision, page_name
from ami_archiver.steps.settle_stores import settle_stores
from ami_archiver.steps.store_work import StoreWork
from ami_archiver.waiting import in_flight_gib, seconds_to_wait

logger = logging.getLogger(__name__)

StoreFilling = Filling[ArchiveRecord, QueueEntry]


def store_images(app: App, state: RunState) -> tuple[RunState, Metrics]:
    """One look at everything that is under way. Raises LeaseLost."""
    lease = leases.held(app, state)
    closed = leases.closed_policies(app, lease, state)
    state = state.then(Next.WAIT, loops=state.loops + 1, runs=len(lease.runs))
    fetched = app.records.get(lease.in_flight)
    work = StoreWork(app, state, fetched.records)
    in_flight = work.in_flight()
    settled = settle_stores(app, state, fetched, in_flight)
    _put_page(app, state, settled.lines)
    ended = settled.done | (lease.in_flight - fetched.records.keys())
    leases.prolong(app, state, lease, remove=ended)

    if _has_taken_any(state, fetched.records.values(), in_flight):
        state = replace(state, stores_taken=True)  # also by an attempt of this step that died
    filling = _filling(app, state, work, in_flight)
    is_overdue = app.clock.now() - state.started_at > app.settings.run_limit
    if state.problem is None and not is_overdue:
        unstarted = [record for record in settled.unstarted if record.policy not in closed]
        filling.again(in_turn(unstarted, state.loops))
        filling.from_queue(QueueReader(app.records, closed))
    state = _concluded(_counted(state, filling), final=not filling.more_to_start)
    more_to_start = filling.more_to_start and state.problem is None
    metrics = {"InFlightGiB": in_flight_gib(filling.in_flight)}
    is_over = is_overdue or not (more_to_start or filling.asked or settled.going_on)
    if is_over and not _has_grown(app, state, lease):
        _put_page(app, state, settled.hidden)
        return state.then(Next.RETIRE, wait_seconds=0), metrics
    wait_seconds = _seconds_to_wait(app, state, filling, more_to_start=more_to_start)
    step = Next.HAND_OVER if state.loops % HAND_OVER_LOOPS == 0 else Next.WAIT
    return state.then(step, wait_seconds=wait_seconds), metrics


def _put_page(app: App, state: RunState, lines: Sequence[DecisionLine]) -> None:
    for line in lines:
        log_decision(logger, line)
    app.runs.put_page(state.run_id, page_name(f"CHECK#{state.loops:07}", lines), lines)


def _has_grown(app: App, state: RunState, lease: Lease) -> bool:
    """Whether something was started since the lease was read: this step may be run twice at once."""
    return bool(leases.renew(app, state).in_flight - lease.in_flight)


def _has_taken_any(state: RunState, records: Iterable[ArchiveRecord], in_flight: Iterable[InFlight]) -> bool:
    """Whether EC2 has taken any store of this run."""
    under_way = {task.image_id for task in in_flight}
    return any(record.run_id == state.run_id and record.image_id in under_way for record in records)


def _filling(app: App, state: RunState, work: StoreWork, in_flight: Iterable[InFlight]) -> StoreFilling:
    return Filling(
        work,
        in_flight,
        budget_gib=app.settings.in_flight_budget_gib,
        rule=app.settings.admission_rule,
        denials_left=MANY_DENIED if state.stores_taken else MANY_DENIED - state.stores_denied,
    )


def _counted(state: RunState, filling: StoreFilling) -> RunState:
    """The state with what EC2 has said to this look's starts."""
    return replace(
        state,
        refused_starts=state.refused_starts + 1 if filling.only_refused else 0,
        stores_denied=state.stores_denied + filling.denied,
        stores_taken=state.stores_taken or filling.started > 0,
    )


def _concluded(state: RunState, *, final: bool) -> RunState:
    """With what is to be said of the run if it asks for no further store: that all were denied is the role's fault."""
    asks_no_more = final or state.stores_denied >= MANY_DENIED
    if state.stores_taken or not state.stores_denied or not asks_no_more:
        return state
    problem = denied(
        f"all {state.stores_denied} stores that the run asked for were denied, so it is not the images but the role of "
        "StoreImages, a key policy or an organization's policy; each image's reason has AWS's words",
        "what still waits goes first in the next run",
    )
    return replace(state, problem=problem)


def _seconds_to_wait(app: App, state: RunState, filling: StoreFilling, *, more_to_start: bool) -> int:
    settings = app.settings
    return seconds_to_wait(
        filling.in_flight,
        app.clock.now(),
        budget_gib=settings.in_flight_budget_gib,
        more_to_start=more_to_start,
        shortest=settings.wait_min_seconds,
        longest=settings.wait_max_seconds,
        refused_looks=state.refused_starts,
    )
