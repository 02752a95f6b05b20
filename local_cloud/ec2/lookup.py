"""Finding what a request names, with AWS's errors for what is malformed, missing, gone or somebody else's."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from local_cloud.ec2.request import Request
from local_cloud.ec2.world import World
from local_cloud.engine.catalog import can_use
from local_cloud.errors import AwsError
from local_cloud.model import Image, Snapshot

_HEX = "(?:[0-9a-f]{8}|[0-9a-f]{17})"
_IMAGE_ID = re.compile(f"ami-{_HEX}")
_SNAPSHOT_ID = re.compile(f"snap-{_HEX}")
_IMAGE_NAME = re.compile(r"[A-Za-z0-9()\[\] ./\-'@_]{3,128}")


def check_image_ids(image_ids: Iterable[str]) -> None:
    """Raise InvalidAMIID.Malformed unless all are `ami-` and 8 or 17 hexadecimal digits."""
    for image_id in image_ids:
        if not _IMAGE_ID.fullmatch(image_id):
            raise AwsError("InvalidAMIID.Malformed", f'Invalid id: "{image_id}" (expecting "ami-...")')


def check_snapshot_ids(snapshot_ids: Iterable[str]) -> None:
    """Raise InvalidSnapshotID.Malformed, or InvalidParameterValue for what does not even start as a snapshot id."""
    for snapshot_id in snapshot_ids:
        if not snapshot_id.startswith("snap-"):
            raise AwsError(
                "InvalidParameterValue",
                f"Value ({snapshot_id}) for parameter snapshotId is invalid. Expected: 'snap-...'.",
            )
        if not _SNAPSHOT_ID.fullmatch(snapshot_id):
            raise AwsError("InvalidSnapshotID.Malformed", f'Invalid id: "{snapshot_id}" (expecting "snap-...")')


def check_image_name(world: World, request: Request, name: str) -> None:
    """Raise InvalidAMIName.Malformed, or InvalidAMIName.Duplicate if the account has the name in the Region."""
    if not _IMAGE_NAME.fullmatch(name):
        raise AwsError(
            "InvalidAMIName.Malformed",
            "AMI names must be between 3 and 128 characters long, and may contain letters, numbers, "
            "and ( ) [ ] . / - ' @ _ and spaces",
        )
    if world.catalog.has_image_named(request.region, request.account_id, name):
        raise AwsError("InvalidAMIName.Duplicate", f"AMI name {name} is already in use by another AMI of the account")


def image_gone(image_id: str) -> AwsError:
    return AwsError("InvalidAMIID.Unavailable", f"The image ID '{image_id}' is no longer available")


def images_not_found(image_ids: Sequence[str]) -> AwsError:
    plural = "s" if len(image_ids) > 1 else ""
    verb = "do" if plural else "does"
    return AwsError("InvalidAMIID.NotFound", f"The image id{plural} '[{', '.join(image_ids)}]' {verb} not exist")


def usable_image(world: World, request: Request, image_id: str, region: str | None = None) -> Image:
    """An image that the caller owns or has launch permission for, in `region` (the request's by default).

    Raises `AwsError`: InvalidAMIID.Malformed, InvalidAMIID.NotFound, InvalidAMIID.Unavailable (deregistered).
    """
    check_image_ids([image_id])
    region = region or request.region
    image = world.catalog.images(region).get(image_id)
    if image is None and world.catalog.was_deregistered(region, image_id):
        raise image_gone(image_id)
    if image is None or not can_use(image, request.account_id):
        raise images_not_found([image_id])
    return image


def own_image(world: World, request: Request, image_id: str | None = None) -> Image:
    """The caller's own image that `ImageId` names; AuthFailure if it is somebody else's."""
    image = usable_image(world, request, image_id or request.params["ImageId"])
    if image.owner_id != request.account_id:
        raise AwsError("AuthFailure", f"Not authorized for image:{image.image_id}")
    return image


def may_create_volume(snapshot: Snapshot, account_id: str) -> bool:
    """Whether the account owns the snapshot, or it is shared with it, or it is public."""
    return snapshot.owner_id == account_id or account_id in snapshot.shared_with or "all" in snapshot.shared_with


def usable_snapshot(world: World, request: Request, snapshot_id: str, region: str | None = None) -> Snapshot:
    """A snapshot that the caller may create volumes from; InvalidSnapshot.NotFound if there is none."""
    check_snapshot_ids([snapshot_id])
    snapshot = world.catalog.snapshots(region or request.region).get(snapshot_id)
    if snapshot is None or not may_create_volume(snapshot, request.account_id):
        raise AwsError("InvalidSnapshot.NotFound", f"The snapshot '{snapshot_id}' does not exist.")
    return snapshot


def own_snapshot(world: World, request: Request, snapshot_id: str | None = None) -> Snapshot:
    """The caller's own snapshot that `SnapshotId` names; AuthFailure if it is somebody else's."""
    snapshot = usable_snapshot(world, request, snapshot_id or request.params["SnapshotId"])
    if snapshot.owner_id != request.account_id:
        raise AwsError("AuthFailure", f"Not authorized for snapshot:{snapshot.snapshot_id}")
    return snapshot
