"""How the functions' SDK clients are made: a few retries with back-off, and time-outs well below a step's.

By botocore, which boto3 only dresses up: without it a function starts a tenth faster.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import botocore.session
from botocore.config import Config

if TYPE_CHECKING:
    from botocore.client import BaseClient
    from mypy_boto3_autoscaling import AutoScalingClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_ebs import EBSClient
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_ssm import SSMClient
    from mypy_boto3_stepfunctions import SFNClient


CONFIG = Config(
    retries={"mode": "standard", "total_max_attempts": 6},
    connect_timeout=5,
    read_timeout=60,
)
_session = botocore.session.get_session()


def ec2() -> EC2Client:
    return cast("EC2Client", _client("ec2"))


def s3() -> S3Client:
    return cast("S3Client", _client("s3"))


def dynamodb() -> DynamoDBClient:
    return cast("DynamoDBClient", _client("dynamodb"))


def sns() -> SNSClient:
    return cast("SNSClient", _client("sns"))


def ssm() -> SSMClient:
    return cast("SSMClient", _client("ssm"))


def stepfunctions() -> SFNClient:
    return cast("SFNClient", _client("stepfunctions"))


def autoscaling() -> AutoScalingClient:
    return cast("AutoScalingClient", _client("autoscaling"))


def ebs() -> EBSClient:
    return cast("EBSClient", _client("ebs"))


def _client(service: str) -> BaseClient:
    return _session.create_client(service, config=CONFIG)
