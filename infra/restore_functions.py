"""The functions of a restore."""

from __future__ import annotations

from aws_cdk import aws_iam as iam
from constructs import Construct

from ami_archiver.settings import Settings
from infra import restore_permissions as permissions
from infra.function_family import FunctionFamily
from infra.permissions import Resources


class RestoreFunctions(FunctionFamily):
    """PlanRestore, CheckRestores, StartRestores and ReportRestore."""

    def __init__(
        self, scope: Construct, construct_id: str, *, settings: Settings, resources: Resources, log_retention_days: int
    ) -> None:
        super().__init__(scope, construct_id, settings=settings, log_retention_days=log_retention_days)
        self.plan_restore = self._function("PlanRestore", "handlers.plan_restore.handler", permissions.plan(resources))
        self.check_restores = self._function(
            "CheckRestores",
            "handlers.check_restores.handler",
            permissions.check(resources, settings.parameter_prefixes),
        )
        self.start_restores = self._function(
            "StartRestores", "handlers.start_restores.handler", permissions.start(resources)
        )
        self.report_restore = self._function(
            "ReportRestore", "handlers.report_restore.handler", permissions.report(resources)
        )
        self.all = (self.plan_restore, self.check_restores, self.start_restores, self.report_restore)
        self.roles_at_objects: list[iam.IRole] = [
            function.role for function in (self.plan_restore, self.start_restores) if function.role is not None
        ]
        """Who looks at stored objects, thaws them, or lets EC2 read them."""
        permissions.acknowledge(self, resources, settings.parameter_prefixes)
