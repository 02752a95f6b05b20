"""Step Functions in virtual time, as far as the archiver asks it: what became of an execution."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from local_cloud.endpoint import Answer

RUNNING = {"status": "RUNNING"}


class Executions:
    """Answers DescribeExecution: every execution is running, unless a test says something else of its ARN."""

    def __init__(self) -> None:
        self.described: dict[str, dict[str, Any] | None] = {}
        """None: there is no such execution."""
        self.look: Callable[[str], dict[str, Any] | None] = lambda arn: self.described.get(arn, RUNNING)

    def end(self, arn: str, status: str = "ABORTED", **output: Any) -> None:
        """As if the execution had ended; `output` is what it put out."""
        self.described[arn] = {"status": status} | ({"output": json.dumps(output)} if output else {})

    def handle(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        arn = json.loads(body)["executionArn"]
        found = self.look(arn)
        answer: dict[str, Any] = {"__type": "ExecutionDoesNotExist", "message": arn}
        if found is not None:
            answer = {"executionArn": arn, "stateMachineArn": "arn:archive", "startDate": 0} | found
        return (200 if found else 400), {"content-type": "application/x-amz-json-1.0"}, json.dumps(answer).encode()
