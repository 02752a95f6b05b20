"""RetireImages: plan what may go, let it go one by one, and say why everything else stays."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from ami_archiver.failures import because
from ami_archiver.model import Decision, DecisionLine
from ami_archiver.retire import savings, summary
from ami_archiver.retire.ports import Saved
from ami_archiver.retire.reasons import Keep
from ami_archiver.retire.steps import plan as planning
from ami_archiver.retire.steps.act import Act, keep_reason_for_no
from ami_archiver.retire.steps.plan import DECIDED_ACTING, DECIDED_PLANNING, PLANNED, Decided, Plan, lines_on
from ami_archiver.retire.steps.settle import settle_snapshots
from ami_archiver.run_state import Metrics, Next, RetirePhase, RunState
from ami_archiver.steps.lease import until

if TYPE_CHECKING:
    from ami_archiver.retire.app import RetireApp

IMAGE_SECONDS = 60
"""What one original may take; with less time left, the next invocation goes on."""
MOST_LOOKS = 7
"""For usage reports, at doubling waits, about an hour by default. What EC2 has not reported by then stays."""
LINES_PER_PAGE = 10
GOING = (Decision.DISABLED, Decision.RETIRED)


def retire_images(app: RetireApp, state: RunState, seconds_left: Callable[[], float]) -> tuple[RunState, Metrics]:
    """One turn at the originals that are due. Raises LeaseLost.

    A run that was reported and has got its answer comes back for what waited for it; it needs no lease any more, since
    every write carries the state of the record that it was decided by.
    """
    answered = state.approval is not None and state.awaiting_approval > 0
    if state.retire is RetirePhase.DONE and not answered:
        return state.then(Next.REPORT), {}
    if answered:
        state = state.then(Next.RETIRE, retire=RetirePhase.ACT)
    policies = planning.policies_of(app, state, [] if answered or state.dry_run else _policies_of_runs(app, state))
    dry = planning.dry_policies(app, state, policies)
    policies = [policy for policy in policies if policy.retires]
    if not policies:
        return state.then(Next.REPORT, retire=RetirePhase.DONE), {}
    decided = Decided(app, state)
    if state.retire is RetirePhase.PLAN:
        after = Plan(app, state, policies, dry, decided).make(seconds_left)
        if after is not None:
            return state.then(Next.RETIRE, retire_after=after), decided.metrics()
        return _begin_to_act(app, state, decided)
    if state.dry_run:
        return _end(app, state, dry, waiting=0), {}
    state = _act(app, state, dry, decided, seconds_left)
    return state, decided.metrics() | _left(app, state)


def _policies_of_runs(app: RetireApp, state: RunState) -> list[str]:
    lease = app.leases.renew(state.run_id, until(app))
    return [run.policy for run in lease.runs.values()]


def _begin_to_act(app: RetireApp, state: RunState, decided: Decided) -> tuple[RunState, Metrics]:
    """The plan is complete: whether it is too much is asked once, for all of it."""
    going = list(lines_on(app, state, PLANNED).values())
    why = planning.stopped(app, len(going))
    if why:
        decided.put(DECIDED_ACTING, [line._replace(decision=Decision.KEPT, reason=why) for line in going])
    state = state.then(Next.RETIRE, retire=RetirePhase.ACT, retire_after=None, retire_looks=0)
    return state, decided.metrics() | ({} if state.dry_run else {"RetirementsStopped": float(bool(why))})


def _act(
    app: RetireApp, state: RunState, dry: set[str], decided: Decided, seconds_left: Callable[[], float]
) -> RunState:
    act, pending, waiting = Act(app, state), 0, 0
    ends: list[DecisionLine] = []
    for line in _undecided(app, state):
        policy = app.settings.policy(line.policy)
        if state.approval is None and policy is not None and policy.retire.approval == "explicit":
            waiting += 1
            continue
        end = _act_on(act, state, line)
        if end is None:
            pending += 1
            continue
        ends.append(end)
        if len(ends) >= LINES_PER_PAGE or seconds_left() < IMAGE_SECONDS:
            decided.put(DECIDED_ACTING, ends)
            ends = []
        if seconds_left() < IMAGE_SECONDS:
            return state.then(Next.RETIRE)
    decided.put(DECIDED_ACTING, ends)
    if pending:
        wait = min(app.settings.wait_max_seconds, app.settings.wait_min_seconds * 2**state.retire_looks)
        return state.then(Next.WAIT, wait_seconds=wait, retire_looks=state.retire_looks + 1)
    return _end(app, state, dry, waiting)


def _act_on(act: Act, state: RunState, line: DecisionLine) -> DecisionLine | None:
    if state.approval is not None and state.approval.get("approved") is not True:
        return act.kept(line, keep_reason_for_no(state.approval))
    end = act.on(line)
    if end is None and state.retire_looks >= MOST_LOOKS:
        why = because(Keep.USAGE_PENDING, "EC2 has not finished its usage report", "the next run looks again")
        return act.kept(line, why)
    return end


def _undecided(app: RetireApp, state: RunState) -> Iterator[DecisionLine]:
    """What is planned and not decided yet. A plan is never longer than the policies' caps."""
    over = lines_on(app, state, DECIDED_ACTING)
    return (line for line in lines_on(app, state, PLANNED).values() if line.image_id not in over)


def _end(app: RetireApp, state: RunState, dry: set[str], waiting: int) -> RunState:
    """The summary of what was done about originals; ReportRun makes it part of its own."""
    left = 0 if state.dry_run else settle_snapshots(app, state)
    lines = list(_lines(app, state, dry, would=False))
    would = list(_lines(app, state, dry, would=True))
    told = summary.as_json(
        {"done": lines, "would": would},
        run_id=state.run_id,
        stopped=next((line.reason for line in lines if line.reason.startswith(f"{Keep.TOO_MANY}:")), None),
        would_stop=planning.stopped(app, sum(line.decision in GOING for line in would)),
        first_runs=[] if state.dry_run else sorted(dry),
        awaiting_approval=waiting,
        snapshots_left=left,
        saved=savings.as_json(_saved(app, lines)),
        saved_total=savings.as_json(app.retirements.total_saved()),
    )
    app.summaries.put_summary(state.run_id, told)
    asked = [policy.retire.approval_hours for policy in app.settings.policies if policy.retire.approval == "explicit"]
    seconds = max(asked, default=0) * 3600
    return state.then(Next.REPORT, retire=RetirePhase.DONE, awaiting_approval=waiting, approval_seconds=seconds)


def _left(app: RetireApp, state: RunState) -> Metrics:
    """Snapshots of deregistered images that could not be deleted, once the run is through."""
    if state.next is not Next.REPORT:
        return {}
    told = app.summaries.summary(state.run_id) or {}
    return {"SnapshotsLeft": float(told.get("snapshots_left", 0))}


def _lines(app: RetireApp, state: RunState, dry: set[str], *, would: bool) -> Iterator[DecisionLine]:
    lines = lines_on(app, state, DECIDED_PLANNING, DECIDED_ACTING).values()
    return (line for line in lines if (line.policy in dry) is would)


def _saved(app: RetireApp, lines: list[DecisionLine]) -> Saved:
    result = Saved()
    for line in lines:
        record = app.retirements.get(line.image_id) if line.decision is Decision.RETIRED else None
        if record is not None:
            result = result.plus(savings.saved_by(record, app.settings))
    return result
