"""Many callers at once, and S3 slow."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from local_cloud.engine.objects import MemoryObjectStore
from local_cloud.engine.service import ImageService
from local_cloud.errors import AwsError
from tests.local_cloud.engine.world import ACCOUNT, BUCKET, REGION, World

PATIENCE_SECONDS = 10


class SlowObjectStore(MemoryObjectStore):
    """Holds every write until the test opens the gate."""

    def __init__(self) -> None:
        super().__init__()
        self.writing = threading.Event()
        self.gate = threading.Event()
        self.writes: Counter[str] = Counter()

    def write(self, account_id: str, bucket: str, key: str, parts: Iterable[bytes], **labels: dict[str, str]) -> None:
        self.writes[key] += 1
        self.writing.set()
        assert self.gate.wait(PATIENCE_SECONDS)
        super().write(account_id, bucket, key, parts, **labels)


def slow_world() -> tuple[World, SlowObjectStore]:
    world = World()
    slow = SlowObjectStore()
    slow.create_bucket(BUCKET, REGION)
    world.objects = slow
    world.service = ImageService(world.catalog, slow, world.clock, world.settings)
    return world, slow


def test_while_an_object_is_written_everybody_else_goes_on_and_the_task_is_in_progress() -> None:
    world, slow = slow_world()
    image = world.store_new_image(10)
    world.clock.advance(1000)
    with ThreadPoolExecutor(1) as pool:
        settling = pool.submit(world.service.settle)
        assert slow.writing.wait(PATIENCE_SECONDS)
        assert world.service.in_flight_gib(ACCOUNT, REGION) == 10
        task = world.task(image)
        assert (task.state, task.progress_percentage) == ("InProgress", 99)
        other = world.store_new_image(20)
        with pytest.raises(AwsError, match="already in progress"):
            world.store(image)
        slow.gate.set()
        settling.result(PATIENCE_SECONDS)
    assert world.task(image).state == "Completed"
    assert world.task(other).state == "InProgress"
    assert slow.writes == {f"{image.image_id}.bin": 1}


def test_a_snapshot_deleted_while_the_object_is_written_does_no_harm() -> None:
    world, slow = slow_world()
    image = world.store_new_image(10)
    world.clock.advance(1000)
    with ThreadPoolExecutor(1) as pool:
        settling = pool.submit(world.service.settle)
        assert slow.writing.wait(PATIENCE_SECONDS)
        world.service.faults.delete_snapshot(REGION, image.snapshot_ids[0])
        world.service.faults.fail_store(image.image_id)
        world.service.faults.hang(image.image_id)
        slow.gate.set()
        settling.result(PATIENCE_SECONDS)
    assert world.task(image).state == "Completed"


def test_no_object_is_written_twice_and_no_image_stored_twice_by_many_callers() -> None:
    world, slow = slow_world()
    slow.gate.set()
    images = [world.image(10) for _ in range(30)]
    accepted: Counter[str] = Counter()

    def hammer(_: int) -> None:
        for image in images:
            with suppress(AwsError):
                world.store(image)
                accepted[image.image_id] += 1
            world.service.settle()
            world.service.store_image_tasks(ACCOUNT, REGION)

    with ThreadPoolExecutor(8) as pool:
        futures = [pool.submit(hammer, number) for number in range(8)]
        for _ in range(40):
            world.clock.advance(30)
            world.service.settle()
        for future in futures:
            future.result(PATIENCE_SECONDS * 3)
    world.run_to_the_end()
    assert set(accepted.values()) == {1}
    assert set(slow.writes.values()) == {1}
    assert len(slow.writes) == len(images)
    assert world.in_flight() == 0
