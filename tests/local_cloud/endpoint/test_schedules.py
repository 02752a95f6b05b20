"""Schedules of a cloud whose rates come round more often."""

from __future__ import annotations

import json

from local_cloud.control_client import start_cloud
from tests.local_cloud.endpoint.scenes import ROLE, until


def test_a_rate_of_a_minute_comes_round_every_second_when_schedules_are_sixty_times_as_fast():
    with start_cloud("--schedule-speed", "60") as cloud:
        workflows, schedules = cloud.client("stepfunctions"), cloud.client("scheduler")
        definition = {"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}
        machine = workflows.create_state_machine(name="m", roleArn=ROLE, definition=json.dumps(definition))
        for name, expression in (
            ("often", "rate(1 minute)"),
            ("never", "rate(1 day)"),
            ("nightly", "cron(0 2 1 1 ? 2099)"),
        ):
            schedules.create_schedule(
                Name=name,
                ScheduleExpression=expression,
                FlexibleTimeWindow={"Mode": "OFF"},
                Target={"Arn": machine["stateMachineArn"], "RoleArn": ROLE, "Input": json.dumps({"by": name})},
            )

        def executions() -> list[str]:
            found = workflows.list_executions(stateMachineArn=machine["stateMachineArn"])["executions"]
            return [e["executionArn"] for e in found] if len(found) > 1 else []

        inputs = [workflows.describe_execution(executionArn=arn)["input"] for arn in until(executions)]

        assert {json.loads(given)["by"] for given in inputs} == {"often"}
