"""Executions of a stack's workflows, followed to their end."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ami_archiver.run_state import identify
from operate.stack import OperateError

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient


def ended(sfn: SFNClient, arn: str) -> Mapping[str, Any] | None:
    """The description of the last execution of the run once it has ended; hand-overs are followed."""
    while True:
        described = sfn.describe_execution(executionArn=arn)
        if described["status"] == "RUNNING":
            return None
        output = json.loads(described.get("output") or "{}")
        if "ExecutionArn" not in output:
            return described
        arn = output["ExecutionArn"]


def output_of(ended: Mapping[str, Any]) -> Any:
    """What an execution that has ended put out. Raises OperateError, in the function's own words, if it failed."""
    if ended["status"] != "SUCCEEDED":
        raise OperateError(f"{ended.get('error') or ended['status']}: {_message(ended.get('cause') or '')}")
    return json.loads(ended["output"])


def _message(cause: str) -> str:
    """A function's own words, out of the JSON that Lambda puts around them."""
    try:
        return str(json.loads(cause)["errorMessage"])
    except (ValueError, KeyError, TypeError):
        return cause or "the execution's history says more"


def running(sfn: SFNClient, workflow_arn: str) -> Iterator[tuple[str, str]]:
    """(run id, execution ARN) of every run that an execution works on now, also one that was handed over."""
    pages = sfn.get_paginator("list_executions").paginate(stateMachineArn=workflow_arn, statusFilter="RUNNING")
    for page in pages:
        for listed in page["executions"]:
            described = sfn.describe_execution(executionArn=listed["executionArn"])
            given = json.loads(described.get("input") or "{}")
            begun = {"execution_name": described["name"], "execution_started_at": described["startDate"].isoformat()}
            yield given.get("run_id") or identify(begun, str(given.get("policy")))[0], described["executionArn"]
