"""DescribeImages: which images an account sees, filtered and in pages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from local_cloud.ec2.filters import Fields, compile_filters
from local_cloud.ec2.lookup import check_image_ids, images_not_found
from local_cloud.ec2.operation import Operation
from local_cloud.ec2.paging import check_max_results, page
from local_cloud.ec2.request import Request, is_account_id
from local_cloud.ec2.world import World
from local_cloud.engine.catalog import can_use, is_shared_directly
from local_cloud.errors import AwsError
from local_cloud.model import BlockDevice, Image
from local_cloud.sdk_form import image_to_sdk, iso_time

_OWNER_ALIASES = {"amazon", "aws-marketplace", "aws-backup-vault"}


def _ebs(read: Callable[[BlockDevice], object]) -> Callable[[Image], Iterable[object]]:
    return lambda image: [read(device) for device in image.block_devices if device.virtual_name is None]


FIELDS: Fields[Image] = {
    "architecture": lambda image: (image.architecture,),
    "block-device-mapping.delete-on-termination": _ebs(lambda device: device.delete_on_termination),
    "block-device-mapping.device-name": lambda image: [device.device_name for device in image.block_devices],
    "block-device-mapping.encrypted": _ebs(lambda device: device.encrypted),
    "block-device-mapping.snapshot-id": _ebs(lambda device: device.snapshot_id),
    "block-device-mapping.volume-size": _ebs(lambda device: device.volume_size_gib),
    "block-device-mapping.volume-type": _ebs(lambda device: device.volume_type),
    "boot-mode": lambda image: (image.boot_mode,),
    "creation-date": lambda image: (iso_time(image.creation_date),),
    "description": lambda image: (image.description,),
    "ena-support": lambda image: (image.ena_support,),
    "free-tier-eligible": lambda image: (image.extra.get("FreeTierEligible"),),
    "hypervisor": lambda image: (image.hypervisor,),
    "image-allowed": lambda image: (image.extra.get("ImageAllowed"),),
    "image-id": lambda image: (image.image_id,),
    "image-type": lambda image: (image.extra.get("ImageType", "machine"),),
    "is-public": lambda image: (image.public,),
    "kernel-id": lambda image: (image.kernel_id,),
    "manifest-location": lambda image: (image.image_location,),
    "name": lambda image: (image.name,),
    "owner-alias": lambda image: (image.owner_alias,),
    "owner-id": lambda image: (image.owner_id,),
    "platform": lambda image: (image.platform,),
    "product-code": lambda image: [code for code, _ in image.product_codes],
    "product-code.type": lambda image: [kind for _, kind in image.product_codes],
    "public-ssm-parameter-name": lambda image: (image.extra.get("PublicSsmParameterName"),),
    "ramdisk-id": lambda image: (image.ramdisk_id,),
    "root-device-name": lambda image: (image.root_device_name,),
    "root-device-type": lambda image: (image.root_device_type,),
    "source-image-id": lambda image: (image.source_image_id,),
    "source-image-region": lambda image: (image.source_image_region,),
    "source-instance-id": lambda image: (image.source_instance_id,),
    "sriov-net-support": lambda image: (image.sriov_net_support,),
    "state": lambda image: (image.state,),
    "state-reason-code": lambda image: (image.extra.get("StateReason", {}).get("Code"),),
    "state-reason-message": lambda image: (image.state_reason or None,),
    "virtualization-type": lambda image: (image.virtualization_type,),
}


def describe_images(world: World, request: Request) -> dict[str, Any]:
    """Disabled images are left out unless `IncludeDisabled` says otherwise, even those named by id.

    A deregistered image that is named by id is left out without an error, as EC2 does for a while.
    """
    check_max_results(request, 1, 1000)
    images = world.catalog.images(request.region)
    candidates = _named(world, request) if request.params.get("ImageIds") else world.image_ids(request.region)
    accept = _acceptance(world, request)
    found, token = page(request, candidates, lambda image_id: (image_id,), accept=lambda one: accept(images[one]))
    views = [image_to_sdk(images[image_id], world.tags_of(request, images[image_id])) for image_id in found]
    return {"Images": views, "NextToken": token}


def _named(world: World, request: Request) -> list[str]:
    image_ids = sorted(set(request.params["ImageIds"]))
    check_image_ids(image_ids)
    images = world.catalog.images(request.region)
    found = [one for one in image_ids if one in images and can_use(images[one], request.account_id)]
    missing = set(image_ids).difference(found)
    unknown = [
        one
        for one in request.params["ImageIds"]
        if one in missing and not world.catalog.was_deregistered(request.region, one)
    ]
    if unknown:
        raise images_not_found(list(dict.fromkeys(unknown)))
    return found


def _acceptance(world: World, request: Request) -> Callable[[Image], bool]:
    account_id = request.account_id
    params = request.params
    filtered = compile_filters(params.get("Filters", []), FIELDS, lambda image: world.tags_of(request, image))
    owned = _owners(request)
    executable = _executable_users(request)
    include_disabled = params.get("IncludeDisabled", False)
    include_deprecated = params.get("IncludeDeprecated", False) or bool(params.get("ImageIds"))
    now = world.clock.now()

    def accept(image: Image) -> bool:
        if image.owner_id != account_id:
            if not can_use(image, account_id):
                return False
            if image.deprecation_time and image.deprecation_time <= now and not include_deprecated:
                return False
        if image.state == "disabled" and not include_disabled:
            return False
        return owned(image) and executable(image) and filtered(image)

    return accept


def _owners(request: Request) -> Callable[[Image], bool]:
    owners = request.params.get("Owners")
    if not owners:
        return lambda _: True
    for owner in owners:
        if owner != "self" and owner not in _OWNER_ALIASES and not is_account_id(owner):
            raise AwsError("InvalidUserID.Malformed", f'Invalid user id: "{owner}"')
    wanted = {request.account_id if owner == "self" else owner for owner in owners}
    return lambda image: image.owner_id in wanted or image.owner_alias in wanted


def _executable_users(request: Request) -> Callable[[Image], bool]:
    users = request.params.get("ExecutableUsers")
    if not users:
        return lambda _: True
    for user in users:
        if user not in ("self", "all") and not is_account_id(user):
            raise AwsError("InvalidUserID.Malformed", f'Invalid user id: "{user}"')
    accounts = {request.account_id if user == "self" else user for user in users if user != "all"}
    public = "all" in users
    return lambda image: (public and image.public) or any(is_shared_directly(image, one) for one in accounts)


OPERATIONS: Mapping[str, Operation] = {"DescribeImages": describe_images}
