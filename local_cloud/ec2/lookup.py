"""Finding what a request names, with AWS's errors for what is malformed, missing, gone or somebody else's."""

from __future__ import annotations

import re
from collections.abc import Iterable

from local_cloud.ec2.request import Request, is_account_id
from local_cloud.ec2.world import World
from local_cloud.engine.catalog import can_create_volume
from local_cloud.engine.eligibility import find_image
from local_cloud.engine.restored import check_name
from local_cloud.errors import AwsError
from local_cloud.model import Image, Snapshot

_SNAPSHOT_ID = re.compile("snap-(?:[0-9a-f]{8}|[0-9a-f]{17})")


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
    check_name(name)
    if world.catalog.has_image_named(request.region, request.account_id, name):
        raise AwsError("InvalidAMIName.Duplicate", f"AMI name {name} is already in use by another AMI of the account")


def usable_image(world: World, request: Request, image_id: str) -> Image:
    """An image that the caller owns or has launch permission for; AwsError InvalidAMIID.* if there is none."""
    return find_image(world.catalog, request.account_id, request.region, image_id)


def own_image(world: World, request: Request, image_id: str | None = None) -> Image:
    """The caller's own image that `ImageId` names; AuthFailure if it is somebody else's."""
    image = usable_image(world, request, image_id or request.params["ImageId"])
    if image.owner_id != request.account_id:
        raise AwsError("AuthFailure", f"Not authorized for image:{image.image_id}")
    return image


def usable_snapshot(world: World, request: Request, snapshot_id: str) -> Snapshot:
    """A snapshot that the caller may create volumes from; InvalidSnapshot.NotFound if there is none."""
    check_snapshot_ids([snapshot_id])
    snapshot = world.catalog.snapshots(request.region).get(snapshot_id)
    if snapshot is None or not can_create_volume(snapshot, request.account_id):
        raise AwsError("InvalidSnapshot.NotFound", f"The snapshot '{snapshot_id}' does not exist.")
    return snapshot


def own_snapshot(world: World, request: Request, snapshot_id: str | None = None) -> Snapshot:
    """The caller's own snapshot that `SnapshotId` names; AuthFailure if it is somebody else's."""
    snapshot = usable_snapshot(world, request, snapshot_id or request.params["SnapshotId"])
    if snapshot.owner_id != request.account_id:
        raise AwsError("AuthFailure", f"Not authorized for snapshot:{snapshot.snapshot_id}")
    return snapshot


def users_of(request: Request, parameter: str, *words: str) -> set[str]:
    """The accounts of `Owners` and the like, 'self' as the caller's; InvalidUserID.Malformed for other words."""
    users = request.params.get(parameter, [])
    for user in users:
        if user != "self" and user not in words and not is_account_id(user):
            raise AwsError("InvalidUserID.Malformed", f'Invalid user id: "{user}"')
    return {request.account_id if user == "self" else user for user in users}
