"""ArchiveWorkflow: one night's run. Its input is {"policy": "nightly", "dry_run": false}.

Each step takes the run's state, a small JSON object of ids and counts, and returns it whole; `next` in it says where
the workflow goes. No choice has a default: a step that says anything else ends the execution with an error.

What becomes of originals comes last: one function marks what may go, another lets it go. Where a policy wants a
person's word, the run is reported first, waits for the answer without holding anybody up, and is reported again.
"""

from __future__ import annotations

from typing import cast

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from ami_archiver.errors import AccessDenied
from ami_archiver.run_state import Next
from infra.functions import Functions
from infra.step_workflow import BEGINNING, StepWorkflow


class Workflow(StepWorkflow):
    """The state machine, read from top to bottom as the run goes."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        functions: Functions,
        retire_functions: Functions,
        timeout: cdk.Duration,
        log_retention_days: int,
    ) -> None:
        super().__init__(scope, construct_id)

        # The steps
        select = self._step(
            "SelectImages",
            functions,
            BEGINNING | {"execution_arn": sfn.JsonPath.execution_id},
        )
        store = self._step("StoreImages", functions)
        wait = self._wait("Wait")
        plan = self._step("PlanRetirement", retire_functions)
        retire = self._step("RetireImages", retire_functions)
        wait_for_usage = self._wait("WaitForUsageReports")
        await_approval = self._question(
            "AwaitApproval", retire_functions["AskForApproval"], seconds="$.approval_seconds", answer="$.approval"
        )
        report = self._step("ReportRun", functions)
        hand_over = self._hand_over()
        done = sfn.Succeed(self, "Done", output_path="$.summary")
        failed = sfn.Fail(
            self,
            "Failed",
            comment="The run has done and reported what it could",
            error=AccessDenied.__name__,
            cause_path="$.problem",
        )

        # The flow
        select.next(
            self._next_after(
                "Selected",
                {Next.SELECT_MORE: select, Next.STORE: store, Next.RETIRE: plan, Next.REPORT: report},
            )
        )
        store.next(self._next_after("Stored", {Next.WAIT: wait, Next.HAND_OVER: hand_over, Next.RETIRE: plan}))
        wait.next(store)
        plan.next(self._next_after("Planned", {Next.PLAN_MORE: plan, Next.RETIRE: retire, Next.REPORT: report}))
        retire.next(self._next_after("Retired", {Next.RETIRE: retire, Next.WAIT: wait_for_usage, Next.REPORT: report}))
        wait_for_usage.next(retire)
        report.next(
            self._next_after(
                "Reported",
                {
                    Next.STORE: store,
                    Next.AWAIT_APPROVAL: await_approval,
                    Next.END: done,
                    Next.FAIL: failed,
                },
            )
        )
        await_approval.next(retire)
        await_approval.add_catch(retire, errors=[sfn.Errors.TIMEOUT], result_path="$.approval")

        self._build(
            "ArchiveWorkflow",
            self._is_handed_over(store, select),
            timeout=timeout,
            log_retention_days=log_retention_days,
        )
        self._allow_to_see_executions(functions["SelectImages"])

    def _allow_to_see_executions(self, function: lambda_.IFunction) -> None:
        """Whether a run that holds the lease still works. A policy of its own, for the reason of `_allow_hand_over`."""
        name = self.state_machine.state_machine_name
        policy = iam.Policy(
            self,
            "SeeExecutionsPolicy",
            statements=[
                iam.PolicyStatement(
                    sid="SeeOtherRuns",
                    actions=["states:DescribeExecution"],
                    resources=[
                        cdk.Stack.of(self).format_arn(
                            service="states",
                            resource="execution",
                            resource_name=f"{name}:*",
                            arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
                        )
                    ],
                )
            ],
        )
        policy.attach_to_role(cast("iam.IRole", function.role))
        machine = cdk.Stack.of(self).get_logical_id(cast("cdk.CfnElement", self.state_machine.node.default_child))
        arn = "arn:<AWS::Partition>:states:<AWS::Region>:<AWS::AccountId>:execution"
        cdk.Validations.of(policy).acknowledge(
            cdk.Acknowledgment(
                id=f"AwsSolutions-IAM5[Resource::{arn}:<{machine}.Name>:*]",
                reason="Which run holds the lease is known at run time; the executions are this state machine's own.",
            )
        )
