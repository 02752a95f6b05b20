"""What all functions have in common: one asset, the same environment, a role and a log of their own."""

from __future__ import annotations

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from ami_archiver.settings import Settings
from infra.bundling import functions_code
from infra.log_group import log_group

SERVICE = "ami-archiver"
METRICS_NAMESPACE = "AmiArchiver"


class FunctionFamily(Construct):
    """The functions of one workflow."""

    def __init__(self, scope: Construct, construct_id: str, *, settings: Settings, log_retention_days: int) -> None:
        super().__init__(scope, construct_id)
        self._code = functions_code()
        self._environment = settings.to_env() | {
            "POWERTOOLS_SERVICE_NAME": SERVICE,
            "POWERTOOLS_METRICS_NAMESPACE": METRICS_NAMESPACE,
        }
        self._log_retention_days = log_retention_days
        cdk.Validations.of(self).acknowledge(
            cdk.Acknowledgment(
                id="AwsSolutions-L1",
                reason="Python 3.13 is supported until 2029; what is vendored says that it runs on it.",
            )
        )

    def _function(
        self,
        name: str,
        handler: str,
        statements: Sequence[iam.PolicyStatement],
        *,
        memory_mib: int = 512,
    ) -> lambda_.Function:
        scope = Construct(self, name)
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
            code=self._code,
            handler=handler,
            runtime=lambda_.Runtime.PYTHON_3_13,
            architecture=lambda_.Architecture.ARM_64,
            memory_size=memory_mib,
            timeout=cdk.Duration.minutes(15),
            environment=self._environment | {"AWS_SDK_UA_APP_ID": name},
            role=role.without_policy_updates(),
            tracing=lambda_.Tracing.ACTIVE,
            logging_format=lambda_.LoggingFormat.JSON,
            log_group=group,
        )


def _write_log(group: logs.ILogGroup) -> iam.PolicyStatement:
    return iam.PolicyStatement(
        sid="Log", actions=["logs:CreateLogStream", "logs:PutLogEvents"], resources=[group.log_group_arn]
    )


def _trace() -> iam.PolicyStatement:
    """X-Ray has no resource-level permission for these two."""
    return iam.PolicyStatement(
        sid="Trace", actions=["xray:PutTelemetryRecords", "xray:PutTraceSegments"], resources=["*"]
    )
