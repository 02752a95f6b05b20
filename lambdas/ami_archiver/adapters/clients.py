"""How the functions' SDK clients are made: a few retries with back-off, and time-outs well below a step's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_autoscaling import AutoScalingClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_ebs import EBSClient
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_ssm import SSMClient

CONFIG = Config(
    retries={"mode": "standard", "total_max_attempts": 6},
    connect_timeout=5,
    read_timeout=60,
)


def ec2() -> EC2Client:
    return boto3.client("ec2", config=CONFIG)


def s3() -> S3Client:
    return boto3.client("s3", config=CONFIG)


def dynamodb() -> DynamoDBClient:
    return boto3.client("dynamodb", config=CONFIG)


def sns() -> SNSClient:
    return boto3.client("sns", config=CONFIG)


def ssm() -> SSMClient:
    return boto3.client("ssm", config=CONFIG)


def autoscaling() -> AutoScalingClient:
    return boto3.client("autoscaling", config=CONFIG)


def ebs() -> EBSClient:
    return boto3.client("ebs", config=CONFIG)
