"""The stack wires; what each part is, its construct says."""

from __future__ import annotations

import aws_cdk as cdk
from constructs import Construct

from infra import functions
from infra.config import Config
from infra.functions import Functions
from infra.observability import Alarms, Notifications
from infra.permissions import Resources
from infra.recycle_bin import RecycleBin
from infra.restore_workflow import RestoreWorkflow
from infra.schedule import Schedules
from infra.storage import Storage
from infra.watch_workflow import WatchWorkflow
from infra.workflow import Workflow

USAGE_REPORT_LOOKS = 7
"""How often a run waits for EC2 to say who else uses its images; a test holds it against the step."""


class AmiArchiver(cdk.Stack):
    """One image archive of one account and Region."""

    def __init__(self, scope: Construct, construct_id: str, *, config: Config) -> None:
        super().__init__(
            scope,
            construct_id,
            description="Archives AMIs out of EBS snapshots into S3, night after night",
            termination_protection=True,
        )
        storage = Storage(self, "Storage", policies=config.policies)
        notifications = Notifications(self, "Notifications", key=storage.key, emails=config.notification_emails)
        settings = config.settings(
            table_name=storage.table.table_name,
            bucket_name=storage.bucket.bucket_name,
            bucket_key_arn=storage.key.key_arn,
            topic_arn=notifications.topic.topic_arn,
            account_id=self.account,
        )
        resources = Resources(storage.bucket, storage.table, storage.key, notifications.topic)
        days = config.log_retention_days
        families = {
            name: Functions(
                self, name, functions=table, settings=settings, resources=resources, log_retention_days=days
            )
            for name, table in {
                "Functions": functions.ARCHIVE,
                "RestoreFunctions": functions.restore_functions(settings.parameter_prefixes),
                "RetireFunctions": functions.RETIRE,
                "WatchFunctions": functions.WATCH,
            }.items()
        }
        RecycleBin(self, "RecycleBin", policies=settings.policies)
        storage.only_for(
            [role for family in families.values() for role in family.roles_at_objects], config.operator_role_arns
        )
        workflow = Workflow(
            self,
            "Workflow",
            functions=families["Functions"],
            retire_functions=families["RetireFunctions"],
            timeout=_longest_run(config),
            log_retention_days=days,
        )
        restore = RestoreWorkflow(
            self, "RestoreWorkflow", functions=families["RestoreFunctions"], log_retention_days=days
        )
        watch = WatchWorkflow(self, "WatchWorkflow", functions=families["WatchFunctions"], log_retention_days=days)
        schedules = Schedules(
            self,
            "Schedules",
            policies=config.policies,
            workflow=workflow.state_machine,
            watch=watch.state_machine,
        )
        all_paused = all(scheduled.policy.paused for scheduled in config.policies)
        watched_hours = None if all_paused else config.alarm_without_success_hours or None
        Alarms(
            self,
            "Alarms",
            topic=notifications.topic,
            workflow=workflow.state_machine,
            restore_workflow=restore.state_machine,
            watch_workflow=watch.state_machine,
            dead_letters=schedules.dead_letters,
            without_success_hours=watched_hours,
        )

        outputs = {
            "ArchiveWorkflowArn": (workflow.state_machine.state_machine_arn, "Start a run by hand with this"),
            "RestoreWorkflowArn": (restore.state_machine.state_machine_arn, "Restore images with this"),
            "Policies": (",".join(policy.name for policy in config.policies), "What a run can be started for"),
            "WatchWorkflowArn": (watch.state_machine.state_machine_arn, "Compares the archive with the bucket, daily"),
            "ArchiveBucketName": (storage.bucket.bucket_name, "The stored objects"),
            "ArchiveTableName": (storage.table.table_name, "The archive records and the runs' summaries"),
            "ArchiveKeyArn": (storage.key.key_arn, "Encrypts both; without it the archive is lost"),
            "TopicArn": (notifications.topic.topic_arn, "Subscribe to summaries and alarms here"),
            "UndoFunctionName": (
                families["RetireFunctions"]["UndoRetirement"].function_name,
                "Enables a disabled original again",
            ),
            "DeadLetterQueueUrl": (schedules.dead_letters.queue_url, "Starts that did not succeed"),
        }
        for name, (value, description) in outputs.items():
            cdk.CfnOutput(self, name, value=value, description=description)


def _longest_run(config: Config) -> cdk.Duration:
    """A run ends by itself: at its limit, after its looks at usage reports, and when nobody answers. This is for one
    that does not."""
    approvals = [rules.approval_hours for rules in config.retire_rules() if rules.approval == "explicit"]
    hours = config.run_limit_hours + max(approvals, default=0) + 2
    return cdk.Duration.seconds(round(hours * 3600) + USAGE_REPORT_LOOKS * config.wait_max_seconds)
