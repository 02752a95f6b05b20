"""One original at a time: the intention is written, everything is looked at once more, and only then EC2 is asked."""

from __future__ import annotations

from collections.abc import Iterable

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
    """What a run does to the originals of its plan. `gone`: those that it has let go already."""

    def __init__(self, app: RetireApp, state: RunState, gone: Iterable[DecisionLine]) -> None:
        self._app = app
        self._state = state
        self._inspector = Inspector(app)
        self._taken = Taken(gone)

    def on(self, line: DecisionLine) -> DecisionLine | None:
        """What became of one image of the plan; None: EC2's usage report on it is not there yet."""
        action = Action.DISABLE if line.decision is Decision.DISABLED else Action.DEREGISTER
        policy = self._app.settings.policy(line.policy)
        record, image = self._app.record(line.image_id), self._image(line)
        if record is None:
            return self.kept(line, reasons.changed("its record cannot be read any more"))
        record = settle(self._app, self._state, record, image)
        if record.decision is Decision.RETIRED or (
            action is Action.DISABLE and record.decision is Decision.DISABLED and record.retirement.disabled_at
        ):
            return self._went(line, record.decision, record.reason)  # an earlier attempt has done it
        not_allowed = self._not_allowed(line, policy, action)
        if policy is None or not_allowed:
            return self._kept(line, record, record, image, not_allowed or "")
        report = ask_for_report(self._app, line.image_id)
        if isinstance(report, Refusal):
            return self._kept(line, record, record, image, reasons.usage_unknown(report))
        if report is None or not report.available:
            return None
        intended = self._intend(record, action, image)
        if intended is None:
            return _line(line, Decision.KEPT, reasons.WRITTEN_BY_ANOTHER)
        return self._look_and_act(line, record, Candidate(intended, policy, action))

    def kept(self, line: DecisionLine, why: str) -> DecisionLine:
        """An original of the plan that stays whatever it is like."""
        record, image = self._app.record(line.image_id), self._image(line)
        if record is not None:
            return self._kept(line, record, record, image, why)
        off = reasons.marks_off(disabled=image is not None and image.state == "disabled")
        self._app.originals.untag(_resources(image), off)
        return _line(line, Decision.KEPT, why)

    def _image(self, line: DecisionLine) -> Image | None:
        return self._app.originals.by_id([line.image_id]).get(line.image_id)

    def _not_allowed(self, line: DecisionLine, policy: Policy | None, action: Action) -> str | None:
        """Why the configuration in force now does not let it go, whatever the plan was made under."""
        why = reasons.by_policy(line.policy, policy, action)
        if why or policy is None:
            return why
        return reasons.by_run(policy, self._state.retiring.get(line.policy, DRY), self._taken, line.gib)

    def _intend(self, record: ArchiveRecord, action: Action, image: Image | None) -> ArchiveRecord | None:
        """Write what is about to be asked for, and the snapshots that go along on the list of those left."""
        ids: set[str] = set()
        gib, freed = 0.0, Freed(0, 0)
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
        (finding,) = self._inspector.inspect([candidate])
        image, why = finding.image, finding.reason
        why = why or reasons.by_announcement(record, policy, action, image, self._app.clock.now())
        if image is not None and not why:
            shared = self._app.originals.others_on(finding.snapshots, line.image_id)
            why = reasons.by_marks(image, finding.snapshots, shared, action)
        if not why and finding.pending_report:
            why = reasons.changed("its usage report is gone")
        if image is None or why:
            return self._kept(line, before, record, image, why or reasons.original_gone())
        if action is Action.DISABLE:
            return self._disable(line, record, finding, image)
        return self._deregister(line, before, record, image)

    def _disable(self, line: DecisionLine, record: ArchiveRecord, finding: Finding, image: Image) -> DecisionLine:
        why, run_id = "somebody had disabled it already", self._state.run_id
        if not reasons.is_done(image, Action.DISABLE):
            shared = moves.shared_with(record, finding.permissions, at=self._app.clock.now(), run_id=run_id)
            if shared is not record and not self._app.retirements.save(record, shared):
                return _line(line, Decision.KEPT, reasons.WRITTEN_BY_ANOTHER)
            record = shared
            if not self._is_ours(record):
                return _line(line, Decision.KEPT, reasons.WRITTEN_BY_ANOTHER)
            refusal = self._app.originals.disable(record.image_id)
            if refusal:
                return self._kept(line, record, record, image, reasons.refused("disable", refusal))
            why = _whole(record)
        after = moves.disabled(record, why, at=self._app.clock.now(), run_id=run_id)
        self._app.retirements.save(record, after)
        return self._went(line, Decision.DISABLED, why)

    def _is_ours(self, record: ArchiveRecord) -> bool:
        """Whether nobody has written the record since: a person who took it back, or another worker."""
        now = self._app.record(record.image_id)
        return now is not None and now.revision == record.revision

    def _deregister(
        self, line: DecisionLine, before: ArchiveRecord, record: ArchiveRecord, image: Image
    ) -> DecisionLine:
        if not self._is_ours(record):
            return _line(line, Decision.KEPT, reasons.WRITTEN_BY_ANOTHER)
        answer = self._app.originals.deregister(record.image_id)
        if isinstance(answer, Deregistered):
            return self._retired(line, record, answer)
        if self._image(line) is None:
            # The SDK has sent the call before and not heard of it: then EC2 knows no such image any more.
            after = settle_deregistered(self._app, self._state, record, record.retirement)
            return self._went(line, Decision.RETIRED, after.reason)
        return self._kept(line, before, record, image, reasons.refused("deregister", answer))

    def _retired(self, line: DecisionLine, record: ArchiveRecord, done: Deregistered) -> DecisionLine:
        """A snapshot that stays, since another image uses it, is not marked any more."""
        why, listed = _whole(record), record.retirement.snapshots
        ends = {LeftSnapshot(record.image_id, one): end for one, (end, _) in done.snapshots.items()}
        left = [one for one, end in ends.items() if end is SnapshotEnd.LEFT]
        over = [one for one, end in ends.items() if end is not SnapshotEnd.LEFT and one.snapshot_id in listed]
        record_retired(
            self._app, self._state, record, record.retirement, why, done.snapshots, adding=left, leaving=over
        )
        shared = [one.snapshot_id for one, end in ends.items() if end is SnapshotEnd.SHARED]
        self._app.originals.untag(shared, MARKS.values())
        return self._went(line, Decision.RETIRED, why)

    def _kept(
        self, line: DecisionLine, before: ArchiveRecord, record: ArchiveRecord, image: Image | None, why: str
    ) -> DecisionLine:
        after = keep(self._app, self._state, record, why, before=before, marked=_resources(image))
        if after.status is Status.RETIRED and line.decision is Decision.RETIRED:
            return self._went(line, Decision.RETIRED, after.reason)
        return _line(line, Decision.KEPT, why)

    def _went(self, line: DecisionLine, done: Decision, why: str) -> DecisionLine:
        self._taken.add(line)
        return _line(line, done, why)


def _line(line: DecisionLine, decision: Decision, why: str) -> DecisionLine:
    return DecisionLine(line.image_id, line.policy, decision, why, line.gib)


def _resources(image: Image | None) -> list[str]:
    """What a plan may have marked of an original."""
    return [image.image_id, *image.snapshot_ids] if image else []


def _whole(record: ArchiveRecord) -> str:
    return f"object {record.object_key}, version {record.object_version_id}, is whole"
