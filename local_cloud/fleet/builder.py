"""Makes images with their snapshots, one after the other, out of one source of randomness."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from random import Random

from local_cloud.fleet.families import Family
from local_cloud.fleet.fleet import Fleet, Use
from local_cloud.fleet.sizes import LARGEST_GIB
from local_cloud.model import GIB, BlockDevice, Image, Snapshot

_BLOCK_BYTES = 512 * 1024
"""An EBS snapshot is made of blocks of 512 KiB (EBS direct APIs)."""
_DATA_DEVICES = ("/dev/sdf", "/dev/sdg", "/dev/sdh")


class FleetBuilder:
    """A fleet in the making."""

    def __init__(self, rng: Random, now: datetime, owner_id: str) -> None:
        self.rng = rng
        self.now = now
        self.owner_id = owner_id
        self.images: list[Image] = []
        self.in_use: list[Use] = []
        self._snapshots: dict[str, Snapshot] = {}

    def fleet(self) -> Fleet:
        return Fleet(self.images, list(self._snapshots.values()), self.in_use, self.owner_id)

    def image(self, family: Family, created: datetime, archive: str | None) -> Image:
        """Adds an image of `family` without volumes yet; `archive` is the value of its tag Archive."""
        name = family.name(created)
        tags = {"Name": name, "Application": family.application, "Environment": family.environment}
        if archive is not None:
            tags["Archive"] = archive
        arm = family.architecture == "arm64"
        image = Image(
            image_id=self._id("ami"),
            name=name,
            owner_id=self.owner_id,
            creation_date=created,
            description=f"{family.application} for {family.environment}",
            architecture=family.architecture,
            boot_mode="uefi" if arm else "uefi-preferred",
            imds_support="v2.0" if self.rng.random() < 0.5 else None,
            sriov_net_support="simple",
            root_device_name="/dev/sda1" if family.system.platform else "/dev/xvda",
            platform=family.system.platform,
            platform_details=family.system.platform_details,
            usage_operation=family.system.usage_operation,
            image_location=f"{self.owner_id}/{name}",
            tags=tags,
            source_instance_id=self._id("i"),
        )
        self.images.append(image)
        return image

    def volumes(self, image: Image, size_gib: float, volumes: int, key: str | None, *, size_known: bool = True) -> None:
        """Gives `image` 1 to 4 EBS volumes with snapshots of `size_gib` written blocks in all, encrypted by `key`."""
        root_share = 1.0 if volumes == 1 else self.rng.uniform(0.2, 0.5)
        shares = [root_share, *[(1 - root_share) / max(volumes - 1, 1)] * (volumes - 1)]
        filled = max(self.rng.uniform(0.3, 0.95), min(size_gib / LARGEST_GIB, 1.0))
        devices = []
        for name, share in zip((image.root_device_name, *_DATA_DEVICES), shares, strict=False):
            snapshot = self._snapshot(image, size_gib * share, filled, key, size_known=size_known)
            devices.append(
                BlockDevice(
                    device_name=name,
                    snapshot_id=snapshot.snapshot_id,
                    volume_size_gib=snapshot.volume_size_gib,
                    encrypted=key is not None,
                    kms_key_id=key,
                )
            )
        image.block_devices = tuple(devices)

    def snapshots_of(self, image: Image) -> list[Snapshot]:
        return [self._snapshots[each] for each in image.snapshot_ids if each in self._snapshots]

    def drop_snapshots(self, image: Image, *, only_last: bool = False) -> None:
        """Lets snapshots of `image` be gone; its mappings still name them."""
        for snapshot_id in image.snapshot_ids[-1 if only_last else 0 :]:
            del self._snapshots[snapshot_id]

    def use_snapshot_of(self, image: Image, other: Image) -> None:
        """Puts the root of `image` on the root snapshot of `other`."""
        self._snapshots.pop(image.snapshot_ids[0])
        root = other.block_devices[0]
        first = image.block_devices[0]
        image.block_devices = (
            BlockDevice(
                device_name=first.device_name,
                snapshot_id=root.snapshot_id,
                volume_size_gib=root.volume_size_gib,
                encrypted=root.encrypted,
                kms_key_id=root.kms_key_id,
            ),
            *image.block_devices[1:],
        )

    def give_to(self, image: Image, account_id: str) -> None:
        """Makes `image` and its snapshots somebody else's, of whose tags only Archive is seen, being our own."""
        image.owner_id = account_id
        image.tags = {key: value for key, value in image.tags.items() if key == "Archive"}
        image.image_location = f"{account_id}/{image.name}"
        for snapshot in self.snapshots_of(image):
            snapshot.owner_id = account_id
            snapshot.tags = {}

    def _snapshot(
        self, image: Image, written_gib: float, filled: float, key: str | None, *, size_known: bool
    ) -> Snapshot:
        written_bytes = math.ceil(written_gib * GIB / _BLOCK_BYTES) * _BLOCK_BYTES
        if not size_known:
            written_bytes = 0
        snapshot = Snapshot(
            snapshot_id=self._id("snap"),
            owner_id=image.owner_id,
            volume_size_gib=math.ceil(written_gib / filled),
            start_time=image.creation_date + timedelta(seconds=self.rng.randrange(60)),
            volume_id=self._id("vol"),
            full_snapshot_size_bytes=written_bytes or self.rng.choice((0, None)),
            description=f"Created by CreateImage({image.source_instance_id}) for {image.image_id}",
            encrypted=key is not None,
            kms_key_id=key,
            tags={"Name": image.name, "Application": image.tags["Application"]},
        )
        self._snapshots[snapshot.snapshot_id] = snapshot
        return snapshot

    def _id(self, prefix: str) -> str:
        return f"{prefix}-{self.rng.getrandbits(68):017x}"
