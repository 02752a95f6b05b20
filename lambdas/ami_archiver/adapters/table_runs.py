"""What runs decided: pages of decisions, and summaries."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from ami_archiver.adapters.attribute_values import serialized
from ami_archiver.adapters.aws_errors import translated
from ami_archiver.adapters.table_items import line_item, line_of, plain_item, reading, sight_item, sight_of
from ami_archiver.adapters.table_reads import query
from ami_archiver.batches import batches
from ami_archiver.errors import BadRecord
from ami_archiver.model import DecisionLine
from ami_archiver.ports import Sight

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


RETIREMENTS = "RETIREMENTS"
"""The partition of what runs did about originals."""
WATCHES = "WATCHES"
"""The partition of what watches have found."""
DELETE_IT = "delete it: only the run's summary is made of it"
LINES_PER_ITEM = 500
"""At up to 600 bytes a line, below the 400 KB that an item holds."""


class TableRuns:
    def __init__(self, client: DynamoDBClient, table: str, summaries: str = "RUNS") -> None:
        self._dynamodb = client
        self._table = table
        self._summaries = {"S": summaries}

    def put_page(self, run_id: str, page: str, lines: Sequence[DecisionLine], sight: Sight | None = None) -> None:
        for number, batch in enumerate(batches(lines, LINES_PER_ITEM)):
            key = {"pk": {"S": f"RUN#{run_id}"}, "sk": {"S": f"{page}#{number:03}"}}
            item = key | {"lines": serialized([line_item(line) for line in batch])}
            if sight is not None and number == 0:
                item["sight"] = serialized(sight_item(sight))
            with translated(run_id):
                self._dynamodb.put_item(TableName=self._table, Item=item)

    def sight(self, run_id: str, page: str) -> Sight | None:
        items = [plain_item(item) for item in self._items(run_id, page)]
        with suppress(BadRecord), reading(f"page {page} of run {run_id}", DELETE_IT):
            ended = frozenset(line_of(line).image_id for item in items for line in item["lines"])
            return next((sight_of(item["sight"], ended) for item in items if "sight" in item), None)
        return None

    def pages(self, run_id: str, kind: str) -> Iterator[list[DecisionLine]]:
        for item in self._items(run_id, kind):
            page = item["sk"]["S"]
            with reading(f"page {page} of run {run_id}", DELETE_IT):
                lines = [line_of(line) for line in plain_item(item)["lines"]]
            yield lines

    def _items(self, run_id: str, kind: str) -> Iterator[Any]:
        question = {
            "KeyConditionExpression": "pk = :run AND begins_with(sk, :kind)",
            "ExpressionAttributeValues": {":run": {"S": f"RUN#{run_id}"}, ":kind": {"S": kind}},
            "ConsistentRead": True,
        }
        return query(self._dynamodb, self._table, question, run_id)

    def put_summary(self, run_id: str, summary: Mapping[str, Any]) -> None:
        item = {"pk": self._summaries, "sk": {"S": run_id}, "summary": serialized(dict(summary))}
        with translated(run_id):
            self._dynamodb.put_item(TableName=self._table, Item=item)

    def summary(self, run_id: str) -> dict[str, Any] | None:
        with translated(run_id):
            answer = self._dynamodb.get_item(
                TableName=self._table, Key={"pk": self._summaries, "sk": {"S": run_id}}, ConsistentRead=True
            )
        if "Item" not in answer:
            return None
        summary: dict[str, Any] = jsonable(plain_item(answer["Item"])["summary"])
        return summary


def jsonable(value: Any) -> Any:
    """DynamoDB's numbers back as int or float."""
    match value:
        case dict():
            return {key: jsonable(inner) for key, inner in value.items()}
        case list():
            return [jsonable(inner) for inner in value]
        case Decimal():
            return int(value) if value == int(value) else float(value)
        case _:
            return value
