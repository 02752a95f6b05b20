"""A log group that keeps its lines for a number of days, and goes with the stack."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_logs as logs
from constructs import Construct


def log_group(scope: Construct, construct_id: str, retention_days: int, *, name: str | None = None) -> logs.LogGroup:
    """CDK has a name for each number of days that CloudWatch Logs takes; the configuration has the number."""
    group = logs.LogGroup(scope, construct_id, log_group_name=name, removal_policy=cdk.RemovalPolicy.DESTROY)
    resource = group.node.default_child
    if not isinstance(resource, logs.CfnLogGroup):
        raise TypeError(f"{group.node.path} is made of {resource!r}")
    resource.retention_in_days = retention_days
    return group
