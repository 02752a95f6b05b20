"""MiniStack's Parameter Store takes as many names or results as one asks for; AWS's limits are kept here.

docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameters.html, API_DescribeParameters.html
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import wraps
from types import ModuleType
from typing import Any

from local_cloud.operations import Answer

MOST_NAMES = 10
MOST_RESULTS = 50
Function = Callable[[dict[str, Any]], Answer]


def install(ssm: ModuleType) -> None:
    """Let MiniStack's module refuse what AWS does. Safe to call again."""
    names = vars(ssm)
    if names.get("_keeps_limits"):
        return

    def names_too_many(asked: dict[str, Any]) -> str | None:
        return _constraint("names", "length", MOST_NAMES) if len(asked.get("Names", [])) > MOST_NAMES else None

    def results_too_many(asked: dict[str, Any]) -> str | None:
        allowed = 1 <= asked.get("MaxResults", 1) <= MOST_RESULTS
        return None if allowed else _constraint("maxResults", "value", MOST_RESULTS)

    names["_get_parameters"] = _checked(names["_get_parameters"], names_too_many)
    names["_describe_parameters"] = _checked(names["_describe_parameters"], results_too_many)
    names["_keeps_limits"] = True


def _checked(function: Function, wrong: Callable[[dict[str, Any]], str | None]) -> Function:
    @wraps(function)
    def answer(asked: dict[str, Any]) -> Answer:
        message = wrong(asked)
        if message is None:
            return function(asked)
        body = json.dumps({"__type": "ValidationException", "message": message}).encode()
        return 400, {"Content-Type": "application/x-amz-json-1.1"}, body

    return answer


def _constraint(parameter: str, what: str, most: int) -> str:
    return (
        f"1 validation error detected: Value at '{parameter}' failed to satisfy constraint: "
        f"Member must have {what} less than or equal to {most}"
    )
