"""What runs decided: pages of decisions, and summaries."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from ami_archiver.adapters.attribute_values import serialized
from ami_archiver.adapters.aws_errors import translated
from ami_archiver.adapters.table_items import line_item, line_of, plain_item, reading
from ami_archiver.adapters.table_reads import query
from ami_archiver.batches import batches
from ami_archiver.model import DecisionLine

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class SummaryKind(StrEnum):
    """The partitions of summaries."""

    RUNS = "RUNS"
    RETIREMENTS = "RETIREMENTS"
    """What runs did about originals."""
    WATCHES = "WATCHES"
    """What watches have found."""
    RESTORES = "RESTORES"


DELETE_IT = "delete it: only the run's summary is made of it"
LINES_PER_ITEM = 500
"""At up to 600 bytes a line, below the 400 KB that an item holds."""


class TableRuns:
    """What runs decided (in pages) and their summaries."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._dynamodb = client
        self._table = table

    def put_page(self, run_id: str, page: str, lines: Sequence[DecisionLine]) -> None:
        """Write one page of decisions, if there are any; the same page written again replaces it."""
        for number, batch in enumerate(batches(lines, LINES_PER_ITEM)):
            key = {"pk": {"S": f"RUN#{run_id}"}, "sk": {"S": f"{page}#{number:03}"}}
            item = key | {"lines": serialized([line_item(line) for line in batch])}
            with translated(run_id):
                self._dynamodb.put_item(TableName=self._table, Item=item)

    def pages(self, run_id: str, kind: str) -> Iterator[list[DecisionLine]]:
        """The run's pages whose name begins so, one in memory at a time."""
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

    def put_summary(self, kind: SummaryKind, run_id: str, summary: Mapping[str, Any]) -> None:
        item = {"pk": {"S": kind.value}, "sk": {"S": run_id}, "summary": serialized(dict(summary))}
        with translated(run_id):
            self._dynamodb.put_item(TableName=self._table, Item=item)

    def summary(self, kind: SummaryKind, run_id: str) -> dict[str, Any] | None:
        with translated(run_id):
            answer = self._dynamodb.get_item(
                TableName=self._table, Key={"pk": {"S": kind.value}, "sk": {"S": run_id}}, ConsistentRead=True
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
