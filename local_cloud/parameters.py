"""MiniStack's Parameter Store takes as many names or results as one asks for; AWS's limits are kept here.

docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameters.html, API_DescribeParameters.html
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

from local_cloud.operations import Answer
from local_cloud.replacing import Function, replaces

MOST_NAMES = 10
MOST_RESULTS = 50


def install(ssm: ModuleType) -> None:
    """Let MiniStack's module refuse what AWS does."""

    @replaces(ssm, "_get_parameters")
    def get_parameters(get: Function, asked: dict[str, Any]) -> Any:
        wrong = len(asked.get("Names", [])) > MOST_NAMES
        return _refusal(ssm, "names", "length", MOST_NAMES) if wrong else get(asked)

    @replaces(ssm, "_describe_parameters")
    def describe_parameters(describe: Function, asked: dict[str, Any]) -> Any:
        wrong = not 1 <= asked.get("MaxResults", 1) <= MOST_RESULTS
        return _refusal(ssm, "maxResults", "value", MOST_RESULTS) if wrong else describe(asked)


def _refusal(ssm: Any, parameter: str, what: str, most: int) -> Answer:
    refusal: Answer = ssm.error_response_json(
        "ValidationException",
        f"1 validation error detected: Value at '{parameter}' failed to satisfy constraint: "
        f"Member must have {what} less than or equal to {most}",
        400,
    )
    return refusal
