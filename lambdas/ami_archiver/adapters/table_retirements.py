"""What becomes of originals, in DynamoDB: records on their way out, snapshots left behind, totals, approvals."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import asdict, fields
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from ami_archiver.adapters.attribute_values import serialized
from ami_archiver.adapters.aws_errors import translated
from ami_archiver.adapters.table_items import (
    Item,
    plain_item,
    reading,
    size_of,
    text_of,
)
from ami_archiver.adapters.table_reads import query
from ami_archiver.adapters.table_writes import record_actions, write
from ami_archiver.model import ArchiveRecord
from ami_archiver.retire.model import FirstRun, LeftSnapshot, Saved

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


SNAPSHOTS = "SNAPSHOTS"
TOTAL_KEY: Item = {"pk": {"S": "TOTALS"}, "sk": {"S": "RETIRED"}}
RECORDS_PER_PAGE = 100
SNAPSHOTS_PER_TRANSACTION = 90
"""Of the 100 actions that one transaction takes; an image may have more snapshots."""


class TableRetirements:
    """Records on their way out, snapshots left behind, first runs, approvals. Reads are consistent, but for `due`."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._dynamodb = client
        self._table = table

    def save(
        self,
        before: ArchiveRecord,
        after: ArchiveRecord,
        *,
        adding: Collection[LeftSnapshot] = (),
        leaving: Collection[LeftSnapshot] = (),
        saved: Saved | None = None,
    ) -> bool:
        """A snapshot too many for one transaction is added before it, or taken off the list after it: on the list
        without need, it is looked at again."""
        actions = record_actions(self._table, before, after)
        added, dropped = list(adding), list(leaving)
        for one in added[SNAPSHOTS_PER_TRANSACTION:]:
            self._put(_left_item(one))
        actions += [
            {"Put": {"TableName": self._table, "Item": _left_item(one)}} for one in added[:SNAPSHOTS_PER_TRANSACTION]
        ]
        room = SNAPSHOTS_PER_TRANSACTION - len(added[:SNAPSHOTS_PER_TRANSACTION])
        actions += [{"Delete": {"TableName": self._table, "Key": _left_key(one)}} for one in dropped[:room]]
        if saved is not None:
            actions.append({"Update": self._addition(saved)})
        if write(self._dynamodb, actions, after.image_id):
            return False
        for one in dropped[room:]:
            self.drop(one)
        return True

    def left_snapshots(self) -> Iterator[LeftSnapshot]:
        question = {
            "KeyConditionExpression": "pk = :snapshots",
            "ExpressionAttributeValues": {":snapshots": {"S": SNAPSHOTS}},
            "ConsistentRead": True,
        }
        for item in self._pages(question):
            image_id, _, snapshot_id = item["sk"]["S"].partition("#")
            yield LeftSnapshot(image_id, snapshot_id)

    def drop(self, left: LeftSnapshot) -> None:
        """Take a snapshot off the list."""
        with translated(left.snapshot_id):
            self._dynamodb.delete_item(TableName=self._table, Key=_left_key(left))

    def total_saved(self) -> Saved:
        item = self._item(TOTAL_KEY)
        raw = plain_item(item) if item else {}
        with reading("the total of what was saved", "delete it: it is then counted from now on"):
            values: dict[str, Any] = {f.name: size_of(raw.get(f.name, Decimal(0))) for f in fields(Saved)}
            return Saved(**{**values, "images": int(values["images"])})

    def first_run(self, policy: str) -> FirstRun | None:
        item = self._item(_policy_key(policy))
        if item is None:
            return None
        raw = plain_item(item)
        with reading(
            f"the first run of policy {policy}", "delete it: the policy's next run then only says what it would do"
        ):
            return FirstRun(text_of(raw["original"]), text_of(raw["run_id"]))

    def put_first_run(self, policy: str, run: FirstRun) -> None:
        self._put(_policy_key(policy) | {name: serialized(value) for name, value in asdict(run).items()})

    def put_token(self, run_id: str, token: str) -> None:
        """What an approval of the run is sent to."""
        self._put(_approval_key(run_id) | {"token": {"S": token}})

    def token(self, run_id: str) -> str | None:
        item = self._item(_approval_key(run_id))
        return str(plain_item(item)["token"]) if item else None

    def _addition(self, saved: Saved) -> dict[str, Any]:
        values = asdict(saved)
        return {
            "TableName": self._table,
            "Key": TOTAL_KEY,
            "UpdateExpression": "ADD " + ", ".join(f"#{name} :{name}" for name in values),
            "ExpressionAttributeNames": {f"#{name}": name for name in values},
            "ExpressionAttributeValues": {f":{name}": serialized(value) for name, value in values.items()},
        }

    def _item(self, key: Item) -> Item | None:
        with translated(key["sk"]["S"]):
            answer = self._dynamodb.get_item(TableName=self._table, Key=key, ConsistentRead=True)
        return answer.get("Item")

    def _put(self, item: Item) -> None:
        with translated(item["sk"]["S"]):
            self._dynamodb.put_item(TableName=self._table, Item=item)

    def _pages(self, question: dict[str, Any]) -> Iterator[Item]:
        return query(self._dynamodb, self._table, question)


def _left_key(left: LeftSnapshot) -> Item:
    return {"pk": {"S": SNAPSHOTS}, "sk": {"S": f"{left.image_id}#{left.snapshot_id}"}}


def _left_item(left: LeftSnapshot) -> Item:
    return _left_key(left) | {"image_id": {"S": left.image_id}, "snapshot_id": {"S": left.snapshot_id}}


def _policy_key(name: str) -> Item:
    return {"pk": {"S": "POLICIES"}, "sk": {"S": name}}


def _approval_key(run_id: str) -> Item:
    return {"pk": {"S": f"RUN#{run_id}"}, "sk": {"S": "APPROVAL"}}
