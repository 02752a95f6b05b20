"""What runs decided, in pages and summaries."""

from __future__ import annotations

from typing import Any

import pytest

from ami_archiver.adapters.table_runs import LINES_PER_ITEM, SummaryKind, TableRuns
from ami_archiver.model import Decision, DecisionLine
from tests.support.archive import TABLE


@pytest.fixture
def runs(dynamodb: Any) -> TableRuns:
    return TableRuns(dynamodb, TABLE)


def lines(count: int, reason: str = "why") -> list[DecisionLine]:
    return [DecisionLine(f"ami-{n:017}", "nightly", Decision.DEFERRED, reason, n + 0.5) for n in range(count)]


def all_lines(runs: TableRuns, kind: str = "SELECT#", run_id: str = "run-1") -> list[DecisionLine]:
    return [line for page in runs.pages(run_id, kind) for line in page]


def test_page_comes_back_as_it_was_written(runs: TableRuns) -> None:
    runs.put_page("run-1", "SELECT#00001", lines(3))
    assert all_lines(runs) == lines(3)


def test_kinds_and_runs_are_kept_apart(runs: TableRuns) -> None:
    runs.put_page("run-1", "SELECT#00001", lines(1))
    runs.put_page("run-1", "CHECK#0000001", lines(2))
    runs.put_page("run-10", "SELECT#00001", lines(3))
    assert (len(all_lines(runs)), len(all_lines(runs, "CHECK#"))) == (1, 2)


def test_page_written_again_replaces_the_first(runs: TableRuns) -> None:
    runs.put_page("run-1", "SELECT#00001", lines(2))
    runs.put_page("run-1", "SELECT#00001", lines(2, "other"))
    assert all_lines(runs) == lines(2, "other")


def test_page_larger_than_an_item_is_split(runs: TableRuns) -> None:
    runs.put_page("run-1", "SELECT#00001", lines(2 * LINES_PER_ITEM + 1, "r" * 500))
    assert len(all_lines(runs)) == 2 * LINES_PER_ITEM + 1


def test_run_without_pages_has_none(runs: TableRuns) -> None:
    assert all_lines(runs) == []
    runs.put_page("run-1", "SELECT#00001", [])
    assert all_lines(runs) == []


def test_summary_comes_back_with_its_numbers_as_json_has_them(runs: TableRuns) -> None:
    summary = {"run_id": "run-1", "seconds": 90, "stored_gib": 12.5, "failures": [{"image_id": "a"}], "none": None}
    runs.put_summary(SummaryKind.RUNS, "run-1", summary)
    back = runs.summary(SummaryKind.RUNS, "run-1")
    assert back == summary
    assert isinstance(back["seconds"], int)
    assert isinstance(back["stored_gib"], float)
    assert runs.summary(SummaryKind.RUNS, "run-2") is None
