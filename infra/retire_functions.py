"""The functions of retirement: three that the archive's workflow invokes, and one for an operator."""

from __future__ import annotations

from aws_cdk import aws_iam as iam
from constructs import Construct

from ami_archiver.settings import Settings
from infra import retire_permissions as permissions
from infra.function_family import FunctionFamily
from infra.permissions import Resources


class RetireFunctions(FunctionFamily):
    """PlanRetirement, RetireImages and AskForApproval, and UndoRetirement, which `make undo` calls."""

    def __init__(
        self, scope: Construct, construct_id: str, *, settings: Settings, resources: Resources, log_retention_days: int
    ) -> None:
        super().__init__(scope, construct_id, settings=settings, log_retention_days=log_retention_days)
        self.plan_retirement = self._function(
            "PlanRetirement",
            "handlers.retire.plan",
            permissions.plan(resources),
            memory_mib=1024,  # as SelectImages: a policy's images, to know the newest of each group
        )
        self.retire_images = self._function(
            "RetireImages",
            "handlers.retire.retire",
            permissions.retire(resources),
            memory_mib=1024,  # as PlanRetirement: it looks at all of it again
        )
        self.ask_for_approval = self._function("AskForApproval", "handlers.retire.ask", permissions.ask(resources))
        self.undo_retirement = self._function("UndoRetirement", "handlers.retire.undo", permissions.undo(resources))
        self.all_of_the_run = (self.plan_retirement, self.retire_images, self.ask_for_approval)
        self.roles_at_objects: list[iam.IRole] = [
            function.role for function in (self.plan_retirement, self.retire_images) if function.role is not None
        ]
        """Who looks at stored objects: an original goes only while its object is whole."""
        permissions.acknowledge(self, resources)
