"""The Lambda functions as the service calls them."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Handler = Callable[[Any, Any], dict[str, Any]]

HANDLERS = {
    "SelectImages": "archive.select",
    "StoreImages": "archive.store",
    "PlanRetirement": "retire.plan",
    "RetireImages": "retire.retire",
    "AwaitApproval": "retire.ask",
    "ReportRun": "archive.report",
}
"""By the state that invokes it."""


@dataclass
class Context:
    """As much of Lambda's context as the handlers and Powertools read."""

    function_name: str = "function"
    memory_limit_in_mb: int = 256
    invoked_function_arn: str = "arn:aws:lambda:us-east-1:123456789012:function:function"
    aws_request_id: str = "request"
    seconds_left: float = 900

    def get_remaining_time_in_millis(self) -> int:
        return round(self.seconds_left * 1000)


def handlers() -> dict[str, Handler]:
    """By state. The modules read their environment when they are imported."""
    found = {}
    for state, name in HANDLERS.items():
        module, function = name.split(".")
        found[state] = getattr(importlib.import_module(f"handlers.{module}"), function)
    return found


def as_json(value: Any) -> Any:
    """As the service carries it from one state to the next."""
    return json.loads(json.dumps(value))
