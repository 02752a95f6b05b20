"""Conditional writes: an update from one state of a record to the next, and several writes at once or not at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from ami_archiver.adapters.attribute_values import serialized
from ami_archiver.adapters.aws_errors import LATER, code_of, translated
from ami_archiver.adapters.table_items import image_key, move_item, record_attributes
from ami_archiver.errors import TemporarilyUnavailable
from ami_archiver.model import ArchiveRecord

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


HISTORY_KEPT = 200
"""Moves that stay in the record (an item holds 400 KB); older ones go to items of their own, none is dropped."""
HISTORY_PAGE = HISTORY_KEPT // 2


@dataclass(frozen=True, slots=True)
class Revision:
    """Which state of a record an update is meant for."""

    status: str
    number: int
    """0: the item was written before there were revisions, and its history's length tells."""
    moves: int


def update_of(
    table: str,
    key: Mapping[str, Any],
    old: Mapping[str, Any],
    new: Mapping[str, Any],
    *,
    moves: Sequence[Mapping[str, Any]],
    of: Revision | None,
    status_name: str = "status",
) -> dict[str, Any]:
    """What differs between two states' attributes, and the new moves appended; `of` None: there was no record."""
    changed = {name: value for name, value in new.items() if name not in old or old[name] != value}
    names = {f"#{i}": name for i, name in enumerate(changed)}
    values = {f":{i}": serialized(value) for i, value in enumerate(changed.values())}
    sets = [f"#{i} = :{i}" for i in range(len(changed))]
    values[":moves"] = serialized(list(moves))
    if of is None:
        sets.append("history = :moves")
        condition = "attribute_not_exists(pk)"
    else:
        sets.append("history = list_append(history, :moves)")
        condition = "#status = :was"
        names["#status"] = status_name
        values[":was"] = serialized(of.status)
        if of.number:
            condition += " AND revision = :revision"
            values[":revision"] = serialized(of.number)
        else:
            condition += " AND attribute_not_exists(revision) AND size(history) = :length"
            values[":length"] = serialized(of.moves)
    return {
        "TableName": table,
        "Key": key,
        "UpdateExpression": "SET " + ", ".join(sets),
        "ConditionExpression": condition,
        "ExpressionAttributeNames": names,
        "ExpressionAttributeValues": values,
    }


def record_actions(table: str, before: ArchiveRecord | None, after: ArchiveRecord) -> list[Any]:
    """What brings an archive record from one state to the next; `before` None: there was no record.

    The update first; where the history gets long, then an item of its own for the oldest moves.
    """
    update = update_of(
        table,
        image_key(after.image_id),
        record_attributes(before) if before else {},
        record_attributes(after),
        moves=[move_item(move) for move in after.history[len(before.history) if before else 0 :]],
        of=Revision(before.status, before.revision, len(before.history)) if before else None,
    )
    # Counted from the first move that there ever was. A step that goes on with what it has saved still has moves that
    # are in pages by now; a record that was never shortened has all of its own, also those that somebody added by hand.
    first = after.revision - len(after.history)
    paged = moves_paged_out(before.revision) if before else 0
    oldest = max(first, paged) if paged else first
    newest = moves_paged_out(after.revision)
    if newest <= oldest:
        return [{"Update": update}]
    older, kept = after.history[oldest - first : newest - first], after.history[newest - first :]
    update["UpdateExpression"] = update["UpdateExpression"].replace("list_append(history, :moves)", ":moves")
    update["ExpressionAttributeValues"][":moves"] = serialized([move_item(move) for move in kept])
    page = {"pk": {"S": f"IMAGE#{after.image_id}"}, "sk": {"S": f"HISTORY#{older[-1].at.isoformat()}"}}
    page["moves"] = serialized([move_item(move) for move in older])
    return [{"Update": update}, {"Put": {"TableName": table, "Item": page}}]


def moves_paged_out(revision: int) -> int:
    """How many of all a record's moves are in items of their own: told by nothing but their number, so that whoever
    saves a record knows what of it is in the table."""
    return max(0, ((revision - 1) // HISTORY_PAGE - 1) * HISTORY_PAGE)


def write(client: DynamoDBClient, actions: Sequence[Any], about: str = "") -> list[int]:
    """All or nothing: the indexes of the actions whose condition failed; none: it is written."""
    if len(actions) == 1 and "Update" in actions[0]:  # half the price of a transaction
        return _update(client, actions[0]["Update"], about)
    try:
        with translated(about):
            client.transact_write_items(TransactItems=actions)
    except ClientError as error:
        if code_of(error) != "TransactionCanceledException":
            raise
        reasons = [reason.get("Code") for reason in error.response.get("CancellationReasons", [])]
        refused = [index for index, code in enumerate(reasons) if code == "ConditionalCheckFailed"]
        if not refused:
            raise TemporarilyUnavailable(f"the table is busy: {reasons}. {LATER}") from error
        return refused
    return []


def _update(client: DynamoDBClient, update: Any, about: str) -> list[int]:
    try:
        with translated(about):
            client.update_item(**update)
    except ClientError as error:
        if code_of(error) == "ConditionalCheckFailedException":
            return [0]
        raise
    return []
