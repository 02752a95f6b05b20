"""What the last run left: calls that were made and not recorded, images that somebody enabled again, snapshots."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from ami_archiver.model import Action, ArchiveRecord, Image, Status
from ami_archiver.retire import moves, reasons
from ami_archiver.retire.ports import LeftSnapshot, SnapshotEnd
from ami_archiver.retire.savings import saved_by
from ami_archiver.retire.steps.inspect import by_object

if TYPE_CHECKING:
    from ami_archiver.retire.app import RetireApp
    from ami_archiver.run_state import RunState

logger = logging.getLogger(__name__)

ENABLED_AGAIN = "somebody has enabled it again since it was disabled; to let it go after all, disable it"


def settle(app: RetireApp, state: RunState, record: ArchiveRecord, image: Image | None) -> ArchiveRecord:
    """The record, brought to what EC2 shows of its original. It is as before where nothing is to be told."""
    at, run_id = app.clock.now(), state.run_id
    after = record
    if record.status is Status.VERIFIED and record.retirement.intention is Action.DISABLE:
        if image is not None and image.state == "disabled":
            after = moves.disabled(record, "disabled, as an earlier step was about to ask", at=at, run_id=run_id)
    elif record.status is Status.DISABLED and image is None and record.retirement.intention is Action.DEREGISTER:
        return settle_deregistered(app, state, record)
    elif record.status is Status.DISABLED and image is not None:
        if image.state == "available" and record.retirement.disabled_at is not None:
            after = moves.enabled_again(record, ENABLED_AGAIN, at=at, run_id=run_id)
        elif image.state == "disabled" and record.retirement.disabled_at is None:
            after = moves.disabled(record, "somebody has disabled it; its grace period begins", at=at, run_id=run_id)
    return after if after is record or app.retirements.save(record, after) else record


def settle_deregistered(app: RetireApp, state: RunState, record: ArchiveRecord) -> ArchiveRecord:
    """The call was made and its answer lost: what became of the snapshots is seen by the list of those left, on which
    they are put once more, since a run that ended meanwhile may have taken them off."""
    why = "deregistered, as an earlier step was about to ask"
    after = moves.retired(record, why, {}, at=app.clock.now(), run_id=state.run_id)
    left = [LeftSnapshot(record.image_id, one) for one in sorted(record.retirement.snapshots)]
    return after if app.retirements.save(record, after, adding=left, saved=saved_by(after, app.settings)) else record


def settle_snapshots(app: RetireApp, state: RunState) -> int:
    """Go through the snapshots of images that are to be deregistered or were: delete what is left. How many remain."""
    remaining = 0
    for left in list(app.retirements.left_snapshots()):
        record = app.retirements.get(left.image_id)
        if record is None or record.status is not Status.RETIRED:
            if record is not None and record.retirement.intention is not Action.DEREGISTER:
                app.retirements.drop(left)  # the image was kept after all
            continue
        end, why = _delete(app, record, left.snapshot_id)
        after = moves.snapshot_ended(record, left.snapshot_id, end, why, at=app.clock.now(), run_id=state.run_id)
        gone = [left] if end is not SnapshotEnd.LEFT else []
        remaining += not gone
        if after is record:
            continue
        if not app.retirements.save(record, after, leaving=gone):
            remaining += bool(gone)
        logger.info(
            "snapshot of a retired image", extra={"snapshot_id": left.snapshot_id, "end": str(end), "reason": why}
        )
    return remaining


def _delete(app: RetireApp, record: ArchiveRecord, snapshot_id: str) -> tuple[SnapshotEnd, str]:
    """The snapshots are the last of the original: they go only while its object is whole."""
    if not_whole := by_object(app, record):
        return SnapshotEnd.LEFT, not_whole[0]
    locks = app.originals.locks([snapshot_id])
    held = [*reasons.by_locks(locks)]
    if held:
        return SnapshotEnd.LEFT, held[0]
    return app.originals.delete_snapshot(snapshot_id)
