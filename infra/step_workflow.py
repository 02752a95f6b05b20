"""What the workflows have in common: steps that are tried again, choices without a default, hand-over, role, log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from ami_archiver.errors import RETRYABLE
from ami_archiver.run_state import Next
from infra.functions import Functions
from infra.log_group import log_group

RETRIED = (
    *(error.__name__ for error in RETRYABLE),
    "Lambda.TooManyRequestsException",
    "Lambda.Unknown",
    "Runtime.ExitError",
    "Sandbox.Timedout",
    "States.Timeout",
)
"""What is tried again, beside CDK's own list of Lambda's service errors. Every step may be repeated at any time."""
BEGINNING = {
    "input": sfn.JsonPath.entire_payload,
    "execution_name": sfn.JsonPath.execution_name,
    "execution_started_at": sfn.JsonPath.execution_start_time,
}
"""What the first step of a run is told."""


class StepWorkflow(Construct):
    """A state machine whose steps hand each other one small state, in which `next` says where it goes on."""

    state_machine: sfn.StateMachine

    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        self._invoked: list[lambda_.IFunction] = []
        self._hands_over = False

    def _build(self, name: str, start: sfn.IChainable, *, timeout: cdk.Duration, log_retention_days: int) -> None:
        # With any other prefix, each state machine adds to the account's one log resource policy, which has 5,120
        # characters. https://docs.aws.amazon.com/step-functions/latest/dg/bp-cwl.html
        log = log_group(self, "Log", log_retention_days, name=f"/aws/vendedlogs/states/{cdk.Aws.STACK_NAME}-{name}")
        role = self._role(self._invoked)
        self.state_machine = sfn.StateMachine(
            self,
            name,
            definition_body=sfn.DefinitionBody.from_chainable(start),
            state_machine_type=sfn.StateMachineType.STANDARD,
            role=role.without_policy_updates(),
            timeout=timeout,
            tracing_enabled=True,
            logs=sfn.LogOptions(destination=log, level=sfn.LogLevel.ERROR, include_execution_data=True),
        )
        if self._hands_over:
            self._allow_hand_over(role)
        cdk.Validations.of(role).acknowledge(
            cdk.Acknowledgment(
                id="AwsSolutions-IAM5[Resource::*]",
                reason="CloudWatch Logs' log deliveries and X-Ray have no resource-level permission.",
            )
        )
        cdk.Validations.of(self.state_machine).acknowledge(
            cdk.Acknowledgment(
                id="AwsSolutions-SF1",
                reason="The execution history has every event for 90 days, the steps log every image; a copy of "
                "thousands of transitions a night would only cost. Errors are logged with their data.",
            )
        )

    def _step(self, name: str, functions: Functions, payload: Mapping[str, str] | None = None) -> tasks.LambdaInvoke:
        """The function of that name, tried again for about ten minutes; then its error ends the execution."""
        self._invoked.append(functions[name])
        step = tasks.LambdaInvoke(
            self,
            name,
            lambda_function=functions[name],
            payload=sfn.TaskInput.from_object(dict(payload)) if payload else None,
            payload_response_only=True,
            retry_on_service_exceptions=True,
        )
        self._try_again(step, RETRIED)
        return step

    def _question(self, name: str, function: lambda_.IFunction, *, seconds: str, answer: str) -> tasks.LambdaInvoke:
        """A function that asks people, and the wait for what they say; both are paths into the state.

        The function gets the state and the task's token; whoever answers sends a JSON object to the token. A wait that
        is over is nothing to try again, other than a function that took too long.
        """
        self._invoked.append(function)
        step = tasks.LambdaInvoke(
            self,
            name,
            lambda_function=function,
            integration_pattern=sfn.IntegrationPattern.WAIT_FOR_TASK_TOKEN,
            payload=sfn.TaskInput.from_object({"state": sfn.JsonPath.entire_payload, "token": sfn.JsonPath.task_token}),
            task_timeout=sfn.Timeout.at(seconds),
            result_path=answer,
            retry_on_service_exceptions=True,
        )
        self._try_again(step, [error for error in RETRIED if error != "States.Timeout"])
        return step

    def _try_again(self, step: tasks.LambdaInvoke, errors: Sequence[str]) -> None:
        step.add_retry(
            errors=list(errors),
            interval=cdk.Duration.seconds(5),
            backoff_rate=2,
            max_attempts=7,
            jitter_strategy=sfn.JitterType.FULL,
        )

    def _next_after(self, name: str, branches: dict[Next, sfn.IChainable]) -> sfn.Choice:
        choice = sfn.Choice(self, name)
        for value, state in branches.items():
            choice.when(sfn.Condition.string_equals("$.next", value.value), state)
        return choice

    def _hand_over(self) -> sfn.CustomState:
        """Goes on in a new execution of this workflow, before this one's history is full (25,000 events).

        The new name follows from the old one, so that a repeated call finds the execution that it has already started.
        """
        self._hands_over = True
        hand_over = sfn.CustomState(
            self,
            "HandOver",
            state_json={
                "Type": "Task",
                "Resource": f"arn:{cdk.Aws.PARTITION}:states:::states:startExecution",
                "Parameters": {
                    "StateMachineArn.$": "$$.StateMachine.Id",
                    "Name.$": "States.Format('handed-over-{}', States.Hash($$.Execution.Name, 'SHA-1'))",
                    "Input.$": "$",
                },
                "Retry": [
                    {
                        "ErrorEquals": ["States.TaskFailed"],
                        "IntervalSeconds": 5,
                        "MaxAttempts": 5,
                        "BackoffRate": 2,
                        "JitterStrategy": "FULL",
                    }
                ],
            },
        )
        hand_over.next(sfn.Succeed(self, "HandedOver", comment="The new execution goes on with the run"))
        return hand_over

    def _is_handed_over(self, going_on: sfn.IChainable, beginning: sfn.IChainable) -> sfn.Choice:
        choice = sfn.Choice(self, "IsHandedOver", comment="A run that an earlier execution began has its id")
        choice.when(sfn.Condition.is_present("$.run_id"), going_on)
        choice.when(sfn.Condition.is_not_present("$.run_id"), beginning)
        return choice

    def _wait(self, name: str) -> sfn.Wait:
        """As long as the step before it says."""
        return sfn.Wait(self, name, time=sfn.WaitTime.seconds_path("$.wait_seconds"))

    def _role(self, functions: Sequence[lambda_.IFunction]) -> iam.Role:
        """What the workflow may do, exactly; CDK would allow every version and alias of the functions as well."""
        return iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("states.amazonaws.com"),
            inline_policies={
                "Workflow": iam.PolicyDocument(
                    statements=[
                        iam.PolicyStatement(
                            sid="Steps",
                            actions=["lambda:InvokeFunction"],
                            resources=[function.function_arn for function in functions],
                        ),
                        iam.PolicyStatement(
                            sid="Log",
                            actions=[
                                "logs:CreateLogDelivery",
                                "logs:DeleteLogDelivery",
                                "logs:DescribeLogGroups",
                                "logs:DescribeResourcePolicies",
                                "logs:GetLogDelivery",
                                "logs:ListLogDeliveries",
                                "logs:PutResourcePolicy",
                                "logs:UpdateLogDelivery",
                            ],
                            resources=["*"],
                        ),
                        iam.PolicyStatement(
                            sid="Trace",
                            actions=[
                                "xray:GetSamplingRules",
                                "xray:GetSamplingTargets",
                                "xray:PutTelemetryRecords",
                                "xray:PutTraceSegments",
                            ],
                            resources=["*"],
                        ),
                    ]
                )
            },
        )

    def _allow_hand_over(self, role: iam.Role) -> None:
        """A policy of its own: one inside the role would need the state machine, which needs the role."""
        policy = iam.Policy(
            self,
            "HandOverPolicy",
            statements=[
                iam.PolicyStatement(
                    sid="StartItself",
                    actions=["states:StartExecution"],
                    resources=[self.state_machine.state_machine_arn],
                )
            ],
        )
        policy.attach_to_role(role)
