"""The real CDK command line against the local cloud: bootstrap, deploy, and the schedule fires."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from local_cloud.control_client import RunningCloud, start_cloud
from tests.local_cloud.endpoint.scenes import ROLE, until

ROOT = Path(__file__).parents[3]
APP = Path(__file__).parent / "cdk_app" / "app.py"


@pytest.fixture(scope="module")
def cloud() -> Iterator[RunningCloud]:
    with start_cloud("--images", "3", "--seed", "1", "--schedule-speed", "60") as cloud:
        yield cloud


def cdk(cloud: RunningCloud, work: Path, *arguments: str) -> None:
    binaries = [Path(sys.executable).parent, ROOT / "node_modules" / ".bin"]
    environ = {
        "PATH": ":".join([*map(str, binaries), os.environ["PATH"]]),
        "HOME": os.environ["HOME"],  # where jsii keeps the unpacked library
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_ENDPOINT_URL": cloud.endpoint_url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "CDK_DISABLE_CLI_TELEMETRY": "true",
        "JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION": "1",
    }
    command = [str(ROOT / "node_modules" / ".bin" / "cdk"), *arguments, "--no-notices"]
    ended = subprocess.run(command, check=False, cwd=work, env=environ, capture_output=True, text=True, timeout=240)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_bootstrap_and_deploy_and_the_schedule_fires(cloud: RunningCloud, tmp_path: Path) -> None:
    cdk(cloud, tmp_path, "bootstrap", "aws://123456789012/us-east-1")
    app = ["--app", f"{sys.executable} {APP}", "--output", "cdk.out"]
    cdk(cloud, tmp_path, "deploy", "--require-approval", "never", *app)

    stack = cloud.client("cloudformation").describe_stacks(StackName="Scheduled")["Stacks"][0]
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    (machine,) = [o["OutputValue"] for o in stack["Outputs"] if o["OutputKey"] == "MachineArn"]
    sfn = cloud.client("stepfunctions")

    def succeeded() -> str | None:
        for execution in sfn.list_executions(stateMachineArn=machine)["executions"]:
            described = sfn.describe_execution(executionArn=execution["executionArn"])
            assert described["status"] in ("RUNNING", "SUCCEEDED"), described
            if described["status"] == "SUCCEEDED":
                return str(described["output"])
        return None

    output = json.loads(until(succeeded, seconds=30))
    own = cloud.client("ec2").describe_images(Owners=["self"])["Images"]
    assert output == {"policy": "soon", "images": len(own)}
    (call,) = cloud.calls(service="ec2", caller="CountImages")
    assert (call["operation"], call["status"]) == ("DescribeImages", 200)


def test_a_rate_of_a_minute_comes_round_every_second_when_schedules_are_sixty_times_as_fast(
    cloud: RunningCloud,
) -> None:
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
