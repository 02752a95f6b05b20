"""One original at a time: the intention is written, everything is looked at once more, and only then EC2 is asked."""

from __future__ import annotations

from collections.abc import Collection

from ami_archiver.eligibility import snapshot_gib
from ami_archiver.failures import reason
from ami_archiver.model import Action, ArchiveRecord, Decision, DecisionLine, Image, Refusal, Status
from ami_archiver.policy import Policy
from ami_archiver.retire import moves, reasons
from ami_archiver.retire.app import RetireApp
from ami_archiver.retire.model import Deregistered, Freed, LeftSnapshot, SnapshotEnd
from ami_archiver.retire.reasons import MARKS, RETIRE_ON_TAG, Keep
from ami_archiver.retire.steps.inspect import Candidate, Finding, Newest, ask_for_report, inspect
from ami_archiver.retire.steps.settle import record_retired, settle, settle_deregistered
from ami_archiver.run_state import DRY, RunState

NOTHING_FREED = Freed(0, 0)


class Act:
    """What a run does to the originals of its plan. `gone`: those that it has let go already."""

    def __init__(self, app: RetireApp, state: RunState, gone: Collection[DecisionLine]) -> None:
        self._app = app
        self._state = state
        self._newest = Newest(app)
        self._gone = list(gone)

    def on(self, line: DecisionLine) -> DecisionLine | None:
        """What became of one image of the plan; None: EC2's usage report on it is not there yet."""
        action = Action.DISABLE if line.decision is Decision.DISABLED else Action.DEREGISTER
        policy = self._app.settings.policy(line.policy)
        record = self._app.record(line.image_id)
        if record is None:
            return self.kept(line, reasons.changed("its record cannot be read any more"))
        image = self._app.originals.by_id([line.image_id]).get(line.image_id)
        record = settle(self._app, self._state, record, image)
        if done := self._done(record, action):
            return self._went(line, done, record.reason)
        not_allowed = self._not_allowed(line, policy, action)
        if policy is None or not_allowed:
            return self._kept(line, record, record, image, not_allowed[0])
        report = ask_for_report(self._app, line.image_id)
        if isinstance(report, str):
            return self._kept(line, record, record, image, report)
        if not report:
            return None
        intended = self._intend(record, action, image)
        if intended is None:
            return self._line(line, Decision.KEPT, reasons.changed("somebody else has just written its record"))
        return self._look_and_act(line, record, Candidate(intended, policy, action))

    def kept(self, line: DecisionLine, why: str) -> DecisionLine:
        """An original of the plan that stays whatever it is like."""
        record = self._app.record(line.image_id)
        image = self._app.originals.by_id([line.image_id]).get(line.image_id)
        if record is not None:
            return self._kept(line, record, record, image, why)
        if image is not None:
            off = reasons.marks_off(disabled=image.state == "disabled")
            self._app.originals.unmark([image.image_id, *image.snapshot_ids], off)
        return self._line(line, Decision.KEPT, why)

    def _not_allowed(self, line: DecisionLine, policy: Policy | None, action: Action) -> list[str]:
        """Why the configuration in force now does not let it go, whatever the plan was made under."""
        found = [*reasons.by_policy(line.policy, policy, action)]
        if policy is not None:
            gone = [one.gib for one in self._gone if one.policy == line.policy]
            planned_for = self._state.retiring.get(line.policy, DRY)
            found += reasons.by_run(policy, planned_for, len(gone), sum(gone), line.gib)
        return found

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

    def _look_and_act(self, line: DecisionLine, before: ArchiveRecord, candidate: Candidate) -> DecisionLine:
        """Everything once more, immediately before the call. `before`: the record without this worker's intention."""
        record, policy, action = candidate.record, candidate.policy, candidate.action
        finding = inspect(self._app, [candidate], self._newest)[0]
        finding.reasons += reasons.by_announcement(record, policy, action, finding.image, self._app.clock.now())
        shared = self._app.originals.others_on(finding.snapshots, line.image_id) if finding.snapshots else ()
        finding.reasons += reasons.by_marks(finding.image, finding.snapshots, shared, action)
        if finding.reasons or finding.pending_report:
            why = finding.reasons[0] if finding.reasons else reasons.changed("its usage report is gone")
            return self._kept(line, before, record, finding.image, why)
        if candidate.action is Action.DISABLE:
            return self._disable(line, record, finding)
        return self._deregister(line, before, record, finding)

    def _disable(self, line: DecisionLine, record: ArchiveRecord, finding: Finding) -> DecisionLine:
        at, run_id = self._app.clock.now(), self._state.run_id
        why = "somebody had disabled it already"
        if finding.image is not None and not reasons.is_done(finding.image, Action.DISABLE):
            shared = moves.shared_with(record, finding.permissions, at=at, run_id=run_id)
            if shared is not record and not self._app.retirements.save(record, shared):
                return self._line(line, Decision.KEPT, reasons.changed("somebody else has just written its record"))
            record = shared
            if not self._is_ours(record):
                return self._line(line, Decision.KEPT, reasons.changed("somebody else has just written its record"))
            unwilling = self._app.originals.disable(record.image_id)
            if unwilling:
                return self._kept(line, record, record, finding.image, reasons.unwilling("disable", unwilling))
            why = f"object {record.object_key}, version {record.object_version_id}, is whole"
        after = moves.disabled(record, why, at=self._app.clock.now(), run_id=run_id)
        self._app.retirements.save(record, after)
        return self._went(line, Decision.DISABLED, why)

    def _is_ours(self, record: ArchiveRecord) -> bool:
        """Whether nobody has written the record since: a person who took it back, or another worker."""
        now = self._app.record(record.image_id)
        return now is not None and now.history[-1] == record.history[-1]

    def _deregister(
        self, line: DecisionLine, before: ArchiveRecord, record: ArchiveRecord, finding: Finding
    ) -> DecisionLine:
        if not self._is_ours(record):
            return self._line(line, Decision.KEPT, reasons.changed("somebody else has just written its record"))
        answer = self._app.originals.deregister(record.image_id)
        if isinstance(answer, Refusal):
            if not self._app.originals.by_id([record.image_id]):
                # The SDK has sent the call before and not heard of it: then EC2 knows no such image any more.
                after = settle_deregistered(self._app, self._state, record)
                return self._went(line, Decision.RETIRED, after.reason)
            return self._kept(line, before, record, finding.image, reasons.unwilling("deregister", answer))
        return self._retired(line, record, answer)

    def _retired(self, line: DecisionLine, record: ArchiveRecord, done: Deregistered) -> DecisionLine:
        """A snapshot that stays, since another image uses it, is not marked any more."""
        why = f"object {record.object_key}, version {record.object_version_id}, is whole"
        ends = {LeftSnapshot(record.image_id, one): end for one, (end, _) in done.snapshots.items()}
        left = [one for one, end in ends.items() if end is SnapshotEnd.LEFT]
        over = [one for one in ends if one not in left and one.snapshot_id in record.retirement.snapshots]
        record_retired(self._app, self._state, record, why, done.snapshots, adding=left, leaving=over)
        self._app.originals.unmark(
            [one for one, (end, _) in done.snapshots.items() if end is SnapshotEnd.SHARED], MARKS.values()
        )
        return self._went(line, Decision.RETIRED, why)

    def _kept(
        self, line: DecisionLine, before: ArchiveRecord, record: ArchiveRecord, image: Image | None, why: str
    ) -> DecisionLine:
        marked = [image.image_id, *image.snapshot_ids] if image else []
        after = keep(self._app, self._state, record, why, before=before, marked=marked)
        if after.status is Status.RETIRED and line.decision is Decision.RETIRED:
            return self._went(line, Decision.RETIRED, after.reason)
        return self._line(line, Decision.KEPT, why)

    def _went(self, line: DecisionLine, done: Decision, why: str) -> DecisionLine:
        self._gone.append(line)
        return self._line(line, done, why)

    def _line(self, line: DecisionLine, decision: Decision, why: str) -> DecisionLine:
        return DecisionLine(line.image_id, line.policy, decision, why, line.gib)


def keep(
    app: RetireApp,
    state: RunState,
    record: ArchiveRecord,
    why: str,
    *,
    before: ArchiveRecord,
    marked: Collection[str],
) -> ArchiveRecord:
    """Write why an original stays, if the record does not say so already, and take back what was announced and marked.

    `before` is the record without this worker's own intention. Where it says that another worker was about to
    deregister the image, and the image is gone, that one has: the record is RETIRED then.
    """
    if before.retirement.intention is Action.DEREGISTER and not app.originals.by_id([record.image_id]):
        return settle_deregistered(app, state, record, before.retirement)
    app.originals.unmark(marked, reasons.marks_off(disabled=record.status is Status.DISABLED))
    after = moves.kept(record, why, at=app.clock.now(), run_id=state.run_id)
    if after is record:
        return record
    if record.retirement.announced is not None and after.retirement.announced is None:
        app.originals.tag(record.image_id, RETIRE_ON_TAG, None)
    app.retirements.save(record, after)
    return after


def keep_reason_for_no(approval: object) -> str:
    """Why nothing goes that needed a person's word."""
    if isinstance(approval, dict) and approval.get("approved") is False:
        who, why = approval.get("by") or "somebody", approval.get("why")
        return reason(Keep.NOT_APPROVED, f"{who} rejected it{f': {why}' if why else ''}", "the next run asks again")
    return reason(Keep.NOT_APPROVED, "nobody has approved it in time", "the next run asks again")
