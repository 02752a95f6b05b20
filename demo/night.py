"""The night's runs: started by the schedules alone, found by ListExecutions."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from demo.aws import Aws, Stack

POLL_SECONDS = 0.5
START_SECONDS = 120
"""By then the schedules must have started their runs."""
QUIET_SECONDS = 180
"""So long without any progress means that something is stuck."""
END_SECONDS = 90
"""By then an execution that the demo starts must have ended."""


class NightFailed(Exception):
    """The runs did not start, did not end, or ended with an error; the message says which."""


@dataclass(frozen=True, slots=True)
class Execution:
    """One execution of ArchiveWorkflow."""

    arn: str
    policy: str
    status: str
    started_at: datetime
    output: dict[str, Any] | None
    error: str = ""


def output_of(
    aws: Aws, state_machine_arn: str, given: dict[str, Any], what: str, each_time: Callable[[], None] | None = None
) -> dict[str, Any]:
    """Start an execution and wait for what it puts out, calling `each_time` meanwhile. Raises NightFailed."""
    started = aws.stepfunctions.start_execution(stateMachineArn=state_machine_arn, input=json.dumps(given))
    end = time.monotonic() + END_SECONDS
    while True:
        execution = aws.stepfunctions.describe_execution(executionArn=started["executionArn"])
        if each_time:
            each_time()
        if execution["status"] == "SUCCEEDED":
            output: dict[str, Any] = json.loads(execution["output"])
            return output
        if execution["status"] != "RUNNING":
            raise NightFailed(f"{what} ended {execution['status']}: {execution.get('cause', '')}")
        if time.monotonic() > end:
            raise NightFailed(f"{what} has not ended in {END_SECONDS} s")
        time.sleep(POLL_SECONDS)


class Night:
    """The first execution of every policy that has a schedule."""

    def __init__(self, aws: Aws, stack: Stack) -> None:
        self._aws = aws
        self._stack = stack
        self._schedules = [
            aws.scheduler.get_schedule(Name=found["Name"], GroupName=found["GroupName"])
            for found in aws.scheduler.list_schedules()["Schedules"]
            if found["Target"]["Arn"] == stack.workflow_arn and found["State"] == "ENABLED"
        ]

    def schedules(self) -> dict[str, str]:
        """Every policy's schedule expression."""
        return {
            json.loads(schedule["Target"]["Input"])["policy"]: schedule["ScheduleExpression"]
            for schedule in self._schedules
        }

    def wait_for_start(self) -> list[Execution]:
        """The executions, once every policy has its own. Raises NightFailed."""
        end = time.monotonic() + START_SECONDS
        while True:
            found = self.executions()
            if {execution.policy for execution in found} >= self.schedules().keys():
                return found
            if time.monotonic() > end:
                raise NightFailed(f"the schedules have started nothing in {START_SECONDS} s")
            time.sleep(POLL_SECONDS)

    def pause(self) -> None:
        """Disable the schedules, so that the next night does not begin while this one is looked at."""
        read_only = ("Arn", "CreationDate", "LastModificationDate", "ResponseMetadata", "State")
        for schedule in self._schedules:
            same = {name: value for name, value in schedule.items() if name not in read_only}
            self._aws.scheduler.update_schedule(**same, State="DISABLED")

    def follow(self, look: Callable[[], object]) -> list[Execution]:
        """Look until all executions have ended; what `look` returns tells progress. Raises NightFailed."""
        seen: object = None
        changed = time.monotonic()
        while True:
            now_seen = look()
            executions = self.executions()
            for execution in executions:
                if execution.status not in ("RUNNING", "SUCCEEDED"):
                    raise NightFailed(
                        f"the run of policy {execution.policy} ended {execution.status}: {execution.error}"
                    )
            if all(execution.status == "SUCCEEDED" for execution in executions):
                look()
                return executions
            if now_seen != seen:
                seen, changed = now_seen, time.monotonic()
            elif time.monotonic() - changed > QUIET_SECONDS:
                raise NightFailed(f"nothing has moved for {QUIET_SECONDS} s, and the runs have not ended")
            time.sleep(POLL_SECONDS)

    def executions(self) -> list[Execution]:
        """The first one of every policy, oldest first."""
        workflow = self._stack.workflow_arn
        pages = self._aws.stepfunctions.get_paginator("list_executions").paginate(stateMachineArn=workflow)
        found = [self._describe(raw["executionArn"]) for page in pages for raw in page["executions"]]
        first: dict[str, Execution] = {}
        for execution in sorted(found, key=lambda each: each.started_at):
            first.setdefault(execution.policy, execution)
        return list(first.values())

    def _describe(self, arn: str) -> Execution:
        raw = self._aws.stepfunctions.describe_execution(executionArn=arn)
        return Execution(
            arn=arn,
            policy=json.loads(raw["input"])["policy"],
            status=raw["status"],
            started_at=raw["startDate"],
            output=json.loads(raw["output"]) if raw.get("output") else None,
            error=f"{raw.get('error', '')} {raw.get('cause', '')}".strip(),
        )
