"""RestoreWorkflow: stored objects become images again. Its input is like {"image_ids": ["ami-…"]}.

It is built of the same parts as ArchiveWorkflow. A thaw of hours is one wait: `wait_seconds` is as long as S3 needs.
"""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from ami_archiver.run_state import Next
from infra.functions import Functions
from infra.step_workflow import BEGINNING, StepWorkflow

LONGEST = cdk.Duration.days(30)
"""A run that makes no progress ends by itself; this is for one that does not."""


class RestoreWorkflow(StepWorkflow):
    """The state machine, read from top to bottom as a restore goes."""

    def __init__(self, scope: Construct, construct_id: str, *, functions: Functions, log_retention_days: int) -> None:
        super().__init__(scope, construct_id)

        # The steps
        plan = self._step(
            "PlanRestore",
            functions,
            BEGINNING,
        )
        restore = self._step("RestoreImages", functions)
        finish = self._step("FinishRestores", functions)
        wait = self._wait("Wait")
        report = self._step("ReportRestore", functions)
        hand_over = self._hand_over()
        done = sfn.Succeed(self, "Done", output_path="$.summary")

        # The flow
        plan.next(self._next_after("Planned", {Next.PLAN_MORE: plan, Next.RESTORE: restore, Next.REPORT: report}))
        restore.next(
            self._next_after(
                "Restored", {Next.FINISH: finish, Next.WAIT: wait, Next.HAND_OVER: hand_over, Next.REPORT: report}
            )
        )
        finish.next(wait)
        wait.next(restore)
        report.next(self._next_after("Reported", {Next.END: done}))

        self._build(
            "RestoreWorkflow",
            self._is_handed_over(restore, plan),
            timeout=LONGEST,
            log_retention_days=log_retention_days,
        )
