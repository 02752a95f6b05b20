"""Reads that take more than one call: the pages of a query, and many items by their keys."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from time import sleep
from typing import TYPE_CHECKING, Any

from ami_archiver.adapters.aws_errors import LATER, translated
from ami_archiver.adapters.table_items import Item
from ami_archiver.batches import batches
from ami_archiver.errors import TemporarilyUnavailable

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


KEYS_PER_BATCH_GET = 100
WAITS_SECONDS = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2)
"""DynamoDB answers with what it has capacity for and names the rest, which it wants to be asked less and less often:
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html"""


def query(client: DynamoDBClient, table: str, question: Mapping[str, Any], about: str = "") -> Iterator[Item]:
    """The items of all pages."""
    start: Any = None
    while True:
        more = {"ExclusiveStartKey": start} if start else {}
        with translated(about):
            answer = client.query(TableName=table, **question, **more)
        yield from answer["Items"]
        start = answer.get("LastEvaluatedKey")
        if not start:
            return


def items_of(client: DynamoDBClient, table: str, keys: Iterable[Item]) -> Iterator[Item]:
    """Those that there are, read consistently. TemporarilyUnavailable where waiting does not help."""
    for batch in batches(keys, KEYS_PER_BATCH_GET):
        wanted: Any = {table: {"Keys": batch, "ConsistentRead": True}}
        waits = iter(WAITS_SECONDS)
        while True:
            with translated():
                answer = client.batch_get_item(RequestItems=wanted)
            found = answer["Responses"].get(table, [])
            yield from found
            wanted = answer.get("UnprocessedKeys")
            if not wanted:
                break
            if found:
                waits = iter(WAITS_SECONDS)
            wait = next(waits, None)
            if wait is None:
                left = len(wanted[table]["Keys"])
                raise TemporarilyUnavailable(f"the table is busy: {left} items are left unread. {LATER}")
            sleep(wait)
