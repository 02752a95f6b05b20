"""How archive records, queue entries and decisions look as items of the table.

    pk                sk                           item
    IMAGE#<image id>  RECORD                       the archive record, with its newest moves
    IMAGE#<image id>  HISTORY#<n>                  its older moves, a few hundred a page
    QUEUE             <night>#<MiB>#<image id>     an image that waits for its store task
    LEASE             LEASE                        who works off the queue, for which runs, what is in flight
    RUNS              <run id>                     a run's summary; run ids sort by time
    RUN#<run id>      SELECT#<n> | CHECK#<n>       a page of a run's decisions

The index `by_status` (status, status_order) holds the records: SELECTED in the queue's order, the others by time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from datetime import datetime
from decimal import Decimal
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from ami_archiver.errors import BadRecord
from ami_archiver.model import ArchiveRecord, Decision, DecisionLine, Move, QueueEntry, RestoreFacts, Status

SCHEMA = 1
"""Raised when older code could misread what newer code wrote."""

QUEUE = "QUEUE"
STATUS_INDEX = "by_status"

Item = dict[str, Any]
_serializer = TypeSerializer()
_deserializer = TypeDeserializer()


def serialized(value: Any) -> Any:
    """A Python value as DynamoDB's attribute value: times as ISO text, floats as numbers, None as NULL."""
    return _serializer.serialize(_plain(value))


def plain_item(item: Mapping[str, Any]) -> Item:
    return {name: _deserializer.deserialize(value) for name, value in item.items()}


def image_key(image_id: str) -> Item:
    return {"pk": {"S": f"IMAGE#{image_id}"}, "sk": {"S": "RECORD"}}


def queue_key(entry: QueueEntry) -> Item:
    return {"pk": {"S": QUEUE}, "sk": {"S": f"{entry.night}#{size_order(entry.snapshot_gib)}#{entry.image_id}"}}


def size_order(gib: float) -> str:
    """Sorts like the size: thousandths of a GiB, ten digits."""
    return f"{round(gib * 1000):010}"


def queue_item(entry: QueueEntry) -> Item:
    values = {"image_id": entry.image_id, "policy": entry.policy, "snapshot_gib": entry.snapshot_gib}
    return queue_key(entry) | {name: serialized(value) for name, value in values.items()}


def queue_entry(item: Mapping[str, Any]) -> QueueEntry:
    raw = plain_item(item)
    return QueueEntry(raw["sk"].split("#", 1)[0], raw["image_id"], raw["policy"], float(raw["snapshot_gib"]))


def record_attributes(record: ArchiveRecord) -> dict[str, Any]:
    """Every attribute of a record's item but its key and its history, as plain values."""
    values = {f.name: getattr(record, f.name) for f in fields(record) if f.name != "history"}
    values["facts"] = asdict(record.facts)
    values["schema"] = SCHEMA
    values["status_order"] = _status_order(record)
    return values


def move_item(entry: Move) -> dict[str, Any]:
    return {"at": entry.at, "run_id": entry.run_id, "from": entry.from_status, "to": entry.to_status, "why": entry.why}


def record_of(item: Mapping[str, Any]) -> ArchiveRecord:
    """Raises BadRecord, which says what is wrong with which item."""
    raw = plain_item(item)
    name = raw.get("image_id") or raw.get("pk")
    if raw.get("schema", 0) > SCHEMA:
        raise BadRecord(f"record of {name} has schema {raw['schema']}, known is {SCHEMA}: deploy the newer version")
    try:
        times = ("selected_at", "changed_at", "failed_task_started_at", "verified_at")
        known = {f.name for f in fields(ArchiveRecord)}
        values = {key: value for key, value in raw.items() if key in known}
        values |= {key: datetime.fromisoformat(raw[key]) for key in times if raw.get(key)}
        values["status"] = Status(raw["status"])
        values["decision"] = Decision(raw["decision"])
        values["snapshot_gib"] = float(raw["snapshot_gib"])
        values["attempts"] = int(raw["attempts"])
        values["object_bytes"] = None if raw.get("object_bytes") is None else int(raw["object_bytes"])
        values["facts"] = _facts(raw.get("facts") or {})
        values["history"] = tuple(_move(move) for move in raw["history"])
        return ArchiveRecord(**values)
    except (KeyError, ValueError, TypeError, ArithmeticError) as error:
        raise BadRecord(f"record of {name} cannot be read: {error!r}; repair it by its history") from error


def line_item(line: DecisionLine) -> dict[str, Any]:
    return {"i": line.image_id, "p": line.policy, "d": line.decision, "r": line.reason, "g": line.gib}


def line_of(raw: Mapping[str, Any]) -> DecisionLine:
    return DecisionLine(raw["i"], raw["p"], Decision(raw["d"]), raw["r"], float(raw["g"]))


def _status_order(record: ArchiveRecord) -> str:
    if record.status is Status.SELECTED:
        return f"{record.selected_at:%Y%m%d}#{size_order(record.snapshot_gib)}#{record.image_id}"
    return f"{record.changed_at.isoformat()}#{record.image_id}"


def _plain(value: Any) -> Any:
    match value:
        case bool() | None:
            return value
        case float():
            return Decimal(str(value))
        case datetime():
            return value.isoformat()
        case str():
            return str(value)
        case dict():
            return {key: _plain(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_plain(inner) for inner in value]
        case _:
            return value


def _facts(raw: Mapping[str, Any]) -> RestoreFacts:
    def names(key: str) -> tuple[str, ...] | None:
        return None if raw.get(key) is None else tuple(raw[key])

    return RestoreFacts(
        launch_permissions=names("launch_permissions"),
        ssm_parameters=names("ssm_parameters"),
        encrypted=bool(raw.get("encrypted", False)),
        kms_key_ids=names("kms_key_ids") or (),
    )


def _move(raw: Mapping[str, Any]) -> Move:
    return Move(
        at=datetime.fromisoformat(raw["at"]),
        run_id=raw["run_id"],
        from_status=Status(raw["from"]) if raw.get("from") else None,
        to_status=Status(raw["to"]),
        why=raw["why"],
    )
