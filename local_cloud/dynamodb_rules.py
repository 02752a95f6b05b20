"""What DynamoDB refuses and MiniStack lets pass; most it refuses itself, and tests hold it to all of it.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html, Expressions.html;
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from local_cloud.replacing import Function, replaces

EXPRESSIONS = (
    "UpdateExpression",
    "ConditionExpression",
    "KeyConditionExpression",
    "FilterExpression",
    "ProjectionExpression",
)
CLAUSES = frozenset({"SET", "REMOVE", "ADD", "DELETE"})
REFERENCES = (("NAME_REF", "name", "used in the document path"), ("VALUE_REF", "value", "used in expression"))
"""MiniStack's token, what it refers to, and AWS's words for one that is not defined."""
TRANSACTION_BYTES = 4 * 1024 * 1024
REMEMBERED = 512
HANDLERS = (
    "_put_item",
    "_get_item",
    "_delete_item",
    "_update_item",
    "_query",
    "_scan",
    "_batch_write_item",
    "_batch_get_item",
    "_transact_write_items",
    "_transact_get_items",
)

Asked = Mapping[str, Any]


def install(dynamodb: Any) -> None:
    """Let MiniStack's module refuse what AWS does, and read an expression once instead of anew for every item."""
    rules = _Rules(dynamodb)
    for handler in HANDLERS:

        @replaces(dynamodb, handler)
        def answer(handle: Function, asked: Any) -> Any:
            message = rules.why_not(asked)
            return dynamodb.error_response_json("ValidationException", message, 400) if message else handle(asked)

    for reader in ("_tokenize", "_condition_syntax_error"):
        _remember(dynamodb, reader)


def _remember(dynamodb: Any, reader: str) -> None:
    remembered = lru_cache(REMEMBERED)(getattr(dynamodb, reader))

    @replaces(dynamodb, reader)
    def read(_: Function, *asked: Any) -> Any:
        found = remembered(*asked)
        return list(found) if isinstance(found, list) else found


class _Rules:
    def __init__(self, dynamodb: Any) -> None:
        self._dynamodb = dynamodb

    def why_not(self, asked: Asked) -> str | None:
        """AWS's message for a request that it would not take."""
        actions = asked.get("TransactItems") or []
        if any(len(entry) > 1 for entry in actions):
            return "TransactItems can only contain one of Check, Put, Update or Delete"
        for part in _parts(asked):
            why = self._wrong_value(part) or self._wrong_expression(part)
            if why:
                return why
        if sum(self._bytes_after(action) for entry in actions for action in entry.values()) > TRANSACTION_BYTES:
            return "Transaction request exceeds the 4MB transaction size limit"
        return None

    def _wrong_value(self, part: Asked) -> str | None:
        for name, value in (part.get("ExpressionAttributeValues") or {}).items():
            if kind := _empty_set(value):
                return (
                    "ExpressionAttributeValues contains invalid value: One or more parameter values were invalid: "
                    f"An {kind} set  may not be empty for key {name}"
                )
        return None

    def _wrong_expression(self, part: Asked) -> str | None:
        if not any(map(part.get, EXPRESSIONS)):
            return None
        names, values = part.get("ExpressionAttributeNames") or {}, part.get("ExpressionAttributeValues") or {}
        defined = {"NAME_REF": names, "VALUE_REF": values}
        referred: dict[str, set[str]] = {"NAME_REF": set(), "VALUE_REF": set()}
        for expression in EXPRESSIONS:
            tokens = self._dynamodb._tokenize(part.get(expression) or "")
            bare = [one for one in tokens if not (expression == "UpdateExpression" and one[1].upper() in CLAUSES)]
            if why := self._dynamodb._check_reserved_keyword_usage(bare):
                return str(why).replace("UpdateExpression", expression, 1)
            for kind, text in tokens:
                if kind in referred:
                    referred[kind].add(text)
            for kind, what, use in REFERENCES:
                for text in referred[kind] - defined[kind].keys():
                    return (
                        f"Invalid {expression}: An expression attribute {what} {use} is not defined; "
                        f"attribute {what}: {text}"
                    )
        for kind, what, _ in REFERENCES:
            if unused := defined[kind].keys() - referred[kind]:
                keys = ", ".join(sorted(unused))
                return f"Value provided in ExpressionAttribute{what.title()}s unused in expressions: keys: {{{keys}}}"
        return _overlapping(part.get("UpdateExpression") or "", tuple(names.items()))

    def _bytes_after(self, action: Asked) -> int:
        """At most: what an update replaces counts too."""
        size: Callable[[Asked], int] = self._dynamodb._item_size_bytes
        if "Item" in action:
            return size(action["Item"])
        table = self._dynamodb._tables.get(action["TableName"]) if "UpdateExpression" in action else None
        before = self._dynamodb._get_item_by_key(table, action["Key"]) if table else None
        return size(before or {}) + size(action.get("ExpressionAttributeValues") or {})


def _parts(asked: Asked) -> Iterator[Asked]:
    """What has expressions of its own: each action of a transaction, each table of a batch, else the request."""
    if asked.get("TransactItems"):
        for entry in asked["TransactItems"]:
            yield from entry.values()
    elif asked.get("RequestItems"):
        yield from (table for table in asked["RequestItems"].values() if isinstance(table, Mapping))
    else:
        yield asked


def _empty_set(value: Asked) -> str | None:
    if len(value) != 1:
        return None  # MiniStack says so
    ((kind, inner),) = value.items()
    if kind in ("SS", "NS", "BS"):
        return None if inner else {"SS": "string", "NS": "number", "BS": "binary"}[kind]
    inside = inner.values() if kind == "M" else inner if kind == "L" else ()
    return next(filter(None, map(_empty_set, inside)), None)


@lru_cache(512)
def _overlapping(expression: str, names: tuple[tuple[str, str], ...]) -> str | None:
    """As moto finds it, whose parser takes milliseconds."""
    if not expression:
        return None
    from moto.dynamodb.exceptions import (  # noqa: PLC0415 - takes a tenth of a second, and not every cloud needs it
        DuplicateUpdateExpression,
        MockValidationException,
    )
    from moto.dynamodb.parsing.expressions import UpdateExpressionParser  # type: ignore[attr-defined]  # noqa: PLC0415
    from moto.dynamodb.parsing.validators import OverlappingPathsValidator  # noqa: PLC0415

    try:
        OverlappingPathsValidator(dict(names)).traverse(UpdateExpressionParser.make(expression))
    except DuplicateUpdateExpression as error:
        return error.exception_msg
    except MockValidationException:
        return None  # MiniStack says what is wrong
    return None
