"""ReportRestore: count what became of every restore, write the summary, and tell whoever listens."""

from __future__ import annotations

from typing import Any

from ami_archiver.adapters.table_runs import SummaryKind
from ami_archiver.app import App
from ami_archiver.failures import denied
from ami_archiver.restore.model import RestoreEntry, RestoreRecord, RestoreStatus, ThawEntry
from ami_archiver.restore.state import RestoreState
from ami_archiver.restore.steps.finish import give_up
from ami_archiver.restore.steps.takeover import note_reported
from ami_archiver.restore.steps.thaw import WAITING
from ami_archiver.restore.summary import RestoreTally, headline, summarize, text_of
from ami_archiver.run_state import Metrics, Next
from ami_archiver.summary import opening


def report_restore(app: App, state: RestoreState) -> tuple[RestoreState, Metrics, dict[str, Any]]:
    """(state, metrics, summary)."""
    if not state.dry_run:
        _give_up(app, state)
    result = RestoreTally("would_restore" if state.dry_run else "in_progress")
    taken_over: list[str] = []
    for restore in app.restores.of_run(state.run_id, draft=state.dry_run):
        result.count(restore)
        if isinstance(restore, RestoreRecord) and restore.takes_over and restore.status is RestoreStatus.RESTORED:
            taken_over.append(restore.takes_over)
    more: dict[str, Any] = {"looks": state.loops}
    if state.dry_run:
        more = {"would_restore_gib": round(result.gib["would_restore"], 3), "dry_run": True}
    else:
        app.restores.wait_no_more(state.run_id)
        if state.restores_denied and not state.restores_taken:
            more["problem"] = denied(
                f"all {state.restores_denied} restores that the run asked for were denied, so it is not the objects "
                "but the role of RestoreImages, a key policy or an organization's policy; each reason has AWS's words",
                "then restore again",
            )
    run = opening(
        run_id=state.run_id, outcome=state.outcome.value, started_at=state.started_at, ended_at=app.clock.now()
    )
    summary = summarize(result=result, run=run, **more)
    app.runs.put_summary(SummaryKind.RESTORES, state.run_id, summary)
    note_reported(app, state.run_id, taken_over)
    app.notifier.publish(headline(summary), text_of(summary))
    return state.then(Next.END), {} if state.dry_run else _metrics(result), summary


def _metrics(result: RestoreTally) -> Metrics:
    return {
        "ImagesRestored": float(result.counts["restored"]),
        "RestoresFailed": float(result.counts["failed"]),
        "RestoresRefused": float(result.counts["refused"]),
    }


def _give_up(app: App, state: RestoreState) -> None:
    """What still waits when a run ends has waited for run_limit_hours without any restore starting or ending."""
    waiting: dict[str, RestoreEntry | ThawEntry] = {}
    queue = app.restores.queue(state.run_id)
    for entry in queue.largest(state.run_id, None, ()):
        waiting[entry.entry_id] = entry
    for thaw in app.restores.thaws(state.run_id, None):
        waiting[thaw.restore_id] = thaw
    records = app.restores.get(waiting.keys()).records
    for restore_id, left in waiting.items():
        record = records.get(restore_id)
        if record is not None and record.status in WAITING:
            give_up(app, record, leaving=left)
        else:
            app.restores.drop(restore_id, left)
