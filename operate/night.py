"""Start a run of a policy by hand, and wait for its summary."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import boto3

from ami_archiver.adapters.table_runs import SummaryKind, TableRuns
from ami_archiver.run_state import identify
from ami_archiver.summary import text_of
from operate.executions import ended, output_of
from operate.stack import OperateError, outputs

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

LOOK_SECONDS = 2.0
NEEDED = ("ArchiveWorkflowArn", "ArchiveTableName", "Policies")


@dataclass(frozen=True)
class Started:
    """A run that was started just now."""

    sfn: SFNClient
    runs: TableRuns
    execution_arn: str
    run_id: str


def start(stack: str, policy: str, *, dry_run: bool) -> Started:
    """Raises OperateError, before anything is started, where the stack has no such policy."""
    found = outputs(stack, NEEDED)
    policies = found["Policies"].split(",")
    if policy not in policies:
        near = get_close_matches(policy, policies, n=1)
        hint = f"did you mean {near[0]}? It" if near else "it"
        raise OperateError(f"policy is {policy!r}: {hint} must be one of {', '.join(policies)}. Nothing was started.")
    sfn = boto3.client("stepfunctions")
    name = f"run-{uuid.uuid4().hex[:12]}"
    given = json.dumps({"policy": policy, "dry_run": dry_run})
    arn = sfn.start_execution(stateMachineArn=found["ArchiveWorkflowArn"], name=name, input=given)["executionArn"]
    begun = sfn.describe_execution(executionArn=arn)["startDate"].isoformat()
    run_id, _ = identify({"execution_name": name, "execution_started_at": begun}, policy)
    return Started(sfn, TableRuns(boto3.client("dynamodb"), found["ArchiveTableName"]), arn, run_id)


def follow(started: Started) -> dict[str, Any]:
    """The run's summary, once it is reported: a run that asks for approval waits for it after that.

    Raises OperateError if the run failed.
    """
    while (over := ended(started.sfn, started.execution_arn)) is None:
        reported = started.runs.summary(SummaryKind.RUNS, started.run_id)
        if reported and reported.get("retirement", {}).get("awaiting_approval"):
            return reported
        time.sleep(LOOK_SECONDS)
    summary: dict[str, Any] = output_of(over)
    return summary


def lines(summary: dict[str, Any]) -> Iterator[str]:
    yield from text_of(summary).splitlines()
