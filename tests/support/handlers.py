"""The Lambda functions as the service calls them."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Handler = Callable[[Any, Any], dict[str, Any]]

MODULES = {
    "SelectImages": "handlers.select_images",
    "CheckStoreTasks": "handlers.check_store_tasks",
    "StartStoreTasks": "handlers.start_store_tasks",
    "PlanRetirement": "handlers.plan_retirement",
    "RetireImages": "handlers.retire_images",
    "AwaitApproval": "handlers.ask_for_approval",
    "ReportRun": "handlers.report_run",
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
    return {state: importlib.import_module(module).handler for state, module in MODULES.items()}


def as_json(value: Any) -> Any:
    """As the service carries it from one state to the next."""
    return json.loads(json.dumps(value))
