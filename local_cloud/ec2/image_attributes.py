"""DescribeImageAttribute, ModifyImageAttribute, ResetImageAttribute."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from local_cloud.ec2.lookup import own_image
from local_cloud.ec2.request import Request, is_account_id
from local_cloud.ec2.world import SUCCEEDED, World
from local_cloud.errors import AwsError
from local_cloud.model import Image
from local_cloud.sdk_form import iso_time, product_codes_to_sdk

_VALUES: dict[str, tuple[str, Callable[[Image], str | None]]] = {
    "description": ("Description", lambda image: image.description),
    "kernel": ("KernelId", lambda image: image.kernel_id),
    "ramdisk": ("RamdiskId", lambda image: image.ramdisk_id),
    "sriovNetSupport": ("SriovNetSupport", lambda image: image.sriov_net_support),
    "bootMode": ("BootMode", lambda image: image.boot_mode),
    "tpmSupport": ("TpmSupport", lambda image: image.tpm_support),
    "uefiData": ("UefiData", lambda _: None),
    "imdsSupport": ("ImdsSupport", lambda image: image.imds_support),
    "deregistrationProtection": ("DeregistrationProtection", lambda image: image.deregistration_protection),
    "lastLaunchedTime": (
        "LastLaunchedTime",
        lambda image: iso_time(image.last_launched_time) if image.last_launched_time else None,
    ),
}
Permission = dict[str, str]


def describe_image_attribute(world: World, request: Request) -> dict[str, Any]:
    image = own_image(world, request)
    attribute = request.params["Attribute"]
    result: dict[str, Any] = {"ImageId": image.image_id}
    if attribute == "launchPermission":
        return result | {"LaunchPermissions": list(image.launch_permissions)}
    if attribute == "productCodes":
        return result | {"ProductCodes": product_codes_to_sdk(image)}
    if attribute not in _VALUES:
        raise AwsError("AuthFailure", f"Unauthorized attempt to access restricted resource: {attribute}")
    name, read = _VALUES[attribute]
    value = read(image)
    return result | {name: {} if value is None else {"Value": value}}


def modify_image_attribute(world: World, request: Request) -> dict[str, Any]:
    """One attribute a call: `Description`, `ImdsSupport` or `LaunchPermission`."""
    image, params = own_image(world, request), request.params
    named = [name for name in ("Description", "ImdsSupport", "LaunchPermission") if name in params]
    if not named:
        raise AwsError("MissingParameter", "The request must contain the parameter attribute")
    if len(named) > 1:
        raise AwsError("InvalidParameterCombination", "Only one attribute can be modified at a time")
    if named == ["LaunchPermission"]:
        add, remove = (params["LaunchPermission"].get(what, []) for what in ("Add", "Remove"))
        if not add and not remove:
            raise AwsError("InvalidParameterCombination", "No attributes specified.")
        _check_permissions(image, add, remove)
        request.stop_if_dry_run()
        kept = [permission for permission in image.launch_permissions if permission not in remove]
        image.launch_permissions[:] = [*kept, *(permission for permission in add if permission not in kept)]
        return SUCCEEDED
    value = params[named[0]].get("Value")
    if value is None:
        raise AwsError("MissingParameter", "The request must contain the parameter value")
    if named == ["ImdsSupport"] and value != "v2.0":
        raise AwsError("InvalidParameterValue", f"Value ({value}) for parameter imdsSupport is invalid.")
    request.stop_if_dry_run()
    if named == ["Description"]:
        image.description = value
    else:
        image.imds_support = value
    return SUCCEEDED


def _check_permissions(image: Image, add: Sequence[Permission], remove: Sequence[Permission]) -> None:
    for permission in (*add, *remove):
        if len(permission) != 1:
            raise AwsError("InvalidParameterCombination", "A launch permission names exactly one user, group or ARN")
        if (user := permission.get("UserId")) is not None and not is_account_id(user):
            raise _invalid_item(user, "userId")
        if (group := permission.get("Group")) is not None and group != "all":
            raise _invalid_item(group, "userGroup")
    if add and image.state == "disabled":
        raise AwsError("InvalidAMIID.Unavailable", f"The image '{image.image_id}' is disabled and cannot be shared")
    if {"Group": "all"} in add:
        if any(kind == "marketplace" for _, kind in image.product_codes):
            raise AwsError("OperationNotPermitted", "Images with a Marketplace product code cannot be made public")
        if any(device.encrypted for device in image.block_devices):
            raise AwsError("OperationNotPermitted", "Images with encrypted snapshots cannot be made public")


def _invalid_item(value: str, kind: str) -> AwsError:
    return AwsError("InvalidAMIAttributeItemValue", f'Invalid attribute item value "{value}" for {kind} item type.')


def reset_image_attribute(world: World, request: Request) -> dict[str, Any]:
    """Only `launchPermission` can be reset: the image is private again."""
    image = own_image(world, request)
    request.stop_if_dry_run()
    image.launch_permissions.clear()
    return SUCCEEDED
