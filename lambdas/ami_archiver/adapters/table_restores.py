"""Restores and what waits, in DynamoDB. Every write carries its condition; reads are strongly consistent."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ami_archiver.adapters.attribute_values import serialized
from ami_archiver.adapters.aws_errors import translated
from ami_archiver.adapters.restore_items import (
    DRAFT,
    RECORD,
    STATUS,
    WAITING_RUNS,
    entry_item,
    entry_key,
    restore_attributes,
    restore_id_of,
    restore_key,
    restore_move_item,
    restore_of,
    run_key,
    start_entry,
    starts_pk,
    thaw_entry,
    thaws_pk,
    waiting_run,
    waiting_run_item,
    waiting_run_key,
)
from ami_archiver.adapters.table_items import Item, plain_item, size_order
from ami_archiver.adapters.table_reads import items_of, query
from ami_archiver.adapters.table_writes import Revision, update_of, write
from ami_archiver.batches import batches
from ami_archiver.errors import BadRecord
from ami_archiver.restore.model import (
    FetchedRestores,
    RestoreEntry,
    RestoreRecord,
    ThawEntry,
    UnreadableRestore,
    WaitingRun,
)

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


PAIRS_PER_TRANSACTION = 50
CANDIDATES_PER_ITEM = 250
"""An object key has up to 1,024 bytes, an item 400 KB."""


class TableRestores:
    """Restore records and what waits. Reads are strongly consistent, but for `archived`."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._dynamodb = client
        self._table = table

    def request(self, run_id: str) -> tuple[dict[str, Any], list[str]] | None:
        """What the run was asked for, and the image ids or object keys that it is about."""
        with translated(run_id):
            answer = self._dynamodb.get_item(TableName=self._table, Key=run_key(run_id, "REQUEST"), ConsistentRead=True)
        if "Item" not in answer:
            return None
        candidates: list[str] = []
        for item in self._query(run_key(run_id, "")["pk"]["S"], "CANDIDATES#"):
            candidates += plain_item(item)["candidates"]
        return json.loads(plain_item(answer["Item"])["request"]), candidates

    def put_request(self, run_id: str, request: Mapping[str, Any], candidates: Sequence[str]) -> None:
        for number, batch in enumerate(batches(candidates, CANDIDATES_PER_ITEM)):
            self._put(run_key(run_id, f"CANDIDATES#{number:05}") | {"candidates": serialized(batch)})
        # Last: where the request is, all its candidates are.
        self._put(run_key(run_id, "REQUEST") | {"request": serialized(json.dumps(request))})

    def plan(
        self,
        records: Sequence[RestoreRecord],
        entries: Mapping[str, RestoreEntry | ThawEntry],
        *,
        draft: bool = False,
    ) -> None:
        """Write records of the plan, each with its entry (by restore id); those that are there stay as they are.

        A draft is what a dry run leaves: nobody but the same run ever reads it."""
        for batch in batches(records, PAIRS_PER_TRANSACTION):
            pending = list(batch)
            while pending:
                owners: list[str] = []
                actions: list[Any] = []
                for record in pending:
                    actions.append({"Update": self._update(None, record, DRAFT if draft else RECORD)})
                    owners.append(record.restore_id)
                    if record.restore_id in entries:
                        item = entry_item(record.restore_id, entries[record.restore_id])
                        actions.append({"Put": {"TableName": self._table, "Item": item}})
                        owners.append(record.restore_id)
                there = {owners[index] for index in write(self._dynamodb, actions)}
                if not there:
                    break
                pending = [record for record in pending if record.restore_id not in there]

    def get(self, restore_ids: Collection[str]) -> FetchedRestores:
        fetched = FetchedRestores({})
        for item in items_of(self._dynamodb, self._table, map(restore_key, sorted(restore_ids))):
            try:
                record = restore_of(item)
                fetched.records[record.restore_id] = record
            except BadRecord as error:
                fetched.unreadable[restore_id_of(item)] = str(error)
        return fetched

    def of_run(self, run_id: str, *, draft: bool = False) -> Iterator[RestoreRecord | UnreadableRestore]:
        """Every restore of the run in the order of the request, a page at a time; or its draft."""
        for item in self._query(run_key(run_id, "")["pk"]["S"], DRAFT if draft else RECORD):
            try:
                yield restore_of(item)
            except BadRecord as error:
                yield UnreadableRestore(restore_id_of(item), str(error))

    def save(
        self,
        before: RestoreRecord,
        after: RestoreRecord,
        *,
        leaving: RestoreEntry | ThawEntry | None = None,
        joining: RestoreEntry | ThawEntry | None = None,
    ) -> bool:
        """Write what differs and change what it waits for, if the record still is as `before`; False: it is not."""
        actions: list[Any] = [{"Update": self._update(before, after)}]
        if leaving is not None:
            actions.append({"Delete": {"TableName": self._table, "Key": entry_key(before.restore_id, leaving)}})
        if joining is not None:
            actions.append({"Put": {"TableName": self._table, "Item": entry_item(after.restore_id, joining)}})
        return not write(self._dynamodb, actions, after.restore_id)

    def drop(self, restore_id: str, entry: RestoreEntry | ThawEntry) -> None:
        """Let an entry go whose record cannot be read or does not wait any more."""
        with translated(restore_id):
            self._dynamodb.delete_item(TableName=self._table, Key=entry_key(restore_id, entry))

    def queue(self, run_id: str) -> _Queue:
        return _Queue(self, run_id)

    def thaws(self, run_id: str, until: datetime | None) -> Iterator[ThawEntry]:
        """What is to be looked at until then (None: ever), soonest first."""
        upper = f"{until.isoformat()}#~" if until is not None else "~"
        for item in self._pages(_range(thaws_pk(run_id), upper)):
            yield thaw_entry(item)

    def starts(self, run_id: str, below_gib: float | None) -> Iterator[RestoreEntry]:
        upper = size_order(below_gib) if below_gib is not None else "~"
        question = _range(starts_pk(run_id), upper) | {"ScanIndexForward": False, "Limit": 50}
        return map(start_entry, self._pages(question))

    def waiting_runs(self) -> list[WaitingRun]:
        """Every run that waits for the budget, or died doing so."""
        return [waiting_run(item) for item in self._pages(_range(WAITING_RUNS, "~"))]

    def wait(self, run: WaitingRun) -> None:
        self._put(waiting_run_item(run))

    def wait_no_more(self, run_id: str) -> None:
        with translated(run_id):
            self._dynamodb.delete_item(TableName=self._table, Key=waiting_run_key(run_id))

    def _query(self, pk: str, prefix: str) -> Iterator[Item]:
        question = {
            "KeyConditionExpression": "pk = :pk AND begins_with(sk, :prefix)",
            "ExpressionAttributeValues": {":pk": {"S": pk}, ":prefix": {"S": prefix}},
            "ConsistentRead": True,
        }
        return self._pages(question)

    def _pages(self, question: dict[str, Any]) -> Iterator[Item]:
        return query(self._dynamodb, self._table, question)

    def _put(self, item: Item) -> None:
        with translated():
            self._dynamodb.put_item(TableName=self._table, Item=item)

    def _update(self, before: RestoreRecord | None, after: RestoreRecord, kind: str = RECORD) -> dict[str, Any]:
        moves = after.history[len(before.history) if before else 0 :]
        return update_of(
            self._table,
            restore_key(after.restore_id, kind),
            restore_attributes(before) if before else {},
            restore_attributes(after),
            moves=[restore_move_item(move) for move in moves],
            of=Revision(before.status, before.revision, len(before.history)) if before else None,
            status_name=STATUS,
        )


class _Queue:
    """One run's queue, as `steps.queue.Front` reads it: all of one night."""

    def __init__(self, restores: TableRestores, run_id: str) -> None:
        self._restores = restores
        self._run_id = run_id

    def nights(self) -> Iterator[str]:
        yield self._run_id

    def largest(self, night: str, below_gib: float | None, closed: Collection[str]) -> Iterator[RestoreEntry]:
        return iter(()) if night in closed else self._restores.starts(night, below_gib)


def _range(pk: str, upper: str) -> dict[str, Any]:
    return {
        "KeyConditionExpression": "pk = :pk AND sk BETWEEN :from AND :to",
        "ExpressionAttributeValues": {":pk": {"S": pk}, ":from": {"S": "!"}, ":to": {"S": upper}},
        "ConsistentRead": True,
    }
