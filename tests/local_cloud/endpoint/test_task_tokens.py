"""A state machine that waits for somebody's answer: the token is in the function's input, the answer goes on."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local_cloud.server import LocalCloud
from tests.local_cloud.endpoint.scenes import ROLE, unique, until, zipped

FUNCTION = """
import boto3

class Unreachable(Exception):
    pass

def handler(event, context):
    if event["run_id"] == "lost":
        raise Unreachable("nobody to ask")
    parameters = boto3.client("ssm")
    parameters.put_parameter(Name=event["answer_at"], Value=event["token"], Type="String", Overwrite=True)
    if event["run_id"] == "lost later":
        raise Unreachable("asked, but lost on the way back")
    return "not what the state machine goes on with"
"""


def definition(function_name: str, answer_at: str, **state: Any) -> dict[str, Any]:
    """Ask, wait for the answer, and put it under `decision`; a rejection goes to `Rejected`."""
    return {
        "StartAt": "Ask",
        "States": {
            "Ask": {
                "Type": "Task",
                "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
                "Parameters": {
                    "FunctionName": function_name,
                    "Payload": {"token.$": "$$.Task.Token", "answer_at": answer_at, "run_id.$": "$.run_id"},
                },
                "ResultPath": "$.decision",
                "Next": "Done",
                "Catch": [{"ErrorEquals": ["Rejected"], "ResultPath": "$.error", "Next": "NotDone"}],
                **state,
            },
            "Done": {"Type": "Succeed"},
            "NotDone": {"Type": "Pass", "End": True},
        },
    }


class Approval:
    """An execution that waits for an answer."""

    def __init__(
        self, cloud: LocalCloud, machine_arn: str, answer_at: str, run_id: str = "r1", seconds: object = 60
    ) -> None:
        self.sfn, self._ssm, self._answer_at = cloud.client("stepfunctions"), cloud.client("ssm"), answer_at
        started = self.sfn.start_execution(
            stateMachineArn=machine_arn, input=json.dumps({"run_id": run_id, "seconds": seconds})
        )
        self.execution_arn: str = started["executionArn"]

    def token(self) -> str:
        """What the function got; waits until it did."""

        def found() -> str | None:
            parameters = self._ssm.get_parameters(Names=[self._answer_at])["Parameters"]
            return parameters[0]["Value"] if parameters else None

        return str(until(found))

    def describe(self) -> dict[str, Any]:
        described: dict[str, Any] = self.sfn.describe_execution(executionArn=self.execution_arn)
        return described

    def ended(self) -> dict[str, Any]:
        def described() -> dict[str, Any] | None:
            execution = self.describe()
            return None if execution["status"] == "RUNNING" else execution

        found: dict[str, Any] = until(described)
        return found


def make_function(cloud: LocalCloud) -> str:
    name = unique("ask")
    cloud.client("lambda").create_function(
        FunctionName=name, Runtime="python3.13", Role=ROLE, Handler="index.handler", Timeout=20,
        Code={"ZipFile": zipped(FUNCTION)},
    )  # fmt: skip
    return name


def ask(cloud: LocalCloud, run_id: str = "r1", seconds: object = 60, **state: Any) -> Approval:
    answer_at = f"/{unique('token')}"
    machine = cloud.client("stepfunctions").create_state_machine(
        name=unique("machine"),
        roleArn=ROLE,
        definition=json.dumps(definition(make_function(cloud), answer_at, **state)),
    )
    return Approval(cloud, machine["stateMachineArn"], answer_at, run_id, seconds)


def test_machine_waits_and_goes_on_with_the_answer(local_cloud: LocalCloud) -> None:
    approval = ask(local_cloud)
    token = approval.token()
    assert approval.describe()["status"] == "RUNNING"

    approval.sfn.send_task_heartbeat(taskToken=token)
    approval.sfn.send_task_success(taskToken=token, output='{"approved_by": "ops"}')

    ended = approval.ended()
    assert ended["status"] == "SUCCEEDED"
    assert json.loads(ended["output"]) == {"run_id": "r1", "seconds": 60, "decision": {"approved_by": "ops"}}


def test_rejection_is_caught_by_its_name(local_cloud: LocalCloud) -> None:
    approval = ask(local_cloud)
    approval.sfn.send_task_failure(taskToken=approval.token(), error="Rejected", cause="not tonight")

    ended = approval.ended()
    assert ended["status"] == "SUCCEEDED"
    assert json.loads(ended["output"])["error"] == {"Error": "Rejected", "Cause": "not tonight"}


def test_nobodys_answer_times_out(local_cloud: LocalCloud) -> None:
    caught = {"ErrorEquals": ["States.Timeout"], "ResultPath": "$.error", "Next": "NotDone"}
    approval = ask(local_cloud, TimeoutSeconds=1, Catch=[caught])
    token = approval.token()

    ended = approval.ended()
    assert ended["status"] == "SUCCEEDED"
    assert json.loads(ended["output"])["error"]["Error"] == "States.Timeout"
    with pytest.raises(ClientError, match="TaskTimedOut"):
        approval.sfn.send_task_success(taskToken=token, output="{}")


def test_time_to_answer_can_come_from_the_input(local_cloud: LocalCloud) -> None:
    ended = ask(local_cloud, seconds=1, TimeoutSecondsPath="$.seconds").ended()
    assert (ended["status"], ended["error"]) == ("FAILED", "States.Timeout")

    for wrong in (0, "soon"):
        ended = ask(local_cloud, seconds=wrong, TimeoutSecondsPath="$.seconds").ended()
        assert (ended["status"], ended["error"]) == ("FAILED", "States.Runtime")


def test_retry_asks_with_a_new_token(local_cloud: LocalCloud) -> None:
    again = {"ErrorEquals": ["Unreachable"], "IntervalSeconds": 1, "MaxAttempts": 1, "BackoffRate": 1.0}
    approval = ask(local_cloud, "lost later", Retry=[again])
    first = approval.token()
    assert approval.ended()["error"] == "Unreachable"

    assert approval.token() != first
    for token in (first, approval.token()):
        with pytest.raises(ClientError, match="TaskTimedOut"):
            approval.sfn.send_task_success(taskToken=token, output="{}")


def test_token_is_good_for_one_answer(local_cloud: LocalCloud) -> None:
    approval = ask(local_cloud)
    token = approval.token()
    approval.sfn.send_task_success(taskToken=token, output="{}")
    approval.ended()

    for answer in (
        lambda: approval.sfn.send_task_success(taskToken=token, output="{}"),
        lambda: approval.sfn.send_task_failure(taskToken=token, error="Rejected"),
        lambda: approval.sfn.send_task_heartbeat(taskToken=token),
    ):
        with pytest.raises(ClientError, match="TaskTimedOut"):
            answer()


def test_answer_that_is_none_changes_nothing(local_cloud: LocalCloud) -> None:
    approval = ask(local_cloud)
    token = approval.token()

    with pytest.raises(ClientError, match="InvalidToken"):
        approval.sfn.send_task_success(taskToken="nonsense", output="{}")
    with pytest.raises(ClientError, match="InvalidOutput"):
        approval.sfn.send_task_success(taskToken=token, output="yes")
    assert approval.describe()["status"] == "RUNNING"
    approval.sfn.send_task_success(taskToken=token, output='"yes"')
    assert approval.ended()["status"] == "SUCCEEDED"


def test_function_that_fails_to_ask_ends_the_wait_by_its_error(local_cloud: LocalCloud) -> None:
    caught = {"ErrorEquals": ["Unreachable"], "ResultPath": "$.error", "Next": "NotDone"}
    ended = ask(local_cloud, "lost", Catch=[caught]).ended()
    assert ended["status"] == "SUCCEEDED"
    assert json.loads(ended["output"])["error"]["Error"] == "Unreachable"

    uncaught = ask(local_cloud, "lost").ended()
    assert (uncaught["status"], uncaught["error"]) == ("FAILED", "Unreachable")


def test_machine_of_a_stack_waits_too(local_cloud: LocalCloud) -> None:
    answer_at = f"/{unique('token')}"
    template = {
        "Resources": {
            "Machine": {
                "Type": "AWS::StepFunctions::StateMachine",
                "Properties": {
                    "RoleArn": ROLE,
                    "StateMachineName": unique("machine"),
                    "DefinitionString": json.dumps(definition("${Ask}", answer_at)),
                    "DefinitionSubstitutions": {"Ask": make_function(local_cloud)},
                },
            }
        },
        "Outputs": {"Arn": {"Value": {"Ref": "Machine"}}},
    }
    cloudformation, name = local_cloud.client("cloudformation"), unique("stack")
    cloudformation.create_stack(StackName=name, TemplateBody=json.dumps(template))

    def outputs() -> list[dict[str, str]] | None:
        stack: dict[str, Any] = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
        return None if "IN_PROGRESS" in stack["StackStatus"] else stack["Outputs"]

    approval = Approval(local_cloud, until(outputs)[0]["OutputValue"], answer_at)
    approval.sfn.send_task_success(taskToken=approval.token(), output='"yes"')

    assert json.loads(approval.ended()["output"])["decision"] == "yes"
