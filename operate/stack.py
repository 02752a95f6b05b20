"""A deployed stack, found by its name, and what to do when AWS does not answer."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

import boto3
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    CredentialRetrievalError,
    HTTPClientError,
    LoginError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

DEFAULT_STACK = "AmiArchiver"
NO_CREDENTIALS = (
    NoCredentialsError,
    PartialCredentialsError,
    CredentialRetrievalError,
    LoginError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)
REJECTED_CREDENTIALS = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidToken",
        "RequestExpired",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
"""https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html"""
SIGN_IN = "run `aws configure` or `aws sso login`, or choose a profile: export AWS_PROFILE=…"


class OperateError(Exception):
    """What a person has to put right; `str(error)` says what and how."""


def explain(error: BotoCoreError | ClientError) -> str:
    """What is wrong between this machine and AWS, and what to do about it."""
    match error:
        case NoRegionError():
            return "no AWS Region is set: export AWS_DEFAULT_REGION=… with the Region of the stack"
        case _ if isinstance(error, NO_CREDENTIALS):
            return f"there are no AWS credentials that can be used ({error}): {SIGN_IN}"
        case ConnectionError() | HTTPClientError():
            return (
                f"AWS does not answer ({error}): check the network and the Region; if AWS_ENDPOINT_URL is set, check "
                "that the local cloud still runs (`make local`), or unset the variable"
            )
        case ClientError() if error.response["Error"]["Code"] in REJECTED_CREDENTIALS:
            return f"AWS does not accept the credentials, or they have expired ({error}): {SIGN_IN}"
        case _:
            return str(error)


def outputs(name: str, needed: tuple[str, ...], client: CloudFormationClient | None = None) -> Mapping[str, str]:
    """The stack's outputs. Raises OperateError."""
    cloudformation = client or _cloudformation()
    try:
        (stack,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ValidationError":
            raise
        raise OperateError(
            f"there is no stack {name!r} in {_where(cloudformation)}. Deploy it first (make deploy), name it "
            "(STACK=…), or choose its account and Region (AWS_PROFILE, AWS_DEFAULT_REGION); on the local cloud, export "
            "what `make local` prints"
        ) from error
    found = {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}
    if missing := [key for key in needed if key not in found]:
        raise OperateError(
            f"stack {name!r} has no output {', '.join(missing)}: deploy it again, with this version (make deploy)"
        )
    return found


def _cloudformation() -> CloudFormationClient:
    try:
        return boto3.client("cloudformation")
    except ValueError as error:
        url = os.environ.get("AWS_ENDPOINT_URL")
        if isinstance(error, BotoCoreError) or not url:
            raise
        raise OperateError(
            f"AWS_ENDPOINT_URL is {url!r}: it must be an address like http://127.0.0.1:4566; unset it to use AWS"
        ) from error


def _where(cloudformation: CloudFormationClient) -> str:
    """Region and account that were asked; the account only where AWS tells it."""
    region = cloudformation.meta.region_name
    try:
        return f"Region {region} of account {boto3.client('sts').get_caller_identity()['Account']}"
    except (BotoCoreError, ClientError):
        return f"Region {region}"
