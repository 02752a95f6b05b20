"""CheckRestores: finish what EC2 has ended, and say what comes next and how long to wait for it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from ami_archiver.restore import lifecycle
from ami_archiver.restore.app import RestoreApp
from ami_archiver.restore.model import RestoreRecord
from ami_archiver.restore.state import RestoreState
from ami_archiver.restore.steps.finish import finish
from ami_archiver.restore.steps.in_flight import InFlight, under_way
from ami_archiver.run_state import Metrics, Next
from ami_archiver.steps.check import HAND_OVER_LOOPS
from ami_archiver.steps.queue import Front
from ami_archiver.waiting import in_flight_gib, seconds_to_wait

IN_FLIGHT = "RestoreInFlightGiB"


def check_restores(app: RestoreApp, state: RestoreState) -> tuple[RestoreState, Metrics]:
    """One look at everything that is under way, of whatever run: what a run that died left is finished as well."""
    state = state.then(Next.WAIT, loops=state.loops + 1)
    now = app.clock.now()
    records = app.restores.get(app.leases.read().in_flight).records
    in_flight = under_way(app, records.values())
    adopted = adopt(app, in_flight)
    contested = _finish(app, state, in_flight, adopted)
    own = [r.record for r in in_flight.running if r.record is not None and r.record.run_id == state.run_id]
    if any(record.run_id == state.run_id for record, _ in in_flight.ended):
        state = state.then(Next.WAIT, progressed_at=now.isoformat())

    unstarted = any(record.run_id == state.run_id for record in in_flight.unstarted)
    waiting = Front(app.restores.queue(state.run_id)).largest(None) is not None
    thaw = next(app.restores.thaws(state.run_id, None), None)
    gib = in_flight_gib(in_flight.running)
    metrics = {IN_FLIGHT: gib}
    if not (unstarted or waiting or thaw or own or contested):
        return state.then(Next.REPORT, wait_seconds=0), metrics
    stands_still = now - state.progressed > timedelta(hours=app.settings.run_limit_hours)
    if stands_still and thaw is None and state.loops > 1:
        return state.then(Next.REPORT, wait_seconds=0), metrics
    more_to_start = waiting or unstarted
    wait_seconds = seconds_to(
        app,
        in_flight,
        own=bool(own) or contested,
        more_to_start=more_to_start,
        thaw_at=thaw.look_at if thaw else None,
        now=now,
    )
    startable = more_to_start and gib < app.settings.restore_budget_gib
    if state.loops % HAND_OVER_LOOPS == 0:
        step = Next.HAND_OVER
    elif startable or (thaw is not None and thaw.look_at <= now):
        step = Next.START
    else:
        step = Next.WAIT
    return state.then(step, wait_seconds=wait_seconds), metrics


def _finish(app: RestoreApp, state: RestoreState, in_flight: InFlight, adopted: dict[str, RestoreRecord]) -> bool:
    """End what has ended. Whether somebody else moved a restore of this run just now, so that another look pays."""
    archived = app.records.get({record.source_image_id for record, _ in in_flight.ended} - {""}).records
    contested = False
    for record, image in in_flight.ended:
        current = adopted.get(record.restore_id, record)
        done = finish(app, current, image, archived.get(record.source_image_id))
        contested = contested or (not done and record.run_id == state.run_id)
    return contested


def adopt(app: RestoreApp, in_flight: InFlight) -> dict[str, RestoreRecord]:
    """Write the image's id into the records of calls after which a step died; those records, by restore id."""
    adopted = {}
    for before, image in in_flight.arrived:
        why = f"adopted image {image.image_id}, which an earlier attempt of this step had started"
        after = lifecycle.noted(before, why, at=app.clock.now(), restored_image_id=image.image_id)
        if app.restores.save(before, after):
            adopted[before.restore_id] = after
    in_flight.running = [
        replace(r, record=adopted.get(r.record.restore_id, r.record)) if r.record else r for r in in_flight.running
    ]
    return adopted


def seconds_to(
    app: RestoreApp, in_flight: InFlight, *, own: bool, more_to_start: bool, thaw_at: datetime | None, now: datetime
) -> int:
    """Until a restore ends that matters, or a thaw is worth a look, whichever comes first.

    A thaw may be hours away: then this is hours, since nobody else has to wait for this run meanwhile. While something
    waits for the budget, half the estimate: restores that share a rate go faster as others end, and an idle budget
    costs more than a look.
    """
    waits = []
    if own or more_to_start:
        seconds = seconds_to_wait(
            in_flight.running,
            now,
            budget_gib=app.settings.restore_budget_gib,
            more_to_start=more_to_start,
            minimum=app.settings.wait_min_seconds,
            maximum=app.settings.wait_max_seconds,
        )
        waits.append(max(app.settings.wait_min_seconds, seconds // 2) if more_to_start else seconds)
    if thaw_at is not None:
        waits.append(max(app.settings.wait_min_seconds, round((thaw_at - now).total_seconds())))
    return min(waits, default=app.settings.wait_min_seconds)
