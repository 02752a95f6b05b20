"""`MaxResults` and `NextToken`: pages that neither skip nor repeat while images come and go.

A token names the last thing handed out, not a position, and every listing has an order of its own, so what is
added or removed between two pages never shifts the rest. Continuing is a binary search: reading a whole account in
pages costs no more than reading it at once.
"""

from __future__ import annotations

import base64
import binascii
import json
from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from local_cloud.ec2.request import Request
from local_cloud.errors import AwsError

T = TypeVar("T")
Key = tuple[str | int, ...]


def page(
    request: Request,
    items: Sequence[T],
    key: Callable[[T], Key],
    *,
    accept: Callable[[T], bool] = lambda _: True,
    default_limit: int | None = None,
) -> tuple[list[T], str | None]:
    """The page of `items` that `request` asks for, and the token of the next one.

    `items` are in the order of `key`, which is unique. Without MaxResults (and `default_limit`) all are one page.

    Raises `AwsError`: InvalidNextToken.
    """
    limit = request.params.get("MaxResults") or default_limit
    token = request.params.get("NextToken")
    position = bisect_right(items, _decode(request.operation, token), key=key) if token else 0
    found: list[T] = []
    for index in range(position, len(items)):
        if accept(items[index]):
            if limit is not None and len(found) == limit:
                return found, _encode(request.operation, key(found[-1]))
            found.append(items[index])
    return found, None


def check_max_results(request: Request, low: int, high: int) -> None:
    """Raise InvalidParameterValue for a MaxResults outside AWS's limits, where the SDK's model does not say them."""
    limit = request.params.get("MaxResults")
    if limit is not None and not low <= limit <= high:
        raise AwsError(
            "InvalidParameterValue",
            f"Value ( {limit} ) for parameter maxResults is invalid. Expecting a value between {low} and {high}.",
        )


class SortedIds:
    """The ids of a live dict, sorted; sorted again only after the dict has changed."""

    def __init__(self) -> None:
        self._known: frozenset[str] = frozenset()
        self._ids: list[str] = []

    def of(self, live: dict[str, Any]) -> list[str]:
        if live.keys() != self._known:
            self._known = frozenset(live)
            self._ids = sorted(live)
        return self._ids


def _encode(operation: str, key: Key) -> str:
    return base64.urlsafe_b64encode(json.dumps([operation, *key]).encode()).decode()


def _decode(operation: str, token: str) -> Key:
    try:
        decoded = json.loads(base64.urlsafe_b64decode(token))
        if isinstance(decoded, list) and decoded[:1] == [operation]:
            return tuple(decoded[1:])
    except (ValueError, binascii.Error):
        pass
    raise AwsError("InvalidNextToken", "The specified NextToken is not valid.")
