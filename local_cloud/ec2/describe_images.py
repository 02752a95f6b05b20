"""DescribeImages: which images an account sees, filtered and in pages."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from local_cloud.ec2.filters import Fields, alike, compile_filters
from local_cloud.ec2.lookup import users_of
from local_cloud.ec2.paging import check_max_results, page
from local_cloud.ec2.request import Request
from local_cloud.ec2.world import World
from local_cloud.engine.catalog import can_use, is_shared_directly
from local_cloud.engine.eligibility import check_image_ids
from local_cloud.errors import AwsError
from local_cloud.model import Image
from local_cloud.sdk_form import image_to_sdk, iso_time

_OWNER_ALIASES = {"amazon", "aws-marketplace", "aws-backup-vault"}


def _devices(attribute: str) -> Callable[[Image], Iterable[object]]:
    return lambda image: [getattr(device, attribute) for device in image.block_devices if device.virtual_name is None]


FIELDS: Fields[Image] = {
    **alike("architecture", "boot-mode", "description", "ena-support", "hypervisor", "image-id", "kernel-id", "name"),
    **alike("owner-alias", "owner-id", "platform", "ramdisk-id", "root-device-name", "root-device-type", "state"),
    **alike("source-image-id", "source-image-region", "source-instance-id", "sriov-net-support"),
    **alike("virtualization-type"),
    "block-device-mapping.delete-on-termination": _devices("delete_on_termination"),
    "block-device-mapping.device-name": lambda image: [device.device_name for device in image.block_devices],
    "block-device-mapping.encrypted": _devices("encrypted"),
    "block-device-mapping.snapshot-id": _devices("snapshot_id"),
    "block-device-mapping.volume-size": _devices("volume_size_gib"),
    "block-device-mapping.volume-type": _devices("volume_type"),
    "creation-date": lambda image: (iso_time(image.creation_date),),
    "free-tier-eligible": lambda image: (image.extra.get("FreeTierEligible"),),
    "image-allowed": lambda image: (image.extra.get("ImageAllowed"),),
    "image-type": lambda image: (image.extra.get("ImageType", "machine"),),
    "is-public": lambda image: (image.public,),
    "manifest-location": lambda image: (image.image_location,),
    "product-code": lambda image: [code for code, _ in image.product_codes],
    "product-code.type": lambda image: [kind for _, kind in image.product_codes],
    "public-ssm-parameter-name": lambda image: (image.extra.get("PublicSsmParameterName"),),
    "state-reason-code": lambda image: (image.extra.get("StateReason", {}).get("Code"),),
    "state-reason-message": lambda image: (image.state_reason or None,),
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
        raise AwsError("InvalidAMIID.NotFound", f"The image ids '[{', '.join(dict.fromkeys(unknown))}]' do not exist")
    return found


def _acceptance(world: World, request: Request) -> Callable[[Image], bool]:
    account_id = request.account_id
    params = request.params
    filtered = compile_filters(params.get("Filters", []), FIELDS, lambda image: world.tags_of(request, image))
    owners = users_of(request, "Owners", *_OWNER_ALIASES)
    users = users_of(request, "ExecutableUsers", "all")
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
        if owners and image.owner_id not in owners and image.owner_alias not in owners:
            return False
        if users and not any(image.public if one == "all" else is_shared_directly(image, one) for one in users):
            return False
        return filtered(image)

    return accept
