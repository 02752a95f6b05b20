"""DynamoDB refuses here what it refuses in AWS, and takes what it takes there.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local_cloud.in_process import VirtualCloud
from local_cloud.server import LocalCloud
from tests.local_cloud.endpoint.scenes import unique
from tests.support.archive import TABLE, make_table

KEY = {"pk": {"S": "p"}, "sk": {"S": "s"}}
EMPTY_KEY = KEY | {"pk": {"S": ""}}
X = {":x": {"S": "x"}}
HALF_AN_ITEM = {"S": "x" * 250_000}
ITEM_BYTES = 400 * 1024
UNUSED = "unused in expressions: keys: "
UNDEFINED_VALUE = "An expression attribute value used in expression is not defined; attribute value: :y"
UNDEFINED_NAME = "An expression attribute name used in the document path is not defined; attribute name: #y"
RESERVED = "Attribute name is a reserved keyword; reserved keyword: status"
EMPTY_STRING = "The AttributeValue for a key attribute cannot contain an empty string value"
OVERLAP = "Two document paths overlap with each other"
ONE_ACTION = "can only contain one of Check, Put, Update or Delete"
ONE_ITEM = "Transaction request cannot include multiple operations on one item"
LARGE_ITEM = "Item size has exceeded the maximum allowed size"
LARGE_UPDATE = "Item size to update has exceeded the maximum allowed size"
DIGITS = "Attempting to store more than 38 significant digits in a Number"

Call = Callable[[Any], Any]


@pytest.fixture
def dynamodb(virtual_cloud: VirtualCloud) -> Any:
    made = virtual_cloud.client("dynamodb")
    make_table(made)
    return made


def put(**item: Any) -> Call:
    return lambda dynamodb: dynamodb.put_item(TableName=TABLE, Item=KEY | item)


def update(expression: str, values: Any = None, names: Any = None, condition: str | None = None) -> Call:
    return lambda dynamodb: dynamodb.update_item(
        TableName=TABLE, Key=KEY, **_update(expression, values, names, condition)
    )


def _update(expression: str, values: Any = None, names: Any = None, condition: str | None = None) -> dict[str, Any]:
    given = {
        "UpdateExpression": expression,
        "ConditionExpression": condition,
        "ExpressionAttributeNames": names,
        "ExpressionAttributeValues": values,
    }
    return {name: value for name, value in given.items() if value is not None}


def transaction(*actions: dict[str, Any]) -> Call:
    items = [{kind: {"TableName": TABLE, **one} for kind, one in action.items()} for action in actions]
    return lambda dynamodb: dynamodb.transact_write_items(TransactItems=items)


def check(expression: str, **more: Any) -> Call:
    return transaction({"ConditionCheck": {"Key": KEY, "ConditionExpression": expression, **more}})


def query(condition: str, values: Any, **more: Any) -> Call:
    return lambda dynamodb: dynamodb.query(
        TableName=TABLE, KeyConditionExpression=condition, ExpressionAttributeValues=values, **more
    )


def batch(*requests: dict[str, Any]) -> Call:
    return lambda dynamodb: dynamodb.batch_write_item(RequestItems={TABLE: list(requests)})


def batch_get(*keys: Any, **more: Any) -> Call:
    return lambda dynamodb: dynamodb.batch_get_item(RequestItems={TABLE: {"Keys": list(keys), **more}})


def numbered(count: int, **item: Any) -> list[dict[str, Any]]:
    return [{"pk": {"S": f"p{number}"}, "sk": {"S": "s"}, **item} for number in range(count)]


def puts(count: int, **item: Any) -> list[dict[str, Any]]:
    return [{"Put": {"Item": one}} for one in numbered(count, **item)]


def in_turn(*calls: Call) -> Call:
    """Only the last may be refused."""

    def make(dynamodb: Any) -> None:
        *before, last = calls
        for call in before:
            call(dynamodb)
        last(dynamodb)

    return make


def grown(count: int) -> Call:
    """Small updates of large items, in one transaction."""
    large = numbered(count, a={"S": "x" * 400_000})
    actions = [{"Update": {"Key": {k: one[k] for k in KEY}, **_update("SET b = :x", X)}} for one in large]
    return in_turn(*(batch({"PutRequest": {"Item": one}}) for one in large), transaction(*actions))


REFUSED: dict[str, tuple[Call, str]] = {
    "empty set of strings": (put(a={"SS": []}), "An string set  may not be empty"),
    "empty set in an update": (update("SET a = :x", {":x": {"SS": []}}), "An string set  may not be empty for key :x"),
    "empty set in a condition": (
        update("SET a = :x", X | {":y": {"NS": []}}, condition="b = :y"),
        "An number set  may not be empty for key :y",
    ),
    "empty set inside a value": (
        update("SET a = :x", {":x": {"M": {"b": {"L": [{"SS": []}]}}}}),
        "An string set  may not be empty for key :x",
    ),
    "empty set in an update of a transaction": (
        transaction({"Update": {"Key": KEY, **_update("SET a = :x", {":x": {"SS": []}})}}),
        "An string set  may not be empty for key :x",
    ),
    "empty set in a check": (
        check("a <> :x", ExpressionAttributeValues={":x": {"SS": []}}),
        "An string set  may not be empty for key :x",
    ),
    "empty set in a filter": (
        query("pk = :x", X | {":y": {"SS": []}}, FilterExpression="a = :y"),
        "An string set  may not be empty for key :y",
    ),
    "item above 400 KB": (put(a={"S": "x" * (ITEM_BYTES - len("pkpsksa") + 1)}), LARGE_ITEM),
    "update that makes an item too large": (
        in_turn(put(a=HALF_AN_ITEM), update("SET b = :x", {":x": HALF_AN_ITEM})),
        LARGE_UPDATE,
    ),
    "101 actions": (transaction(*puts(101)), "Member must have length less than or equal to 100"),
    "4 MB put": (transaction(*puts(11, a={"S": "x" * 400_000})), "exceeds the 4MB transaction size limit"),
    "small updates of 4 MB": (grown(11), "exceeds the 4MB transaction size limit"),
    "two actions on an item": (transaction({"Put": {"Item": KEY}}, {"Delete": {"Key": KEY}}), ONE_ITEM),
    "two actions in one": (transaction({"Put": {"Item": KEY}, "Delete": {"Key": KEY}}), ONE_ACTION),
    "26 writes": (
        batch(*({"PutRequest": {"Item": one}} for one in numbered(26))),
        "Member must have length less than or equal to 25",
    ),
    "one item twice in a batch": (
        batch({"PutRequest": {"Item": KEY}}, {"DeleteRequest": {"Key": KEY}}),
        "Provided list of item keys contains duplicates",
    ),
    "101 keys": (batch_get(*numbered(101)), "Member must have length less than or equal to 100"),
    "one key twice": (batch_get(KEY, KEY), "Provided list of item keys contains duplicates"),
    "unused name": (update("SET a = :x", X, {"#y": "y"}), "ExpressionAttributeNames unused in expressions: keys: {#y}"),
    "unused value": (update("SET a = :x", X | {":y": {"S": "y"}}), f"ExpressionAttributeValues {UNUSED}{{:y}}"),
    "unused value whose name begins another": (update("SET a = :x1", {":x1": {"S": "1"}} | X), f"{UNUSED}{{:x}}"),
    "unused name that begins another": (
        update("SET #b1 = :x", X, {"#b1": "b", "#b": "b"}),
        f"ExpressionAttributeNames {UNUSED}{{#b}}",
    ),
    "unused name of a batch": (
        batch_get(KEY, ProjectionExpression="pk", ExpressionAttributeNames={"#y": "y"}),
        f"ExpressionAttributeNames {UNUSED}{{#y}}",
    ),
    "undefined value": (update("SET a = :x, b = :y", X), f"Invalid UpdateExpression: {UNDEFINED_VALUE}"),
    "undefined value that is a number": (update("SET a = :x, b = :0", X), UNDEFINED_VALUE.replace(":y", ":0")),
    "undefined value of a condition": (update("SET a = :x", X, condition="b = :y"), UNDEFINED_VALUE),
    "undefined value of a key condition": (
        query("pk = :x AND sk = :y", X),
        f"Invalid KeyConditionExpression: {UNDEFINED_VALUE}",
    ),
    "undefined name": (update("SET #y = :x", X), f"Invalid UpdateExpression: {UNDEFINED_NAME}"),
    "undefined name that is a number": (update("SET #0 = :x", X), UNDEFINED_NAME.replace("#y", "#0")),
    "names without an expression": (
        lambda dynamodb: dynamodb.get_item(TableName=TABLE, Key=KEY, ExpressionAttributeNames={"#y": "y"}),
        "ExpressionAttributeNames can only be specified when using expressions",
    ),
    "no values": (update("REMOVE a", {}), "ExpressionAttributeValues must not be empty"),
    "reserved word set": (update("SET status = :x", X), f"Invalid UpdateExpression: {RESERVED}"),
    "reserved word in a condition": (
        update("SET a = :x", X, condition="status = :x"),
        f"Invalid ConditionExpression: {RESERVED}",
    ),
    "reserved word in a check": (check("attribute_exists(status)"), f"Invalid ConditionExpression: {RESERVED}"),
    "reserved word in a key condition": (
        query("status = :x", X, IndexName="by_status"),
        f"Invalid KeyConditionExpression: {RESERVED}",
    ),
    "reserved word in a projection": (query("pk = :x", X, ProjectionExpression="pk, status"), RESERVED),
    "reserved word in a batch's projection": (batch_get(KEY, ProjectionExpression="pk, status"), RESERVED),
    "one set added to and taken from": (
        update("ADD a :x DELETE a :y", {":x": {"SS": ["x"]}, ":y": {"SS": ["y"]}}),
        OVERLAP,
    ),
    "attribute set twice under two names": (update("SET a = :x, #a = :x", X, {"#a": "a"}), OVERLAP),
    "empty key put": (lambda dynamodb: dynamodb.put_item(TableName=TABLE, Item=EMPTY_KEY), EMPTY_STRING),
    "empty key in a transaction": (transaction({"Delete": {"Key": EMPTY_KEY}}), EMPTY_STRING),
    "empty key of an index": (put(status={"S": ""}, status_order={"S": "1"}), EMPTY_STRING),
    "empty key of an index in an update": (update("SET #s = :x", {":x": {"S": ""}}, {"#s": "status"}), EMPTY_STRING),
    "39 digits": (put(a={"N": "1" * 39}), DIGITS),
    "number too large": (put(a={"N": "1e126"}), "Number overflow"),
    "number too small": (put(a={"N": "1e-131"}), "Number underflow"),
}


@pytest.mark.parametrize("rule", REFUSED)
def test_dynamodb_refuses(dynamodb: Any, rule: str) -> None:
    call, message = REFUSED[rule]
    with pytest.raises(ClientError) as caught:
        call(dynamodb)
    error = caught.value.response["Error"]
    assert error["Code"] == "ValidationException"
    assert message in error["Message"]


def test_update_in_a_transaction_that_makes_an_item_too_large_cancels_it(dynamodb: Any) -> None:
    put(a=HALF_AN_ITEM)(dynamodb)
    with pytest.raises(ClientError) as caught:
        transaction({"Update": {"Key": KEY, **_update("SET b = :x", {":x": HALF_AN_ITEM})}})(dynamodb)
    (reason,) = caught.value.response["CancellationReasons"]
    assert (reason["Code"], reason["Message"]) == ("ValidationError", LARGE_UPDATE)


TAKEN: dict[str, Call] = {
    "item of 400 KB": put(a={"S": "x" * (ITEM_BYTES - len("pkpsksa"))}),
    "100 actions": transaction(*puts(100)),
    "nearly 4 MB": transaction(*puts(9, a={"S": "x" * 400_000})),
    "25 writes": batch(*({"PutRequest": {"Item": one}} for one in numbered(25))),
    "100 keys": batch_get(*numbered(100)),
    "38 digits": put(a={"N": "1" * 38}),
    "empty text": put(a={"S": ""}),
    "empty list and map": put(a={"L": []}, b={"M": {}}),
    "reserved word under another name": update("SET #s = :x", X, {"#s": "status"}),
}


@pytest.mark.parametrize("case", TAKEN)
def test_dynamodb_takes(dynamodb: Any, case: str) -> None:
    TAKEN[case](dynamodb)


def test_set_whose_last_member_is_deleted_is_no_attribute_any_more(dynamodb: Any) -> None:
    put(a={"SS": ["x"]})(dynamodb)
    update("DELETE a :x", {":x": {"SS": ["x"]}})(dynamodb)
    update("SET b = :x", X, condition="attribute_not_exists(a)")(dynamodb)
    assert dynamodb.get_item(TableName=TABLE, Key=KEY)["Item"] == KEY | {"b": {"S": "x"}}


def test_refusal_comes_over_http_too(local_cloud: LocalCloud) -> None:
    dynamodb, table = local_cloud.client("dynamodb"), unique("rules")
    dynamodb.create_table(
        TableName=table,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    with pytest.raises(ClientError, match=r"An string set  may not be empty for key :x"):
        dynamodb.update_item(
            TableName=table,
            Key={"pk": {"S": "p"}},
            UpdateExpression="SET a = :x",
            ExpressionAttributeValues={":x": {"SS": []}},
        )
