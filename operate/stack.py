"""A deployed stack, found by its name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import boto3
from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

DEFAULT_STACK = "AmiArchiver"


class OperateError(Exception):
    """What a person has to put right; `str(error)` says what and how."""


def outputs(name: str, needed: tuple[str, ...], client: CloudFormationClient | None = None) -> Mapping[str, str]:
    """The stack's outputs. Raises OperateError."""
    cloudformation = client or boto3.client("cloudformation")
    try:
        (stack,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
    except (BotoCoreError, ClientError) as error:
        raise OperateError(
            f"stack {name!r} is not found ({error}). Deploy it first, or name it: STACK=…; on the local cloud, "
            "export what `make local` prints"
        ) from error
    found = {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}
    if missing := [key for key in needed if key not in found]:
        raise OperateError(f"stack {name!r} has no output {', '.join(missing)}: deploy this version of it")
    return found
