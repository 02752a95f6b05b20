"""What watches the archive every day: a function, and WatchWorkflow, which repeats it until every record is compared.

It depends on no policy: what it watches may have none any more. Its input is {}.
"""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from ami_archiver.run_state import Next
from ami_archiver.settings import Settings
from infra import permissions
from infra.function_family import FunctionFamily
from infra.permissions import Resources
from infra.step_workflow import StepWorkflow

OWN_ITEMS = ["RUN#*-watch-*", "WATCHES"]
"""Partitions of the table that it writes: its pages and its summaries, and no record."""


class WatchFunctions(FunctionFamily):
    """WatchArchive."""

    def __init__(
        self, scope: Construct, construct_id: str, *, settings: Settings, resources: Resources, log_retention_days: int
    ) -> None:
        super().__init__(scope, construct_id, settings=settings, log_retention_days=log_retention_days)
        self.watch_archive = self._function("WatchArchive", "handlers.archive.watch", _watch(resources))
        self.roles_at_objects: list[iam.IRole] = [role for role in (self.watch_archive.role,) if role is not None]
        permissions.acknowledge_wildcards(self, resources)


def _watch(on: Resources) -> list[iam.PolicyStatement]:
    return [
        permissions.list_objects(on),
        *permissions.look_at_objects(on),
        *permissions.use_table(on, "Query"),
        permissions.allow("FindRecords", ["dynamodb:Query"], [f"{on.table.table_arn}/index/by_status"]),
        permissions.allow(
            "OwnItems",
            ["dynamodb:PutItem"],
            [on.table.table_arn],
            {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": OWN_ITEMS}},
        ),
        *permissions.notify(on),
    ]


class WatchWorkflow(StepWorkflow):
    """One step that repeats itself."""

    def __init__(
        self, scope: Construct, construct_id: str, *, functions: WatchFunctions, log_retention_days: int
    ) -> None:
        super().__init__(scope, construct_id)
        watch = self._step(
            "WatchArchive",
            functions.watch_archive,
            payload={
                "input": sfn.JsonPath.entire_payload,
                "execution_name": sfn.JsonPath.execution_name,
                "execution_started_at": sfn.JsonPath.execution_start_time,
            },
        )
        done = sfn.Succeed(self, "Done", output_path="$.summary")
        watch.next(self._next_after("Watched", {Next.WATCH_MORE: watch, Next.END: done}))
        self._build(
            "WatchWorkflow",
            watch,
            [functions.watch_archive],
            timeout=cdk.Duration.hours(20),
            log_retention_days=log_retention_days,
            hands_over=False,
        )
