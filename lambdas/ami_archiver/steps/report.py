"""ReportRun: write the summaries, give the lease back, and tell whoever listens."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from ami_archiver.adapters.table_runs import SummaryKind
from ami_archiver.app import App
from ami_archiver.errors import LeaseLost
from ami_archiver.model import ActiveRun, DecisionLine, Lease
from ami_archiver.run_state import Metrics, Next, Outcome, RunState
from ami_archiver.summary import Tally, headline, opening, originals_key, summarize, tally, text_of


def report_run(app: App, state: RunState) -> tuple[RunState, Metrics, dict[str, Any]]:
    """(state, metrics, summary). `state.next` is STORE, and nobody is notified, if a policy joined since the last look.

    What it selected was perhaps not in the queue yet when that check found it empty.
    """
    if state.approval is not None:
        return state.then(_end(state)), {}, _after_approval(app, state)
    if state.outcome is not Outcome.WORKED:
        if state.outcome is Outcome.JOINED and (written := _worked_off(app, state)):
            return state.then(Next.END), {}, written
        summary = _without_work(app, state) | _originals(app, state, state.policy)
        app.runs.put_summary(SummaryKind.RUNS, state.run_id, summary)
        if state.outcome is Outcome.DRY_RUN:
            _tell(app, summary)
        return state.then(Next.END), {}, summary

    lease = app.leases.read()
    if lease.holder == state.run_id:
        if len(lease.runs) != state.runs:
            return state.then(Next.STORE), {}, {}
        summaries = [each | _originals(app, state, each["policy"]) for each in _of_all_runs(app, state, lease)]
        for summary in summaries:
            app.runs.put_summary(SummaryKind.RUNS, summary["run_id"], summary)
        if not _released(app, state):
            return state.then(Next.STORE), {}, {}
    else:
        summaries = _written_before(app, state, lease)
    for summary in summaries:
        _tell(app, summary)
    own = summaries[0]
    metrics = {
        "RunSeconds": float(own["seconds"]),
        "ImagesStored": float(sum(summary["decisions"]["stored"] for summary in summaries)),
        "ImagesFailed": float(sum(summary["decisions"]["failed"] for summary in summaries)),
    }
    return state.then(Next.AWAIT_APPROVAL if state.awaiting_approval else _end(state)), metrics, own


def _end(state: RunState) -> Next:
    return Next.FAIL if state.problem else Next.END


def _originals(app: App, state: RunState, policy: str) -> dict[str, Any]:
    """What the run did about a policy's originals, if it looked at any."""
    key = originals_key(state.run_id, policy)
    found = app.runs.summary(SummaryKind.RETIREMENTS, key) if state.retiring else None
    return {"retirement": found} if found else {}


def _after_approval(app: App, state: RunState) -> dict[str, Any]:
    """The summary again, with what became of the originals that waited for a person's word; also of the runs that
    joined and had some. Told before it is written: a step that dies between the two tells it again."""
    own = app.runs.summary(SummaryKind.RUNS, state.run_id) or {}
    for before in _joined(app, own):
        after = before | _originals(app, state, before["policy"])
        if after != before:
            _tell(app, after)
            app.runs.put_summary(SummaryKind.RUNS, after["run_id"], after)
    own |= _originals(app, state, state.policy)
    _tell(app, own)
    app.runs.put_summary(SummaryKind.RUNS, state.run_id, own)
    return own


def _released(app: App, state: RunState) -> bool:
    """Give the lease back; False: another run joined after the last look at the queue."""
    try:
        return app.leases.release(state.run_id, state.runs)
    except LeaseLost:
        return True  # the SDK has sent it before and not heard of it; or it had expired, and whoever has it goes on


def _worked_off(app: App, state: RunState) -> dict[str, Any] | None:
    """The summary of a run that joined, where the working run was faster than this step: it must not be replaced."""
    summary = app.runs.summary(SummaryKind.RUNS, state.run_id)
    return summary if summary and summary["outcome"] == Outcome.WORKED.value else None


def _without_work(app: App, state: RunState) -> dict[str, Any]:
    """The summary of a run that met, joined, or only looked."""
    joined = state.outcome is Outcome.JOINED
    result = tally(state.policy, _lines(app, state.run_id, "SELECT#") if joined else (), {})
    more: dict[str, Any] = {}
    if state.outcome is Outcome.DRY_RUN:
        result.counts |= {name: state.counts.get(name, 0) for name in result.counts}
        more = {"would_store": state.counts.get("would_store", 0), "would_store_gib": state.selected_gib}
    if state.working_run:
        more["working_run"] = state.working_run
    own = ActiveRun(state.run_id, state.policy, state.started_at)
    return _summary(app, own, state.outcome, result, **more)


def _summary(app: App, run: ActiveRun, outcome: Outcome, result: Tally, **more: Any) -> dict[str, Any]:
    now = app.clock.now()
    begun = opening(run_id=run.run_id, outcome=outcome.value, started_at=run.started_at, ended_at=now)
    return summarize(policy=run.policy, result=result, run=begun, **more)


def _of_all_runs(app: App, state: RunState, lease: Lease) -> list[dict[str, Any]]:
    """The working run's summary first, then those of the runs that joined it."""
    ended = {line.image_id: line for line in _lines(app, state.run_id, "CHECK#")}
    own = lease.runs.get(state.run_id) or ActiveRun(state.run_id, state.policy, state.started_at)
    others = [run for run_id, run in lease.runs.items() if run_id != state.run_id]
    policies = {run.policy for run in [own, *others]}
    backlog = [line for line in ended.values() if line.policy not in policies]
    first = _of_one_run(app, own, ended, joined_runs=[run.run_id for run in others], backlog=_backlog(backlog))
    summaries = [first, *(_of_one_run(app, run, ended, working_run=state.run_id) for run in others)]
    return [summary | ({"problem": state.problem} if state.problem else {}) for summary in summaries]


def _of_one_run(app: App, run: ActiveRun, ended: dict[str, DecisionLine], **more: Any) -> dict[str, Any]:
    result = tally(run.policy, _lines(app, run.run_id, "SELECT#"), ended)
    return _summary(app, run, Outcome.WORKED, result, **more)


def _backlog(lines: list[DecisionLine]) -> dict[str, dict[str, int]]:
    """What was drained of policies that had no run tonight: counts by policy and decision."""
    policies = {line.policy for line in lines}
    return {name: Counter(line.decision.value for line in lines if line.policy == name) for name in policies}


def _lines(app: App, run_id: str, kind: str) -> Iterator[DecisionLine]:
    return (line for lines in app.runs.pages(run_id, kind) for line in lines)


def _written_before(app: App, state: RunState, lease: Lease) -> list[dict[str, Any]]:
    """The summaries of this step's earlier attempt, which died after giving the lease back. Raises LeaseLost."""
    own = app.runs.summary(SummaryKind.RUNS, state.run_id)
    if own is None or own["outcome"] != Outcome.WORKED.value:
        raise LeaseLost(
            f"run {state.run_id} does not hold the lease any more, {lease.holder or 'nobody'} does: "
            "its work is in the table and goes on with the next run"
        )
    return [own, *_joined(app, own)]


def _joined(app: App, own: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The summaries of the runs that joined, as far as they are written."""
    found = [app.runs.summary(SummaryKind.RUNS, run_id) for run_id in own.get("joined_runs", [])]
    return [summary for summary in found if summary]


def _tell(app: App, summary: dict[str, Any]) -> None:
    app.notifier.publish(headline(summary), text_of(summary))
