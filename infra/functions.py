"""The functions: a table for each workflow. One asset and environment for all, a handler, role and log for each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from ami_archiver.settings import Settings
from infra import permissions, restore_permissions, retire_permissions
from infra.bundling import functions_code
from infra.log_group import log_group
from infra.permissions import Resources

SERVICE = "ami-archiver"
METRICS_NAMESPACE = "AmiArchiver"
LARGE_MIB = 1024
"""For who lists a policy's images: a page of 1,000 images and their snapshots is large as EC2's XML."""


@dataclass(frozen=True)
class Function:
    """A function as its table has it."""

    name: str
    handler: str
    may: Callable[[Resources], Sequence[iam.PolicyStatement]]
    memory_mib: int = 512
    at_objects: bool = False
    """Whether its role is let into the archive bucket."""


ARCHIVE = (
    Function("SelectImages", "handlers.archive.select", permissions.select, LARGE_MIB, at_objects=True),
    Function("StoreImages", "handlers.archive.store", permissions.store, at_objects=True),
    Function("ReportRun", "handlers.archive.report", permissions.report),
)
RETIRE = (
    Function("PlanRetirement", "handlers.retire.plan", retire_permissions.plan, LARGE_MIB, at_objects=True),
    Function("RetireImages", "handlers.retire.retire", retire_permissions.retire, LARGE_MIB, at_objects=True),
    Function("AskForApproval", "handlers.retire.ask", retire_permissions.ask),
    Function("UndoRetirement", "handlers.retire.undo", retire_permissions.undo),
)
"""The first three are steps of ArchiveWorkflow; `make undo` calls the last."""
WATCH = (Function("WatchArchive", "handlers.archive.watch", permissions.watch, at_objects=True),)


def restore_functions(parameter_prefixes: Sequence[str]) -> tuple[Function, ...]:
    """The functions of RestoreWorkflow; the last but one may point these SSM parameters at a restored image."""
    finish = partial(restore_permissions.finish, parameter_prefixes=parameter_prefixes)
    return (
        Function("PlanRestore", "handlers.restore.plan", restore_permissions.plan, at_objects=True),
        Function("RestoreImages", "handlers.restore.restore", restore_permissions.restore, at_objects=True),
        Function("FinishRestores", "handlers.restore.finish", finish),
        Function("ReportRestore", "handlers.restore.report", restore_permissions.report),
    )


class Functions(Construct):
    """The functions of a table, by name."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        functions: Iterable[Function],
        settings: Settings,
        resources: Resources,
        log_retention_days: int,
    ) -> None:
        super().__init__(scope, construct_id)
        self._log_retention_days = log_retention_days
        self._environment = settings.to_env() | {
            "POWERTOOLS_SERVICE_NAME": SERVICE,
            "POWERTOOLS_METRICS_NAMESPACE": METRICS_NAMESPACE,
        }
        self._by_name: dict[str, lambda_.Function] = {}
        self.roles_at_objects: list[iam.IRole] = []
        """Of those that look at stored objects, thaw them, or let EC2 read or write them."""
        code = functions_code()
        for function in functions:
            made = self._function(function, function.may(resources), code)
            self._by_name[function.name] = made
            if function.at_objects and made.role is not None:
                self.roles_at_objects.append(made.role)
        permissions.acknowledge(self, resources, settings.parameter_prefixes)
        cdk.Validations.of(self).acknowledge(
            cdk.Acknowledgment(
                id="AwsSolutions-L1",
                reason="Python 3.13 is supported until 2029; what is vendored says that it runs on it.",
            )
        )

    def __getitem__(self, name: str) -> lambda_.Function:
        return self._by_name[name]

    def _function(
        self, function: Function, statements: Sequence[iam.PolicyStatement], code: lambda_.Code
    ) -> lambda_.Function:
        scope = Construct(self, function.name)
        group = log_group(scope, "Log", self._log_retention_days)
        role = iam.Role(
            scope,
            "Role",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            inline_policies={"Function": iam.PolicyDocument(statements=[*statements, _write_log(group), _trace()])},
        )
        return lambda_.Function(
            scope,
            "Function",
            code=code,
            handler=function.handler,
            runtime=lambda_.Runtime.PYTHON_3_13,
            architecture=lambda_.Architecture.ARM_64,
            memory_size=function.memory_mib,
            timeout=cdk.Duration.minutes(15),
            environment=self._environment | {"AWS_SDK_UA_APP_ID": function.name},
            role=role.without_policy_updates(),
            tracing=lambda_.Tracing.ACTIVE,
            logging_format=lambda_.LoggingFormat.JSON,
            log_group=group,
        )


def _write_log(group: logs.ILogGroup) -> iam.PolicyStatement:
    return permissions.allow("Log", ["logs:CreateLogStream", "logs:PutLogEvents"], [group.log_group_arn])


def _trace() -> iam.PolicyStatement:
    """X-Ray has no resource-level permission for these two."""
    return permissions.allow("Trace", ["xray:PutTelemetryRecords", "xray:PutTraceSegments"], ["*"])
