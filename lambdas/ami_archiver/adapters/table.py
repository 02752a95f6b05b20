"""The archive table in plain Python values: reads to the last page, and writes that each have their condition.

    pk                sk                           item
    IMAGE#<image id>  RECORD                       the archive record, with its newest moves
    IMAGE#<image id>  HISTORY#<time>               its older moves, a hundred a page
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

Restores (`table_restores`):

    RESTORE#<run id>        REQUEST                what a restore run was asked for
    RESTORE#<run id>        CANDIDATES#<n>         the image ids or object keys that it is about, a page of them
    RESTORE#<run id>        RECORD#<number>        one restore; `restore.lifecycle` has its statuses
    RESTORE-QUEUE#START#<run id>
                            <MiB>#<number>         a restore that waits for its turn in the restore budget
    RESTORE-QUEUE#THAW#<run id>
                            <time>#<number>        one whose object is thawed, and when to look at it
    RESTORE-QUEUE#RUNS      <run id>               a run that waits for the restore budget
    LEASE                   RESTORE                which run starts restores just now; restores in flight of all runs
    RESTORES                <run id>               a restore run's summary; run ids sort by time

The index `by_status` (status, status_order) holds the records: SELECTED in the queue's order, the others by time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from itertools import chain
from time import sleep
from typing import Any

from boto3.dynamodb.conditions import Attr, ConditionBase, ConditionExpressionBuilder
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError

from ami_archiver.adapters.aws_errors import LATER, code_of, translated
from ami_archiver.adapters.clients import paged
from ami_archiver.batches import batches
from ami_archiver.errors import BadRecord, TemporarilyUnavailable
from ami_archiver.serialization import SHOWN

KEYS_PER_BATCH_GET = 100
WAITS_SECONDS = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2)
"""DynamoDB answers with what it has capacity for and names the rest, which it wants to be asked less and less often:
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html"""
CONDITION_FAILED = "ConditionalCheckFailedException"
VALUES = ("Item", "Key", "ExpressionAttributeValues")
"""The parts of a request that are made of attribute values."""

Item = dict[str, Any]
Action = dict[str, dict[str, Any]]
"""One write, as TransactWriteItems names it, of Python values."""


class _Serializer(TypeSerializer):
    def serialize(self, value: Any) -> Any:
        """boto3 takes no float; its shortest decimal text is exact enough to give the same float again."""
        return super().serialize(Decimal(repr(value)) if isinstance(value, float) else value)


class _Deserializer(TypeDeserializer):
    def deserialize(self, value: Any) -> Any:
        found = super().deserialize(value)
        if isinstance(found, Decimal):
            return int(found) if found == found.to_integral_value() else float(found)
        return found


def serialized(values: Mapping[str, Any]) -> Item:
    return {name: _Serializer().serialize(value) for name, value in values.items()}


def deserialized(values: Mapping[str, Any]) -> Item:
    return {name: _Deserializer().deserialize(value) for name, value in values.items()}


def key_of(pk: str, sk: str) -> Item:
    return {"pk": pk, "sk": sk}


def size_order(gib: float) -> str:
    """Sorts like the size: thousandths of a GiB, ten digits."""
    return f"{round(gib * 1000):010}"


@contextmanager
def reading(what: str, to_do: str) -> Iterator[None]:
    """Raise BadRecord for an item of the table that is not as it was written."""
    try:
        yield
    except (KeyError, ValueError, TypeError, AttributeError, ArithmeticError) as error:
        raise BadRecord(f"{what} cannot be read: {error!s:.{3 * SHOWN}}; {to_do}") from error


def put(item: Item) -> Action:
    return {"Put": {"Item": item}}


def delete(key: Item) -> Action:
    return {"Delete": {"Key": key}}


def check(key: Item, condition: ConditionBase) -> Action:
    """Nothing is written, but the others of the transaction are only if this is so."""
    return {"ConditionCheck": {"Key": key} | _expression("ConditionExpression", condition)}


def update(
    key: Item,
    condition: ConditionBase | None = None,
    *,
    put: Mapping[Any, Any] | None = None,
    append: Mapping[str, Sequence[Any]] | None = None,
    add: Mapping[str, Any] | None = None,
    take: Mapping[str, Any] | None = None,
    remove: Iterable[str] = (),
) -> Action:
    """Change some attributes: put values, append to lists, add to numbers and sets, take out of sets, remove.

    The name of an attribute inside a map is a tuple.
    """
    request: dict[str, Any] = {"Key": key} | (_expression("ConditionExpression", condition) if condition else {})
    names: dict[str, str] = request.setdefault("ExpressionAttributeNames", {})
    values: dict[str, Any] = request.setdefault("ExpressionAttributeValues", {})
    clauses: dict[str, list[str]] = {}
    for verb, form, changes in (
        ("SET", "{0} = {1}", put),
        ("SET", "{0} = list_append({0}, {1})", append),
        ("ADD", "{0} {1}", add),
        ("DELETE", "{0} {1}", take),
        ("REMOVE", "{0}", dict.fromkeys(remove)),
    ):
        for name, value in (changes or {}).items():
            parts = [name] if isinstance(name, str) else name
            path = {f"#u{len(names) + level}": part for level, part in enumerate(parts)}
            placeholder = f":u{len(names)}"
            names |= path
            if verb != "REMOVE":
                values[placeholder] = value
            clauses.setdefault(verb, []).append(form.format(".".join(path), placeholder))
    request["UpdateExpression"] = " ".join(f"{verb} {', '.join(each)}" for verb, each in clauses.items())
    return {"Update": request}


def move(
    key: Item, before: Item | None, after: Item, *, status: str = "status", history: list[Any] | None = None
) -> Action:
    """From one state of a record to the next: what differs is written, and the new moves go behind the old ones.

    Only if the record is as `before`: by its revision, or, where it was written before there were revisions, by how
    many moves it has. With `history`, that is the whole of it from now on.
    """
    whole = {} if history is None else {"history": history}
    if before is None:
        return update(key, Attr("pk").not_exists(), put=after | whole)
    as_before: ConditionBase = Attr(status).eq(before[status])
    if before["revision"]:
        as_before &= Attr("revision").eq(before["revision"])
    else:
        as_before &= Attr("revision").not_exists() & Attr("history").size().eq(len(before["history"]))
    changed = {name: value for name, value in after.items() if name not in before or before[name] != value}
    new_moves = changed.pop("history", before["history"])[len(before["history"]) :]
    return update(key, as_before, put=changed | whole, append={} if whole else {"history": new_moves})


def _expression(kind: str, condition: ConditionBase) -> dict[str, Any]:
    built = ConditionExpressionBuilder().build_expression(condition, is_key_condition=kind == "KeyConditionExpression")
    return {
        kind: built.condition_expression,
        "ExpressionAttributeNames": built.attribute_name_placeholders,
        "ExpressionAttributeValues": built.attribute_value_placeholders,
    }


class Table:
    """All reads are strongly consistent, but for those of the index."""

    def __init__(self, client: Any, name: str) -> None:
        self._dynamodb = client
        self._name = name

    def get(self, key: Item, about: str = "") -> Item | None:
        with translated(about or key["sk"]):
            answer = self._dynamodb.get_item(TableName=self._name, Key=serialized(key), ConsistentRead=True)
        return deserialized(answer["Item"]) if "Item" in answer else None

    def get_many(self, keys: Iterable[Item]) -> Iterator[Item]:
        """Those that there are. TemporarilyUnavailable where waiting does not help."""
        for batch in batches(keys, KEYS_PER_BATCH_GET):
            wanted: Any = {self._name: {"Keys": list(map(serialized, batch)), "ConsistentRead": True}}
            waits = iter(WAITS_SECONDS)
            while wanted:
                with translated():
                    answer = self._dynamodb.batch_get_item(RequestItems=wanted)
                found = answer["Responses"].get(self._name, [])
                yield from map(deserialized, found)
                wanted = answer.get("UnprocessedKeys")
                if found:
                    waits = iter(WAITS_SECONDS)
                if wanted:
                    wait = next(waits, None)
                    if wait is None:
                        left = len(wanted[self._name]["Keys"])
                        raise TemporarilyUnavailable(f"the table is busy: {left} items are left unread. {LATER}")
                    sleep(wait)

    def query(
        self, condition: ConditionBase, *, index: str | None = None, about: str = "", **more: Any
    ) -> Iterator[Item]:
        """The items of all pages; `more` as the SDK's Query takes it."""
        question = self._request(more | _expression("KeyConditionExpression", condition))
        question |= {"IndexName": index} if index else {"ConsistentRead": True}
        return map(deserialized, paged(self._dynamodb, "query", "Items", about, **question))

    def write(self, *actions: Action, about: str = "") -> list[int]:
        """All or nothing: the indexes of the actions whose condition failed; none: it is written."""
        requests = [{kind: self._request(request)} for action in actions for kind, request in action.items()]
        try:
            with translated(about):
                if len(actions) == 1:  # half the price of a transaction
                    ((kind, request),) = requests[0].items()
                    getattr(self._dynamodb, f"{kind.lower()}_item")(**request)
                else:
                    self._dynamodb.transact_write_items(TransactItems=requests)
        except ClientError as error:
            if code_of(error) == CONDITION_FAILED:
                return [0]
            if code_of(error) != "TransactionCanceledException":
                raise
            reasons = [reason.get("Code") for reason in error.response.get("CancellationReasons", [])]
            refused = [index for index, code in enumerate(reasons) if code == "ConditionalCheckFailed"]
            if not refused:
                raise TemporarilyUnavailable(f"the table is busy: {reasons}. {LATER}") from error
            return refused
        return []

    def write_groups(self, groups: Mapping[str, Sequence[Action]]) -> set[str]:
        """Together in one transaction, each whole or not at all: the names of those of which a condition failed."""
        refused: set[str] = set()
        while pending := {name: actions for name, actions in groups.items() if name not in refused}:
            names = [name for name, actions in pending.items() for _ in actions]
            failed = {names[index] for index in self.write(*chain.from_iterable(pending.values()))}
            if not failed:
                break
            refused |= failed
        return refused

    def change(self, action: Action, about: str = "") -> Item | None:
        """The item after an update; None: its condition failed."""
        try:
            with translated(about):
                answer = self._dynamodb.update_item(**self._request(action["Update"]), ReturnValues="ALL_NEW")
        except ClientError as error:
            if code_of(error) == CONDITION_FAILED:
                return None
            raise
        return deserialized(answer["Attributes"])

    def _request(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """With attribute values; DynamoDB takes no empty map of them."""
        values = {name: serialized(request[name]) for name in VALUES if name in request}
        whole = {"TableName": self._name, **request, **values}
        return {name: value for name, value in whole.items() if not name.startswith("Expression") or value}
