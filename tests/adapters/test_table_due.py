"""Records whose grace period is over, by the index of the table."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from ami_archiver.adapters.table_records import TableRecords
from ami_archiver.model import ArchiveRecord, Status
from ami_archiver.retire import moves
from tests.support.archive import TABLE
from tests.support.domain import IMAGE_ID, NOW, verified


@pytest.fixture
def records(dynamodb: Any) -> TableRecords:
    return TableRecords(dynamodb, TABLE)


def disabled(image_id: str = IMAGE_ID, at: datetime = NOW) -> ArchiveRecord:
    return moves.disabled(verified(image_id), "disabled", at=at, run_id="run-2")


def due(records: TableRecords, status: Status, until: datetime, after: str | None = None) -> list[str]:
    return [found.image_id for found in records.in_status(status, after, until) if found.record]


def put(dynamodb: Any, image_id: str, **attributes: Any) -> None:
    """Change a record's item by hand."""
    key = {"pk": {"S": f"IMAGE#{image_id}"}, "sk": {"S": "RECORD"}}
    item = dynamodb.get_item(TableName=TABLE, Key=key)["Item"]
    dynamodb.put_item(TableName=TABLE, Item=item | attributes)


def test_records_that_came_into_a_status_until_then_are_due_oldest_first(records: TableRecords) -> None:
    for number in (3, 1, 2):
        records.save(None, disabled(f"ami-{number:017}", NOW + timedelta(days=number)))
    records.save(None, verified("ami-00000000000000009"))
    until = NOW + timedelta(days=2)
    assert due(records, Status.DISABLED, until) == ["ami-00000000000000001", "ami-00000000000000002"]
    assert due(records, Status.DISABLED, NOW) == []
    assert due(records, Status.VERIFIED, NOW) == ["ami-00000000000000009"]


def test_note_in_a_records_history_does_not_make_it_younger(records: TableRecords) -> None:
    records.save(None, verified())
    before = verified()
    assert records.save(before, moves.kept(before, "InUse: used", at=NOW + timedelta(days=9), run_id="run-9"))
    assert due(records, Status.VERIFIED, NOW) == [IMAGE_ID]


@pytest.mark.parametrize("microseconds", [0, 1, 999_999])
def test_what_is_due_goes_on_behind_a_cursor(records: TableRecords, microseconds: int) -> None:
    at = NOW + timedelta(microseconds=microseconds)
    ids = [f"ami-{number:017}" for number in range(4)]
    for image_id in ids:
        records.save(None, disabled(image_id, at))
    cursors = [seen.cursor for seen in records.in_status(Status.DISABLED, None, at)]
    assert [due(records, Status.DISABLED, at, one) for one in cursors] == [ids[1:], ids[2:], ids[3:], []]
    assert due(records, Status.DISABLED, at - timedelta(microseconds=1)) == []


def test_cursor_beyond_what_is_due_finds_nothing(records: TableRecords) -> None:
    records.save(None, disabled())
    (seen,) = records.in_status(Status.DISABLED, None, NOW)
    assert due(records, Status.DISABLED, NOW - timedelta(days=1), seen.cursor) == []


def test_record_that_cannot_be_read_is_due_without_being_read(records: TableRecords, dynamodb: Any) -> None:
    for number in (1, 2, 3):
        records.save(None, disabled(f"ami-{number:017}"))
    put(dynamodb, "ami-00000000000000002", retirement={"M": {"intention": {"S": "sell"}}})
    seen = list(records.in_status(Status.DISABLED, None, NOW))
    assert [one.record is None for one in seen] == [False, True, False]
    assert due(records, Status.DISABLED, NOW, seen[1].cursor) == ["ami-00000000000000003"]
