"""Records on their way out, the snapshots left behind, totals and approvals, in DynamoDB."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from ami_archiver import lifecycle
from ami_archiver.adapters.table_records import HISTORY_KEPT, TableRecords
from ami_archiver.adapters.table_retirements import SNAPSHOTS_PER_TRANSACTION, TableRetirements
from ami_archiver.adapters.table_runs import TableRuns
from ami_archiver.errors import BadRecord, TemporarilyUnavailable
from ami_archiver.model import Action, ArchiveRecord
from ami_archiver.retire import moves
from ami_archiver.retire.model import FirstRun, Freed, LeftSnapshot, Saved, SnapshotEnd
from tests.support.answers import answering, counting, losing_answers
from tests.support.archive import TABLE
from tests.support.domain import IMAGE_ID, NOW, RETIREMENT, verified

LEFT = LeftSnapshot(IMAGE_ID, "snap-1")
SAVED = Saved(1, 8.125, 2.5, 8.125, 3.001, 0.0123)


@pytest.fixture
def retirements(dynamodb: Any) -> TableRetirements:
    return TableRetirements(dynamodb, TABLE)


@pytest.fixture
def records(dynamodb: Any) -> TableRecords:
    return TableRecords(dynamodb, TABLE)


def disabled(image_id: str = IMAGE_ID, at: datetime = NOW) -> ArchiveRecord:
    return moves.disabled(verified(image_id), "disabled", at=at, run_id="run-2")


def items(dynamodb: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = dynamodb.scan(TableName=TABLE)["Items"]
    return found


def one(records: TableRecords) -> ArchiveRecord:
    return records.get([IMAGE_ID]).records[IMAGE_ID]


# Records


def test_record_of_before_there_was_retirement_is_read_as_one_that_is_not_on_its_way(
    retirements: TableRetirements, records: TableRecords, dynamodb: Any
) -> None:
    records.save(None, verified())
    dynamodb.update_item(
        TableName=TABLE,
        Key={"pk": {"S": f"IMAGE#{IMAGE_ID}"}, "sk": {"S": "RECORD"}},
        UpdateExpression="REMOVE retirement",
    )
    before = one(records)
    assert before == verified()
    after = moves.disabled(before, "disabled", at=NOW, run_id="run-2")
    assert retirements.save(before, after)
    assert one(records) == after


@pytest.mark.parametrize(
    ("of", "schema"),
    [
        (verified(), "1"),
        (replace(verified(), retirement=RETIREMENT), "1"),
        (disabled(), "2"),
        (moves.retired(disabled(), "gone", {}, at=NOW, run_id="run-3"), "2"),
    ],
    ids=["VERIFIED", "VERIFIED and announced", "DISABLED", "RETIRED"],
)
def test_older_code_is_told_to_be_replaced_only_where_it_could_not_read_on(
    records: TableRecords, dynamodb: Any, of: ArchiveRecord, schema: str
) -> None:
    records.save(None, of)
    assert items(dynamodb)[0]["schema"] == {"N": schema}
    assert records.get([IMAGE_ID]).records == {IMAGE_ID: of}


def test_what_is_known_of_originals_is_read_consistently(retirements: TableRetirements, dynamodb: Any) -> None:
    with counting(dynamodb, "GetItem") as gets, counting(dynamodb, "Query") as queries:
        retirements.total_saved()
        retirements.first_run("nightly")
        retirements.token("run")
        list(retirements.left_snapshots())
    assert len(gets) == 3
    assert all(b'"ConsistentRead": true' in call["body"] for call in [*gets, *queries])


# Saving


def test_record_snapshots_and_total_are_written_together(retirements: TableRetirements, records: TableRecords) -> None:
    before = disabled()
    records.save(None, before)
    intended = moves.intended(before, Action.DEREGISTER, ["snap-1"], 8, Freed(1, 8), at=NOW, run_id="run-3")
    assert retirements.save(before, intended, adding=[LEFT])
    assert list(retirements.left_snapshots()) == [LEFT]
    ends = {"snap-1": (SnapshotEnd.DELETED, "")}
    retired = moves.retired(intended, "gone", ends, at=NOW, run_id="run-3")
    assert retirements.save(intended, retired, leaving=[LEFT], saved=SAVED)
    assert list(retirements.left_snapshots()) == []
    assert retirements.total_saved() == SAVED
    assert one(records) == retired


def test_write_that_comes_too_late_changes_nothing_at_all(retirements: TableRetirements, records: TableRecords) -> None:
    before = disabled()
    records.save(None, before)
    other = moves.kept(before, "OnHold: held", at=NOW, run_id="run-4")
    assert retirements.save(before, other, adding=[LEFT])
    late = moves.retired(before, "gone", {}, at=NOW, run_id="run-3")
    second = LeftSnapshot(IMAGE_ID, "snap-2")
    assert not retirements.save(before, late, adding=[second], leaving=[LEFT], saved=SAVED)
    assert not retirements.save(before, late)
    assert one(records) == other
    assert list(retirements.left_snapshots()) == [LEFT]
    assert retirements.total_saved() == Saved()


def test_total_counts_a_write_once_whose_answer_was_lost(
    retirements: TableRetirements, records: TableRecords, dynamodb: Any
) -> None:
    before = disabled()
    records.save(None, before)
    retired = moves.retired(before, "gone", {}, at=NOW, run_id="run-3")
    with losing_answers(dynamodb, "TransactWriteItems"), pytest.raises(TemporarilyUnavailable):
        retirements.save(before, retired, saved=SAVED)
    assert not retirements.save(before, retired, saved=SAVED)
    assert retirements.total_saved() == SAVED


def test_totals_add_up(retirements: TableRetirements, records: TableRecords) -> None:
    for number in (1, 2, 3):
        before = disabled(f"ami-{number:017}")
        records.save(None, before)
        retirements.save(before, moves.retired(before, "gone", {}, at=NOW, run_id="run-3"), saved=SAVED)
    total = retirements.total_saved()
    assert total.images == 3
    assert isinstance(total.images, int)
    assert (total.snapshot_gib, total.object_dollars_month) == (24.375, pytest.approx(0.0369))


def test_total_before_anything_was_saved_is_nothing(retirements: TableRetirements) -> None:
    assert retirements.total_saved() == Saved()


def test_total_that_cannot_be_read_says_what_to_do(retirements: TableRetirements, dynamodb: Any) -> None:
    dynamodb.put_item(TableName=TABLE, Item={"pk": {"S": "TOTALS"}, "sk": {"S": "RETIRED"}, "images": {"S": "many"}})
    with pytest.raises(BadRecord, match=r"total of what was saved cannot be read.*delete it"):
        retirements.total_saved()


def test_more_snapshots_than_one_transaction_takes_are_all_noted_and_all_dropped(
    retirements: TableRetirements, records: TableRecords
) -> None:
    before = disabled()
    records.save(None, before)
    many = [LeftSnapshot(IMAGE_ID, f"snap-{number:03}") for number in range(SNAPSHOTS_PER_TRANSACTION + 40)]
    intended = moves.kept(before, "first", at=NOW, run_id="run-3")
    assert retirements.save(before, intended, adding=many)
    assert list(retirements.left_snapshots()) == many
    assert retirements.save(intended, moves.kept(intended, "second", at=NOW, run_id="run-3"), leaving=many, saved=SAVED)
    assert list(retirements.left_snapshots()) == []


def test_long_history_is_paged_out_and_none_is_lost(
    retirements: TableRetirements, records: TableRecords, dynamodb: Any
) -> None:
    before = disabled()
    records.save(None, before)
    after = before
    for number in range(HISTORY_KEPT):
        at = NOW + timedelta(seconds=number)
        after = lifecycle.noted(after, f"note {number}", at=at, run_id="run-3")
    assert retirements.save(before, after, adding=[LEFT], saved=SAVED)
    kept = one(records)
    assert len(kept.history) == len(after.history) - HISTORY_KEPT // 2
    (page,) = [item for item in items(dynamodb) if item["sk"]["S"].startswith("HISTORY#")]
    assert len(page["moves"]["L"]) + len(kept.history) == len(after.history)
    assert list(retirements.left_snapshots()) == [LEFT]


# Snapshots left behind


def test_left_snapshots_come_in_pages_and_are_dropped_one_by_one(retirements: TableRetirements, dynamodb: Any) -> None:
    def page(number: int, **more: Any) -> dict[str, Any]:
        return {"Items": [{"pk": {"S": "SNAPSHOTS"}, "sk": {"S": f"ami-1#snap-{number}"}}], **more}

    with answering(dynamodb, "Query", page(1, LastEvaluatedKey={"pk": {"S": "x"}}), page(2)):
        assert list(retirements.left_snapshots()) == [LeftSnapshot("ami-1", "snap-1"), LeftSnapshot("ami-1", "snap-2")]
    for number in (1, 2):
        dynamodb.put_item(TableName=TABLE, Item=page(number)["Items"][0])
    retirements.drop(LeftSnapshot("ami-1", "snap-1"))
    retirements.drop(LeftSnapshot("ami-1", "snap-1"))
    assert list(retirements.left_snapshots()) == [LeftSnapshot("ami-1", "snap-2")]


# First runs and approvals


def test_first_run_of_a_policy_is_kept_by_its_name(retirements: TableRetirements) -> None:
    assert retirements.first_run("nightly") is None
    retirements.put_first_run("nightly", FirstRun("disable", "run-1"))
    retirements.put_first_run("nightly", FirstRun("retire", "run-2"))
    assert retirements.first_run("nightly") == FirstRun("retire", "run-2")
    assert retirements.first_run("weekly") is None


def test_first_run_that_cannot_be_read_says_what_to_do(retirements: TableRetirements, dynamodb: Any) -> None:
    dynamodb.put_item(TableName=TABLE, Item={"pk": {"S": "POLICIES"}, "sk": {"S": "nightly"}, "original": {"N": "5"}})
    with pytest.raises(BadRecord, match=r"first run of policy nightly cannot be read.*delete it"):
        retirements.first_run("nightly")


def test_token_of_an_approval_is_kept_by_run(retirements: TableRetirements, dynamodb: Any) -> None:
    assert retirements.token("run-1") is None
    retirements.put_token("run-1", "AQC8…")
    assert retirements.token("run-1") == "AQC8…"
    assert [(item["pk"]["S"], item["sk"]["S"]) for item in items(dynamodb)] == [("RUN#run-1", "APPROVAL")]
    assert list(TableRuns(dynamodb, TABLE).pages("run-1", "PLAN#")) == []
