"""What makes an image impossible, or doubtful, to store."""

from __future__ import annotations

from datetime import timedelta

from local_cloud.fleet.builder import FleetBuilder
from local_cloud.fleet.traits import Fate
from local_cloud.model import BlockDevice, Image

OTHER_ACCOUNT = "210987654321"
"""Owns the images that are shared with the fleet's account, and uses some that the fleet shares."""
VENDOR_ACCOUNT = "309876543210"
"""Owns the images that are only public."""


def meet(fate: Fate, image: Image, builder: FleetBuilder) -> None:
    """Let `image`, as it was just built, meet its fate."""
    match fate:
        case "instance-store":
            _be_instance_store(image, builder)
        case "paravirtual":
            image.virtualization_type = "paravirtual"
            image.architecture = "x86_64"
            image.ena_support = False
            image.boot_mode = None
            image.kernel_id = "aki-919dcaf8"
        case "pending":
            _be_pending(image, builder)
        case "failed":
            image.state = "failed"
            image.state_reason = "Client.InternalError: Client error on snapshot creation"
            for snapshot in builder.snapshots_of(image):
                snapshot.state = "error"
                snapshot.state_message = "Given key ID is not accessible"
        case "missing-snapshot":
            builder.drop_snapshots(image, only_last=True)
        case "shared-by-other":
            _be_shared_by_other(image, builder, with_snapshots=True)
        case "shared-without-snapshots":
            _be_shared_by_other(image, builder, with_snapshots=False)
        case "public-only":
            builder.give_to(image, VENDOR_ACCOUNT)
            image.launch_permissions.append({"Group": "all"})
        case "over-5000-gib":
            builder.drop_snapshots(image)
            key = image.block_devices[0].kms_key_id
            builder.volumes(image, builder.rng.uniform(5200, 9000), 3, key)
        case "disabled":
            image.state = "disabled"


def _be_instance_store(image: Image, builder: FleetBuilder) -> None:
    builder.drop_snapshots(image)
    image.root_device_type = "instance-store"
    image.block_devices = (BlockDevice(device_name="/dev/sdb", virtual_name="ephemeral0"),)
    image.image_location = f"{image.tags['Application']}-bundles/{image.name}.manifest.xml"


def _be_pending(image: Image, builder: FleetBuilder) -> None:
    image.state = "pending"
    image.creation_date = builder.now - timedelta(minutes=builder.rng.randrange(1, 30))
    for snapshot in builder.snapshots_of(image):
        snapshot.state = "pending"
        snapshot.progress_percentage = builder.rng.randrange(100)
        snapshot.start_time = image.creation_date


def _be_shared_by_other(image: Image, builder: FleetBuilder, *, with_snapshots: bool) -> None:
    builder.give_to(image, OTHER_ACCOUNT)
    image.launch_permissions.append({"UserId": builder.owner_id})
    if with_snapshots:
        for snapshot in builder.snapshots_of(image):
            snapshot.shared_with = (builder.owner_id,)
