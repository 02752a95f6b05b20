"""CheckRestores: finish what EC2 has ended, and say what comes next and how long to wait for it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import timedelta

from ami_archiver.restore import lifecycle
from ami_archiver.restore.app import RestoreApp
from ami_archiver.restore.looks import seconds_to_look
from ami_archiver.restore.model import RestoreRecord, ThawEntry
from ami_archiver.restore.state import RestoreState
from ami_archiver.restore.steps.finish import finish, give_up
from ami_archiver.restore.steps.in_flight import InFlight, RunningRestore, under_way
from ami_archiver.restore.steps.turn import keep_turn, turn_of
from ami_archiver.run_state import HAND_OVER_LOOPS, Metrics, Next
from ami_archiver.steps.queue import Front
from ami_archiver.waiting import in_flight_gib, shortest_wait

IN_FLIGHT = "RestoreInFlightGiB"


def check_restores(app: RestoreApp, state: RestoreState) -> tuple[RestoreState, Metrics]:
    """One look at everything that is under way, of whatever run: what a run that died left is finished as well."""
    state = state.then(Next.WAIT, loops=state.loops + 1)
    now = app.clock.now()
    records = app.restores.get(app.leases.read().in_flight).records
    in_flight = under_way(app, records.values())
    adopted = adopt(app, in_flight)
    limit = timedelta(hours=app.settings.run_limit_hours)
    contested = _finish(app, state, in_flight, records.values(), adopted)
    own = [r.record for r in in_flight.running if r.record is not None and r.record.run_id == state.run_id]
    if any(record.run_id == state.run_id for record, _ in in_flight.ended):
        state = state.then(Next.WAIT, progressed_at=now.isoformat())

    unstarted = [record for record in in_flight.unstarted if record.run_id == state.run_id]
    for record in in_flight.unstarted:  # of a run that died or was stopped: nobody asks for it again
        if record.run_id != state.run_id and now - (record.requested_at or record.changed_at) > limit:
            give_up(app, record)
    waiting = Front(app.restores.queue(state.run_id)).largest(None) is not None
    thaw = next(app.restores.thaws(state.run_id, None), None)
    gib = in_flight_gib(in_flight.running)
    metrics = {IN_FLIGHT: gib}
    if not (unstarted or waiting or thaw or own or contested):
        return state.then(Next.REPORT, wait_seconds=0), metrics
    if thaw is None and state.loops > 1 and now - state.progressed > limit:
        for record in unstarted:
            give_up(app, record)
        return state.then(Next.REPORT, wait_seconds=0), metrics
    more_to_start = waiting or bool(unstarted)
    wait_seconds = seconds_to(
        app, state, in_flight.running, more_to_start=more_to_start, thaw=thaw, contested=contested
    )
    startable = more_to_start and gib < app.settings.restore_budget_gib
    if state.loops % HAND_OVER_LOOPS == 0:
        return state.then(Next.HAND_OVER, wait_seconds=wait_seconds), metrics
    if startable or (thaw is not None and thaw.look_at <= now):
        return state.then(Next.START, wait_seconds=wait_seconds), metrics
    if more_to_start:
        keep_turn(app, turn_of(app, state)[0], wait_seconds)
    return state.then(Next.WAIT, wait_seconds=wait_seconds), metrics


def _finish(
    app: RestoreApp,
    state: RestoreState,
    in_flight: InFlight,
    records: Collection[RestoreRecord],
    adopted: dict[str, RestoreRecord],
) -> bool:
    """End what has ended. Whether somebody else moved a restore of this run just now, so that another look pays.

    With whom a restore's image may be shared only its own run knows, and one that an equal request began and that
    takes the image over. So another run leaves it to that one, until it must have died; then it is not shared.
    """
    own = {record.restore_id for record in records if record.run_id == state.run_id}
    own |= {record.takes_over for record in records if record.run_id == state.run_id and record.takes_over}
    archived = app.records.get({record.source_image_id for record, _ in in_flight.ended} - {""}).records
    contested = False
    for record, image in in_flight.ended:
        current = adopted.get(record.restore_id, record)
        is_own = record.restore_id in own
        if not is_own and record.wishes.confirmed and not _is_abandoned(app, record):
            continue
        confirmed = state.confirmed if is_own else ()
        done = finish(app, current, image, archived.get(record.source_image_id), confirmed)
        contested = contested or (not done and record.run_id == state.run_id)
    return contested


def _is_abandoned(app: RestoreApp, record: RestoreRecord) -> bool:
    """Whether the run of a restore of which nothing was noted for so long must have died or been stopped."""
    return app.clock.now() - record.changed_at > timedelta(hours=app.settings.run_limit_hours)


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
    app: RestoreApp,
    state: RestoreState,
    running: Sequence[RunningRestore],
    *,
    more_to_start: bool,
    thaw: ThawEntry | None,
    refused_starts: int = 0,
    contested: bool = False,
) -> int:
    """Until a restore ends that matters, or the next thaw is worth a look, whichever comes first.

    A thaw may be hours away: then this is hours, since nobody else has to wait for this run meanwhile.
    """
    now, settings = app.clock.now(), app.settings
    minimum = shortest_wait(refused_starts, settings.wait_min_seconds, settings.wait_max_seconds)
    own = [r for r in running if r.record is not None and r.record.run_id == state.run_id]
    waits = [minimum] if contested else []
    if own or more_to_start:
        waits.append(
            seconds_to_look(
                running if more_to_start else own,
                now,
                budget_gib=settings.restore_budget_gib,
                more_to_start=more_to_start,
                minimum=minimum,
                maximum=settings.wait_max_seconds,
            )
        )
    if thaw is not None:
        waits.append(max(minimum, round((thaw.look_at - now).total_seconds())))
    return min(waits, default=minimum)
