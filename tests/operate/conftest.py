"""A stack's outputs, table and waiting run on a cloud over HTTP, as an operator's commands find them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import boto3
import pytest

from ami_archiver.adapters.table_retirements import TableRetirements
from ami_archiver.adapters.table_runs import SummaryKind, TableRuns
from ami_archiver.model import Decision, DecisionLine
from ami_archiver.retire.steps.plan import DECIDED_ACTING, PLANNED
from local_cloud.server import LocalCloud
from tests.local_cloud.endpoint.scenes import ACCOUNT, REGION, ROLE, unique, until, zipped

WRITES_TOKEN = """
import boto3

def handler(event, context):
    key = {"pk": {"S": "RUN#" + event["state"]["run_id"]}, "sk": {"S": "APPROVAL"}}
    boto3.client("dynamodb").put_item(TableName=event["table"], Item=key | {"token": {"S": event["token"]}})
"""
ACTS = """
import boto3

def handler(event, context):
    approved = event["approval"]["approved"]
    if event["run_id"].startswith("broken"):
        raise ValueError("no such thing")
    lines = [
        {"i": image_id, "p": "nightly", "d": "disabled" if approved and not kept else "kept", "r": why, "g": 8}
        for image_id, kept, why in (
            ("ami-1", False, "whole" if approved else "NotApproved: rejected; the next run asks again"),
            ("ami-2", event["run_id"].startswith("held"), "OnHold: it has the tag; take it off"),
        )
    ]
    table = boto3.resource("dynamodb").Table(event["table"])
    table.put_item(Item={"pk": "RUN#" + event["run_id"], "sk": "RETIRE#ACT#1#000", "lines": lines})
    return {"run_id": event["run_id"], "approval": event["approval"]}
"""


@dataclass
class AskingStack:
    """A stack whose workflow only asks for approval, and then writes what became of two originals."""

    cloud: LocalCloud
    name: str
    table: str
    machine_arn: str
    impatient_machine_arn: str
    """Waits a second for its answer."""

    def run(self, kind: str = "run", *, patient: bool = True) -> str:
        """A run that waits for an answer; its id."""
        run_id = unique(kind)
        self.runs.put_summary(SummaryKind.RUNS, run_id, {"run_id": run_id, "retirement": {"awaiting_approval": 2}})
        why = "nothing was found that keeps it"
        self.runs.put_page(
            run_id,
            f"{PLANNED}1",
            [
                DecisionLine("ami-0", "others", Decision.DISABLED, why, 1),
                DecisionLine("ami-1", "nightly", Decision.DISABLED, why, 8),
                DecisionLine("ami-2", "nightly", Decision.RETIRED, why, 2.5),
            ],
        )
        done = DecisionLine("ami-0", "others", Decision.DISABLED, "disabled before", 1)
        self.runs.put_page(run_id, f"{DECIDED_ACTING}0", [done])
        given = json.dumps({"run_id": run_id, "table": self.table})
        arn = self.machine_arn if patient else self.impatient_machine_arn
        self.cloud.client("stepfunctions").start_execution(stateMachineArn=arn, input=given)
        until(lambda: self.retirements.token(run_id))
        return run_id

    @property
    def runs(self) -> TableRuns:
        return TableRuns(self.cloud.client("dynamodb"), self.table)

    @property
    def retirements(self) -> TableRetirements:
        return TableRetirements(self.cloud.client("dynamodb"), self.table)


@pytest.fixture
def as_operator(local_cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch) -> LocalCloud:
    """Whose credentials and endpoint lead to the cloud."""
    settings = {
        "AWS_ENDPOINT_URL": local_cloud.endpoint_url,
        "AWS_ACCESS_KEY_ID": ACCOUNT,
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_DEFAULT_REGION": REGION,
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    return local_cloud


@pytest.fixture
def stack_with(as_operator: LocalCloud) -> Callable[..., str]:
    """Makes a stack that has these outputs; its name."""

    def make(**outputs: str) -> str:
        name = unique("stack")
        template = {
            "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
            "Outputs": {key: {"Value": value} for key, value in outputs.items()},
        }
        as_operator.client("cloudformation").create_stack(StackName=name, TemplateBody=json.dumps(template))
        return name

    return make


def function(cloud: LocalCloud, source: str) -> str:
    """A deployed function; its name."""
    name = unique("function")
    cloud.client("lambda").create_function(
        FunctionName=name, Runtime="python3.13", Role=ROLE, Handler="index.handler", Timeout=20,
        Code={"ZipFile": zipped(source)},
    )  # fmt: skip
    return name


_made: WeakKeyDictionary[LocalCloud, AskingStack] = WeakKeyDictionary()


@pytest.fixture
def asking(as_operator: LocalCloud, stack_with: Callable[..., str]) -> AskingStack:
    """One for all tests of a cloud: a new function takes a second to start. Runs have ids of their own."""
    if as_operator not in _made:
        _made[as_operator] = _asking_stack(as_operator, stack_with)
    return _made[as_operator]


def archive_table(cloud: LocalCloud) -> str:
    """An empty one; its name."""
    name = unique("table")
    cloud.client("dynamodb").create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
        BillingMode="PAY_PER_REQUEST",
    )
    return name


def _asking_stack(cloud: LocalCloud, stack_with: Callable[..., str]) -> AskingStack:
    table = archive_table(cloud)
    ask, act = function(cloud, WRITES_TOKEN), function(cloud, ACTS)
    arns = [
        cloud.client("stepfunctions").create_state_machine(
            name=unique("machine"), roleArn=ROLE, definition=json.dumps(_machine(ask, act, table, seconds))
        )["stateMachineArn"]
        for seconds in (60, 1)
    ]
    return AskingStack(cloud, stack_with(ArchiveWorkflowArn=arns[0], ArchiveTableName=table), table, *arns)


def _machine(ask: str, act: str, table: str, seconds: int) -> dict[str, Any]:
    return {
        "StartAt": "AwaitApproval",
        "States": {
            "AwaitApproval": {
                "Type": "Task",
                "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
                "Parameters": {
                    "FunctionName": ask,
                    "Payload": {"state.$": "$", "token.$": "$$.Task.Token", "table": table},
                },
                "TimeoutSeconds": seconds,
                "ResultPath": "$.approval",
                "Next": "RetireImages",
                "Catch": [{"ErrorEquals": ["States.Timeout"], "ResultPath": "$.approval", "Next": "TimedOut"}],
            },
            "RetireImages": {
                "Type": "Task",
                "Resource": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{act}",
                "End": True,
            },
            "TimedOut": {"Type": "Succeed"},
        },
    }
