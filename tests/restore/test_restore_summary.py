"""What a run's summary counts, names and sums, and which metrics it makes of that."""

from __future__ import annotations

from dataclasses import replace

from ami_archiver.restore.model import RestoreRecord, RestoreStatus, UnreadableRestore
from ami_archiver.restore.steps.report import report_restore
from ami_archiver.restore.summary import RestoreTally, headline, summarize, text_of
from ami_archiver.summary import LISTED, opening
from tests.restore.test_restore_domain import NOW, record
from tests.support.archive import full_id
from tests.support.restore import Restores


def ended(number: int, status: RestoreStatus) -> RestoreRecord:
    return replace(record(), restore_id=f"run.{number:06}", status=status, gib=2.0, reason="so it was")


def test_each_kind_is_counted_summed_and_named_up_to_a_number() -> None:
    tally = RestoreTally()
    for number in range(LISTED + 2):
        tally.count(ended(number, RestoreStatus.RESTORED))
    tally.count(ended(90, RestoreStatus.FAILED))
    tally.count(UnreadableRestore("run.000091", "gib is 'ten'"))
    tally.count(ended(92, RestoreStatus.REFUSED))
    tally.count(ended(93, RestoreStatus.THAWING))
    summary = summarize(run=opening(run_id="run", outcome="worked", started_at=NOW, ended_at=NOW), result=tally)
    assert summary["restores"] == {"restored": LISTED + 2, "failed": 2, "refused": 1, "in_progress": 1}
    assert summary["restored_gib"] == 2.0 * (LISTED + 2)
    assert len(summary["restored"]) == LISTED
    assert headline(summary) == "ami-archiver restore: 52 restored, 2 failed, 1 refused, 1 in progress"
    text = text_of(summary)
    assert "  … and 2 more\n" in text
    assert "  run.000091: BadRecord: gib is 'ten'\n" in text


def test_metrics_are_the_counts_and_a_dry_run_has_none(restores: Restores) -> None:
    ids = [restores.stored("ami-a", 5, name="web"), full_id("ami-unknown"), full_id("ami-unknown-too")]
    for dry_run in (False, True):
        state = restores.plan(restores.begin(image_ids=ids, dry_run=dry_run))
        while state.next != "report":
            state = restores.step(state)  # type: ignore[assignment]  # it has not ended
        _, metrics, _ = report_restore(restores.app, state)
        counted = {"ImagesRestored": 1.0, "RestoresFailed": 0.0, "RestoresRefused": 2.0}
        assert metrics == ({} if dry_run else counted)
