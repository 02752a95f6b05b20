"""What an owner does to an image as a whole: deregister, disable, enable, protect."""

from __future__ import annotations

from typing import Any

from local_cloud.ec2.lookup import own_image
from local_cloud.ec2.request import Request
from local_cloud.ec2.world import SUCCEEDED, World
from local_cloud.errors import AwsError
from local_cloud.model import Image

_COOLDOWN_SECONDS = 24 * 3600


def deregister_image(world: World, request: Request) -> dict[str, Any]:
    """With `DeleteAssociatedSnapshots` there is a result for each snapshot; the image is gone whatever they say."""
    image = own_image(world, request)
    _check_unprotected(world, request, image)
    request.stop_if_dry_run()
    world.catalog.remove_image(request.region, image.image_id)
    if not request.params.get("DeleteAssociatedSnapshots"):
        return SUCCEEDED
    results = [
        {"SnapshotId": snapshot_id, "ReturnCode": _delete_snapshot(world, request, snapshot_id)}
        for snapshot_id in dict.fromkeys(image.snapshot_ids)
    ]
    return {"Return": True, "DeleteSnapshotResults": results}


def _check_unprotected(world: World, request: Request, image: Image) -> None:
    cooldown_ends = world.protection_ends.get((request.region, image.image_id), 0)
    if image.deregistration_protection != "disabled" or world.clock.seconds() < cooldown_ends:
        raise AwsError(
            "OperationNotPermitted",
            f"The image {image.image_id} is protected from deregistration. Disable its deregistration protection "
            "and, if that was enabled with a cooldown, wait 24 hours.",
        )


def _delete_snapshot(world: World, request: Request, snapshot_id: str) -> str:
    snapshot = world.catalog.snapshots(request.region).get(snapshot_id)
    if snapshot is None or world.is_locked(request.region, snapshot):
        return "client-error"
    if snapshot.owner_id != request.account_id:
        return "missing-permissions"
    if world.catalog.images_on_snapshot(request.region, snapshot_id):
        return "skipped"
    if failure := world.service.faults.take_snapshot_failure(snapshot_id):
        return failure
    world.catalog.remove_snapshot(request.region, snapshot_id)
    return "success"


def disable_image(world: World, request: Request) -> dict[str, Any]:
    """Drops the launch permissions for good: EnableImage does not bring them back."""
    _set_state(world, request, "disabled").launch_permissions.clear()
    return SUCCEEDED


def enable_image(world: World, request: Request) -> dict[str, Any]:
    _set_state(world, request, "available")
    return SUCCEEDED


def _set_state(world: World, request: Request, state: str) -> Image:
    image = own_image(world, request)
    if image.state not in ("available", "disabled"):
        raise AwsError("InvalidAMIID.Unavailable", f"The image '{image.image_id}' is {image.state}")
    request.stop_if_dry_run()
    image.state = state
    return image


def enable_image_deregistration_protection(world: World, request: Request) -> dict[str, Any]:
    image = own_image(world, request)
    request.stop_if_dry_run()
    cooldown = request.params.get("WithCooldown", False)
    image.deregistration_protection = "enabled-with-cooldown" if cooldown else "enabled-without-cooldown"
    world.protection_ends.pop((request.region, image.image_id), None)
    return {"Return": image.deregistration_protection}


def disable_image_deregistration_protection(world: World, request: Request) -> dict[str, Any]:
    """Where it was enabled with a cooldown, deregistering stays refused for 24 hours of the clock."""
    image = own_image(world, request)
    request.stop_if_dry_run()
    if image.deregistration_protection == "enabled-with-cooldown":
        ends = world.clock.seconds() + _COOLDOWN_SECONDS
        world.protection_ends[request.region, image.image_id] = ends
    image.deregistration_protection = "disabled"
    return {"Return": "disabled"}
