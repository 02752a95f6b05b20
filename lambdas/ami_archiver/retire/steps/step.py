"""PlanRetirement: look at the originals that are due, mark what may go. RetireImages: let it go one by one, and say why
everything else stays. AwaitApproval: between the two, ask a person where the policy wants that."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from itertools import groupby
from typing import Any

from ami_archiver import summary
from ami_archiver.adapters.table_runs import SummaryKind
from ami_archiver.errors import BadInput
from ami_archiver.failures import reason
from ami_archiver.model import Decision, DecisionLine
from ami_archiver.retire.app import RetireApp
from ami_archiver.retire.model import Saved, saved_as_json, saved_by
from ami_archiver.retire.reasons import Keep, Taken
from ami_archiver.retire.steps import plan as planning
from ami_archiver.retire.steps.act import Act
from ami_archiver.retire.steps.inspect import Inspector
from ami_archiver.retire.steps.plan import DECIDED_ACTING, DECIDED_PLANNING, GOING, PLANNED, WOULD, Decided, lines_on
from ami_archiver.retire.steps.settle import left_pages, settle_snapshots
from ami_archiver.run_state import DRY, Metrics, Next, RetirePhase, RunState
from ami_archiver.steps.lease import renew

IMAGE_SECONDS = 60
"""What one original may take; with less time left, the next invocation goes on."""
MOST_LOOKS = 7
"""For usage reports, at doubling waits, about an hour by default. What EC2 has not reported by then stays."""


def plan_retirement(app: RetireApp, state: RunState, seconds_left: Callable[[], float]) -> tuple[RunState, Metrics]:
    """One turn at the plan of what a run lets go. Raises LeaseLost.

    Which policies it is about, and what their `original` says, is set down once, at the beginning.
    """
    if state.retire is not RetirePhase.PLAN:
        return state.then(Next.REPORT), {}
    others = [] if state.dry_run else _policies_of_runs(app, state)
    if state.retire_after is None:
        state = replace(state, retiring=planning.policies_to_retire(app, state, others))
    if not state.retiring:
        return state.then(Next.REPORT, retire=RetirePhase.DONE), {}
    decided = Decided(app, state)
    after = planning.Plan(app, state, decided).make(seconds_left)
    if after is not None:
        return state.then(Next.PLAN_MORE, retire_after=after), decided.metrics()
    state = state.then(Next.RETIRE, retire=RetirePhase.ACT, retire_after=None, retire_looks=0)
    return state, decided.metrics()


def retire_images(app: RetireApp, state: RunState, seconds_left: Callable[[], float]) -> tuple[RunState, Metrics]:
    """One turn at the originals of the plan, and at the snapshots that earlier runs have left. Raises LeaseLost.

    A run that was reported and has got its answer comes back for what waited for it; it needs no lease any more, since
    every write carries the state of the record that it was decided by.
    """
    answered = state.approval is not None and state.awaiting_approval > 0
    if answered and state.retire is RetirePhase.DONE:
        state = state.then(Next.RETIRE, retire=RetirePhase.ACT, left_after=None)
    elif not answered and not state.dry_run:
        _policies_of_runs(app, state)
    if state.retire is not RetirePhase.ACT:  # an execution that is older than PlanRetirement has no plan
        return state.then(Next.REPORT), {}
    if state.dry_run:
        return _end(app, state, [], [])
    return _act(app, state, seconds_left)


def ask_for_approval(app: RetireApp, event: Mapping[str, Any]) -> None:
    """Keep the task's token, by which the answer comes, and tell people what they are asked. `event` is
    {"state": …, "token": …}. Raises BadInput."""
    token = event.get("token")
    if not isinstance(token, str) or not token:
        raise BadInput(f"the state machine must hand over the task's token, not {token!r}")
    state = RunState.from_json(event.get("state"))
    app.retirements.put_token(state.run_id, token)
    waiting = [line for line in lines_on(app, state, PLANNED).values() if _asks(app, line.policy)]
    hours = state.approval_seconds // 3600
    words = summary.WOULD
    lines = [
        f"Run {state.run_id} asks about these originals, and waits {hours} hours for an answer:",
        *(f"  {words[line.decision]} {line.image_id} ({line.gib:g} GiB, policy {line.policy})" for line in waiting),
        "",
        f"make approve RUN={state.run_id}",
        f"make reject RUN={state.run_id} WHY='…'",
        "",
        "Each is checked once more before it goes. Without an answer, all of them stay.",
    ]
    app.notifier.publish(f"ami-archiver: {len(waiting)} originals wait for approval", "\n".join(lines))


def _policies_of_runs(app: RetireApp, state: RunState) -> list[str]:
    lease = renew(app, state)
    return [run.policy for run in lease.runs.values()]


def _act(app: RetireApp, state: RunState, seconds_left: Callable[[], float]) -> tuple[RunState, Metrics]:
    """A plan is never longer than the policies' caps. Whether it is too much is asked in every turn, for all of it."""
    planned, over = (lines_on(app, state, kind) for kind in (PLANNED, DECIDED_ACTING))
    stop = _stop_of(over.values()) or planning.stopped(app, planned.keys())
    taken = Taken(line for line in over.values() if line.decision in GOING)
    inspector, decided = Inspector(app), Decided(app, state)
    pending, waiting = 0, []
    for line in (line for line in planned.values() if line.image_id not in over):
        if not stop and state.approval is None and _asks(app, line.policy):
            waiting.append(line)
            continue
        act = Act(app, state, line)
        why = stop or _why_not_approved(state)
        end = act.keep(why) if why else act.run(inspector, taken)
        if end is None and state.retire_looks >= MOST_LOOKS:
            end = act.keep(
                reason(Keep.USAGE_PENDING, "EC2 has not finished its usage report", "the next run looks again")
            )
        if end is None:
            pending += 1
            continue
        taken.add(end)
        decided.put(DECIDED_ACTING, end)
        if seconds_left() < IMAGE_SECONDS:
            return state.then(Next.RETIRE), decided.metrics()
    metrics = decided.metrics() | {"RetirementsStopped": float(bool(stop))}
    if pending:
        wait = min(app.settings.wait_max_seconds, app.settings.wait_min_seconds * 2**state.retire_looks)
        return state.then(Next.WAIT, wait_seconds=wait, retire_looks=state.retire_looks + 1), metrics
    after = settle_snapshots(app, state, seconds_left)
    if after is not None:
        return state.then(Next.RETIRE, left_after=after), metrics
    left = [line for lines in app.runs.pages(state.run_id, left_pages(state)) for line in lines]
    state, more = _end(app, state, waiting, left)
    return state, metrics | more


def _stop_of(lines: Iterable[DecisionLine]) -> str | None:
    """Why an earlier turn of the run, or of what is reported, has let nothing go of the plan."""
    return next((line.reason for line in lines if line.reason.startswith(f"{Keep.TOO_MANY}:")), None)


def _asks(app: RetireApp, name: str) -> bool:
    policy = app.settings.policy(name)
    return policy is not None and policy.retire.approval == "explicit"


def _why_not_approved(state: RunState) -> str | None:
    """Why nothing goes that needed a person's word, where a person was asked."""
    if state.approval is None or state.approval.get("approved") is True:
        return None
    if state.approval.get("approved") is not False:
        return reason(Keep.NOT_APPROVED, "nobody has approved it in time", "the next run asks again")
    who, why = state.approval.get("by") or "somebody", state.approval.get("why")
    return reason(Keep.NOT_APPROVED, f"{who} rejected it{f': {why}' if why else ''}", "the next run asks again")


def _end(
    app: RetireApp, state: RunState, waiting: Collection[DecisionLine], left: Collection[DecisionLine]
) -> tuple[RunState, Metrics]:
    """What was done about originals, for each policy by itself; ReportRun makes it part of that policy's summary. What
    is of no single policy stands in that of the run's own."""
    done = _by_policy(lines_on(app, state, DECIDED_PLANNING, DECIDED_ACTING).values())
    would = _by_policy(lines_on(app, state, WOULD).values())
    would_go = [line.image_id for lines in would.values() for line in lines if line.decision in GOING]
    would_stop = planning.stopped(app, would_go)
    for name in {*state.retiring, state.policy}:
        own, lines = name == state.policy, done.get(name, [])
        first_run = state.retiring.get(name) == DRY and not state.dry_run
        originals = summary.summarize_originals(
            {"done": lines, "would": would.get(name, [])},
            run_id=state.run_id,
            stopped=_stop_of(lines),
            would_stop=would_stop if name in would else None,
            first_runs=[name] if first_run else [],
            awaiting_approval=sum(own or line.policy == name for line in waiting),
            snapshots_left=len(left) if own else 0,
            snapshots_left_listed=summary.list_snapshots(left) if own else [],
            saved=saved_as_json(_saved(app, lines), saves_from=_saves_from(app, name)),
        )
        if own:
            originals["saved_total"] = saved_as_json(app.retirements.total_saved())
        app.runs.put_summary(SummaryKind.RETIREMENTS, summary.originals_key(state.run_id, name), originals)
    policies = (app.settings.policy(name) for name in {line.policy for line in waiting})
    hours = max((policy.retire.approval_hours for policy in policies if policy), default=0)
    state = state.then(
        Next.REPORT, retire=RetirePhase.DONE, awaiting_approval=len(waiting), approval_seconds=hours * 3600
    )
    return state, {} if state.dry_run else {"SnapshotsLeft": float(len(left))}


def _by_policy(lines: Iterable[DecisionLine]) -> dict[str, list[DecisionLine]]:
    ordered = sorted(lines, key=lambda line: line.policy)
    return {name: list(of_it) for name, of_it in groupby(ordered, key=lambda line: line.policy)}


def _saves_from(app: RetireApp, name: str) -> str | None:
    """The day on which the Recycle Bin lets go what was deleted today."""
    policy = app.settings.policy(name)
    days = policy.retire.recycle_bin_days if policy else None
    return f"{app.clock.now() + timedelta(days=days):%Y-%m-%d}" if days else None


def _saved(app: RetireApp, lines: Iterable[DecisionLine]) -> Saved:
    result = Saved()
    for line in lines:
        record = app.record(line.image_id) if line.decision is Decision.RETIRED else None
        if record is not None:
            result = result.plus(saved_by(record, app.settings))
    return result
