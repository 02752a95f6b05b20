"""The life of a restore task: from an object, and nothing else, to an image."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local_cloud.engine.stored_object import content_of
from local_cloud.errors import AwsError
from local_cloud.model import BlockDevice, Image, Snapshot
from tests.local_cloud.engine.world import ACCOUNT, BUCKET, REGION, World


def stored(world: World, gib: int = 100, **fields: Any) -> Image:
    """An image whose object lies in the bucket."""
    image = world.image(gib, **fields)
    world.store(image)
    world.run_to_the_end()
    assert world.task(image).state == "Completed"
    return image


def erase(world: World, image: Image) -> None:
    """Deregister the original and delete its snapshots: the object is all there is."""
    world.catalog.remove_image(REGION, image.image_id)
    for snapshot_id in image.snapshot_ids:
        world.catalog.remove_snapshot(REGION, snapshot_id)


def snapshots_of(world: World, image: Image) -> list[Snapshot]:
    return [world.catalog.snapshots(REGION)[snapshot_id] for snapshot_id in image.snapshot_ids]


def refusal(world: World, key: str, bucket: str = BUCKET, region: str = REGION, name: str | None = None) -> str:
    before = len(world.catalog.images(region))
    with pytest.raises(AwsError) as refused:
        world.service.create_restore_image_task(ACCOUNT, region, bucket, key, name, {}, {})
    assert len(world.catalog.images(region)) == before
    return refused.value.code


def test_the_new_image_is_there_at_once_and_pending() -> None:
    world = World()
    original = stored(world)
    image = world.restore(original, "again")
    assert image.image_id != original.image_id
    assert (image.state, image.name, image.owner_id) == ("pending", "again", ACCOUNT)
    assert [snapshot.state for snapshot in snapshots_of(world, image)] == ["pending"]
    world.advance(520)
    assert snapshots_of(world, image)[0].progress_percentage == 50
    assert world.restore_task(image).progress_percentage == 50
    world.advance(500)
    assert image.state == "available"
    assert [(snap.state, snap.progress_percentage) for snap in snapshots_of(world, image)] == [("completed", 100)]
    assert world.restore_task(image).state == "Completed"


@settings(max_examples=60, deadline=None)
@given(
    gib=st.integers(3, 200),
    snapshots=st.integers(1, 3),
    description=st.none() | st.text(max_size=30),
    architecture=st.sampled_from(["x86_64", "arm64"]),
    boot_mode=st.sampled_from([None, "uefi"]),
    tags=st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=3),
    iops=st.none() | st.integers(3000, 16_000),
)
def test_after_the_original_is_gone_its_object_brings_everything_back(
    gib: int, snapshots: int, iops: int | None, **fields: Any
) -> None:
    world = World()
    original = world.image(gib, snapshots=snapshots, **fields)
    original.block_devices = (
        *(replace(device, iops=iops) for device in original.block_devices),
        BlockDevice("/dev/sdz", virtual_name="ephemeral0"),
    )
    contents = [content_of(snapshot, world.settings.bytes_per_gib) for snapshot in snapshots_of(world, original)]
    originals = [replace(snapshot) for snapshot in snapshots_of(world, original)]
    world.store(original)
    world.run_to_the_end()
    erase(world, original)
    image = world.restore(original)
    world.run_to_the_end()

    assert image.state == "available"
    assert image.name == original.name
    assert (image.source_image_id, image.source_image_region) == (original.image_id, REGION)
    for field in ("description", "architecture", "boot_mode", "tags", "root_device_name", "ena_support"):
        assert getattr(image, field) == getattr(original, field)
    assert [replace(device, snapshot_id=None) for device in image.block_devices] == [
        replace(device, snapshot_id=None) for device in original.block_devices
    ]
    restored = snapshots_of(world, image)
    assert [snapshot.content for snapshot in restored] == contents
    assert [(snap.volume_size_gib, snap.full_snapshot_size_bytes, snap.tags) for snap in restored] == [
        (snap.volume_size_gib, snap.full_snapshot_size_bytes, snap.tags) for snap in originals
    ]
    assert not {snap.snapshot_id for snap in restored} & {snap.snapshot_id for snap in originals}


def test_a_restored_image_can_be_stored_and_restored_again() -> None:
    world = World()
    first = stored(world)
    content = content_of(world.snapshot_of(first), world.settings.bytes_per_gib)
    second = world.restore(first, "second")
    world.run_to_the_end()
    world.store(second)
    world.run_to_the_end()
    third = world.restore(second, "third")
    world.run_to_the_end()
    assert third.source_image_id == second.image_id
    assert snapshots_of(world, third)[0].content == content


def test_a_snapshot_under_two_devices_is_stored_and_counted_once() -> None:
    world = World()
    image = world.image(50)
    image.block_devices += (BlockDevice("/dev/sdb", image.snapshot_ids[0], 50),)
    world.store(image)
    assert world.in_flight() == 50
    world.run_to_the_end()
    again = world.restore(image, "again")
    world.run_to_the_end()
    assert again.state == "available"
    assert len(again.snapshot_ids) == 2
    assert len(set(again.snapshot_ids)) == 1


def spoilt(content: bytes, how: str) -> bytes:
    if how == "cut off":
        return content[:-1]
    if how == "cut off in the header":
        return content[:20]
    if how == "empty":
        return b""
    position = len(content) // 2 if how == "altered" else 30
    return content[:position] + bytes([content[position] ^ 1]) + content[position + 1 :]


@pytest.mark.parametrize("how", ["cut off", "cut off in the header", "empty", "altered", "altered in the header"])
def test_a_corrupt_object_fails_the_image_and_its_snapshots_while_the_task_runs(how: str) -> None:
    world = World()
    original = stored(world)
    at = (BUCKET, f"{original.image_id}.bin")
    world.objects.contents[at] = spoilt(world.objects.contents[at], how)
    image = world.restore(original, "again")
    assert image.state == "pending"
    world.run_to_the_end()
    task = world.restore_task(image)
    assert (image.state, task.state) == ("failed", "Failed")
    assert image.state_reason == task.failure_reason != ""
    for snapshot in snapshots_of(world, image):
        assert (snapshot.state, snapshot.content) == ("error", None)
        assert snapshot.state_message == task.failure_reason
    assert world.service.in_flight_gib(ACCOUNT, REGION, "restore") == 0


def test_an_object_that_is_deleted_or_replaced_under_the_task_fails_it() -> None:
    world = World()
    first, second, third = (stored(world) for _ in range(3))
    one, two = world.restore(first, "one again"), world.restore(second, "two again")
    world.objects.delete(BUCKET, f"{first.image_id}.bin")
    contents = world.objects.contents
    contents[BUCKET, f"{second.image_id}.bin"] = contents[BUCKET, f"{third.image_id}.bin"]
    world.run_to_the_end()
    assert [one.state, two.state] == ["failed", "failed"]
    assert one.state_reason.startswith("NoSuchKey")
    assert "replaced" in two.state_reason


@pytest.mark.parametrize("gone", ["image", "snapshot"])
def test_removing_the_pending_image_or_snapshot_fails_the_task_with_the_reason(gone: str) -> None:
    world = World()
    image = world.restore(stored(world), "again")
    if gone == "image":
        world.catalog.remove_image(REGION, image.image_id)
    else:
        world.catalog.remove_snapshot(REGION, image.snapshot_ids[0])
    world.run_to_the_end()
    assert world.restore_task(image).state == "Failed"
    assert "was deleted during the restore" in world.restore_task(image).failure_reason


def test_ids_look_like_ec2s_and_are_the_same_in_every_run() -> None:
    ids = []
    for _ in range(2):
        world = World()
        ids.append(world.restore(stored(world), "again").image_id)
    assert ids[0] == ids[1]
    assert len(ids[0]) == len("ami-0123456789abcdef0")
    assert set(ids[0].removeprefix("ami-")) <= set("0123456789abcdef")
