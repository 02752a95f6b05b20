"""RestoreWorkflow: stored objects become images again. Its input is like {"image_ids": ["ami-…"]}.

It is built of the same parts as ArchiveWorkflow. A thaw of hours is one wait: `wait_seconds` is as long as S3 needs.
"""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from ami_archiver.run_state import Next
from infra.restore_functions import RestoreFunctions
from infra.step_workflow import StepWorkflow

LONGEST = cdk.Duration.days(30)
"""A run that makes no progress ends by itself; this is for one that does not."""


class RestoreWorkflow(StepWorkflow):
    """The state machine, read from top to bottom as a restore goes."""

    def __init__(
        self, scope: Construct, construct_id: str, *, functions: RestoreFunctions, log_retention_days: int
    ) -> None:
        super().__init__(scope, construct_id)

        # The steps
        is_handed_over = sfn.Choice(self, "IsHandedOver", comment="A run that an earlier execution began has its id")
        plan = self._step(
            "PlanRestore",
            functions.plan_restore,
            payload={
                "input": sfn.JsonPath.entire_payload,
                "execution_name": sfn.JsonPath.execution_name,
                "execution_started_at": sfn.JsonPath.execution_start_time,
            },
        )
        restore = self._step("RestoreImages", functions.restore_images)
        finish = self._step("FinishRestores", functions.finish_restores)
        wait = sfn.Wait(self, "Wait", time=sfn.WaitTime.seconds_path("$.wait_seconds"))
        report = self._step("ReportRestore", functions.report_restore)
        hand_over = self._hand_over()
        handed_over = sfn.Succeed(self, "HandedOver", comment="The new execution goes on with the run")
        done = sfn.Succeed(self, "Done", output_path="$.summary")

        # The flow
        is_handed_over.when(sfn.Condition.is_present("$.run_id"), restore)
        is_handed_over.when(sfn.Condition.is_not_present("$.run_id"), plan)

        plan.next(self._next_after("Planned", {Next.PLAN_MORE: plan, Next.RESTORE: restore, Next.REPORT: report}))
        restore.next(
            self._next_after(
                "Restored", {Next.FINISH: finish, Next.WAIT: wait, Next.HAND_OVER: hand_over, Next.REPORT: report}
            )
        )
        finish.next(wait)
        wait.next(restore)
        hand_over.next(handed_over)
        report.next(self._next_after("Reported", {Next.END: done}))

        self._build(
            "RestoreWorkflow", is_handed_over, functions.all, timeout=LONGEST, log_retention_days=log_retention_days
        )
