"""MiniStack reads an expression once: what it remembers depends on nothing but the text."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from local_cloud.in_process import VirtualCloud


@pytest.fixture
def table(virtual_cloud: VirtualCloud) -> Any:
    dynamodb = virtual_cloud.client("dynamodb")
    dynamodb.create_table(
        TableName="numbers",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
    )
    for number in range(20):
        dynamodb.put_item(TableName="numbers", Item={"pk": {"S": "p"}, "sk": {"S": f"{number:02}"}})
    return dynamodb


def between(table: Any, low: str, high: str) -> list[str]:
    found = table.query(
        TableName="numbers",
        KeyConditionExpression="pk = :p AND sk BETWEEN :low AND :high",
        ExpressionAttributeValues={":p": {"S": "p"}, ":low": {"S": low}, ":high": {"S": high}},
    )["Items"]
    return [item["sk"]["S"] for item in found]


def test_the_same_expression_with_other_values_finds_other_items(table: Any) -> None:
    assert between(table, "03", "05") == ["03", "04", "05"]
    assert between(table, "18", "99") == ["18", "19"]


def test_an_expression_that_is_wrong_is_refused_every_time(table: Any) -> None:
    for _ in range(2):
        with pytest.raises(ClientError, match="ValidationException"):
            table.query(
                TableName="numbers",
                KeyConditionExpression="pk = :p AND sk BETWEEN :low",
                ExpressionAttributeValues={":p": {"S": "p"}, ":low": {"S": "03"}},
            )
