"""How archive records, queue entries and decisions look as items of the table.

    pk                sk                           item
    IMAGE#<image id>  RECORD                       the archive record, with its newest moves
    IMAGE#<image id>  HISTORY#<n>                  its older moves, a few hundred a page
    QUEUE             <night>#<MiB>#<image id>     an image that waits for its store task
    LEASE             LEASE                        who works off the queue, for which runs, what is in flight
    RUNS              <run id>                     a run's summary; run ids sort by time
    RUN#<run id>      SELECT#<n> | CHECK#<n>       a page of a run's decisions
    RUN#<run id>      WATCH#<status and cursor>    a page of what a watch has found to differ from the bucket
    WATCHES           <run id>                     a watch's summary

What becomes of originals (`table_retirements`):

    SNAPSHOTS         <image id>#<snapshot id>     a snapshot that goes with its image and may still be there
    RETIREMENTS       <run id>                     what a run did about originals
    TOTALS            RETIRED                      what retirement has saved so far
    POLICIES          <name>                       what the policy does with originals, and since which run
    RUN#<run id>      APPROVAL                     the task token that an approval of the run is sent to
    RUN#<run id>      PLAN#<n> | RETIRE#<n> | LEFT#<n>  a page of what is planned and decided about originals

Restores have items of their own (`restore_items`):

    RESTORE#<run id>        REQUEST                what a restore run was asked for
    RESTORE#<run id>        CANDIDATES#<n>         the image ids or object keys that it is about, a page of them
    RESTORE#<run id>        RECORD#<number>        one restore; `restore.lifecycle` has its statuses
    RESTORE-QUEUE#START#<run id>
                            <MiB>#<number>         a restore that waits for its turn in the restore budget
    RESTORE-QUEUE#THAW#<run id>
                            <time>#<number>        one whose object is thawed, and when to look at it
    LEASE                   RESTORE                which run starts restores just now; restores in flight of all runs
    RESTORES                <run id>               a restore run's summary; run ids sort by time

The index `by_status` (status, status_order) holds the records: SELECTED in the queue's order, the others by time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import MISSING, asdict, fields
from datetime import datetime
from decimal import Decimal
from typing import Any

from ami_archiver.adapters.attribute_values import plain, serialized
from ami_archiver.errors import BadRecord
from ami_archiver.model import (
    Action,
    ArchiveRecord,
    Decision,
    DecisionLine,
    Move,
    Origin,
    QueueEntry,
    RestoreFacts,
    Retirement,
    Status,
)

SCHEMA = 1
"""Raised when older code could misread what newer code wrote."""
RETIRING_SCHEMA = 2
"""Of a record whose original is disabled or gone: older code knows no such status, and would ask to repair it. What
a VERIFIED record says of its retirement older code may ignore, since it retires nothing."""

LONGEST_KEY = 1024
SHOWN = 100
"""Characters of a value that cannot be read: it may be 400 KB, and the reason has to fit beside others on a page."""
QUEUE = "QUEUE"
STATUS_INDEX = "by_status"

Item = dict[str, Any]


def plain_item(item: Mapping[str, Any]) -> Item:
    return {name: plain(value) for name, value in item.items()}


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
    """By its key, which is right whatever else is not. Raises BadRecord."""
    raw = plain_item(item)
    with reading(
        f"queue entry {raw['sk']}", "delete it and set its record's status to FAILED; the next run selects it"
    ):
        night, size, image_id = raw["sk"].split("#")
        return QueueEntry(night, image_id, str(raw.get("policy", "")), int(size) / 1000)


@contextmanager
def reading(what: str, to_do: str) -> Iterator[None]:
    """Raise BadRecord for an item of the table that is not as it was written."""
    try:
        yield
    except (KeyError, ValueError, TypeError, AttributeError, ArithmeticError) as error:
        raise BadRecord(f"{what} cannot be read: {error!r:.{SHOWN}}; {to_do}") from error


def record_attributes(record: ArchiveRecord) -> dict[str, Any]:
    """Every attribute of a record's item but its key and its history, as plain values."""
    values = {f.name: getattr(record, f.name) for f in fields(record) if f.name != "history"}
    values["facts"] = asdict(record.facts)
    values["origin"] = asdict(record.origin)
    values["retirement"] = asdict(record.retirement)
    values["schema"] = RETIRING_SCHEMA if record.status in (Status.DISABLED, Status.RETIRED) else SCHEMA
    values["status_order"] = _status_order(record)
    return values


def move_item(entry: Move) -> dict[str, Any]:
    return {"at": entry.at, "run_id": entry.run_id, "from": entry.from_status, "to": entry.to_status, "why": entry.why}


def record_of(item: Mapping[str, Any]) -> ArchiveRecord:
    """Raises BadRecord, which says what is wrong with which item."""
    raw = plain_item(item)
    name = str(raw.get("pk", "")).removeprefix("IMAGE#")
    schema = raw.get("schema")
    if isinstance(schema, Decimal) and schema > RETIRING_SCHEMA:
        raise BadRecord(f"record of {name} has schema {schema}, known is {RETIRING_SCHEMA}: deploy the newer version")
    values: dict[str, Any] = {}
    for f in fields(ArchiveRecord):
        required = f.name == "history" or (f.default is MISSING and f.default_factory is MISSING)
        if not required and f.name not in raw:
            continue
        value = raw.get(f.name)
        convert: Callable[[Any], Any] = _CONVERTERS.get(f.name, text_of)
        try:
            values[f.name] = convert(value)
        except (KeyError, ValueError, TypeError, AttributeError, ArithmeticError) as error:
            raise BadRecord(
                f"record of {name} cannot be read: {f.name} is {value!r:.{SHOWN}} ({error!s:.{SHOWN}}); "
                "repair it by its history"
            ) from error
    if values["image_id"] != name:
        raise BadRecord(
            f"record of {name} cannot be read: image_id is {values['image_id']!r:.{SHOWN}}; repair it by its key"
        )
    return ArchiveRecord(**values)


def text_of(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("must be a text")
    return value


def time_of(value: Any) -> datetime:
    moment = datetime.fromisoformat(value)
    if moment.tzinfo is None:
        raise ValueError("must have a time zone")
    return moment


def count_of(value: Any) -> int:
    if not isinstance(value, Decimal) or value != int(value) or value < 0:
        raise TypeError("must be a whole number")
    return int(value)


def size_of(value: Any) -> float:
    if not isinstance(value, Decimal) or value < 0:
        raise TypeError("must be a number")
    return float(value)


def object_key_of(value: Any) -> str:
    """S3 takes no other, and would end a whole run over it."""
    if not 1 <= len(text_of(value).encode()) <= LONGEST_KEY:
        raise ValueError(f"must have 1 to {LONGEST_KEY} bytes")
    return str(value)


def optional(converter: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else converter(value)


def _moves(value: Any) -> tuple[Move, ...]:
    if not isinstance(value, list):
        raise TypeError("must be a list")
    return tuple(map(_move, value))


def line_item(line: DecisionLine) -> dict[str, Any]:
    return {"i": line.image_id, "p": line.policy, "d": line.decision, "r": line.reason, "g": line.gib}


def line_of(raw: Mapping[str, Any]) -> DecisionLine:
    return DecisionLine(raw["i"], raw["p"], Decision(raw["d"]), raw["r"], float(raw["g"]))


def _status_order(record: ArchiveRecord) -> str:
    if record.status is Status.SELECTED:
        return f"{record.selected_at:%Y%m%d}#{size_order(record.snapshot_gib)}#{record.image_id}"
    return f"{record.changed_at.isoformat()}#{record.image_id}"


def _facts(raw: Any) -> RestoreFacts:
    if not isinstance(raw, Mapping):
        raise TypeError("must be a map")

    def names(key: str) -> tuple[str, ...] | None:
        return None if raw.get(key) is None else tuple(map(text_of, raw[key]))

    return RestoreFacts(
        launch_permissions=names("launch_permissions"),
        ssm_parameters=names("ssm_parameters"),
        encrypted=None if raw.get("encrypted") is None else bool(raw["encrypted"]),
        kms_key_ids=names("kms_key_ids") or (),
    )


def _origin(raw: Any) -> Origin:
    if not isinstance(raw, Mapping):
        raise TypeError("must be a map")
    return Origin(
        description=text_of(raw.get("description", "")),
        tags={text_of(key): text_of(value) for key, value in (raw.get("tags") or {}).items()},
        group=optional(text_of)(raw.get("group")),
        architecture=text_of(raw.get("architecture", "")),
        platform_details=text_of(raw.get("platform_details", "")),
        usage_operation=text_of(raw.get("usage_operation", "")),
        product_codes=tuple(map(text_of, raw.get("product_codes") or ())),
        created_at=optional(time_of)(raw.get("created_at")),
    )


def _retirement(raw: Any) -> Retirement:
    if not isinstance(raw, Mapping):
        raise TypeError("must be a map")
    return Retirement(
        kept_because=optional(text_of)(raw.get("kept_because")),
        announced=optional(Action)(raw.get("announced")),
        retire_on=optional(time_of)(raw.get("retire_on")),
        intention=optional(Action)(raw.get("intention")),
        disabled_at=optional(time_of)(raw.get("disabled_at")),
        snapshots={text_of(key): text_of(value) for key, value in (raw.get("snapshots") or {}).items()},
        snapshot_gib=size_of(raw.get("snapshot_gib", Decimal(0))),
        freed_at_least_gib=size_of(raw.get("freed_at_least_gib", Decimal(0))),
        freed_at_most_gib=size_of(raw.get("freed_at_most_gib", Decimal(0))),
    )


def _move(raw: Mapping[str, Any]) -> Move:
    return Move(
        at=time_of(raw["at"]),
        run_id=text_of(raw["run_id"]),
        from_status=Status(raw["from"]) if raw.get("from") else None,
        to_status=Status(raw["to"]),
        why=text_of(raw["why"]),
    )


_CONVERTERS: dict[str, Callable[[Any], Any]] = {
    "status": Status,
    "decision": Decision,
    "object_key": object_key_of,
    "snapshot_gib": size_of,
    "attempts": count_of,
    "revision": count_of,
    "selected_at": time_of,
    "changed_at": time_of,
    "object_version_id": optional(text_of),
    "object_bytes": optional(count_of),
    "object_etag": optional(text_of),
    "object_checksum": optional(text_of),
    "failed_task_started_at": optional(time_of),
    "verified_at": optional(time_of),
    "facts": _facts,
    "origin": _origin,
    "retirement": _retirement,
    "history": _moves,
}
"""How an attribute becomes a field; those that are not named here are texts."""
