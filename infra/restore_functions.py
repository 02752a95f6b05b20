"""The functions of a restore."""

from __future__ import annotations

from aws_cdk import aws_iam as iam
from constructs import Construct

from ami_archiver.settings import Settings
from infra import restore_permissions as permissions
from infra.function_family import FunctionFamily
from infra.permissions import Resources


class RestoreFunctions(FunctionFamily):
    """PlanRestore, RestoreImages, FinishRestores and ReportRestore."""

    def __init__(
        self, scope: Construct, construct_id: str, *, settings: Settings, resources: Resources, log_retention_days: int
    ) -> None:
        super().__init__(scope, construct_id, settings=settings, log_retention_days=log_retention_days)
        self.plan_restore = self._function("PlanRestore", "handlers.restore.plan", permissions.plan(resources))
        self.restore_images = self._function(
            "RestoreImages", "handlers.restore.restore", permissions.restore(resources)
        )
        self.finish_restores = self._function(
            "FinishRestores", "handlers.restore.finish", permissions.finish(resources, settings.parameter_prefixes)
        )
        self.report_restore = self._function("ReportRestore", "handlers.restore.report", permissions.report(resources))
        self.all = (self.plan_restore, self.restore_images, self.finish_restores, self.report_restore)
        self.roles_at_objects: list[iam.IRole] = [
            function.role for function in (self.plan_restore, self.restore_images) if function.role is not None
        ]
        """Who looks at stored objects, thaws them, or lets EC2 read them."""
        permissions.acknowledge(self, resources, settings.parameter_prefixes)
