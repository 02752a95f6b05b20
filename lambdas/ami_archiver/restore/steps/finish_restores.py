"""FinishRestores: what becomes of images that EC2 has ended; the only step that may share one or change a parameter."""

from __future__ import annotations

from dataclasses import replace

from ami_archiver.app import App
from ami_archiver.restore import lifecycle
from ami_archiver.restore.model import RestoredImage, RestoreRecord
from ami_archiver.restore.state import RestoreState
from ami_archiver.restore.steps.finish import finish
from ami_archiver.restore.steps.restore_work import Look, RestoreWork


def finish_restores(app: App, state: RestoreState) -> RestoreState:
    """End every restore that has ended, of whatever run: what a run that died left is finished as well."""
    work = RestoreWork(app, state, app.restore_leases.read().in_flight)
    look = work.look()
    adopt_arrived(app, work, look)
    ended = to_finish(app, state, work, look)
    archived = app.records.get({record.source_image_id for record, _ in ended} - {""}).records
    own = _own_ids(state, work)
    for record, image in ended:
        confirmed = state.confirmed if record.restore_id in own else ()
        finish(app, record, image, archived.get(record.source_image_id), confirmed)
        if record.run_id == state.run_id:
            state = replace(state, progressed_at=app.clock.now())
    return state


def to_finish(
    app: App, state: RestoreState, work: RestoreWork, look: Look
) -> list[tuple[RestoreRecord, RestoredImage | None]]:
    """What has ended and is this run's to finish.

    With whom a restore's image may be shared only its own run knows, and one that an equal request began and that
    takes the image over. So another run leaves it to that one, until it must have died; then it is not shared.
    """
    own, limit = _own_ids(state, work), app.settings.run_limit
    return [
        (record, image)
        for record, image in ((work.records.get(seen.restore_id, seen), image) for seen, image in look.ended)
        if record.restore_id in own or not record.options.confirmed or app.clock.now() - record.changed_at > limit
    ]


def adopt_arrived(app: App, work: RestoreWork, look: Look) -> None:
    """Write the image's id into the records of calls after which a step died."""
    for before, image in look.arrived:
        why = f"adopted image {image.image_id}, which an earlier attempt of this step had started"
        after = lifecycle.noted(before, why, at=app.clock.now(), restored_image_id=image.image_id)
        if app.restores.save(before, after):
            work.records[before.restore_id] = after


def _own_ids(state: RestoreState, work: RestoreWork) -> set[str | None]:
    """Restores of this run, and those whose image it takes over."""
    own = [record for record in work.records.values() if record.run_id == state.run_id]
    return {record.restore_id for record in own} | {record.takes_over for record in own}
