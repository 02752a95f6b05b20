"""What EC2 agrees to store, and how large it takes an image to be."""

from __future__ import annotations

import re
from collections.abc import Iterable

from local_cloud.engine.catalog import Catalog, can_read, can_use, is_shared_directly
from local_cloud.engine.stored_object import written_gib
from local_cloud.errors import AwsError
from local_cloud.model import GIB, Image, Snapshot
from local_cloud.settings import EngineSettings

_IMAGE_ID = re.compile(r"ami-([0-9a-f]{8}|[0-9a-f]{17})")


def storable_image(
    catalog: Catalog, settings: EngineSettings, account_id: str, region: str, image_id: str
) -> tuple[Image, tuple[Snapshot, ...]]:
    """The image and its snapshots, in device order, if the account may have them stored; AwsError if not.

    A `disabled` image is accepted: AWS leaves it open. So is it for snapshots in the archive tier, which are
    refused, since EBS does not hand out their blocks.
    """
    image = find_image(catalog, account_id, region, image_id, hidden="AuthFailure")
    if image.owner_id != account_id and not is_shared_directly(image, account_id):
        raise AwsError("AuthFailure", f"Not authorized for image: {image_id} is public, but not shared with you")
    if image.state not in ("available", "disabled"):
        raise AwsError("InvalidAMIID.Unavailable", f"The image '{image_id}' is {image.state}")
    if image.root_device_type != "ebs":
        raise AwsError("InvalidRequest", f"Only EBS-backed images can be stored: {image_id}")
    if image.virtualization_type == "paravirtual":
        raise AwsError("InvalidRequest", f"Paravirtual images cannot be stored: {image_id}")
    if not image.snapshot_ids:
        raise AwsError("InvalidRequest", f"The image '{image_id}' has no snapshots")
    snapshots = tuple(
        _readable_snapshot(catalog, account_id, region, snapshot_id)
        for snapshot_id in dict.fromkeys(image.snapshot_ids)
    )
    size_gib = size_bytes(snapshots, settings) / GIB
    if size_gib > settings.max_image_gib:
        raise AwsError(
            "InvalidRequest", f"The image '{image_id}' has {size_gib:g} GiB, more than {settings.max_image_gib:g}"
        )
    return image, snapshots


def check_image_ids(image_ids: Iterable[str]) -> None:
    """Raise InvalidAMIID.Malformed unless all are `ami-` and 8 or 17 hexadecimal digits."""
    for image_id in image_ids:
        if not _IMAGE_ID.fullmatch(image_id):
            raise AwsError("InvalidAMIID.Malformed", f'Invalid id: "{image_id}" (expecting "ami-...")')


def find_image(
    catalog: Catalog, account_id: str, region: str, image_id: str, *, hidden: str = "InvalidAMIID.NotFound"
) -> Image:
    """An image that the account owns or has launch permission for.

    Raises `AwsError`: InvalidAMIID.Malformed, .NotFound, .Unavailable (deregistered); `hidden` for one not shared.
    """
    if not image_id:
        raise AwsError("MissingParameter", "The request must contain the parameter ImageId")
    check_image_ids([image_id])
    image = catalog.images(region).get(image_id)
    if image is None and catalog.was_deregistered(region, image_id):
        raise AwsError("InvalidAMIID.Unavailable", f"The image ID '{image_id}' is no longer available")
    if image is None or not can_use(image, account_id):
        code = hidden if image else "InvalidAMIID.NotFound"
        raise AwsError(code, f"The image id '[{image_id}]' does not exist, or is not shared with {account_id}")
    return image


def size_bytes(snapshots: Iterable[Snapshot], settings: EngineSettings) -> int:
    """What counts as the image's size, by the basis in the settings."""
    if settings.size_basis == "volume-size":
        return sum(snapshot.volume_size_gib * GIB for snapshot in snapshots)
    return sum(round(written_gib(snapshot) * GIB) for snapshot in snapshots)


def _readable_snapshot(catalog: Catalog, account_id: str, region: str, snapshot_id: str) -> Snapshot:
    snapshot = catalog.snapshots(region).get(snapshot_id)
    if snapshot is None:
        raise AwsError("InvalidSnapshot.NotFound", f"The snapshot '{snapshot_id}' does not exist.")
    if not can_read(snapshot, account_id):
        raise AwsError("AuthFailure", f"Not authorized for snapshot: {snapshot_id}")
    if snapshot.state != "completed":
        raise AwsError("IncorrectState", f"The snapshot '{snapshot_id}' is {snapshot.state}, not completed")
    if snapshot.storage_tier != "standard":
        raise AwsError("IncorrectState", f"The snapshot '{snapshot_id}' is in the {snapshot.storage_tier} tier")
    return snapshot
