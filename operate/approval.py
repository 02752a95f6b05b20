"""Say yes or no to what a run would do about originals, and tell what happens to each of them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from ami_archiver.adapters.table_retirements import TableRetirements
from ami_archiver.adapters.table_runs import SummaryKind, TableRuns
from ami_archiver.model import Decision, DecisionLine
from ami_archiver.retire.steps.plan import DECIDED_ACTING, PLANNED
from ami_archiver.summary import DID, WOULD, lines_on_originals
from operate.executions import ended, output_of, running
from operate.stack import OperateError, outputs

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

LOOK_SECONDS = 2.0
NEEDED = ("ArchiveWorkflowArn", "ArchiveTableName")
OVER = ("TaskTimedOut", "TaskDoesNotExist", "InvalidToken")
"""What Step Functions says of a token that nobody waits for any more. It does not tell an answer from a time-out."""


@dataclass(frozen=True)
class Approvals:
    """What runs of a deployed stack ask a person."""

    sfn: SFNClient
    runs: TableRuns
    retirements: TableRetirements
    workflow_arn: str

    def waiting(self, run_id: str) -> list[DecisionLine]:
        """The originals that go only with an approval of the run. Raises OperateError."""
        self._token(run_id)
        waiting = self._undecided(run_id)
        if not waiting:
            raise OperateError("\n".join([f"run {run_id} no longer waits for an answer:", *self.told(run_id)]))
        return waiting

    def _undecided(self, run_id: str) -> list[DecisionLine]:
        decided = {line.image_id for line in self.decided(run_id)}
        planned = [line for lines in self.runs.pages(run_id, PLANNED) for line in lines]
        return [line for line in planned if line.image_id not in decided]

    def decided(self, run_id: str) -> list[DecisionLine]:
        """What became of the originals that the run had planned to let go."""
        return [line for lines in self.runs.pages(run_id, DECIDED_ACTING) for line in lines]

    def told(self, run_id: str) -> list[str]:
        return [became(line) for line in self.decided(run_id)]

    def answer(self, run_id: str, *, approved: bool, by: str, why: str | None) -> None:
        """Send the answer to the run. Raises OperateError if it does not wait for one any more."""
        answer: dict[str, object] = {"approved": approved, "by": by} | ({"why": why} if why else {})
        try:
            self.sfn.send_task_success(taskToken=self._token(run_id), output=json.dumps(answer))
        except ClientError as error:
            if error.response["Error"]["Code"] not in OVER:
                raise
            raise OperateError(
                "\n".join(
                    [
                        f"run {run_id} no longer waits for an answer: somebody has answered, or its time is over "
                        f"({error.response['Error']['Code']}). What happened to its originals so far:",
                        *(self.told(run_id) or ["  nothing yet"]),
                    ]
                )
            ) from error

    def _token(self, run_id: str) -> str:
        token = self.retirements.token(run_id)
        if token is not None:
            return token
        summary = self.runs.summary(SummaryKind.RUNS, run_id)
        if summary is None:
            near = get_close_matches(run_id, [one for one, _ in running(self.sfn, self.workflow_arn)], n=1)
            raise OperateError(
                f"there is no run {run_id!r} that has been reported: "
                + (f"did you mean {near[0]}? " if near else "")
                + "a run's id is in its notification and, in the table, under RUNS; it is like "
                "20261124T053905-nightly-17bde398. `make pending` lists the runs that wait for an answer"
            )
        if summary.get("retirement", {}).get("awaiting_approval"):
            raise OperateError(f"run {run_id} is about to ask: try again in a minute")
        raise OperateError(f"run {run_id} does not ask for approval: its summary says what it did")

    def follow(
        self, run_id: str, waiting: Collection[DecisionLine], execution_arn: str | None, say: Callable[[str], None]
    ) -> list[DecisionLine]:
        """Say what becomes of each that waited until the execution has ended; all of that. Raises OperateError."""
        wanted = {line.image_id for line in waiting}
        seen: dict[str, DecisionLine] = {}
        while execution_arn is not None:
            over = ended(self.sfn, execution_arn)
            for line in self.decided(run_id):
                if line.image_id in wanted - seen.keys():
                    seen[line.image_id] = line
                    say(became(line))
            if over is not None:
                for text in lines_on_originals({"saved": output_of(over).get("retirement", {}).get("saved")}):
                    say(text)
                break
            time.sleep(LOOK_SECONDS)
        return list(seen.values())

    def execution(self, run_id: str) -> str | None:
        """The execution that waits for the answer."""
        return next((arn for one, arn in running(self.sfn, self.workflow_arn) if one == run_id), None)

    def asking(self) -> Iterator[tuple[str, list[DecisionLine]]]:
        """The runs that wait for an answer now, with their originals. One that was answered may work on for a while."""
        for run_id, _ in running(self.sfn, self.workflow_arn):
            if self.retirements.token(run_id) and (waiting := self._undecided(run_id)):
                yield run_id, waiting


def of_stack(name: str) -> Approvals:
    """Raises OperateError."""
    found = outputs(name, NEEDED)
    dynamodb, table = boto3.client("dynamodb"), found["ArchiveTableName"]
    return Approvals(
        boto3.client("stepfunctions"),
        TableRuns(dynamodb, table),
        TableRetirements(dynamodb, table),
        found["ArchiveWorkflowArn"],
    )


def caller() -> str:
    """The ARN of who answers: it is written into the records. Raises OperateError."""
    try:
        return str(boto3.client("sts").get_caller_identity()["Arn"])
    except (BotoCoreError, ClientError) as error:
        raise OperateError(
            f"AWS did not say who you are, and the records need a name for the answer: {error}"
        ) from error


def would(line: DecisionLine) -> str:
    return f"  {WOULD[line.decision]} {line.image_id} ({line.gib:g} GiB, policy {line.policy})"


def became(line: DecisionLine) -> str:
    return f"  {line.image_id}  {DID[line.decision]}: {line.reason}"


def are_gone(lines: list[DecisionLine]) -> bool:
    """Whether none of them was kept after all."""
    return all(line.decision is not Decision.KEPT for line in lines)
