"""The queue: nights oldest first, the largest first within a night, by policy, however long it is."""

from __future__ import annotations

from typing import Any

import pytest

from ami_archiver.adapters.table_records import TableRecords
from ami_archiver.errors import BadRecord
from ami_archiver.model import QueueEntry
from tests.support.answers import counting
from tests.support.archive import TABLE
from tests.support.queue import queued


@pytest.fixture
def records(dynamodb: Any) -> TableRecords:
    return TableRecords(dynamodb, TABLE)


def put(dynamodb: Any, *entries: QueueEntry, **more: Any) -> None:
    for start in range(0, len(entries), 25):
        requests = [{"PutRequest": {"Item": item(e) | more}} for e in entries[start : start + 25]]
        dynamodb.batch_write_item(RequestItems={TABLE: requests})


def item(of: QueueEntry) -> dict[str, Any]:
    order = f"{of.night}#{round(of.snapshot_gib * 1000):010}#{of.image_id}"
    return {"pk": {"S": "QUEUE"}, "sk": {"S": order}, "policy": {"S": of.policy}}


def entry(image_id: str, gib: float = 8, night: str = "20260101", policy: str = "nightly") -> QueueEntry:
    return QueueEntry(night, image_id, policy, gib)


def sizes(records: TableRecords, below: float | None, night: str = "20260101") -> list[float]:
    return [e.snapshot_gib for e in records.largest(night, below, ["weekly"])]


def test_largest_come_first_whatever_their_number_of_digits(records: TableRecords, dynamodb: Any) -> None:
    put(dynamodb, *[entry(f"i{gib}", gib) for gib in (9, 10, 0.001, 5000, 99.999, 100)])
    assert sizes(records, None) == [5000, 100, 99.999, 10, 9, 0.001]


def test_below_is_strictly_below(records: TableRecords, dynamodb: Any) -> None:
    put(dynamodb, *[entry(f"i{gib}", gib) for gib in (99.999, 100, 100.001)])
    assert sizes(records, 100) == [99.999]
    assert sizes(records, 100.001) == [100, 99.999]


def test_other_nights_and_closed_policies_are_not_among_them(records: TableRecords, dynamodb: Any) -> None:
    put(dynamodb, entry("a", 1), entry("b", 2, night="20260102"), entry("c", 3, policy="weekly"), entry("d", 4))
    assert sizes(records, None) == [4, 1]
    assert [e.image_id for e in records.largest("20260101", None, [])] == ["d", "c", "a"]
    assert list(records.largest("20260101", None, ["weekly", "nightly"])) == []


def test_nights_come_oldest_first_each_once(records: TableRecords, dynamodb: Any) -> None:
    nights = ["20260103", "20251231", "20260101"]
    put(dynamodb, *[entry(f"i{number}", number + 1, night) for night in nights for number in range(3)])
    with counting(dynamodb, "Query") as calls:
        assert list(records.nights()) == ["20251231", "20260101", "20260103"]
    assert len(calls) == 4


def test_empty_queue_has_no_nights(records: TableRecords) -> None:
    assert list(records.nights()) == []
    assert queued(records) == []


def test_queue_of_more_than_a_megabyte_is_read_to_its_end(records: TableRecords, dynamodb: Any) -> None:
    entries = [entry(f"ami-{number:017}", number + 1) for number in range(60)]
    put(dynamodb, *entries, padding={"S": "x" * 30_000})
    with counting(dynamodb, "Query") as calls:
        assert len(queued(records)) == 60
    assert len(calls) > 1
    assert sizes(records, None) == [float(number) for number in range(60, 0, -1)]


def test_other_policies_entries_in_front_do_not_hide_ours(records: TableRecords, dynamodb: Any) -> None:
    others = [entry(f"ami-{number:017}", number + 100, policy="weekly") for number in range(120)]
    put(dynamodb, *others, entry("ami-ours", 1))
    assert sizes(records, None) == [1]


@pytest.mark.parametrize("key", ["20260101#0000008000", "20260101#large#ami-1"])
def test_entry_whose_key_cannot_be_read_says_what_to_do(records: TableRecords, dynamodb: Any, key: str) -> None:
    dynamodb.put_item(TableName=TABLE, Item={"pk": {"S": "QUEUE"}, "sk": {"S": key}})
    with pytest.raises(
        BadRecord, match=rf"^queue entry {key} cannot be read: .*; delete it and set its record's status"
    ):
        sizes(records, None)
