"""When the runs start: one EventBridge schedule per policy, and what becomes of a start that does not succeed."""

from __future__ import annotations

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_scheduler_targets as targets
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from infra.config import ScheduledPolicy


class Schedules(Construct):
    """A paused policy keeps its schedule, disabled."""

    def __init__(
        self, scope: Construct, construct_id: str, *, policies: Sequence[ScheduledPolicy], workflow: sfn.IStateMachine
    ) -> None:
        super().__init__(scope, construct_id)
        self.dead_letters = sqs.Queue(
            self,
            "DeadLetters",
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=cdk.Duration.days(14),
        )
        cdk.Validations.of(self.dead_letters).acknowledge(
            cdk.Acknowledgment(
                id="AwsSolutions-SQS3",
                reason="This is a dead-letter queue: EventBridge Scheduler's, which is not seen.",
            )
        )
        group = scheduler.ScheduleGroup(self, "Group")
        group.apply_removal_policy(cdk.RemovalPolicy.DESTROY)
        for policy in policies:
            scheduler.Schedule(
                self,
                policy.name,
                description=f"Starts the archive's runs of policy {policy.name}",
                schedule_group=group,
                schedule=scheduler.ScheduleExpression.expression(policy.expression, cdk.TimeZone.of(policy.time_zone)),
                time_window=scheduler.TimeWindow.off(),
                enabled=not policy.policy.paused,
                target=targets.StepFunctionsStartExecution(
                    workflow,
                    input=scheduler.ScheduleTargetInput.from_object({"policy": policy.name, "dry_run": False}),
                    dead_letter_queue=self.dead_letters,
                    max_event_age=cdk.Duration.hours(1),
                    retry_attempts=20,
                ),
            )
