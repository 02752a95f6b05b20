"""A run's summary: counted once per image, readable, and short enough for SNS."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from ami_archiver.model import ABOUT_STORING, Decision, DecisionLine
from ami_archiver.summary import LISTED, Tally, headline, opening, summarize, tally, text_of
from tests.support.domain import NOW


def line(
    image_id: str, decision: Decision, policy: str = "nightly", reason: str = "why", gib: float = 0
) -> DecisionLine:
    return DecisionLine(image_id, policy, decision, reason, gib)


def summary_of(result: Tally, outcome: str = "worked", **more: Any) -> dict[str, Any]:
    run = opening(run_id="run-1", outcome=outcome, started_at=NOW, ended_at=NOW + timedelta(seconds=90.4))
    return summarize(policy="nightly", result=result, run=run, **more)


def test_image_that_a_check_has_ended_is_counted_by_that_and_not_by_its_selection() -> None:
    selected = [line("a", Decision.DEFERRED, gib=8), line("b", Decision.DEFERRED, gib=5)]
    result = tally("nightly", selected, {"a": line("a", Decision.STORED, gib=8)})
    assert (result.counts[Decision.STORED], result.counts[Decision.DEFERRED]) == (1, 1)
    assert (result.gib[Decision.STORED], result.gib[Decision.DEFERRED]) == (8, 5)


def test_backlog_of_the_policy_that_no_selection_named_is_counted() -> None:
    assert tally("nightly", [], {"a": line("a", Decision.STORED)}).counts[Decision.STORED] == 1


def test_what_ended_of_another_policy_is_not_counted() -> None:
    result = tally("nightly", [], {"a": line("a", Decision.STORED, "weekly")})
    assert sum(result.counts.values()) == 0


def test_summary_counts_every_decision_also_those_that_did_not_occur() -> None:
    summary = summary_of(tally("nightly", [line("a", Decision.INELIGIBLE)], {}), joined_runs=[])
    assert summary["decisions"] == {
        "stored": 0,
        "already_archived": 0,
        "deferred": 0,
        "ineligible": 1,
        "excluded": 0,
        "failed": 0,
    }
    assert (summary["seconds"], summary["joined_runs"]) == (90, [])


def test_failures_are_named_up_to_a_limit_and_counted_beyond() -> None:
    result = tally("nightly", [line(f"ami-{n}", Decision.FAILED) for n in range(LISTED + 3)], {})
    summary = summary_of(result)
    assert (len(summary["failures"]), summary["decisions"]["failed"]) == (LISTED, LISTED + 3)
    assert "… and 3 more" in text_of(summary)


def test_deferred_images_are_named_with_their_reasons_up_to_a_limit_and_counted_beyond() -> None:
    lines = [line(f"ami-{n}", Decision.DEFERRED, reason="cap of 3 images", gib=0.25) for n in range(LISTED + 2)]
    summary = summary_of(tally("nightly", lines, {}))
    assert summary["deferred"][0] == {"image_id": "ami-0", "reason": "cap of 3 images"}
    assert (len(summary["deferred"]), summary["decisions"]["deferred"]) == (LISTED, LISTED + 2)
    text = text_of(summary)
    assert "\nDeferred:\n  ami-0: cap of 3 images\n" in text
    assert "  … and 2 more\n" in text
    assert "  deferred          52  (13 GiB)" in text
    assert "Deferred images go first next night" in text


def test_text_says_how_a_run_ended_that_stored_nothing() -> None:
    text = text_of(summary_of(Tally(ABOUT_STORING), "joined", working_run="run-0"))
    assert "Outcome: joined; run run-0 works off the queue." in text
    text = text_of(summary_of(Tally(ABOUT_STORING), "dry_run", would_store=7, would_store_gib=70))
    assert "Outcome: dry_run" in text
    assert "  would store       7" in text


def test_text_lists_nothing_where_only_counts_are_known() -> None:
    result = Tally(ABOUT_STORING)
    result.counts[Decision.DEFERRED] = 3
    text = text_of(summary_of(result, "dry_run", would_store=7))
    assert "Deferred:" not in text
    assert "more" not in text


def test_text_of_a_summary_that_an_older_version_wrote_is_made_all_the_same() -> None:
    summary = summary_of(tally("nightly", [line("ami-1", Decision.DEFERRED)], {}))
    del summary["deferred"]
    assert "Deferred images go first next night" in text_of(summary)


def test_headline_says_what_matters() -> None:
    result = tally("nightly", [line("a", Decision.DEFERRED), line("b", Decision.FAILED)], {})
    assert headline(summary_of(result)) == "ami-archiver nightly: 0 stored, 1 failed, 1 deferred"
    assert headline(summary_of(Tally(ABOUT_STORING), "dry_run")) == "ami-archiver nightly: dry_run"


def test_headline_is_what_sns_takes_as_a_subject_whatever_the_policy_is_called() -> None:
    subject = headline(summary_of(Tally(ABOUT_STORING)) | {"policy": "nächtlich" + "x" * 200})
    assert len(subject) == 100
    assert subject.isascii()
