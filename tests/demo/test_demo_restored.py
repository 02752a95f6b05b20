"""Which image the demo deletes and restores, and how both are shown."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from rich.console import Console

from demo import report
from demo.fleet import built_in
from demo.report import Output
from demo.restored import smallest
from demo.scene import ACCOUNT_ID
from demo.side_by_side import Back, Side
from local_cloud.fleet.fleet import Fleet
from local_cloud.model import GIB, BlockDevice, Image, Snapshot

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def fleet(*gib: int) -> Fleet:
    """Images ami-0, ami-1, ... with a snapshot of so many GiB each."""
    snapshots = [
        Snapshot(f"snap-{n}", ACCOUNT_ID, 100, NOW, full_snapshot_size_bytes=g * GIB) for n, g in enumerate(gib)
    ]
    images = [
        Image(f"ami-{n}", f"image {n}", ACCOUNT_ID, NOW, (BlockDevice("/dev/xvda", f"snap-{n}", 100),))
        for n in range(len(gib))
    ]
    return Fleet(images, snapshots)


def all_of(found: Fleet) -> list[str]:
    return [image.image_id for image in found.images]


def protect(found: Fleet) -> None:
    found.images[1].deregistration_protection = "enabled-without-cooldown"


def share(found: Fleet) -> None:
    found.images.append(Image("ami-9", "copy", ACCOUNT_ID, NOW, found.images[1].block_devices))


def lock(found: Fleet) -> None:
    found.snapshots[1].locked = True


def encrypt(found: Fleet) -> None:
    found.snapshots[1].encrypted = True


def test_the_smallest_stored_image_is_restored() -> None:
    assert smallest(fleet(30, 10, 20), ["ami-0", "ami-2"]) == "ami-2"


def test_of_the_own_fleet_it_is_the_one_that_has_something_of_everything() -> None:
    scene = built_in(NOW)
    image_id = smallest(scene.fleet, scene.expected)
    image = next(image for image in scene.fleet.images if image.image_id == image_id)
    assert image.name == "bastion-2025.02"
    assert image.description
    assert image.boot_mode
    assert len(image.tags) > 2
    assert len(image.block_devices) == 2


@pytest.mark.parametrize("spoil", [protect, share, lock, encrypt])
def test_one_that_cannot_be_deleted_or_would_lose_encryption_is_left_alone(spoil: Callable[[Fleet], None]) -> None:
    found = fleet(30, 10, 20)
    spoil(found)
    assert smallest(found, all_of(found)) == "ami-2"


def test_where_nothing_was_stored_nothing_is_restored() -> None:
    assert smallest(fleet(10), []) is None


def test_both_are_shown_side_by_side_on_80_columns() -> None:
    def side(number: int, **more: Any) -> Side:
        snapshot_id = f"snap-{number:017x}"
        image = {
            "ImageId": f"ami-{number:017x}",
            "CreationDate": f"2025-01-0{number}T00:00:00.000Z",
            "Name": "a name that is longer than its column",
            "BlockDeviceMappings": [{"DeviceName": "/dev/xvda", "Ebs": {"SnapshotId": snapshot_id, "VolumeSize": 8}}],
        }
        return Side(image | more, [{"SnapshotId": snapshot_id, "FullSnapshotSizeInBytes": 3 * GIB}])

    console = Console(file=io.StringIO(), width=80, force_terminal=False)
    report.side_by_side(Output(console), Back(side(1), {}, frozenset(), side(2, BootMode="uefi")))
    assert isinstance(console.file, io.StringIO)
    lines = console.file.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    shown = {line[1:13].strip(): line for line in lines}
    assert shown["image id"].split()[2:] == ["ami-00000000000000001", "ami-00000000000000002", "must", "differ"]
    assert shown["name"].split()[-1] == "equal"
    assert shown["boot mode"].split() == ["boot", "mode", "-", "uefi", "FALSE"]
