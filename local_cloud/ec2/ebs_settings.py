"""EBS encryption by default, per account and Region: restored and copied snapshots follow it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from local_cloud.ec2.operation import Operation
from local_cloud.ec2.request import Request
from local_cloud.ec2.world import World


def get_encryption_by_default(world: World, request: Request) -> dict[str, Any]:
    return {"EbsEncryptionByDefault": world.encrypts_by_default(request.caller)}


def enable_encryption_by_default(world: World, request: Request) -> dict[str, Any]:
    request.stop_if_dry_run()
    world.encryption_by_default[request.caller] = True
    return {"EbsEncryptionByDefault": True}


def disable_encryption_by_default(world: World, request: Request) -> dict[str, Any]:
    request.stop_if_dry_run()
    world.encryption_by_default[request.caller] = False
    return {"EbsEncryptionByDefault": False}


OPERATIONS: Mapping[str, Operation] = {
    "GetEbsEncryptionByDefault": get_encryption_by_default,
    "EnableEbsEncryptionByDefault": enable_encryption_by_default,
    "DisableEbsEncryptionByDefault": disable_encryption_by_default,
}
