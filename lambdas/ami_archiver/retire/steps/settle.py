"""What the last run left: calls that were made and not recorded, images that somebody enabled again, snapshots."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace

from ami_archiver.failures import reason
from ami_archiver.model import Action, ArchiveRecord, Decision, DecisionLine, Image, Retirement, Status
from ami_archiver.retire import moves, reasons
from ami_archiver.retire.app import RetireApp
from ami_archiver.retire.model import LeftSnapshot, SnapshotEnd
from ami_archiver.retire.reasons import MARKS, Keep
from ami_archiver.retire.savings import saved_by
from ami_archiver.retire.steps.inspect import by_object
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


def settle_deregistered(
    app: RetireApp, state: RunState, record: ArchiveRecord, intended: Retirement | None = None
) -> ArchiveRecord:
    """The call was made and its answer lost: what became of the snapshots is seen by the list of those left, on which
    they are put once more, since a run that ended meanwhile may have taken them off.

    `intended`: what the record said of its retirement when the call was about to be made, if not what it says now.
    """
    why = "deregistered, as an earlier step was about to ask"
    retirement = intended or record.retirement
    left = [LeftSnapshot(record.image_id, one) for one in sorted(retirement.snapshots)]
    return record_retired(app, state, record, why, {}, adding=left, intended=retirement)


def record_retired(
    app: RetireApp,
    state: RunState,
    record: ArchiveRecord,
    why: str,
    ends: Mapping[str, tuple[SnapshotEnd, str]],
    *,
    adding: Collection[LeftSnapshot],
    leaving: Collection[LeftSnapshot] = (),
    intended: Retirement | None = None,
) -> ArchiveRecord:
    """Written whatever another worker has made of the record meanwhile: the image is gone, and it was us."""
    before: ArchiveRecord | None = record
    while before is not None and before.status is Status.DISABLED:
        about_to = replace(before, retirement=intended or record.retirement)
        after = moves.retired(about_to, why, ends, at=app.clock.now(), run_id=state.run_id)
        saved = saved_by(after, app.settings)
        if app.retirements.save(before, after, adding=adding, leaving=leaving, saved=saved):
            return after
        logger.warning("record written by somebody else", extra={"image_id": record.image_id})
        before = app.record(record.image_id)
    return before or record


LEFT = "LEFT#"
"""Pages of the snapshots of deregistered images that are still there: DecisionLines with their ids."""
SNAPSHOT_SECONDS = 60
"""What one snapshot may take; with less time left, the next invocation goes on behind the last one looked at."""


def left_pages(state: RunState) -> str:
    """The kind of this turn's pages: after an answer of a person, the snapshots are gone through once more."""
    return f"{LEFT}{'ANSWERED' if state.approval is not None else 'NIGHT'}#"


def settle_snapshots(app: RetireApp, state: RunState, seconds_left: Callable[[], float]) -> str | None:
    """Go through the snapshots of images that are to be deregistered or were: delete what is left, and write down what
    remains, and why. None: all were looked at; a text: the last one, behind which to go on."""
    remaining: list[DecisionLine] = []
    page, after, until = f"{left_pages(state)}{state.left_after or ''}", state.left_after or "", None
    for left in sorted(app.retirements.left_snapshots(), key=_position):
        if _position(left) <= after:
            continue
        if line := _settle_snapshot(app, state, left):
            remaining.append(line)
        if seconds_left() < SNAPSHOT_SECONDS:
            until = _position(left)
            break
    app.runs.put_page(state.run_id, page, remaining)
    return until


def _position(left: LeftSnapshot) -> str:
    return f"{left.image_id}#{left.snapshot_id}"


def _settle_snapshot(app: RetireApp, state: RunState, left: LeftSnapshot) -> DecisionLine | None:
    """What is still there, with the reason; None: it is gone, or none of those to be deleted."""
    record = app.record(left.image_id)
    if record is None:
        why = reason(Keep.NOT_VERIFIED, "its image's record cannot be read", f"repair the record; {BY_HAND}")
        return _still_there(left, "", why)
    if record.status is not Status.RETIRED:
        if record.retirement.intention is not Action.DEREGISTER:
            app.retirements.drop(left)  # the image was kept after all
        return None
    end, why = _delete(app, record, left.snapshot_id)
    if end is SnapshotEnd.SHARED:
        app.originals.unmark([left.snapshot_id], MARKS.values())
    gone = [left] if end is not SnapshotEnd.LEFT else []
    if left.snapshot_id in record.retirement.snapshots:
        after = moves.snapshot_ended(record, left.snapshot_id, end, why, at=app.clock.now(), run_id=state.run_id)
        if after is record and gone:
            app.retirements.drop(left)
        elif after is not record and not app.retirements.save(record, after, leaving=gone):
            return _still_there(
                left, record.policy, reasons.changed("somebody else has just written its image's record")
            )
    return None if gone else _still_there(left, record.policy, why)


def _still_there(left: LeftSnapshot, policy: str, why: str) -> DecisionLine:
    extra = {"snapshot_id": left.snapshot_id, "image_id": left.image_id, "reason": why}
    logger.info("snapshot of a retired image is still there", extra=extra)
    return DecisionLine(left.snapshot_id, policy, Decision.KEPT, f"of {left.image_id}: {why}")


def _delete(app: RetireApp, record: ArchiveRecord, snapshot_id: str) -> tuple[SnapshotEnd, str]:
    """The snapshots are the last of the original: they go only while its object is whole, if its policy still lets
    originals go so far, and if a plan has marked them; what the table says is not enough."""
    if snapshot_id not in record.retirement.snapshots:
        what = f"the record of {record.image_id} does not list it"
        return SnapshotEnd.LEFT, reason(Keep.NOT_MARKED, what, f"see who put it on the list SNAPSHOTS; {BY_HAND}")
    snapshot = app.originals.snapshots([snapshot_id]).get(snapshot_id)
    if snapshot is None:
        return SnapshotEnd.DELETED, "gone already"
    if app.originals.others_on([snapshot_id], record.image_id):
        return SnapshotEnd.SHARED, ""
    kept = [*reasons.by_policy(record.policy, app.settings.policy(record.policy), Action.DEREGISTER)]
    if MARKS[Action.DEREGISTER] not in snapshot.tags:
        kept.append(reason(Keep.NOT_MARKED, f"it has no tag {MARKS[Action.DEREGISTER]}", BY_HAND))
    if kept:
        return SnapshotEnd.LEFT, kept[0]
    if not_whole := by_object(app, record):
        return SnapshotEnd.LEFT, not_whole[0]
    locks = app.originals.locks([snapshot_id])
    held = [*reasons.by_locks(locks)]
    if held:
        return SnapshotEnd.LEFT, held[0]
    return app.originals.delete_snapshot(snapshot_id)


BY_HAND = "if it may go, delete it by hand"
