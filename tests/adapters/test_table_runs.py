"""What runs decided, in pages and summaries; and who is told."""

from __future__ import annotations

from typing import Any

import pytest

from ami_archiver.adapters.table_runs import LINES_PER_ITEM, TableRuns
from ami_archiver.model import Decision, DecisionLine, Running, StoreTask
from ami_archiver.ports import Runs, Sight
from tests.support.answers import counting
from tests.support.archive import TABLE, Archive, client
from tests.support.domain import NOW


@pytest.fixture
def runs(dynamodb: Any) -> Runs:
    return TableRuns(dynamodb, TABLE)


def lines(count: int, reason: str = "why") -> list[DecisionLine]:
    return [DecisionLine(f"ami-{n:017}", "nightly", Decision.DEFERRED, reason, n + 0.5) for n in range(count)]


def all_lines(runs: Runs, kind: str = "SELECT#", run_id: str = "run-1") -> list[DecisionLine]:
    return [line for page in runs.pages(run_id, kind) for line in page]


def test_page_comes_back_as_it_was_written(runs: Runs) -> None:
    runs.put_page("run-1", "SELECT#00001", lines(3))
    assert all_lines(runs) == lines(3)


def test_kinds_and_runs_are_kept_apart(runs: Runs) -> None:
    runs.put_page("run-1", "SELECT#00001", lines(1))
    runs.put_page("run-1", "CHECK#0000001", lines(2))
    runs.put_page("run-10", "SELECT#00001", lines(3))
    assert (len(all_lines(runs)), len(all_lines(runs, "CHECK#"))) == (1, 2)


def test_page_written_again_replaces_the_first(runs: Runs) -> None:
    runs.put_page("run-1", "SELECT#00001", lines(2))
    runs.put_page("run-1", "SELECT#00001", lines(2, "other"))
    assert all_lines(runs) == lines(2, "other")


def test_page_larger_than_an_item_is_split(runs: Runs) -> None:
    runs.put_page("run-1", "SELECT#00001", lines(2 * LINES_PER_ITEM + 1, "r" * 500))
    assert len(all_lines(runs)) == 2 * LINES_PER_ITEM + 1


def test_what_a_look_saw_comes_back_with_the_page_on_which_it_listed_what_ended(runs: Runs) -> None:
    theirs = StoreTask("ami-1", "their-bucket", "", "InProgress", 40, NOW)
    sight = Sight(NOW, (Running(theirs, 12.5),), frozenset(line.image_id for line in lines(2)))
    runs.put_page("run-1", "CHECK#0000001#a", lines(2), sight)
    assert runs.sight("run-1", "CHECK#0000001#a") == sight
    assert all_lines(runs, "CHECK#") == lines(2)


def test_page_of_a_look_larger_than_an_item_tells_all_that_ended(runs: Runs) -> None:
    many = lines(LINES_PER_ITEM + 1)
    sight = Sight(NOW, (), frozenset(line.image_id for line in many))
    runs.put_page("run-1", "CHECK#0000001#a", many, sight)
    assert runs.sight("run-1", "CHECK#0000001#a") == sight


def test_page_that_is_not_there_or_is_no_look_s_tells_nothing(runs: Runs) -> None:
    runs.put_page("run-1", "SELECT#00001", lines(1))
    assert runs.sight("run-1", "SELECT#00001") is None
    assert runs.sight("run-1", "CHECK#0000001#a") is None


@pytest.mark.parametrize("sight", [{"M": {}}, {"M": {"at": {"S": "yesterday"}, "tasks": {"L": []}}}, {"S": "nothing"}])
def test_page_of_a_look_that_cannot_be_read_tells_nothing_so_that_the_start_looks_itself(
    dynamodb: Any, runs: Runs, sight: Any
) -> None:
    runs.put_page("run-1", "CHECK#0000001#a", lines(1), Sight(NOW, (), frozenset()))
    (item,) = dynamodb.scan(TableName=TABLE)["Items"]
    dynamodb.put_item(TableName=TABLE, Item=item | {"sight": sight})
    assert runs.sight("run-1", "CHECK#0000001#a") is None


def test_run_without_pages_has_none(runs: Runs) -> None:
    assert all_lines(runs) == []
    runs.put_page("run-1", "SELECT#00001", [])
    assert all_lines(runs) == []


def test_summary_comes_back_with_its_numbers_as_json_has_them(runs: Runs) -> None:
    summary = {"run_id": "run-1", "seconds": 90, "stored_gib": 12.5, "failures": [{"image_id": "a"}], "none": None}
    runs.put_summary("run-1", summary)
    back = runs.summary("run-1")
    assert back == summary
    assert isinstance(back["seconds"], int)
    assert isinstance(back["stored_gib"], float)
    assert runs.summary("run-2") is None


def test_topic_gets_subject_and_text(archive: Archive) -> None:
    sns: Any = client(archive.cloud, "sns")
    with counting(sns, "Publish") as calls:
        archive.app.notifier.publish("subject", "text")
    assert (calls[0]["Subject"], calls[0]["Message"]) == ("subject", "text")
    assert calls[0]["TopicArn"] == archive.settings.topic_arn
