"""Restores in the table: moved by condition, waited for in order, found again whole."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ami_archiver.adapters.table import WAITS_SECONDS, serialized
from ami_archiver.adapters.table_restores import TableRestores, restore_key
from ami_archiver.restore import lifecycle
from ami_archiver.restore.model import RestoreEntry, RestoreRecord, RestoreStatus, ThawEntry
from tests.adapters.conftest import LOCAL_CLOUD
from tests.restore.test_restore_domain import NOW, record
from tests.support.answers import answering
from tests.support.archive import TABLE

RUN = record().run_id
LATER = NOW + timedelta(hours=1)


@pytest.fixture
def restores(dynamodb: Any) -> TableRestores:
    return TableRestores(dynamodb, TABLE)


def numbered(number: int) -> RestoreRecord:
    return replace(record(), restore_id=f"{RUN}.{number:06}")


def waiting(restores: TableRestores) -> list[str]:
    return [entry.entry_id for entry in restores.queue(RUN).largest(RUN, None, ())]


def planned(restores: TableRestores, *sizes: float) -> list[RestoreRecord]:
    records = [numbered(number) for number in range(len(sizes))]
    entries = {r.restore_id: RestoreEntry(r.restore_id, gib) for r, gib in zip(records, sizes, strict=True)}
    restores.plan(records, entries)
    return records


def test_of_two_who_move_a_restore_only_the_first_is_written(restores: TableRestores) -> None:
    (before,) = planned(restores, 10)
    first = lifecycle.move(before, RestoreStatus.RESTORING, "first", at=LATER)
    second = lifecycle.move(before, RestoreStatus.FAILED, "second", at=LATER)
    assert restores.save(before, first) is True
    assert restores.save(before, second) is False
    assert restores.get([before.restore_id]).records == {before.restore_id: first}


@pytest.mark.parametrize("older", [False, True], ids=["", "written before there were revisions"])
def test_restore_is_moved_time_and_again_in_one_step(restores: TableRestores, dynamodb: Any, older: bool) -> None:
    (planned_record,) = planned(restores, 10)
    if older:
        item = dynamodb.get_item(TableName=TABLE, Key=serialized(restore_key(planned_record.restore_id)))["Item"]
        dynamodb.put_item(TableName=TABLE, Item={k: v for k, v in item.items() if k != "revision"})
    (before,) = restores.get([planned_record.restore_id]).records.values()
    assert before.revision == (0 if older else 1)
    moved = lifecycle.move(before, RestoreStatus.RESTORING, "first", at=LATER)
    noted = lifecycle.noted(moved, "second", at=LATER)
    assert restores.save(before, moved)
    assert restores.save(moved, noted)
    assert not restores.save(before, moved)
    assert not restores.save(moved, noted)
    assert restores.get([before.restore_id]).records == {before.restore_id: noted}
    assert noted.revision == 3


def test_move_takes_its_entry_out_of_one_queue_and_into_the_other(restores: TableRestores) -> None:
    (before,) = planned(restores, 10)
    thaw = ThawEntry(before.restore_id, LATER)
    after = lifecycle.noted(before, "frozen again", at=LATER)
    assert restores.save(before, after, leaving=RestoreEntry(before.restore_id, 10), joining=thaw)
    assert (waiting(restores), list(restores.thaws(RUN, None))) == ([], [thaw])


def test_largest_restore_comes_first(restores: TableRestores) -> None:
    planned(restores, 5, 50, 20)
    assert [entry.snapshot_gib for entry in restores.queue(RUN).largest(RUN, None, ())] == [50, 20, 5]
    assert [entry.snapshot_gib for entry in restores.queue(RUN).largest(RUN, 50, ())] == [20, 5]


@pytest.mark.parametrize("dynamodb", [LOCAL_CLOUD], indirect=True)  # moto takes half a minute
def test_queue_goes_on_beyond_a_page(restores: TableRestores) -> None:
    planned(restores, *range(1, 121))
    assert len(waiting(restores)) == 120


def test_thaw_is_due_when_its_time_has_come(restores: TableRestores) -> None:
    soon, late = numbered(1), numbered(2)
    entries = {soon.restore_id: ThawEntry(soon.restore_id, NOW), late.restore_id: ThawEntry(late.restore_id, LATER)}
    restores.plan([soon, late], entries)
    for until, due in ((NOW - timedelta(seconds=1), 0), (NOW, 1), (LATER - timedelta(seconds=1), 1), (LATER, 2)):
        assert len(list(restores.thaws(RUN, until))) == due
    assert [entry.restore_id for entry in restores.thaws(RUN, None)] == [soon.restore_id, late.restore_id]


def test_request_comes_back_whole_however_many_it_names(restores: TableRestores) -> None:
    names = [f"nightly/ami-{number:04}.bin" for number in range(600)]
    assert restores.request(RUN) is None
    restores.put_request(RUN, {"wishes": {"thaw_days": 3}}, names)
    assert restores.request(RUN) == ({"wishes": {"thaw_days": 3}}, names)


def test_repeated_plan_writes_what_is_missing_and_leaves_what_is_there(restores: TableRestores) -> None:
    (first,) = planned(restores, 10)
    moved = lifecycle.move(first, RestoreStatus.FAILED, "meanwhile", at=LATER)
    assert restores.save(first, moved, leaving=RestoreEntry(first.restore_id, 10))
    planned(restores, 10, 20)
    found = restores.get([numbered(0).restore_id, numbered(1).restore_id]).records
    assert found == {numbered(0).restore_id: moved, numbered(1).restore_id: numbered(1)}
    assert waiting(restores) == [numbered(1).restore_id]


def test_what_dynamodb_puts_off_is_asked_for_again_later(
    dynamodb: Any, restores: TableRestores, waits: list[float]
) -> None:
    planned(restores, 10)
    one = numbered(0).restore_id
    put_off = {
        "Responses": {},
        "UnprocessedKeys": {TABLE: {"Keys": [serialized(restore_key(one))], "ConsistentRead": True}},
    }
    with answering(dynamodb, "BatchGetItem", put_off):
        assert list(restores.get([one]).records) == [one]
    assert waits == list(WAITS_SECONDS[:1])
