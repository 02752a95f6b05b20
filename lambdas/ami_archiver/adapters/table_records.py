"""Archive records and the queue, in DynamoDB. Every write carries its condition."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import Any

from boto3.dynamodb.conditions import Attr, ConditionBase, Key

from ami_archiver.adapters.table import (
    Action,
    Item,
    Table,
    check,
    delete,
    key_of,
    move,
    put,
    reading,
    size_order,
)
from ami_archiver.batches import batches
from ami_archiver.errors import BadRecord
from ami_archiver.failures import Failure
from ami_archiver.model import ArchiveRecord, Fetched, IndexedRecord, Move, QueueEntry, Status
from ami_archiver.serialization import dump, read, stored_as

SCHEMA = 1
"""Raised when older code could misread what newer code wrote."""
RETIRING_SCHEMA = 2
"""Of a record whose original is disabled or gone: older code knows no such status, and would ask to repair it. What
a VERIFIED record says of its retirement older code may ignore, since it retires nothing."""

LONGEST_KEY = 1024
"""Bytes; S3 takes no longer one, and would end a whole run over it."""
QUEUE = "QUEUE"
STATUS_INDEX = "by_status"
NEW_PER_TRANSACTION = 50
"""A record and its queue entry each: a transaction takes 100 actions, and 4 MB in all."""
AGAIN_PER_TRANSACTION = 10
"""A record that has a history may have up to 400 KB."""
HISTORY_KEPT = 200
"""Moves that stay in the record (an item holds 400 KB); older ones go to items of their own, none is dropped."""
HISTORY_PAGE = HISTORY_KEPT // 2

Change = tuple[ArchiveRecord | None, ArchiveRecord]

stored_as(Move, from_status="from", to_status="to")


class TableRecords:
    """Archive records, and the queue of those that wait for their store task. Reads are strongly consistent, but for
    `in_status`."""

    def __init__(self, client: Any, table: str) -> None:
        self._table = Table(client, table)

    def get(self, image_ids: Collection[str]) -> Fetched:
        fetched = Fetched({}, {})
        for item in self._table.get_many(map(image_key, sorted(image_ids))):
            _sort_in(item, fetched)
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
        wanted = Key("status").eq(status.value) & Key("status_order").between(lower, upper)
        for item in self._table.query(wanted, index=STATUS_INDEX):
            fetched = Fetched({}, {})
            image_id = _sort_in(item, fetched)
            record, unreadable = fetched.records.get(image_id), fetched.unreadable.get(image_id)
            yield IndexedRecord(item["status_order"], image_id, record, unreadable)

    def enqueue(self, changes: Sequence[Change], entries: Sequence[QueueEntry]) -> set[str]:
        """Write (before, after) records, each with its queue entry or not at all; returns ids that others changed."""
        pairs = list(zip(changes, entries, strict=True))
        new = [pair for pair in pairs if pair[0][0] is None]
        again = [pair for pair in pairs if pair[0][0] is not None]
        lost: set[str] = set()
        for batch in [*batches(new, NEW_PER_TRANSACTION), *batches(again, AGAIN_PER_TRANSACTION)]:
            lost |= self._table.write_groups(
                {
                    entry.image_id: [*record_actions(before, after), put(_queue_item(entry))]
                    for (before, after), entry in batch
                }
            )
        return lost

    def save(self, before: ArchiveRecord | None, after: ArchiveRecord, *, leaving: QueueEntry | None = None) -> bool:
        """Write what differs and take `leaving` off the queue, if the record still is as `before`; False: it is not."""
        actions = record_actions(before, after)
        if leaving is not None:
            actions.append(delete(_queue_key(leaving)))
        return not self._table.write(*actions, about=after.image_id)

    def drop(self, entry: QueueEntry) -> None:
        """Take an entry off the queue whose record is not SELECTED; one that is stays."""
        waits_no_more = Attr("status").not_exists() | Attr("status").ne(Status.SELECTED)
        self._table.write(check(image_key(entry.image_id), waits_no_more), delete(_queue_key(entry)))

    def largest(self, night: str, below_gib: float | None, closed: Collection[str]) -> Iterator[QueueEntry]:
        """The queue's entries of a night but those of the closed policies, largest first, from below a size."""
        upper = f"{night}#{size_order(below_gib)}" if below_gib is not None else f"{night}#~"
        entries = self._entries(Key("sk").between(f"{night}#", upper), ScanIndexForward=False, Limit=50)
        return (entry for entry in entries if entry.policy not in closed)

    def nights(self) -> Iterator[str]:
        """The nights that have entries in the queue, oldest first."""
        after = "!"
        while entry := next(self._entries(Key("sk").gt(f"{after}~"), Limit=1), None):
            after = entry.night
            yield entry.night

    def _entries(self, wanted: ConditionBase, **more: Any) -> Iterator[QueueEntry]:
        return map(_queue_entry, self._table.query(Key("pk").eq(QUEUE) & wanted, about="the queue", **more))


def image_key(image_id: str) -> Item:
    return key_of(f"IMAGE#{image_id}", "RECORD")


def _queue_key(entry: QueueEntry) -> Item:
    return key_of(QUEUE, f"{entry.night}#{size_order(entry.snapshot_gib)}#{entry.image_id}")


def _queue_item(entry: QueueEntry) -> Item:
    more = {"image_id": entry.image_id, "policy": entry.policy, "snapshot_gib": entry.snapshot_gib}
    return _queue_key(entry) | more


def _queue_entry(item: Item) -> QueueEntry:
    """By its key, which is right whatever else is not. Raises BadRecord."""
    with reading(
        f"queue entry {item['sk']}", "delete it and set its record's status to FAILED; the next run selects it"
    ):
        night, size, image_id = item["sk"].split("#")
        return QueueEntry(night, image_id, str(item.get("policy", "")), int(size) / 1000)


def _sort_in(item: Item, fetched: Fetched) -> str:
    """Returns the image's id."""
    image_id = str(item["pk"]).removeprefix("IMAGE#")
    try:
        fetched.records[image_id] = record_of(item)
    except BadRecord as error:
        fetched.unreadable[image_id] = f"{Failure.BAD_RECORD}: {error}"
    return image_id


def record_of(item: Item) -> ArchiveRecord:
    """Raises BadRecord, which says what is wrong with which item."""
    image_id = str(item["pk"]).removeprefix("IMAGE#")
    schema = item.get("schema")
    if isinstance(schema, int) and schema > RETIRING_SCHEMA:
        raise BadRecord(
            f"record of {image_id} has schema {schema}, known is {RETIRING_SCHEMA}: deploy the newer version"
        )
    with reading(f"record of {image_id}", "repair it by its history"):
        record = read(ArchiveRecord, {"history": None, **item})
        if not 1 <= len(record.object_key.encode()) <= LONGEST_KEY:
            raise ValueError(f"object_key is {record.object_key!r:.100}, must have 1 to {LONGEST_KEY} bytes")
        if record.image_id != image_id:
            raise ValueError(f"image_id is {record.image_id!r:.100}, must be as in its key")
        return record


def _record_item(record: ArchiveRecord) -> Item:
    if record.status is Status.SELECTED:
        order = f"{record.selected_at:%Y%m%d}#{size_order(record.snapshot_gib)}#{record.image_id}"
    else:
        order = f"{record.changed_at.isoformat()}#{record.image_id}"
    schema = RETIRING_SCHEMA if record.status in (Status.DISABLED, Status.RETIRED) else SCHEMA
    return {**dump(record), "schema": schema, "status_order": order}


def record_actions(before: ArchiveRecord | None, after: ArchiveRecord) -> list[Action]:
    """What brings an archive record from one state to the next; `before` None: there was no record.

    The update first; where the history gets long, then an item of its own for the oldest moves.
    """
    old, new = _record_item(before) if before else None, _record_item(after)
    # Moves are counted from the first that there ever was. A step that goes on with what it has saved still has moves
    # that are in pages by now; a record that was never shortened has all of its own, also some added by hand.
    first = after.revision - len(after.history)
    paged = _moves_in_pages(before.revision) if before else 0
    oldest, newest = (max(first, paged) if paged else first), _moves_in_pages(after.revision)
    if newest <= oldest:
        return [move(image_key(after.image_id), old, new)]
    older, kept = new["history"][oldest - first : newest - first], new["history"][newest - first :]
    page = key_of(f"IMAGE#{after.image_id}", f"HISTORY#{older[-1]['at']}") | {"moves": older}
    return [move(image_key(after.image_id), old, new, history=kept), put(page)]


def _moves_in_pages(revision: int) -> int:
    """How many of all a record's moves are in items of their own: told by nothing but their number, so that whoever
    saves a record knows what of it is in the table."""
    return max(0, ((revision - 1) // HISTORY_PAGE - 1) * HISTORY_PAGE)
