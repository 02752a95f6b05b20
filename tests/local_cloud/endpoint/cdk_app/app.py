"""A schedule that starts a state machine that runs a function that calls EC2."""

from __future__ import annotations

from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_scheduler_targets as targets
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks

app = cdk.App()
stack = cdk.Stack(app, "Scheduled", env=cdk.Environment(account="123456789012", region="us-east-1"))
function = lambda_.Function(
    stack,
    "CountImages",
    runtime=lambda_.Runtime.PYTHON_3_13,
    architecture=lambda_.Architecture.ARM_64,
    handler="count_images.handler",
    code=lambda_.Code.from_asset(str(Path(__file__).parent / "function")),
    environment={"AWS_SDK_UA_APP_ID": "CountImages"},
    timeout=cdk.Duration.seconds(30),
)
function.add_to_role_policy(iam.PolicyStatement(actions=["ec2:DescribeImages"], resources=["*"]))
machine = sfn.StateMachine(
    stack,
    "Machine",
    definition_body=sfn.DefinitionBody.from_chainable(
        tasks.LambdaInvoke(stack, "Count", lambda_function=function, payload_response_only=True)
    ),
)
scheduler.Schedule(
    stack,
    "Schedule",
    schedule=scheduler.ScheduleExpression.cron(minute="0", hour="2", time_zone=cdk.TimeZone.EUROPE_BERLIN),
    target=targets.StepFunctionsStartExecution(
        machine, input=scheduler.ScheduleTargetInput.from_object({"policy": "nightly"})
    ),
)
scheduler.Schedule(
    stack,
    "Soon",
    schedule=scheduler.ScheduleExpression.expression("at(2026-01-01T02:00:00)"),
    target=targets.StepFunctionsStartExecution(
        machine, input=scheduler.ScheduleTargetInput.from_object({"policy": "soon"})
    ),
)
cdk.CfnOutput(stack, "MachineArn", value=machine.state_machine_arn)
app.synth()
