"""Archive records and the queue, in DynamoDB. Every write carries its condition; every read is strongly consistent."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ami_archiver.adapters.attribute_values import serialized
from ami_archiver.adapters.table_items import (
    QUEUE,
    STATUS_INDEX,
    Item,
    image_key,
    queue_entry,
    queue_item,
    queue_key,
    record_of,
    size_order,
)
from ami_archiver.adapters.table_reads import items_of, query
from ami_archiver.adapters.table_writes import record_actions, write
from ami_archiver.batches import batches
from ami_archiver.errors import BadRecord
from ami_archiver.failures import Failure
from ami_archiver.model import ArchiveRecord, Fetched, IndexedRecord, QueueEntry, Status

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


NEW_PER_TRANSACTION = 50
"""A record and its queue entry each: a transaction takes 100 actions, and 4 MB in all."""
AGAIN_PER_TRANSACTION = 10
"""A record that has a history may have up to 400 KB."""

Change = tuple[ArchiveRecord | None, ArchiveRecord]


class TableRecords:
    """Archive records, and the queue of those that wait for their store task. Reads are strongly consistent, but for
    `in_status`."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._dynamodb = client
        self._table = table

    def get(self, image_ids: Collection[str]) -> Fetched:
        fetched = Fetched({}, {})
        for item in items_of(self._dynamodb, self._table, map(image_key, sorted(image_ids))):
            self._sort_in(item, fetched)
        return fetched

    def in_status(
        self, status: Status, after: str | None = None, until: datetime | None = None
    ) -> Iterator[IndexedRecord]:
        """The records that came into a status until then (None: ever), oldest first, from behind a cursor.

        By an index, which may be a second late.
        """
        lower, upper = f"{after}!" if after else "!", f"{until.isoformat()}#~" if until else "~"
        if lower > upper:
            return
        question = {
            "IndexName": STATUS_INDEX,
            "KeyConditionExpression": "#status = :status AND status_order BETWEEN :from AND :to",
            "ExpressionAttributeNames": {"#status": "status"},
            "ExpressionAttributeValues": {":status": {"S": status.value}, ":from": {"S": lower}, ":to": {"S": upper}},
        }
        for item in query(self._dynamodb, self._table, question):
            fetched = Fetched({}, {})
            image_id = self._sort_in(item, fetched)
            record, unreadable = fetched.records.get(image_id), fetched.unreadable.get(image_id)
            yield IndexedRecord(item["status_order"]["S"], image_id, record, unreadable)

    def enqueue(self, changes: Sequence[Change], entries: Sequence[QueueEntry]) -> set[str]:
        """Write (before, after) records, each with its queue entry or not at all; returns ids that others changed."""
        pairs = list(zip(changes, entries, strict=True))
        new = [pair for pair in pairs if pair[0][0] is None]
        again = [pair for pair in pairs if pair[0][0] is not None]
        lost: set[str] = set()
        for batch in [*batches(new, NEW_PER_TRANSACTION), *batches(again, AGAIN_PER_TRANSACTION)]:
            lost |= self._enqueue(batch)
        return lost

    def _enqueue(self, pairs: list[tuple[Change, QueueEntry]]) -> set[str]:
        lost: set[str] = set()
        while pairs:
            actions, owners = [], []
            for (before, after), entry in pairs:
                of_pair = record_actions(self._table, before, after)
                of_pair.append({"Put": {"TableName": self._table, "Item": queue_item(entry)}})
                actions += of_pair
                owners += [entry.image_id] * len(of_pair)
            refused = {owners[index] for index in write(self._dynamodb, actions)}
            if not refused:
                break
            lost |= refused
            pairs = [pair for pair in pairs if pair[1].image_id not in refused]
        return lost

    def save(self, before: ArchiveRecord | None, after: ArchiveRecord, *, leaving: QueueEntry | None = None) -> bool:
        """Write what differs and take `leaving` off the queue, if the record still is as `before`; False: it is not."""
        actions = record_actions(self._table, before, after)
        if leaving is not None:
            actions.append({"Delete": {"TableName": self._table, "Key": queue_key(leaving)}})
        return not write(self._dynamodb, actions, after.image_id)

    def drop(self, entry: QueueEntry) -> None:
        """Take an entry off the queue whose record is not SELECTED; one that is stays."""
        still_waits = {
            "TableName": self._table,
            "Key": image_key(entry.image_id),
            "ConditionExpression": "attribute_not_exists(#status) OR #status <> :selected",
            "ExpressionAttributeNames": {"#status": "status"},
            "ExpressionAttributeValues": {":selected": serialized(Status.SELECTED)},
        }
        write(
            self._dynamodb,
            [{"ConditionCheck": still_waits}, {"Delete": {"TableName": self._table, "Key": queue_key(entry)}}],
        )

    def largest(self, night: str, below_gib: float | None, closed: Collection[str]) -> Iterator[QueueEntry]:
        """The queue's entries of a night but those of the closed policies, largest first, from below a size."""
        upper = f"{night}#{size_order(below_gib)}" if below_gib is not None else f"{night}#~"
        question = {
            "KeyConditionExpression": "pk = :queue AND sk BETWEEN :from AND :to",
            "ExpressionAttributeValues": {":queue": {"S": QUEUE}, ":from": {"S": f"{night}#"}, ":to": {"S": upper}},
            "ScanIndexForward": False,
            "Limit": 50,
        }
        return (entry for entry in self._entries(question) if entry.policy not in closed)

    def nights(self) -> Iterator[str]:
        """The nights that have entries in the queue, oldest first."""
        after = "!"
        while True:
            question = {
                "KeyConditionExpression": "pk = :queue AND sk > :after",
                "ExpressionAttributeValues": {
                    ":queue": {"S": QUEUE},
                    ":after": {"S": f"{after}~"},
                },
                "Limit": 1,
            }
            entry = next(self._entries(question), None)
            if entry is None:
                return
            after = entry.night
            yield entry.night

    def _entries(self, question: dict[str, Any]) -> Iterator[QueueEntry]:
        question |= {"ConsistentRead": True}
        return map(queue_entry, query(self._dynamodb, self._table, question, "the queue"))

    def _sort_in(self, item: Item, fetched: Fetched) -> str:
        """Returns the image's id."""
        image_id: str = item["pk"]["S"].removeprefix("IMAGE#")
        try:
            fetched.records[image_id] = record_of(item)
        except BadRecord as error:
            fetched.unreadable[image_id] = f"{Failure.BAD_RECORD}: {error}"
        return image_id
