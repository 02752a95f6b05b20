"""One original at a time: the intention is written, everything is looked at once more, and only then EC2 is asked."""

from __future__ import annotations

from ami_archiver.eligibility import snapshot_gib
from ami_archiver.model import Action, ArchiveRecord, Decision, DecisionLine, Image, Refusal, Status
from ami_archiver.policy import Policy
from ami_archiver.retire import moves, reasons
from ami_archiver.retire.app import RetireApp
from ami_archiver.retire.model import Deregistered, Freed, LeftSnapshot, SnapshotEnd
from ami_archiver.retire.reasons import MARKS, Taken
from ami_archiver.retire.steps.inspect import Candidate, Finding, Inspector, ask_for_report
from ami_archiver.retire.steps.settle import keep, record_retired, settle, settle_deregistered
from ami_archiver.run_state import DRY, RunState


class Act:
    """What a run does to one original of its plan."""

    def __init__(self, app: RetireApp, state: RunState, line: DecisionLine) -> None:
        self._app = app
        self._state = state
        self._line = line
        self._action = Action.DISABLE if line.decision is Decision.DISABLED else Action.DEREGISTER
        self._image = self._look()

    def _look(self) -> Image | None:
        return self._app.originals.by_id([self._line.image_id]).get(self._line.image_id)

    def run(self, inspector: Inspector, taken: Taken) -> DecisionLine | None:
        """What became of it; None: EC2's usage report on it is not there yet. `taken`: what the run has let go."""
        record = self._app.record(self._line.image_id)
        if record is None:
            return self.keep(reasons.changed("its record cannot be read any more"))
        record = settle(self._app, self._state, record, self._image)
        if record.decision is Decision.RETIRED or (
            self._action is Action.DISABLE
            and record.decision is Decision.DISABLED
            and record.retirement.disabled_at is not None
        ):
            return self._end(record.decision, record.reason)  # an earlier attempt has done it
        policy = self._app.settings.policy(self._line.policy)
        not_allowed = self._why_not_allowed(policy, taken)
        if policy is None or not_allowed:
            return self._keep(not_allowed or "", record)
        report = ask_for_report(self._app, self._line.image_id)
        if isinstance(report, Refusal):
            return self._keep(reasons.usage_unknown(report), record)
        if report is None or not report.available:
            return None
        intended = self._intend(record)
        if intended is None:
            return self._end(Decision.KEPT, reasons.WRITTEN_BY_ANOTHER)
        (finding,) = inspector.inspect([Candidate(intended, policy, self._action)])
        self._image = finding.image
        if why := self._why_keep(finding):
            return self._keep(why, intended, before=record)
        return (
            self._disable(intended, finding) if self._action is Action.DISABLE else self._deregister(intended, record)
        )

    def keep(self, why: str) -> DecisionLine:
        """It stays whatever it is like."""
        record = self._app.record(self._line.image_id)
        if record is not None:
            return self._keep(why, record)
        off = reasons.marks_off(disabled=self._image is not None and self._image.state == "disabled")
        self._app.originals.untag(self._resources(), off)
        return self._end(Decision.KEPT, why)

    def _why_not_allowed(self, policy: Policy | None, taken: Taken) -> str | None:
        """Why the configuration in force now does not let it go, whatever the plan was made under."""
        why = reasons.by_policy(self._line.policy, policy, self._action)
        if why or policy is None:
            return why
        return reasons.by_run(policy, self._state.retiring.get(policy.name, DRY), taken, self._line.gib)

    def _intend(self, record: ArchiveRecord) -> ArchiveRecord | None:
        """Write what is about to be asked for, and the snapshots that go along on the list of those left."""
        ids: set[str] = set()
        gib, freed = 0.0, Freed(0, 0)
        if self._image is not None and self._action is Action.DEREGISTER:
            ids = set(self._image.snapshot_ids)
            going = self._app.originals.snapshots(ids - self._app.originals.others_on(ids, record.image_id)).values()
            gib = round(sum(map(snapshot_gib, going)), 3)
            freed = self._app.blocks.freed(list(going))
            if self._image.last_launched_at is not None:  # snapshots of volumes made from it may hold its blocks, too
                freed = Freed(0, freed.at_most_gib)
        at, run_id = self._app.clock.now(), self._state.run_id
        after = moves.intended(record, self._action, ids, gib, freed, at=at, run_id=run_id)
        left = [LeftSnapshot(record.image_id, one) for one in sorted(ids)]
        return after if self._app.retirements.save(record, after, adding=left) else None

    def _why_keep(self, finding: Finding) -> str | None:
        """By everything once more, immediately before the call."""
        record, policy, image = finding.candidate.record, finding.candidate.policy, finding.image
        if finding.reason or image is None:
            return finding.reason
        if why := reasons.by_announcement(record, policy, self._action, image, self._app.clock.now()):
            return why
        shared = self._app.originals.others_on(finding.snapshots, image.image_id)
        if why := reasons.by_marks(image, finding.snapshots, shared, self._action):
            return why
        return reasons.changed("its usage report is gone") if finding.pending_report else None

    def _disable(self, record: ArchiveRecord, finding: Finding) -> DecisionLine:
        why, run_id = "somebody had disabled it already", self._state.run_id
        if self._image is not None and not reasons.is_done(self._image, Action.DISABLE):
            shared = moves.shared_with(record, finding.permissions, at=self._app.clock.now(), run_id=run_id)
            saved = shared is record or self._app.retirements.save(record, shared)
            record = shared
            if not saved or not self._is_ours(record):
                return self._end(Decision.KEPT, reasons.WRITTEN_BY_ANOTHER)
            if refusal := self._app.originals.disable(record.image_id):
                return self._keep(reasons.refused("disable", refusal), record)
            why = _whole(record)
        self._app.retirements.save(record, moves.disabled(record, why, at=self._app.clock.now(), run_id=run_id))
        return self._end(Decision.DISABLED, why)

    def _is_ours(self, record: ArchiveRecord) -> bool:
        """Whether nobody has written the record since: a person who took it back, or another worker."""
        now = self._app.record(record.image_id)
        return now is not None and now.revision == record.revision

    def _deregister(self, record: ArchiveRecord, before: ArchiveRecord) -> DecisionLine:
        if not self._is_ours(record):
            return self._end(Decision.KEPT, reasons.WRITTEN_BY_ANOTHER)
        answer = self._app.originals.deregister(record.image_id)
        if isinstance(answer, Deregistered):
            return self._retired(record, answer)
        if self._look() is None:
            # The SDK has sent the call before and not heard of it: then EC2 knows no such image any more.
            after = settle_deregistered(self._app, self._state, record, record.retirement)
            return self._end(Decision.RETIRED, after.reason)
        return self._keep(reasons.refused("deregister", answer), record, before=before)

    def _retired(self, record: ArchiveRecord, done: Deregistered) -> DecisionLine:
        """A snapshot that stays, since another image uses it, is not marked any more."""
        listed, left, over, shared = record.retirement.snapshots, [], [], []
        for snapshot_id, (end, _) in done.snapshots.items():
            if end is SnapshotEnd.LEFT:
                left.append(LeftSnapshot(record.image_id, snapshot_id))
            elif snapshot_id in listed:
                over.append(LeftSnapshot(record.image_id, snapshot_id))
            if end is SnapshotEnd.SHARED:
                shared.append(snapshot_id)
        why, intended = _whole(record), record.retirement
        record_retired(self._app, self._state, record, intended, why, done.snapshots, adding=left, leaving=over)
        self._app.originals.untag(shared, MARKS.values())
        return self._end(Decision.RETIRED, why)

    def _keep(self, why: str, record: ArchiveRecord, before: ArchiveRecord | None = None) -> DecisionLine:
        """`before`: the record without this worker's own intention, where it has written one."""
        marked = self._resources()
        after = keep(self._app, self._state, record, why, before=before or record, marked=marked)
        if after.status is Status.RETIRED and self._action is Action.DEREGISTER:
            return self._end(Decision.RETIRED, after.reason)
        return self._end(Decision.KEPT, why)

    def _resources(self) -> list[str]:
        """What a plan may have marked of it."""
        return [self._image.image_id, *self._image.snapshot_ids] if self._image else []

    def _end(self, decision: Decision, why: str) -> DecisionLine:
        return DecisionLine(self._line.image_id, self._line.policy, decision, why, self._line.gib)


def _whole(record: ArchiveRecord) -> str:
    return f"object {record.object_key}, version {record.object_version_id}, is whole"
