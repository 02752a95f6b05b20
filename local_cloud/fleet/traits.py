"""Which images of a realistic fleet are out of the ordinary: about so many of each, and at least one."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import Literal, get_args

from local_cloud.fleet.builder import FleetBuilder
from local_cloud.model import BlockDevice, Image

OTHER_ACCOUNT = "210987654321"
"""Owns the images that are shared with the fleet's account, and uses some that the fleet shares."""
VENDOR_ACCOUNT = "309876543210"
"""Owns the images that are only public."""
Fate = Literal[
    "instance-store",
    "paravirtual",
    "pending",
    "failed",
    "missing-snapshot",
    "shared-by-other",
    "shared-without-snapshots",
    "public-only",
    "over-5000-gib",
    "disabled",
]
"""What decides alone whether an image can be stored; an image has at most one."""
FATES: tuple[Fate, ...] = get_args(Fate)

FEWEST_IMAGES_WITH_TRAITS = 20
"""A smaller fleet is plain."""

_FATE_SHARE = 0.008
_SHARES = {
    "above-budget": 0.002,
    "product-code": 0.02,
    "launch-permission": 0.04,
    "public": 0.004,
    "protected": 0.03,
    "deprecated": 0.1,
    "size-unknown": 0.05,
    "shared-snapshot": 0.02,
}
"""What an image can have any number of. shared-snapshot: uses the root snapshot of the version before it."""

_FEWEST = {"above-budget": 2}


@dataclass(frozen=True, slots=True)
class Traits:
    """Indexes of images by trait."""

    fates: dict[int, Fate] = field(default_factory=dict)
    others: dict[str, set[int]] = field(default_factory=lambda: {trait: set() for trait in _SHARES})

    def has(self, trait: str, index: int) -> bool:
        return index in self.others[trait]


def draw_traits(images: int, followers: list[int], rng: Random) -> Traits:
    """Traits of `images` images; `followers` are those that have a version before them."""
    traits = Traits()
    if images < FEWEST_IMAGES_WITH_TRAITS:
        return traits
    each = _count(images, _FATE_SHARE)
    chosen = rng.sample(range(images), each * len(FATES))
    for number, index in enumerate(chosen):
        traits.fates[index] = FATES[number % len(FATES)]
    plain = [index for index in range(images) if index not in traits.fates]
    for trait, share in _SHARES.items():
        candidates = plain
        if trait == "shared-snapshot":
            candidates = [index for index in followers if not {index, index - 1} & traits.fates.keys()]
        count = min(max(_count(images, share), _FEWEST.get(trait, 1)), len(candidates))
        traits.others[trait].update(rng.sample(candidates, count))
    return traits


def _count(images: int, share: float) -> int:
    return max(1, round(images * share))


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
