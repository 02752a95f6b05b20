"""Restores and what waits, in DynamoDB. Every write carries its condition; reads are strongly consistent."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from boto3.dynamodb.conditions import Key

from ami_archiver.adapters.table import Action, Item, Table, delete, key_of, move, put, reading, size_order
from ami_archiver.batches import batches
from ami_archiver.errors import BadInput, BadRecord
from ami_archiver.restore.model import (
    FetchedRestores,
    RestoreEntry,
    RestoreMove,
    RestoreRecord,
    ThawEntry,
    UnreadableRestore,
    WaitingRun,
)
from ami_archiver.restore.request import checked
from ami_archiver.serialization import dump, read, stored_as

SCHEMA = 1
"""Raised when older code could misread what newer code wrote."""
STATUS = "restore_status"
"""Not `status`: the index `by_status` is for archive records only."""
RECORD = "RECORD#"
DRAFT = "DRAFT#"
"""What a dry run would have recorded: not found where restores are looked for."""
WAITING_RUNS = "RESTORE-QUEUE#RUNS"
PAIRS_PER_TRANSACTION = 50
CANDIDATES_PER_ITEM = 250
"""An object key has up to 1,024 bytes, an item 400 KB."""

stored_as(RestoreRecord, status=STATUS, options="wishes")
stored_as(RestoreMove, from_status="from", to_status="to")
stored_as(RestoreEntry, entry_id="restore_id")
stored_as(WaitingRun, run_id="sk")

Entry = RestoreEntry | ThawEntry
T = TypeVar("T")


class TableRestores:
    """Restore records and what waits. Reads are strongly consistent."""

    def __init__(self, client: Any, table: str) -> None:
        self._table = Table(client, table)

    def request(self, run_id: str) -> tuple[dict[str, Any], list[str]] | None:
        """What the run was asked for, and the image ids or object keys that it is about."""
        item = self._table.get(_run_key(run_id, "REQUEST"), run_id)
        if item is None:
            return None
        pages = self._of_run(run_id, "CANDIDATES#")
        return json.loads(item["request"]), [candidate for page in pages for candidate in page["candidates"]]

    def put_request(self, run_id: str, request: Mapping[str, Any], candidates: Sequence[str]) -> None:
        for number, batch in enumerate(batches(candidates, CANDIDATES_PER_ITEM)):
            self._table.write(put(_run_key(run_id, f"CANDIDATES#{number:05}") | {"candidates": batch}), about=run_id)
        # Last: where the request is, all its candidates are.
        self._table.write(put(_run_key(run_id, "REQUEST") | {"request": json.dumps(request)}), about=run_id)

    def plan(self, records: Sequence[RestoreRecord], entries: Mapping[str, Entry], *, draft: bool = False) -> None:
        """Write records of the plan, each with its entry (by restore id); those that are there stay as they are.

        A draft is what a dry run leaves: nobody but the same run ever reads it."""
        kind = DRAFT if draft else RECORD
        for batch in batches(records, PAIRS_PER_TRANSACTION):
            self._table.write_groups(
                {one.restore_id: _planned(one, kind, entries.get(one.restore_id)) for one in batch}
            )

    def get(self, restore_ids: Collection[str]) -> FetchedRestores:
        fetched = FetchedRestores({})
        for item in self._table.get_many(map(restore_key, sorted(restore_ids))):
            try:
                record = restore_of(item)
                fetched.records[record.restore_id] = record
            except BadRecord as error:
                fetched.unreadable[_restore_id_of(item)] = str(error)
        return fetched

    def of_run(self, run_id: str, *, draft: bool = False) -> Iterator[RestoreRecord | UnreadableRestore]:
        """Every restore of the run in the order of the request, a page at a time; or its draft."""
        for item in self._of_run(run_id, DRAFT if draft else RECORD):
            try:
                yield restore_of(item)
            except BadRecord as error:
                yield UnreadableRestore(_restore_id_of(item), str(error))

    def save(
        self, before: RestoreRecord, after: RestoreRecord, *, leaving: Entry | None = None, joining: Entry | None = None
    ) -> bool:
        """Write what differs and change what it waits for, if the record still is as `before`; False: it is not."""
        actions = [_move(before, after)]
        if leaving is not None:
            actions.append(delete(_entry_key(before.restore_id, leaving)))
        if joining is not None:
            actions.append(put(_entry_item(after.restore_id, joining)))
        return not self._table.write(*actions, about=after.restore_id)

    def drop(self, restore_id: str, entry: Entry) -> None:
        """Let an entry go whose record cannot be read or does not wait any more."""
        self._table.write(delete(_entry_key(restore_id, entry)), about=restore_id)

    def queue(self, run_id: str) -> _Queue:
        return _Queue(self, run_id)

    def thaws(self, run_id: str, until: datetime | None) -> Iterator[ThawEntry]:
        """What is to be looked at until then (None: ever), soonest first."""
        upper = f"{until.isoformat()}#~" if until is not None else "~"
        return (_entry(ThawEntry, item) for item in self._up_to(_thaws_pk(run_id), upper))

    def starts(self, run_id: str, below_gib: float | None) -> Iterator[RestoreEntry]:
        """What waits for its turn in the budget, largest first, from below a size."""
        upper = size_order(below_gib) if below_gib is not None else "~"
        items = self._up_to(_starts_pk(run_id), upper, ScanIndexForward=False, Limit=50)
        return (_entry(RestoreEntry, item) for item in items)

    def waiting_runs(self) -> list[WaitingRun]:
        """Every run that waits for the budget, or died doing so."""
        return [_entry(WaitingRun, item) for item in self._up_to(WAITING_RUNS, "~")]

    def wait(self, run: WaitingRun) -> None:
        self._table.write(put({"pk": WAITING_RUNS} | dump(run)), about=run.run_id)

    def wait_no_more(self, run_id: str) -> None:
        self._table.write(delete(key_of(WAITING_RUNS, run_id)), about=run_id)

    def _of_run(self, run_id: str, prefix: str) -> Iterator[Item]:
        return self._table.query(Key("pk").eq(_run_key(run_id, "")["pk"]) & Key("sk").begins_with(prefix))

    def _up_to(self, pk: str, upper: str, **more: Any) -> Iterator[Item]:
        return self._table.query(Key("pk").eq(pk) & Key("sk").between("!", upper), **more)


class _Queue:
    """One run's queue, as QueueReader reads it: all of one night."""

    def __init__(self, restores: TableRestores, run_id: str) -> None:
        self._restores = restores
        self._run_id = run_id

    def nights(self) -> Iterator[str]:
        yield self._run_id

    def largest(self, night: str, below_gib: float | None, closed: Collection[str]) -> Iterator[RestoreEntry]:
        return iter(()) if night in closed else self._restores.starts(night, below_gib)


def _run_key(run_id: str, sk: str) -> Item:
    return key_of(f"RESTORE#{run_id}", sk)


def restore_key(restore_id: str, kind: str = RECORD) -> Item:
    run_id, number = _parts(restore_id)
    return _run_key(run_id, f"{kind}{number}")


def _parts(restore_id: str) -> tuple[str, str]:
    run_id, _, number = restore_id.rpartition(".")
    return run_id, number


def _restore_id_of(item: Item) -> str:
    """By the item's key, which is right whatever else is not."""
    return f"{item['pk'].removeprefix('RESTORE#')}.{item['sk'].partition('#')[2]}"


def _starts_pk(run_id: str) -> str:
    return f"RESTORE-QUEUE#START#{run_id}"


def _thaws_pk(run_id: str) -> str:
    return f"RESTORE-QUEUE#THAW#{run_id}"


def _entry_key(restore_id: str, entry: Entry) -> Item:
    """It says the order: the largest, or the soonest."""
    run_id, number = _parts(restore_id)
    if isinstance(entry, ThawEntry):
        return key_of(_thaws_pk(run_id), f"{entry.look_at.isoformat()}#{number}")
    return key_of(_starts_pk(run_id), f"{size_order(entry.snapshot_gib)}#{number}")


def _entry_item(restore_id: str, entry: Entry) -> Item:
    return {**_entry_key(restore_id, entry), **dump(entry), "restore_id": restore_id}


def _entry(kind: type[T], item: Item) -> T:
    with reading(f"{item['pk']} {item['sk']}", "delete it, and ask for the restore again"):
        return read(kind, item)


def restore_item(record: RestoreRecord) -> Item:
    """Every attribute of a restore's item but its key."""
    return {**dump(record), "schema": SCHEMA}


def restore_of(item: Item) -> RestoreRecord:
    """Raises BadRecord, which says what is wrong with which item."""
    name = f"restore {_restore_id_of(item)}"
    schema = item.get("schema")
    if isinstance(schema, int) and schema > SCHEMA:
        raise BadRecord(f"{name} has schema {schema}, known is {SCHEMA}: deploy the newer version")
    with reading(name, "see in EC2 what became of it, or restore again"):
        record = read(RestoreRecord, item)
        try:
            checked(record.options)
        except BadInput as error:
            raise ValueError(str(error)) from error
        return record


def _planned(record: RestoreRecord, kind: str, entry: Entry | None) -> list[Action]:
    queued = [] if entry is None else [put(_entry_item(record.restore_id, entry))]
    return [_move(None, record, kind), *queued]


def _move(before: RestoreRecord | None, after: RestoreRecord, kind: str = RECORD) -> Action:
    old = restore_item(before) if before else None
    return move(restore_key(after.restore_id, kind), old, restore_item(after), status=STATUS)
