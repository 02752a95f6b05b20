"""The demonstration's own fleet: 40 images, at least one of everything that a night can meet."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

from ami_archiver.model import Decision
from demo.scene import ACCOUNT_ID, OTHER_ACCOUNT_ID, REGION, Scene, sizes_gib
from local_cloud.fleet.fleet import Fleet, Use
from local_cloud.model import GIB, BlockDevice, Image, Snapshot

ARCHIVE = {"Archive": "true"}
_KEY = f"arn:aws:kms:{REGION}:{ACCOUNT_ID}:key/0f0e0d0c-0b0a-4908-8706-050403020100"

_NIGHTLY = {
    "warehouse-2024.12": 820,
    "warehouse-2025.06": 640,
    "analytics-2025.02": 410,
    "etl-2025.03": 260,
    "gitlab-2025.05": 190,
    "search-2025.01": 120,
    "jenkins-2025.02": 80,
    "crm-2025.03": 64,
    "catalog-2025.04": 48,
    "api-2025.03": 26,
    "api-2025.02": 24,
    "web-2025.03": 14,
    "web-2025.02": 13,
    "web-2025.01": 12,
    "proxy-2025.01": 8,
}
_GOLDEN_VERSIONS, _GOLDEN_KEPT = 5, 2
"""archiver.local.toml keeps the two newest of a golden image."""
_PARAMETER = "/catalog/image/current"
_UNTAGGED = ("scratch-mk", "poc-vector-db", "hackday-2024", "test-runner-7", "sandbox-ml")
_FOREIGN = {"team-b-render-1": 420, "team-b-render-2": 380, "team-b-render-3": 170}
_KEPT = {
    "crm-2025.03": "InUse: used by launch template lt-",
    "catalog-2025.04": f"InUse: used by SSM parameter {_PARAMETER}",
    "gitlab-2025.05": "InUse: used by instance i-",
    "search-2025.01": f"UsedByAccount: used by account {OTHER_ACCOUNT_ID}",
    "jenkins-2025.02": "OnHold: it has the tag archiver:hold=audit",
    "proxy-2025.01": "Protected: its deregistration protection is enabled-without-cooldown",
}
"""Why some originals must stay although they are archived: one of each kind of reason."""


def built_in(now: datetime) -> Scene:
    """The scene as of `now`, which the images' ages count from."""
    return _Builder(now).scene()


class _Builder:
    def __init__(self, now: datetime) -> None:
        self._now = now
        self._images: dict[str, Image] = {}
        """By name."""
        self._snapshots: dict[str, Snapshot] = {}
        self._expected: dict[str, Decision] = {}

    def scene(self) -> Scene:
        for name, gib in _NIGHTLY.items():
            self._add(name, gib, ARCHIVE, Decision.STORED)
        self._rich()
        self._add("billing-2025.04", 150, ARCHIVE, Decision.STORED)
        self._add("sharepoint-2024.09", 95, ARCHIVE, Decision.FAILED, key=_KEY)
        self._add("web-2024.12", 11, ARCHIVE, Decision.ALREADY_ARCHIVED)
        self._add("base-windows-v7", 42, ARCHIVE | {"Role": "base"}, Decision.STORED)
        self._golden()
        self._add("billing-2024.06", 90, ARCHIVE | {"Archive-Hold": "audit"}, Decision.EXCLUDED)
        self._ineligible()
        for name in _UNTAGGED:
            self._add(name, 10, {})
        for name, gib in _FOREIGN.items():
            self._add(name, gib, {})
        ids = {name: image.image_id for name, image in self._images.items()}
        fleet = Fleet(list(self._images.values()), list(self._snapshots.values()), self._uses(), owner_id=ACCOUNT_ID)
        sizes = sizes_gib(fleet)
        stores = (sizes[image_id] for image_id, d in self._expected.items() if d is Decision.STORED)
        return Scene(
            fleet=fleet,
            notes=(
                "policy nightly archives the images with the tag Archive=true",
                f"policy golden those with Role=golden or base, but not the {_GOLDEN_KEPT} newest",
            ),
            store_gib=sum(stores) + sum(_FOREIGN.values()),
            expected=self._expected,
            fails_once=ids["billing-2025.04"],
            always_fails=ids["sharepoint-2024.09"],
            stored_before=ids["web-2024.12"],
            foreign=tuple(ids[name] for name in _FOREIGN),
            kept={ids[name]: reason for name, reason in _KEPT.items()},
            in_template=ids["crm-2025.03"],
            used_elsewhere=ids["search-2025.01"],
        )

    def _uses(self) -> list[Use]:
        elsewhere = self._images["search-2025.01"]
        elsewhere.launch_permissions = [{"UserId": OTHER_ACCOUNT_ID}]
        self._images["jenkins-2025.02"].tags["archiver:hold"] = "audit"
        self._images["proxy-2025.01"].deregistration_protection = "enabled-without-cooldown"
        return [
            Use("ssm-parameter", self._images["catalog-2025.04"].image_id, name=_PARAMETER),
            Use("instance", self._images["gitlab-2025.05"].image_id),
            Use("other-account", elsewhere.image_id, account_id=OTHER_ACCOUNT_ID),
        ]

    def _rich(self) -> None:
        """The smallest, which is deleted and restored: it has something of everything that must come back."""
        tags = ARCHIVE | {"Application": "bastion", "Owner": "platform"}
        image = self._add("bastion-2025.02", 6, tags, Decision.STORED, volumes=2)
        image.description = "SSH bastion as of February"
        image.boot_mode = "uefi"
        for snapshot_id, volume in zip(image.snapshot_ids, ("root", "data"), strict=True):
            self._snapshots[snapshot_id].tags = {"Volume": volume}
            self._snapshots[snapshot_id].description = f"{volume} of {image.name}"

    def _golden(self) -> None:
        for version in range(1, _GOLDEN_VERSIONS + 1):
            kept = version > _GOLDEN_VERSIONS - _GOLDEN_KEPT
            decision = Decision.EXCLUDED if kept else Decision.STORED
            image = self._add(f"base-al2023-v{version}", 8, {"Role": "golden"}, decision)
            image.creation_date = self._now - timedelta(days=30 * (_GOLDEN_VERSIONS + 1 - version))

    def _ineligible(self) -> None:
        def add(name: str, gib: float) -> Image:
            return self._add(name, gib, ARCHIVE, Decision.INELIGIBLE)

        old = add("legacy-web-2012", 10)
        self._drop_snapshots(old)
        old.root_device_type = "instance-store"
        old.block_devices = (BlockDevice("/dev/sdb", virtual_name="ephemeral0"),)
        paravirtual = add("legacy-batch-2013", 10)
        paravirtual.virtualization_type = "paravirtual"
        paravirtual.kernel_id = "aki-919dcaf8"
        pending = add("api-2025.04-rc", 25)
        pending.state = "pending"
        broken = add("etl-2025.04", 260)
        broken.state = "failed"
        broken.state_reason = "Client.InternalError: Client error on snapshot creation"
        for image, state in ((pending, "pending"), (broken, "error")):
            for snapshot_id in image.snapshot_ids:
                self._snapshots[snapshot_id].state = state
        self._drop_snapshots(add("crm-2023.01", 60))
        add("media-vault-2024", 5600)

    def _add(
        self,
        name: str,
        gib: float,
        tags: dict[str, str],
        expected: Decision | None = None,
        *,
        key: str | None = None,
        volumes: int = 0,
    ) -> Image:
        created = self._now - timedelta(days=20 + 5 * len(self._images))
        volumes = volumes or (2 if gib > 100 else 1)
        devices = []
        for number in range(volumes):
            snapshot = Snapshot(
                snapshot_id=_id("snap", f"{name}/{number}"),
                owner_id=ACCOUNT_ID,
                volume_size_gib=round(gib / volumes * 1.4) + 1,
                start_time=created,
                full_snapshot_size_bytes=round(gib * GIB / volumes),
                encrypted=key is not None,
                kms_key_id=key,
            )
            self._snapshots[snapshot.snapshot_id] = snapshot
            device_name = "/dev/xvda" if number == 0 else f"/dev/sd{'fghi'[number]}"
            devices.append(BlockDevice(device_name, snapshot.snapshot_id, snapshot.volume_size_gib))
        image = Image(_id("ami", name), name, ACCOUNT_ID, created, tuple(devices), tags={"Name": name, **tags})
        self._images[name] = image
        if expected:
            self._expected[image.image_id] = expected
        return image

    def _drop_snapshots(self, image: Image) -> None:
        for snapshot_id in image.snapshot_ids:
            del self._snapshots[snapshot_id]


def _id(prefix: str, name: str) -> str:
    return f"{prefix}-0{hashlib.sha256(name.encode()).hexdigest()[:16]}"
