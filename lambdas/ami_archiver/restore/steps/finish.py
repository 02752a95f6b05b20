"""What happens to a restored image once it is there, and to one that will never be."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from ami_archiver import lifecycle as archive_lifecycle
from ami_archiver.app import App
from ami_archiver.errors import TemporarilyUnavailable
from ami_archiver.failures import reason
from ami_archiver.model import RESTORE_ID_TAG, ArchiveRecord
from ami_archiver.restore import lifecycle
from ami_archiver.restore.lifecycle import log_restore
from ami_archiver.restore.model import (
    RestoredImage,
    RestoreEntry,
    RestoreFailure,
    RestoreRecord,
    RestoreStatus,
    ThawEntry,
)
from ami_archiver.restore.planning import pointable
from ami_archiver.sharing import sharing

logger = logging.getLogger(__name__)

NOTES_TRIED = 5


def finish(
    app: App,
    record: RestoreRecord,
    image: RestoredImage | None,
    archived: ArchiveRecord | None,
    confirmed: Sequence[str],
) -> None:
    """End a restore whose image is not pending any more, unless somebody else moves its record just now.

    `archived` is the original's archive record, if it has one; `confirmed` are launch permissions that may be given.
    """
    if image is None:
        what = f"image {record.restored_image_id} is gone: it was deregistered before it was available"
        _fail(app, record, reason(RestoreFailure.IMAGE_GONE, what, "restore again"))
        return
    if image.state != "available":
        why = reason(
            RestoreFailure.RESTORE_FAILED,
            f"image {image.image_id} is {image.state}: {image.state_reason or 'EC2 gave no reason'}",
            f"deregister {image.image_id} to free its name, then restore again",
        )
        _fail(app, record, why, restored_image_id=image.image_id)
        return
    if archived is not None and archived.object_key != record.object_key:
        archived = None  # another copy of that image: nothing is recorded of it
    why = f"restored as {image.image_id} named {image.name!r}"
    notes = _share(app, record, image, archived, confirmed) + _point(app, record, image, archived)
    if archived is not None:
        _note_in_history(app, record, image, archived)
    after = lifecycle.move(
        record,
        RestoreStatus.RESTORED,
        "; ".join([why, *notes]),
        at=app.clock.now(),
        restored_image_id=image.image_id,
    )
    _save(app, record, after)


def give_up(app: App, record: RestoreRecord, leaving: RestoreEntry | ThawEntry | None = None) -> None:
    """End a restore that nobody will start any more."""
    why = reason(
        RestoreFailure.GIVEN_UP,
        f"nothing was restored for {app.settings.run_limit_hours:g} hours; the last thing known is: {record.reason}",
        "see what else is being restored or copied in the account, then restore again",
    )
    after = lifecycle.move(record, RestoreStatus.FAILED, why, at=app.clock.now())
    if app.restores.save(record, after, leaving=leaving):
        log_restore(logger, after)


def _share(
    app: App,
    record: RestoreRecord,
    image: RestoredImage,
    archived: ArchiveRecord | None,
    confirmed: Sequence[str],
) -> list[str]:
    """Share with those that are both recorded and confirmed, and say of the others why not."""
    recorded = archived.facts.launch_permissions if archived else None
    if recorded is None:
        return ["not shared: the record does not say with whom the original was shared"] if confirmed else []
    found = sharing(recorded, confirmed)
    if not found.again:
        return found.left_out()
    names = ", ".join(found.again)
    if image.restore_id and image.restore_id in (record.restore_id, record.takes_over):
        refused = app.restore_tasks.share(image.image_id, found.again)
    else:
        refused = f"the image's tag {RESTORE_ID_TAG} does not say that it is this restore's"
    return [f"not shared with {names}: {refused}" if refused else f"shared with {names}", *found.left_out()]


def _point(app: App, record: RestoreRecord, image: RestoredImage, archived: ArchiveRecord | None) -> list[str]:
    if not record.options.point_ssm_parameters:
        return []
    arns = archived.facts.ssm_parameters if archived else None
    if arns is None:
        return ["no SSM parameter pointed at it: which did is not recorded"]
    notes = []
    for arn in arns:
        if not pointable(arn, app.settings.parameter_prefixes):
            notes.append(f"{arn} left as it is: account.parameter_prefixes does not allow it")
            continue
        refused = app.parameters.point(arn, record.source_image_id, image.image_id)
        notes.append(f"{arn} left as it is: {refused}" if refused else f"{arn} points at it")
    return notes


def _note_in_history(app: App, record: RestoreRecord, image: RestoredImage, archived: ArchiveRecord | None) -> None:
    """One entry, however often the step is repeated; the archive record stays in its status."""
    why = f"restored as {image.image_id} by {record.restore_id}"
    for _ in range(NOTES_TRIED):
        if archived is None or any(move.why == why for move in archived.history):
            return
        after = archive_lifecycle.noted(archived, why, at=app.clock.now(), run_id=record.run_id)
        if app.records.save(archived, after):
            return
        archived = app.records.get([record.source_image_id]).records.get(record.source_image_id)
    raise TemporarilyUnavailable(f"the record of {record.source_image_id} is changed all the time")


def _fail(app: App, record: RestoreRecord, why: str, **changes: str) -> None:
    _save(app, record, lifecycle.move(record, RestoreStatus.FAILED, why, at=app.clock.now(), **changes))


def _save(app: App, before: RestoreRecord, after: RestoreRecord) -> None:
    if app.restores.save(before, after):
        log_restore(logger, after)
