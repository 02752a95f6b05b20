"""How restores look as items of the table; `table_items` lists them with the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, asdict, fields
from datetime import datetime
from typing import Any

from ami_archiver.adapters.attribute_values import serialized
from ami_archiver.adapters.table_items import (
    SCHEMA,
    SHOWN,
    Item,
    count_of,
    optional,
    plain_item,
    size_of,
    size_order,
    text_of,
    time_of,
)
from ami_archiver.errors import BadInput, BadRecord
from ami_archiver.restore.model import (
    RestoreEntry,
    RestoreMove,
    RestoreRecord,
    RestoreStatus,
    ThawEntry,
    WaitingRun,
)
from ami_archiver.restore.request import options_of

STATUS = "restore_status"
"""Not `status`: the index `by_status` is for archive records only."""


def run_key(run_id: str, sk: str) -> Item:
    return {"pk": {"S": f"RESTORE#{run_id}"}, "sk": {"S": sk}}


RECORD = "RECORD#"
DRAFT = "DRAFT#"
"""What a dry run would have recorded: not found where restores are looked for."""


def restore_key(restore_id: str, kind: str = RECORD) -> Item:
    run_id, number = _parts(restore_id)
    return run_key(run_id, f"{kind}{number}")


def restore_id_of(item: Mapping[str, Any]) -> str:
    """By the item's key, which is right whatever else is not."""
    return f"{item['pk']['S'].removeprefix('RESTORE#')}.{item['sk']['S'].partition('#')[2]}"


def starts_pk(run_id: str) -> str:
    return f"RESTORE-QUEUE#START#{run_id}"


def thaws_pk(run_id: str) -> str:
    return f"RESTORE-QUEUE#THAW#{run_id}"


WAITING_RUNS = "RESTORE-QUEUE#RUNS"


def waiting_run_item(run: WaitingRun) -> Item:
    return waiting_run_key(run.run_id) | {"turn_at": serialized(run.turn_at), "looks_at": serialized(run.looks_at)}


def waiting_run_key(run_id: str) -> Item:
    return {"pk": {"S": WAITING_RUNS}, "sk": {"S": run_id}}


def waiting_run(item: Mapping[str, Any]) -> WaitingRun:
    raw = plain_item(item)
    return WaitingRun(raw["sk"], datetime.fromisoformat(raw["turn_at"]), datetime.fromisoformat(raw["looks_at"]))


def entry_item(restore_id: str, entry: RestoreEntry | ThawEntry) -> Item:
    """Its key says the order: the largest, or the soonest."""
    run_id, number = _parts(restore_id)
    if isinstance(entry, ThawEntry):
        pk, order, more = thaws_pk(run_id), entry.look_at.isoformat(), {"look_at": serialized(entry.look_at)}
    else:
        pk, order = starts_pk(run_id), size_order(entry.snapshot_gib)
        more = {"snapshot_gib": serialized(entry.snapshot_gib)}
    key = {"pk": {"S": pk}, "sk": {"S": f"{order}#{number}"}}
    return key | {"restore_id": {"S": restore_id}} | more


def entry_key(restore_id: str, entry: RestoreEntry | ThawEntry) -> Item:
    item = entry_item(restore_id, entry)
    return {"pk": item["pk"], "sk": item["sk"]}


def start_entry(item: Mapping[str, Any]) -> RestoreEntry:
    raw = plain_item(item)
    return RestoreEntry(raw["restore_id"], float(raw["snapshot_gib"]))


def thaw_entry(item: Mapping[str, Any]) -> ThawEntry:
    raw = plain_item(item)
    return ThawEntry(raw["restore_id"], datetime.fromisoformat(raw["look_at"]))


def restore_attributes(record: RestoreRecord) -> dict[str, Any]:
    """Every attribute of a restore's item but its key and its history, as plain values."""
    values = {f.name: getattr(record, f.name) for f in fields(record) if f.name not in ("history", "status")}
    del values["options"]
    return values | {STATUS: record.status, "wishes": asdict(record.options), "schema": SCHEMA}


def restore_move_item(entry: RestoreMove) -> dict[str, Any]:
    return {"at": entry.at, "from": entry.from_status, "to": entry.to_status, "why": entry.why}


def restore_of(item: Mapping[str, Any]) -> RestoreRecord:
    """Raises BadRecord, which says what is wrong with which item."""
    raw = plain_item(item)
    name = f"restore {restore_id_of(item)}"
    if raw.get("schema", 0) > SCHEMA:
        raise BadRecord(f"{name} has schema {raw['schema']}, known is {SCHEMA}: deploy the newer version")
    raw["status"] = raw.get(STATUS)
    if "wishes" in raw:
        raw["options"] = raw["wishes"]
    values: dict[str, Any] = {}
    for f in fields(RestoreRecord):
        if f.name not in raw and not (f.default is MISSING and f.default_factory is MISSING):
            continue
        convert: Callable[[Any], Any] = _CONVERTERS.get(f.name, text_of)
        try:
            values[f.name] = convert(raw.get(f.name))
        except (KeyError, ValueError, TypeError, AttributeError, ArithmeticError, BadInput) as error:
            raise BadRecord(
                f"{name} cannot be read: {f.name} is {raw.get(f.name)!r:.{SHOWN}} ({error!s:.{SHOWN}}); "
                "see in EC2 what became of it, or restore again"
            ) from error
    return RestoreRecord(**values)


def _parts(restore_id: str) -> tuple[str, str]:
    run_id, _, number = restore_id.rpartition(".")
    return run_id, number


def _move(raw: Mapping[str, Any]) -> RestoreMove:
    return RestoreMove(
        at=time_of(raw["at"]),
        from_status=RestoreStatus(raw["from"]) if raw.get("from") else None,
        to_status=RestoreStatus(raw["to"]),
        why=text_of(raw["why"]),
    )


def _options(raw: Mapping[str, Any]) -> Any:
    whole = {**raw, "thaw_days": int(raw["thaw_days"])} if "thaw_days" in raw else raw
    return options_of(whole)


_CONVERTERS: dict[str, Callable[[Any], Any]] = {
    "status": RestoreStatus,
    "gib": size_of,
    "gib_known": bool,
    "planned_at": time_of,
    "changed_at": time_of,
    "options": _options,
    "object_version_id": optional(text_of),
    "object_etag": optional(text_of),
    "needs_encryption": bool,
    "takes_over": optional(text_of),
    "reported_by": optional(text_of),
    "differences": lambda value: tuple(map(text_of, value or ())),
    "thaw_asked_at": optional(time_of),
    "requested_at": optional(time_of),
    "restored_image_id": optional(text_of),
    "attempts": count_of,
    "revision": count_of,
    "history": lambda value: tuple(map(_move, value)),
}
