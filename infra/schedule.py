"""When the runs start: one EventBridge schedule per policy, a daily one of the watch, and a queue of failed starts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

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
        self,
        scope: Construct,
        construct_id: str,
        *,
        policies: Sequence[ScheduledPolicy],
        workflow: sfn.IStateMachine,
        watch: sfn.IStateMachine,
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
        self._group = scheduler.ScheduleGroup(self, "Group")
        self._group.apply_removal_policy(cdk.RemovalPolicy.DESTROY)
        for policy in policies:
            self._schedule(
                policy.name,
                f"Starts the archive's runs of policy {policy.name}",
                scheduler.ScheduleExpression.expression(policy.expression, cdk.TimeZone.of(policy.time_zone)),
                workflow,
                {"policy": policy.name, "dry_run": False},
                enabled=not policy.policy.paused,
            )
        daily = scheduler.ScheduleExpression.rate(cdk.Duration.days(1))
        self._schedule("Watch", "Compares every archived record with the bucket", daily, watch, {})

    def _schedule(
        self,
        construct_id: str,
        description: str,
        expression: scheduler.ScheduleExpression,
        workflow: sfn.IStateMachine,
        given: Mapping[str, Any],
        *,
        enabled: bool = True,
    ) -> None:
        scheduler.Schedule(
            self,
            construct_id,
            description=description,
            schedule_group=self._group,
            schedule=expression,
            time_window=scheduler.TimeWindow.off(),
            enabled=enabled,
            target=targets.StepFunctionsStartExecution(
                workflow,
                input=scheduler.ScheduleTargetInput.from_object(given),
                dead_letter_queue=self.dead_letters,
                max_event_age=cdk.Duration.hours(1),
                retry_attempts=20,
            ),
        )
