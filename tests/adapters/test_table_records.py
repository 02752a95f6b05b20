"""Archive records in DynamoDB: every write has its condition, nothing of the history is lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from boto3.dynamodb.types import TypeSerializer

from ami_archiver import lifecycle
from ami_archiver.adapters.table import WAITS_SECONDS, deserialized
from ami_archiver.adapters.table_records import HISTORY_KEPT, TableRecords
from ami_archiver.errors import TemporarilyUnavailable
from ami_archiver.failures import Failure
from ami_archiver.model import ArchiveRecord, Decision, QueueEntry, RestoreFacts, Status
from tests.adapters.conftest import LOCAL_CLOUD
from tests.support.answers import answering, counting, losing_answers, refusing
from tests.support.archive import TABLE
from tests.support.domain import IMAGE_ID, NOW, RETIREMENT, record, storing, verified
from tests.support.queue import queued

ENTRY = QueueEntry("20260101", IMAGE_ID, "nightly", 8.0)
KEY = {"pk": {"S": f"IMAGE#{IMAGE_ID}"}, "sk": {"S": "RECORD"}}


@pytest.fixture
def records(dynamodb: Any) -> TableRecords:
    return TableRecords(dynamodb, TABLE)


def one(records: TableRecords, image_id: str = IMAGE_ID) -> ArchiveRecord:
    return records.get([image_id]).records[image_id]


def raw(dynamodb: Any) -> dict[str, Any]:
    item: dict[str, Any] = dynamodb.get_item(TableName=TABLE, Key=KEY)["Item"]
    return item


def to_storing(before: ArchiveRecord, at: datetime = NOW) -> ArchiveRecord:
    return lifecycle.move(before, Status.STORING, Decision.DEFERRED, "go", at=at, run_id="run-1")


def test_record_comes_back_as_it_was_written(records: TableRecords) -> None:
    facts = RestoreFacts(("user:1",), None, encrypted=True, kms_key_ids=("arn:key",))
    full = replace(verified(checksum="SHA256:x"), facts=facts, failed_task_started_at=NOW, snapshot_gib=8.125)
    full = replace(full, retirement=RETIREMENT)
    assert records.save(None, full)
    assert one(records) == full


def test_facts_that_are_empty_and_facts_that_are_unknown_stay_apart(records: TableRecords) -> None:
    records.save(None, record(facts=RestoreFacts((), None)))
    assert one(records).facts == RestoreFacts((), None)


def test_unicode_and_long_names_survive(records: TableRecords) -> None:
    named = record(image_name="ü☃ =\n" + "x" * 250)
    records.save(None, named)
    assert one(records) == named


def test_first_write_is_refused_where_a_record_is_already(records: TableRecords) -> None:
    records.save(None, record())
    before = one(records)
    assert not records.save(None, record(run_id="run-2"))
    assert one(records) == before


def test_lost_update_returns_false_and_changes_nothing(records: TableRecords) -> None:
    records.save(None, record())
    before = one(records)
    assert records.save(before, to_storing(before))
    now = one(records)
    late = lifecycle.move(before, Status.FAILED, Decision.FAILED, "late", at=NOW, run_id="run-2")
    assert not records.save(before, late)
    assert one(records) == now


def test_update_is_refused_where_only_the_history_has_grown(records: TableRecords) -> None:
    records.save(None, storing())
    before = one(records)
    records.save(before, lifecycle.attempt_failed(before, Failure.STORE_FAILED, "first", 3, at=NOW, run_id="run-1"))
    assert not records.save(
        before, lifecycle.attempt_failed(before, Failure.STORE_FAILED, "second", 3, at=NOW, run_id="run-2")
    )
    assert one(records).attempts == 1


def test_update_is_refused_where_somebody_has_set_another_status_by_hand(records: TableRecords, dynamodb: Any) -> None:
    records.save(None, record())
    before = one(records)
    dynamodb.put_item(TableName=TABLE, Item=raw(dynamodb) | {"status": {"S": "FAILED"}})
    by_hand = raw(dynamodb)
    assert not records.save(before, to_storing(before))
    assert raw(dynamodb) == by_hand


def test_update_of_a_record_that_is_not_there_is_refused(records: TableRecords) -> None:
    assert not records.save(record(), to_storing(record()))
    assert records.get([IMAGE_ID]).records == {}


def test_record_and_queue_entry_are_written_together_or_not_at_all(records: TableRecords) -> None:
    assert records.enqueue([(None, record())], [ENTRY]) == set()
    assert (one(records).status, queued(records)) == (Status.SELECTED, [ENTRY])
    other = record("ami-00000000000000002")
    other_entry = replace(ENTRY, image_id=other.image_id)
    again = replace(ENTRY, night="20260102")
    assert records.enqueue([(None, record()), (None, other)], [again, other_entry]) == {IMAGE_ID}
    assert set(queued(records)) == {ENTRY, other_entry}


def test_image_leaves_the_queue_in_the_write_that_starts_it(records: TableRecords) -> None:
    records.enqueue([(None, record())], [ENTRY])
    before = one(records)
    assert records.save(before, to_storing(before), leaving=ENTRY)
    assert queued(records) == []


def test_image_stays_in_the_queue_if_the_write_that_starts_it_is_refused(records: TableRecords) -> None:
    records.enqueue([(None, record())], [ENTRY])
    before = one(records)
    other_run = replace(to_storing(before), history=(*before.history, *to_storing(before).history))
    assert not records.save(other_run, to_storing(before), leaving=ENTRY)
    assert queued(records) == [ENTRY]
    assert one(records) == before


@pytest.mark.parametrize("dynamodb", [LOCAL_CLOUD], indirect=True)  # moto takes half a minute
def test_many_images_are_enqueued_with_those_that_others_changed_left_out(records: TableRecords) -> None:
    ids = [f"ami-{number:017}" for number in range(130)]
    taken = {ids[0], ids[49], ids[50], ids[129]}
    for image_id in taken:
        records.save(None, record(image_id, run_id="other"))
    changes = [(None, record(image_id)) for image_id in ids]
    entries = [replace(ENTRY, image_id=image_id) for image_id in ids]
    assert records.enqueue(changes, entries) == taken
    assert {entry.image_id for entry in queued(records)} == set(ids) - taken
    assert len(records.get(ids).records) == 130


def test_busy_table_is_temporary(records: TableRecords, dynamodb: Any) -> None:
    with (
        refusing(dynamodb, "TransactWriteItems", "TransactionCanceledException"),
        pytest.raises(TemporarilyUnavailable, match="the table is busy"),
    ):
        records.enqueue([(None, record())], [ENTRY])


def test_write_whose_answer_was_lost_is_refused_when_repeated_and_there_once(
    records: TableRecords, dynamodb: Any
) -> None:
    records.save(None, record())
    before = one(records)
    with losing_answers(dynamodb, "UpdateItem"), pytest.raises(TemporarilyUnavailable):
        records.save(before, to_storing(before))
    assert not records.save(before, to_storing(before))
    assert len(one(records).history) == 2


def test_stale_entry_is_dropped_but_never_one_that_waits(records: TableRecords) -> None:
    records.enqueue([(None, record())], [ENTRY])
    records.drop(ENTRY)
    assert queued(records) == [ENTRY]
    before = one(records)
    records.save(before, to_storing(before))
    records.drop(ENTRY)
    assert queued(records) == []


def test_entry_of_an_image_without_a_record_is_dropped(records: TableRecords, dynamodb: Any) -> None:
    records.enqueue([(None, record())], [ENTRY])
    dynamodb.delete_item(TableName=TABLE, Key=KEY)
    records.drop(ENTRY)
    assert queued(records) == []


def test_records_are_read_by_hundreds_consistently(records: TableRecords, dynamodb: Any) -> None:
    ids = [f"ami-{number:017}" for number in range(205)]
    for image_id in ids[98:102]:
        records.save(None, record(image_id))
    with counting(dynamodb, "BatchGetItem") as calls:
        assert set(records.get(ids).records) == set(ids[98:102])
    assert len(calls) == 3
    assert all(b'"ConsistentRead": true' in call["body"] for call in calls)


def left(*keys: dict[str, Any], found: Sequence[dict[str, Any]] = ()) -> dict[str, Any]:
    """An answer of a table that has no capacity for these keys just now."""
    return {
        "Responses": {TABLE: list(found)},
        "UnprocessedKeys": {TABLE: {"Keys": list(keys), "ConsistentRead": True}},
    }


def test_keys_that_dynamodb_left_unread_are_asked_again_less_and_less_often(
    records: TableRecords, dynamodb: Any, waits: list[float]
) -> None:
    records.save(None, record())
    with answering(dynamodb, "BatchGetItem", *[left(KEY)] * 3) as calls:
        assert set(records.get([IMAGE_ID]).records) == {IMAGE_ID}
    assert (len(calls), waits) == (4, [0.1, 0.2, 0.4])


def test_keys_that_dynamodb_never_reads_are_given_up(records: TableRecords, dynamodb: Any, waits: list[float]) -> None:
    with (
        answering(dynamodb, "BatchGetItem", *[left(KEY)] * 100) as calls,
        pytest.raises(TemporarilyUnavailable, match="the table is busy: 1 items are left unread"),
    ):
        records.get([IMAGE_ID])
    assert (len(calls), waits) == (len(WAITS_SECONDS) + 1, list(WAITS_SECONDS))


def test_table_that_answers_little_by_little_is_not_given_up(
    records: TableRecords, dynamodb: Any, waits: list[float]
) -> None:
    records.save(None, record())
    with answering(dynamodb, "BatchGetItem", *[left(KEY, found=[raw(dynamodb)])] * 20):
        assert set(records.get([IMAGE_ID]).records) == {IMAGE_ID}
    assert waits == [0.1] * 20


@pytest.mark.parametrize("dynamodb", [LOCAL_CLOUD], indirect=True)  # moto takes half a minute
def test_history_beyond_two_hundred_moves_is_paged_out_and_none_is_lost(records: TableRecords, dynamodb: Any) -> None:
    records.save(None, storing())
    moves = 2
    for number in range(3000 // 200):
        before = one(records)
        after = before
        for step in range(200):
            at = NOW + timedelta(minutes=number, seconds=step)
            after = lifecycle.attempt_failed(
                after, Failure.STORE_FAILED, f"move {moves} " + "x" * 200, 10_000, at=at, run_id="run-1"
            )
            moves += 1
        assert records.save(before, after)
        assert len(one(records).history) <= HISTORY_KEPT
    assert len(str(raw(dynamodb))) < 400 * 1024
    whys = [why.split(" x")[0].split("failed: ")[-1] for why in told(dynamodb)]
    assert len(whys) == moves == 3002
    assert whys[2:] == [f"move {number}" for number in range(2, moves)]


def told(dynamodb: Any) -> list[str]:
    """Why the image ever moved, from the oldest move to the newest."""
    pages = dynamodb.get_paginator("query").paginate(
        TableName=TABLE,
        KeyConditionExpression="pk = :pk AND begins_with(sk, :sk)",
        ExpressionAttributeValues={":pk": KEY["pk"], ":sk": {"S": "HISTORY#"}},
    )
    older = [move for page in pages for item in page["Items"] for move in deserialized(item)["moves"]]
    return [move["why"] for move in [*older, *deserialized(raw(dynamodb))["history"]]]


def with_notes(before: ArchiveRecord, count: int) -> ArchiveRecord:
    """The record after so many more moves, numbered by all that there were."""
    for _ in range(count):
        number = (before.revision or len(before.history)) + 1
        at = NOW + timedelta(seconds=number)
        before = lifecycle.noted(before, f"move {number}", at=at, run_id="run-1")
    return before


def without_revision(dynamodb: Any) -> None:
    """Make the record's item one of before there were revisions."""
    dynamodb.put_item(TableName=TABLE, Item={k: v for k, v in raw(dynamodb).items() if k != "revision"})


@pytest.mark.parametrize("older", [False, True], ids=["", "written before there were revisions"])
def test_record_is_saved_time_and_again_in_one_step_though_its_history_is_shortened_meanwhile(
    records: TableRecords, dynamodb: Any, older: bool
) -> None:
    records.save(None, with_notes(storing(), HISTORY_KEPT - 4))
    if older:
        without_revision(dynamodb)
    current = one(records)
    for moves in (1, 1, 1, 1, 1, 97, 1, 1, 1, 250, 1):
        after = with_notes(current, moves)
        assert records.save(current, after)
        current = after  # as a step goes on: nobody reads it again
    now = one(records)
    assert len(now.history) <= HISTORY_KEPT
    assert (now.status, now.revision, now.history) == (current.status, 554, current.history[-len(now.history) :])
    assert told(dynamodb)[2:] == [f"move {number}" for number in range(3, 555)]


@pytest.mark.parametrize("older", [False, True], ids=["", "written before there were revisions"])
def test_of_two_who_save_a_record_only_the_first_is_written(records: TableRecords, dynamodb: Any, older: bool) -> None:
    records.save(None, storing())
    if older:
        without_revision(dynamodb)
    before = one(records)
    assert records.save(before, with_notes(before, 1))
    assert not records.save(before, with_notes(before, 2))
    assert told(dynamodb)[2:] == ["move 3"]


def test_record_without_a_revision_is_saved_by_nobody_who_has_not_seen_its_last_move(
    records: TableRecords, dynamodb: Any
) -> None:
    records.save(None, storing())
    without_revision(dynamodb)
    before = one(records)
    moves = raw(dynamodb)["history"]["L"]
    dynamodb.put_item(TableName=TABLE, Item=raw(dynamodb) | {"history": {"L": [*moves, moves[-1]]}})
    assert not records.save(before, with_notes(before, 1))


def test_record_that_got_its_revision_meanwhile_is_saved_by_nobody_who_read_it_without(
    records: TableRecords, dynamodb: Any
) -> None:
    records.save(None, storing())
    without_revision(dynamodb)
    before = one(records)
    records.save(before, with_notes(before, 1))
    dynamodb.put_item(TableName=TABLE, Item=raw(dynamodb) | {"history": {"L": raw(dynamodb)["history"]["L"][:2]}})
    assert not records.save(before, with_notes(before, 1))


def test_moves_that_somebody_added_by_hand_are_not_lost_when_the_history_is_shortened(
    records: TableRecords, dynamodb: Any
) -> None:
    records.save(None, with_notes(storing(), HISTORY_KEPT - 3))
    history = raw(dynamodb)["history"]["L"]
    by_hand = {"M": history[0]["M"] | {"why": {"S": "by hand"}}}
    dynamodb.put_item(TableName=TABLE, Item=raw(dynamodb) | {"history": {"L": [by_hand, *history]}})
    before = one(records)
    assert records.save(before, with_notes(before, 5))
    assert [why for why in told(dynamodb) if why.startswith(("by hand", "move"))] == [
        "by hand",
        *(f"move {number}" for number in range(3, HISTORY_KEPT + 5)),
    ]
    assert len(one(records).history) <= HISTORY_KEPT


def test_image_that_failed_for_months_is_enqueued_with_its_history_shortened(
    records: TableRecords, dynamodb: Any
) -> None:
    failed = replace(with_notes(storing(), HISTORY_KEPT - 2), status=Status.FAILED)
    records.save(None, failed)
    before = one(records)
    again = lifecycle.select(record(), before)
    assert records.enqueue([(before, again)], [ENTRY]) == set()
    assert len(one(records).history) < HISTORY_KEPT
    assert records.save(again, with_notes(again, 1))
    assert told(dynamodb)[2:] == [*(f"move {n}" for n in range(3, HISTORY_KEPT + 1)), "8 GiB; waits", "move 202"]
    assert queued(records) == [ENTRY]


@pytest.mark.parametrize("dynamodb", [LOCAL_CLOUD], indirect=True)  # moto counts no bytes of a transaction
def test_images_with_long_histories_are_enqueued_however_many_they_are(records: TableRecords) -> None:
    ids = [f"ami-{number:017}" for number in range(30)]
    for image_id in ids:
        one_move = lifecycle.noted(storing(image_id), "x" * 5000, at=NOW, run_id="run-1").history[-1]
        history = (one_move,) * 30
        records.save(None, replace(record(image_id), status=Status.FAILED, history=history, revision=30))
    found = records.get(ids).records
    changes = [(found[image_id], lifecycle.select(record(image_id), found[image_id])) for image_id in ids]
    assert records.enqueue(changes, [replace(ENTRY, image_id=image_id) for image_id in ids]) == set()
    assert {entry.image_id for entry in queued(records)} == set(ids)


MOVE = {"at": NOW.isoformat(), "run_id": "run-1", "from": None, "to": "SELECTED", "why": "8 GiB; waits"}
UNREADABLE: list[tuple[dict[str, Any], str]] = [
    ({"bucket": None}, "bucket is None, must be a text"),
    ({"object_key": 5}, "object_key is 5, must be a text"),
    ({"policy": ["nightly"]}, "policy is ['nightly'], must be a text"),
    ({"status": "LOST"}, "status is 'LOST', must be one of SELECTED, STORING, STORED, VERIFIED"),
    ({"decision": "perhaps"}, "decision is 'perhaps', must be one of stored, already_archived"),
    ({"snapshot_gib": "large"}, "snapshot_gib is 'large', must be a number"),
    ({"snapshot_gib": -1}, "snapshot_gib is -1, must be a number"),
    ({"attempts": "1"}, "attempts is '1', must be a whole number"),
    ({"attempts": Decimal("1.5")}, "attempts is 1.5, must be a whole number"),
    ({"attempts": True}, "attempts is True, must be a whole number"),
    ({"revision": "1"}, "revision is '1', must be a whole number"),
    ({"object_bytes": "many"}, "object_bytes is 'many', must be a whole number"),
    ({"selected_at": "yesterday"}, "selected_at is 'yesterday', must be a time with its zone"),
    ({"changed_at": 5}, "changed_at is 5, must be a time with its zone"),
    ({"changed_at": "2026-01-01T00:00:00"}, "changed_at is '2026-01-01T00:00:00', must be a time with its zone"),
    ({"facts": "none"}, "facts is 'none', must be an object"),
    ({"facts": {"launch_permissions": [5]}}, "facts.launch_permissions[0] is 5, must be a text"),
    ({"facts": {"kms_key_ids": "arn"}}, "facts.kms_key_ids is 'arn', must be a list"),
    ({"retirement": {"intention": "sell"}}, "retirement.intention is 'sell', must be one of disable, deregister"),
    ({"retirement": {"retire_on": "2026-02-01"}}, "retirement.retire_on is '2026-02-01', must be a time with its zone"),
    ({"retirement": {"snapshots": ["snap-1"]}}, "retirement.snapshots is ['snap-1'], must be an object"),
    ({"retirement": {"snapshots": {"snap-1": 5}}}, "retirement.snapshots['snap-1'] is 5, must be a text"),
    ({"history": None}, "history is None, must be a list"),
    ({"history": ["move"]}, "history[0] is 'move', must be an object"),
    ({"history": [MOVE, MOVE | {"to": "LOST"}]}, "history[1].to is 'LOST', must be one of SELECTED"),
    ({"image_id": "ami-00000000000000002"}, "image_id is 'ami-00000000000000002', must be as in its key"),
    ({"object_key": "x" * 1025}, "must have 1 to 1024 bytes"),
]


@pytest.mark.parametrize(("change", "text"), UNREADABLE, ids=lambda value: next(iter(value)) if value else None)
def test_record_that_cannot_be_read_says_why_and_is_left_as_it_is(
    records: TableRecords, dynamodb: Any, change: dict[str, Any], text: str
) -> None:
    records.save(None, record())
    damaged = raw(dynamodb) | {name: TypeSerializer().serialize(value) for name, value in change.items()}
    dynamodb.put_item(TableName=TABLE, Item=damaged)
    fetched = records.get([IMAGE_ID])
    assert fetched.records == {}
    assert fetched.unreadable[IMAGE_ID].startswith(f"BadRecord: record of {IMAGE_ID} cannot be read: ")
    assert text in fetched.unreadable[IMAGE_ID]
    assert raw(dynamodb) == damaged


REQUIRED = ["image_id", "image_name", "status", "decision", "reason", "policy", "run_id", "bucket", "object_key"]
REQUIRED += ["snapshot_gib", "attempts", "selected_at", "changed_at", "history"]


@pytest.mark.parametrize("missing", REQUIRED)
def test_record_that_lacks_an_attribute_names_it(records: TableRecords, dynamodb: Any, missing: str) -> None:
    records.save(None, record())
    dynamodb.put_item(TableName=TABLE, Item={k: v for k, v in raw(dynamodb).items() if k != missing})
    fetched = records.get([IMAGE_ID])
    assert fetched.unreadable[IMAGE_ID].startswith(f"BadRecord: record of {IMAGE_ID} cannot be read: {missing} is ")


def test_record_of_a_newer_schema_asks_for_the_newer_version(records: TableRecords, dynamodb: Any) -> None:
    records.save(None, record())
    dynamodb.put_item(TableName=TABLE, Item=raw(dynamodb) | {"schema": {"N": "3"}})
    assert records.get([IMAGE_ID]).unreadable == {
        IMAGE_ID: f"BadRecord: record of {IMAGE_ID} has schema 3, known is 2: deploy the newer version"
    }


def test_attribute_that_newer_code_added_does_not_matter(records: TableRecords, dynamodb: Any) -> None:
    records.save(None, record())
    dynamodb.put_item(TableName=TABLE, Item=raw(dynamodb) | {"colour": {"S": "red"}, "schema": {"S": "one"}})
    assert one(records) == record()


def test_unreadable_record_does_not_hide_its_neighbours(records: TableRecords, dynamodb: Any) -> None:
    for image_id in (IMAGE_ID, "ami-00000000000000002"):
        records.save(None, record(image_id))
    dynamodb.put_item(TableName=TABLE, Item=raw(dynamodb) | {"status": {"S": "LOST"}})
    fetched = records.get([IMAGE_ID, "ami-00000000000000002", "ami-00000000000000003"])
    assert (set(fetched.records), set(fetched.unreadable)) == ({"ami-00000000000000002"}, {IMAGE_ID})
