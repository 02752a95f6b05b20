"""One original at a time: the intention is written, everything is looked at once more, and only then EC2 is asked."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from ami_archiver.eligibility import snapshot_gib
from ami_archiver.failures import because
from ami_archiver.model import Action, ArchiveRecord, Decision, DecisionLine, Image, Status
from ami_archiver.retire import moves, reasons
from ami_archiver.retire.ports import Deregistered, Freed, LeftSnapshot, SnapshotEnd, Unwilling
from ami_archiver.retire.reasons import RETIRE_ON_TAG, Keep
from ami_archiver.retire.savings import saved_by
from ami_archiver.retire.steps.inspect import Candidate, Finding, Newest, ask_for_report, inspect
from ami_archiver.retire.steps.settle import settle, settle_deregistered

if TYPE_CHECKING:
    from ami_archiver.retire.app import RetireApp
    from ami_archiver.run_state import RunState

logger = logging.getLogger(__name__)

NOTHING_FREED = Freed(0, 0)


class Act:
    """What a run does to the originals of its plan."""

    def __init__(self, app: RetireApp, state: RunState) -> None:
        self._app = app
        self._state = state
        self._newest = Newest(app)

    def on(self, line: DecisionLine) -> DecisionLine | None:
        """What became of one image of the plan; None: EC2's usage report on it is not there yet."""
        action = Action.DISABLE if line.decision is Decision.DISABLED else Action.DEREGISTER
        policy = self._app.settings.policy(line.policy)
        record = self._app.retirements.get(line.image_id)
        if policy is None or not policy.retires or record is None:
            return self._line(line, Decision.KEPT, reasons.changed("its policy or its record is not what was planned"))
        image = self._app.originals.by_id([line.image_id]).get(line.image_id)
        record = settle(self._app, self._state, record, image)
        if done := self._done(record, action):
            return self._line(line, done, record.reason)
        report = ask_for_report(self._app, line.image_id)
        if isinstance(report, str):
            return self._kept(line, record, report)
        if not report:
            return None
        intended = self._intend(record, action, image)
        if intended is None:
            return self._line(line, Decision.KEPT, reasons.changed("somebody else has just written its record"))
        return self._look_and_act(line, Candidate(intended, policy, action))

    def kept(self, line: DecisionLine, why: str) -> DecisionLine:
        """An original of the plan that stays whatever it is like."""
        record = self._app.retirements.get(line.image_id)
        return self._kept(line, record, why) if record else self._line(line, Decision.KEPT, why)

    def _done(self, record: ArchiveRecord, action: Action) -> Decision | None:
        """What an earlier attempt of this step, or of the run before, has done already."""
        told = record.retirement
        if record.decision is Decision.RETIRED:
            return Decision.RETIRED
        if action is Action.DISABLE and record.decision is Decision.DISABLED and told.disabled_at is not None:
            return Decision.DISABLED
        return None

    def _intend(self, record: ArchiveRecord, action: Action, image: Image | None) -> ArchiveRecord | None:
        """Write what is about to be asked for, and the snapshots that go along on the list of those left."""
        ids: set[str] = set()
        gib, freed = 0.0, NOTHING_FREED
        if image is not None and action is Action.DEREGISTER:
            ids = set(image.snapshot_ids)
            going = self._app.originals.snapshots(ids - self._app.originals.others_on(ids, image.image_id)).values()
            gib = round(sum(map(snapshot_gib, going)), 3)
            freed = self._app.blocks.freed(list(going))
            if image.last_launched_at is not None:  # snapshots of volumes made from it may hold its blocks, too
                freed = Freed(0, freed.at_most_gib)
        at, run_id = self._app.clock.now(), self._state.run_id
        after = moves.intended(record, action, ids, gib, freed, at=at, run_id=run_id)
        left = [LeftSnapshot(record.image_id, one) for one in sorted(ids)]
        return after if self._app.retirements.save(record, after, adding=left) else None

    def _look_and_act(self, line: DecisionLine, candidate: Candidate) -> DecisionLine:
        """Everything once more, immediately before the call."""
        record, policy, action = candidate.record, candidate.policy, candidate.action
        finding = inspect(self._app, [candidate], self._newest)[0]
        finding.reasons += reasons.by_announcement(record, policy, action, finding.image, self._app.clock.now())
        if finding.reasons or finding.pending_report:
            why = finding.reasons[0] if finding.reasons else reasons.changed("its usage report is gone")
            return self._kept(line, record, why)
        if candidate.action is Action.DISABLE:
            return self._disable(line, record, finding)
        return self._deregister(line, record)

    def _disable(self, line: DecisionLine, record: ArchiveRecord, finding: Finding) -> DecisionLine:
        at, run_id = self._app.clock.now(), self._state.run_id
        why = "somebody had disabled it already"
        if finding.image is not None and finding.image.state != "disabled":
            shared = moves.shared_with(record, finding.permissions, at=at, run_id=run_id)
            if shared is not record and not self._app.retirements.save(record, shared):
                return self._line(line, Decision.KEPT, reasons.changed("somebody else has just written its record"))
            record = shared
            if not self._is_ours(record):
                return self._line(line, Decision.KEPT, reasons.changed("somebody else has just written its record"))
            unwilling = self._app.originals.disable(record.image_id)
            if unwilling:
                return self._kept(line, record, reasons.unwilling("disable", unwilling))
            why = f"object {record.object_key}, version {record.object_version_id}, is whole"
        after = moves.disabled(record, why, at=self._app.clock.now(), run_id=run_id)
        return self._saved(line, record, after, Decision.DISABLED)

    def _is_ours(self, record: ArchiveRecord) -> bool:
        """Whether nobody has written the record since: a person who took it back, or another worker."""
        now = self._app.retirements.get(record.image_id)
        return now is not None and now.history[-1] == record.history[-1]

    def _deregister(self, line: DecisionLine, record: ArchiveRecord) -> DecisionLine:
        run_id = self._state.run_id
        if not self._is_ours(record):
            return self._line(line, Decision.KEPT, reasons.changed("somebody else has just written its record"))
        answer = self._app.originals.deregister(record.image_id)
        if isinstance(answer, Unwilling):
            if not self._app.originals.by_id([record.image_id]):
                # The SDK has sent the call before and not heard of it: then EC2 knows no such image any more.
                after = settle_deregistered(self._app, self._state, record)
                return self._line(line, Decision.RETIRED, after.reason)
            return self._kept(line, record, reasons.unwilling("deregister", answer))
        return self._retired(line, record, answer, run_id)

    def _retired(self, line: DecisionLine, record: ArchiveRecord, done: Deregistered, run_id: str) -> DecisionLine:
        """Written whatever another worker has made of the record meanwhile: the image is gone, and it was us."""
        why = f"object {record.object_key}, version {record.object_version_id}, is whole"
        ends = {LeftSnapshot(record.image_id, one): end for one, (end, _) in done.snapshots.items()}
        left = [one for one, end in ends.items() if end is SnapshotEnd.LEFT]
        over = [one for one in ends if one not in left and one.snapshot_id in record.retirement.snapshots]
        before: ArchiveRecord | None = record
        while before is not None and before.status is Status.DISABLED:
            about_to = replace(before, retirement=record.retirement)
            after = moves.retired(about_to, why, done.snapshots, at=self._app.clock.now(), run_id=run_id)
            saved = saved_by(after, self._app.settings)
            if self._app.retirements.save(before, after, adding=left, leaving=over, saved=saved):
                break
            logger.warning("record written by somebody else", extra={"image_id": record.image_id})
            before = self._app.retirements.get(record.image_id)
        return self._line(line, Decision.RETIRED, why)

    def _saved(self, line: DecisionLine, before: ArchiveRecord, after: ArchiveRecord, done: Decision) -> DecisionLine:
        if not self._app.retirements.save(before, after):
            logger.warning("record written by somebody else", extra={"image_id": before.image_id})
        return self._line(line, done, after.reason)

    def _kept(self, line: DecisionLine, record: ArchiveRecord, why: str) -> DecisionLine:
        keep(self._app, self._state, record, why)
        return self._line(line, Decision.KEPT, why)

    def _line(self, line: DecisionLine, decision: Decision, why: str) -> DecisionLine:
        return DecisionLine(line.image_id, line.policy, decision, why, line.gib)


def keep(app: RetireApp, state: RunState, record: ArchiveRecord, why: str) -> None:
    """Write why an original stays, if the record does not say so already, and take back what was announced."""
    after = moves.kept(record, why, at=app.clock.now(), run_id=state.run_id)
    if after is record:
        return
    if record.retirement.announced is not None and after.retirement.announced is None:
        app.originals.tag(record.image_id, RETIRE_ON_TAG, None)
    app.retirements.save(record, after)


def keep_reason_for_no(approval: object) -> str:
    """Why nothing goes that needed a person's word."""
    if isinstance(approval, dict) and approval.get("approved") is False:
        who, why = approval.get("by") or "somebody", approval.get("why")
        return because(Keep.NOT_APPROVED, f"{who} rejected it{f': {why}' if why else ''}", "the next run asks again")
    return because(Keep.NOT_APPROVED, "nobody has approved it in time", "the next run asks again")
