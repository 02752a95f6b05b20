"""What the last run left: calls that were made and not recorded, images that somebody enabled again, snapshots. And
how what stays is written down."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace

from ami_archiver.failures import reason
from ami_archiver.model import Action, ArchiveRecord, Decision, DecisionLine, Image, Retirement, Status
from ami_archiver.retire import moves, reasons
from ami_archiver.retire.app import RetireApp
from ami_archiver.retire.model import LeftSnapshot, SnapshotEnd, saved_by
from ami_archiver.retire.reasons import MARKS, RETIRE_ON_TAG, Keep
from ami_archiver.retire.steps.inspect import by_object
from ami_archiver.run_state import RunState

logger = logging.getLogger(__name__)

ENABLED_AGAIN = "somebody has enabled it again since it was disabled; to let it go after all, disable it"


def settle(app: RetireApp, state: RunState, record: ArchiveRecord, image: Image | None) -> ArchiveRecord:
    """The record, brought to what EC2 shows of its original. It is as before where there is nothing new."""
    at, run_id = app.clock.now(), state.run_id
    shown, retirement = image.state if image is not None else None, record.retirement
    after = record
    if record.status is Status.VERIFIED and retirement.intention is Action.DISABLE and shown == "disabled":
        after = moves.disabled(record, "disabled, as an earlier step was about to ask", at=at, run_id=run_id)
    elif record.status is Status.DISABLED:
        if shown is None and retirement.intention is Action.DEREGISTER:
            return settle_deregistered(app, state, record, retirement)
        if shown == "available" and retirement.disabled_at is not None:
            after = moves.enabled_again(record, ENABLED_AGAIN, at=at, run_id=run_id)
        elif shown == "disabled" and retirement.disabled_at is None:
            after = moves.disabled(record, "somebody has disabled it; its grace period begins", at=at, run_id=run_id)
    return after if after is record or app.retirements.save(record, after) else record


def settle_deregistered(app: RetireApp, state: RunState, record: ArchiveRecord, intended: Retirement) -> ArchiveRecord:
    """The call was made and its answer lost: what became of the snapshots is seen by the list of those left, on which
    they are put once more, since a run that ended meanwhile may have taken them off."""
    why = "deregistered, as an earlier step was about to ask"
    left = [LeftSnapshot(record.image_id, one) for one in sorted(intended.snapshots)]
    return record_retired(app, state, record, intended, why, {}, adding=left)


def record_retired(
    app: RetireApp,
    state: RunState,
    record: ArchiveRecord,
    intended: Retirement,
    why: str,
    ends: Mapping[str, tuple[SnapshotEnd, str]],
    *,
    adding: Collection[LeftSnapshot],
    leaving: Collection[LeftSnapshot] = (),
) -> ArchiveRecord:
    """Written whatever another worker has made of the record meanwhile: the image is gone, and it was us. `intended`:
    what the record said of its retirement when the call was about to be made."""
    before: ArchiveRecord | None = record
    while before is not None and before.status is Status.DISABLED:
        about_to = replace(before, retirement=intended)
        after = moves.retired(about_to, why, ends, at=app.clock.now(), run_id=state.run_id)
        saved = saved_by(after, app.settings)
        if app.retirements.save(before, after, adding=adding, leaving=leaving, saved=saved):
            return after
        logger.warning("record written by somebody else", extra={"image_id": record.image_id})
        before = app.record(record.image_id)
    return before or record


def keep(
    app: RetireApp, state: RunState, record: ArchiveRecord, why: str, *, before: ArchiveRecord, marked: Collection[str]
) -> ArchiveRecord:
    """Write why an original stays, if the record does not say so already, and take back what was announced and marked.

    `before` is the record without this worker's own intention. Where it says that another worker was about to
    deregister the image, and the image is gone, that one has: the record is RETIRED then. That is looked at once the
    marks are off: from then on IAM lets nobody deregister it, so that no call can come between the look and the record.
    """
    app.originals.untag(marked, reasons.marks_off(disabled=record.status is Status.DISABLED))
    if before.retirement.intention is Action.DEREGISTER and not app.originals.by_id([record.image_id]):
        return settle_deregistered(app, state, record, before.retirement)
    after = moves.kept(record, why, at=app.clock.now(), run_id=state.run_id)
    if after is not record:
        if record.retirement.announced is not None and after.retirement.announced is None:
            app.originals.untag([record.image_id], [RETIRE_ON_TAG])
        app.retirements.save(record, after)
    return after


LEFT = "LEFT#"
"""Pages of the snapshots of deregistered images that are still there: DecisionLines with their ids."""
SNAPSHOT_SECONDS = 60
"""What one snapshot may take; with less time left, the next invocation goes on behind the last one looked at."""
BY_HAND = "if it may go, delete it by hand"


def left_pages(state: RunState) -> str:
    """The kind of this turn's pages: after an answer of a person, the snapshots are gone through once more."""
    return f"{LEFT}{'ANSWERED' if state.approval is not None else 'NIGHT'}#"


def settle_snapshots(app: RetireApp, state: RunState, seconds_left: Callable[[], float]) -> str | None:
    """Go through the snapshots of images that are to be deregistered or were: delete what is left, and write down what
    remains, and why. None: all were looked at; a text: the last one, behind which to go on."""
    remaining: list[DecisionLine] = []
    begun, until = state.left_after or "", None
    for left in sorted(app.retirements.left_snapshots(), key=_position):
        if _position(left) <= begun:
            continue
        if line := _settle_snapshot(app, state, left):
            remaining.append(line)
        if seconds_left() < SNAPSHOT_SECONDS:
            until = _position(left)
            break
    app.runs.put_page(state.run_id, f"{left_pages(state)}{begun}", remaining)
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
        app.originals.untag([left.snapshot_id], MARKS.values())
    gone = [left] if end is not SnapshotEnd.LEFT else []
    if left.snapshot_id in record.retirement.snapshots:
        after = moves.snapshot_ended(record, left.snapshot_id, end, why, at=app.clock.now(), run_id=state.run_id)
        if after is record and gone:
            app.retirements.drop(left)
        elif after is not record and not app.retirements.save(record, after, leaving=gone):
            return _still_there(left, record.policy, reasons.WRITTEN_BY_ANOTHER)
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
    kept = reasons.by_policy(record.policy, app.settings.policy(record.policy), Action.DEREGISTER)
    if not kept and MARKS[Action.DEREGISTER] not in snapshot.tags:
        kept = reason(Keep.NOT_MARKED, f"it has no tag {MARKS[Action.DEREGISTER]}", BY_HAND)
    kept = kept or by_object(app, record) or reasons.by_locks(app.originals.locks([snapshot_id]))
    return (SnapshotEnd.LEFT, kept) if kept else app.originals.delete_snapshot(snapshot_id)
