"""The functions of the workflow: one asset, one handler and one role each."""

from __future__ import annotations

from aws_cdk import aws_iam as iam
from constructs import Construct

from ami_archiver.settings import Settings
from infra import permissions
from infra.function_family import FunctionFamily
from infra.permissions import Resources


class Functions(FunctionFamily):
    """SelectImages, StoreImages and ReportRun.

    SelectImages does as much as it can in the time that Lambda gives and leaves the rest to its next turn.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, settings: Settings, resources: Resources, log_retention_days: int
    ) -> None:
        super().__init__(scope, construct_id, settings=settings, log_retention_days=log_retention_days)
        self.select_images = self._function(
            "SelectImages",
            "handlers.archive.select",
            permissions.select(resources),
            memory_mib=1024,  # a page of 1,000 images and their snapshots, as EC2's XML
        )
        self.store_images = self._function("StoreImages", "handlers.archive.store", permissions.store(resources))
        self.report_run = self._function("ReportRun", "handlers.archive.report", permissions.report(resources))
        self.all = (self.select_images, self.store_images, self.report_run)
        self.roles_at_objects: list[iam.IRole] = [
            function.role for function in (self.select_images, self.store_images) if function.role is not None
        ]
        """Who reads or writes stored objects."""
        permissions.acknowledge_wildcards(self, resources)
