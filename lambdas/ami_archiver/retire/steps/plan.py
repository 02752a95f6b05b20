"""The plan: what a run would do to which originals, and why the others that are due stay. What it lets go is marked."""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from datetime import timedelta

from ami_archiver.batches import batches
from ami_archiver.failures import reason
from ami_archiver.model import Action, ArchiveRecord, Decision, DecisionLine, Refusal, Status
from ami_archiver.policy import Policy
from ami_archiver.retire import moves, reasons
from ami_archiver.retire.app import RetireApp
from ami_archiver.retire.model import FirstRun
from ami_archiver.retire.reasons import MARKS, RETIRE_ON_TAG, STATUS_BEFORE, Keep, Taken
from ami_archiver.retire.steps.inspect import Candidate, Finding, Inspector, ask_for_report
from ami_archiver.retire.steps.settle import keep, settle
from ami_archiver.run_state import DRY, Metrics, RunState
from ami_archiver.steps.pages import log_decision

logger = logging.getLogger(__name__)

PLANNED = "PLAN#"
"""Pages of what the run is going to do; those of what is decided begin otherwise."""
DECIDED_PLANNING = "RETIRE#PLAN#"
DECIDED_ACTING = "RETIRE#ACT#"
WOULD = "RETIRE#WOULD#"
"""Pages of what a dry or first run would do."""
GOING = (Decision.DISABLED, Decision.RETIRED)
LOOKED_AT_TOGETHER = 10
"""DescribeImageReferences takes at most 10 images."""
CHUNK_SECONDS = 120
"""What so many originals may take to look at; with less time left, the next invocation goes on."""


def policies_to_retire(app: RetireApp, state: RunState, others: Collection[str]) -> dict[str, str]:
    """The policies whose originals the run looks at, by name: its own, and those of the runs that it works for. What
    each one's `original` says now, or DRY: in a dry run, and where a policy's `original` is new.

    A policy that keeps its originals is noted too, once it has let some go: when it is enabled again, that is new.
    """
    found = {}
    for policy in app.settings.policies:
        if policy.name not in {state.policy, *others} or (policy.paused and not state.dry_run):
            continue
        dry = state.dry_run or _is_first_run(app, state, policy)
        if policy.original != "keep":
            found[policy.name] = DRY if dry else policy.original
    return found


def _is_first_run(app: RetireApp, state: RunState, policy: Policy) -> bool:
    first = app.retirements.first_run(policy.name)
    if (first.original if first else "keep") != policy.original:
        first = FirstRun(policy.original, state.run_id)
        app.retirements.put_first_run(policy.name, first)
    return first is not None and first.run_id == state.run_id


class Plan:
    """Goes through the records whose grace period is over, oldest first, until each policy's cap is reached."""

    def __init__(self, app: RetireApp, state: RunState, decided: Decided) -> None:
        self._app = app
        self._decided = decided
        self._state = state
        self._policies = {
            policy.name: policy
            for policy in app.settings.policies
            if policy.name in state.retiring and policy.original != "keep" and (state.dry_run or not policy.paused)
        }
        self._dry = {name for name, each in self._policies.items() if state.retiring[name] != each.original}
        """Also a policy whose `original` has changed since the run began: its next run is its first."""
        self._inspector = Inspector(app)
        self._taken = Taken(lines_on(app, state, PLANNED, DECIDED_PLANNING, WOULD).values())
        """Also what an earlier attempt of this step has planned."""

    def make(self, seconds_left: Callable[[], float]) -> str | None:
        """Plan until done (None), or until time gets short: where to go on."""
        for action, cursor, chunk in self._due():
            self._plan(action, chunk)
            if seconds_left() < CHUNK_SECONDS:
                return f"{action}|{cursor}"
        return None

    def _due(self) -> Iterator[tuple[Action, str, list[ArchiveRecord]]]:
        """So many records at a time, and the cursor behind them. By the index, which may be late."""
        now = self._app.clock.now()
        begun, _, after = (self._state.retire_after or "").partition("|")
        actions = list(STATUS_BEFORE)
        for action in actions[actions.index(Action(begun)) if begun else 0 :]:
            policies = [each for each in self._policies.values() if _goes_so_far(each, action)]
            if policies:
                until = now - min(reasons.grace(policy, action) for policy in policies)
                seen = self._app.records.in_status(STATUS_BEFORE[action], after or None, until)
                wanted = (
                    (each.cursor, each.record) for each in seen if each.record and self._is_due(each.record, action)
                )
                for chunk in batches(wanted, LOOKED_AT_TOGETHER):
                    yield action, chunk[-1][0], [record for _, record in chunk]
                    if not any(self._has_room(policy) for policy in policies):
                        break
            after = ""

    def _is_due(self, record: ArchiveRecord, action: Action) -> bool:
        """A DISABLED one that was enabled again is looked at as well."""
        policy = self._policies.get(record.policy)
        if policy is None or not _goes_so_far(policy, action) or not self._has_room(policy):
            return False
        due = reasons.due_at(record, policy, action)
        return action is Action.DEREGISTER if due is None else due <= self._app.clock.now()

    def _plan(self, action: Action, chunk: list[ArchiveRecord]) -> None:
        images = self._app.originals.by_id([record.image_id for record in chunk])
        candidates = []
        for seen in chunk:
            dry = seen.policy in self._dry
            record = seen if dry else settle(self._app, self._state, seen, images.get(seen.image_id))
            if record.status is STATUS_BEFORE[action]:
                candidates.append(Candidate(record, self._policies[record.policy], action))
        for finding in self._inspector.inspect(candidates):
            line = self._decide(finding)
            if line is not None:
                kind = PLANNED if line.decision in GOING else DECIDED_PLANNING
                self._decided.put(WOULD if line.policy in self._dry else kind, line)
                self._taken.add(line)

    def _decide(self, finding: Finding) -> DecisionLine | None:
        """None: the cap is reached, which is nothing that is wrong with the image."""
        record, policy, action = finding.candidate.record, finding.candidate.policy, finding.candidate.action
        if finding.reason:
            return self._keep(finding, record, finding.reason)
        announced = reasons.is_announced(record, policy, action, finding.image)
        waits = reasons.by_announcement(record, policy, action, finding.image, self._app.clock.now())
        if waits and announced:
            just_now = record.history[-1].run_id == self._state.run_id  # by an earlier attempt of this step
            return _line(record, Decision.ANNOUNCED if just_now else Decision.KEPT, waits)
        if record.image_id not in self._taken and not self._has_room(policy, not announced, record.snapshot_gib):
            return None
        return self._let_go(finding) if announced else self._announce(finding)

    def _has_room(self, policy: Policy, announcing: bool = False, gib: float = 0.0) -> bool:
        return policy.retire.has_room(*self._taken.of(policy.name, announced=announcing), gib)

    def _let_go(self, finding: Finding) -> DecisionLine:
        record, action, image = finding.candidate.record, finding.candidate.action, finding.image
        if record.policy not in self._dry:
            if refusal := self._mark(finding):
                return self._keep(finding, record, reasons.refused("mark", refusal))
            if finding.pending_report:
                ask_for_report(self._app, record.image_id)
        why = "nothing was found that keeps it"
        if image is not None and reasons.is_done(image, action):
            why = "somebody has disabled it already: nothing is asked of EC2, and its record says so from then on"
        caveat = "; if EC2's usage report names no other account" if finding.pending_report else ""
        return _line(record, Decision.DISABLED if action is Action.DISABLE else Decision.RETIRED, why + caveat)

    def _mark(self, finding: Finding) -> Refusal | None:
        """The image, and the snapshots that go with it: those that no other image uses."""
        policy, action, image = finding.candidate.policy, finding.candidate.action, finding.image
        if image is None or reasons.is_done(image, action):
            return None
        ids = {image.image_id}
        if action is Action.DEREGISTER:
            own = finding.snapshots.keys()
            ids |= own - self._app.originals.others_on(own, image.image_id)
        return self._app.originals.tag(ids, MARKS[action], policy.name)

    def _announce(self, finding: Finding) -> DecisionLine:
        record, policy, action = finding.candidate.record, finding.candidate.policy, finding.candidate.action
        now = self._app.clock.now()
        on = now + timedelta(days=policy.retire.notify_days)
        why = f"'{action}' on {on:%Y-%m-%d}; to object, tag the image {reasons.HOLD_TAG}"
        if record.policy in self._dry:
            return _line(record, Decision.ANNOUNCED, why)
        after = moves.announced(record, action, on, at=now, run_id=self._state.run_id)
        if not self._app.retirements.save(record, after):
            return _line(record, Decision.KEPT, reasons.WRITTEN_BY_ANOTHER)
        refusal = self._app.originals.tag([record.image_id], RETIRE_ON_TAG, f"{on:%Y-%m-%d}")
        if refusal:
            untold = replace(after, retirement=replace(after.retirement, announced=None))
            return self._keep(finding, untold, reasons.refused("tag", refusal))
        return _line(record, Decision.ANNOUNCED, why)

    def _keep(self, finding: Finding, record: ArchiveRecord, why: str) -> DecisionLine:
        if record.policy not in self._dry:
            image = finding.image
            marked = (
                [image.image_id, *image.snapshot_ids] if image and reasons.is_marked(image, finding.snapshots) else []
            )
            before = finding.candidate.record
            after = keep(self._app, self._state, record, why, before=before, marked=marked)
            if after.status is Status.RETIRED:
                return _line(record, Decision.RETIRED, after.reason)
        return _line(record, Decision.KEPT, why)


def _goes_so_far(policy: Policy, action: Action) -> bool:
    return action is Action.DISABLE or policy.original == "retire"


def _line(record: ArchiveRecord, decision: Decision, why: str) -> DecisionLine:
    return DecisionLine(record.image_id, record.policy, decision, why, record.snapshot_gib)


def lines_on(app: RetireApp, state: RunState, *kinds: str) -> dict[str, DecisionLine]:
    """By image, the line on the run's pages, of the last of the kinds that has one: a step that died and was repeated
    may have decided otherwise."""
    return {line.image_id: line for kind in kinds for lines in app.runs.pages(state.run_id, kind) for line in lines}


def stopped(app: RetireApp, image_ids: Collection[str]) -> str | None:
    """Why the whole plan is refused: more of the account's images than may go in one run. Those that are gone already
    count as the account's."""
    percent, going = app.settings.retire_stop_percent, len(image_ids)
    if not going:
        return None
    enough = math.ceil(going * 100 / percent)
    owned = app.originals.count(enough)
    if owned < enough:
        owned += going - len(app.originals.by_id(image_ids))
    if owned >= enough:
        return None
    return reason(
        Keep.TOO_MANY,
        f"{going} images would go in this run, more than {percent:g} % of the account's {owned}",
        "see whether that is meant; then raise account.retire_stop_percent, or lower the policies' max_images_per_run",
    )


class Decided:
    """Writes decisions, and counts them for the metrics of this turn."""

    def __init__(self, app: RetireApp, state: RunState) -> None:
        self._app = app
        self._state = state
        self._counts: Counter[Decision] = Counter()

    def put(self, kind: str, line: DecisionLine) -> None:
        """On a page of its own: a step that is repeated replaces what it has decided about the image."""
        self._app.runs.put_page(self._state.run_id, f"{kind}{line.image_id}", [line])
        if kind != PLANNED:
            self._counts[line.decision] += 1
            log_decision(logger, line)

    def metrics(self) -> Metrics:
        if self._state.dry_run:
            return {}
        names = {"ImagesDisabled": Decision.DISABLED, "ImagesRetired": Decision.RETIRED, "ImagesKept": Decision.KEPT}
        return {name: float(self._counts[decision]) for name, decision in names.items()}
