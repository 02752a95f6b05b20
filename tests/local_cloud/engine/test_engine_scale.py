"""Large accounts: a month of tasks in seconds, 100,000 images in little memory."""

from __future__ import annotations

import time
import tracemalloc
from datetime import UTC, datetime

from local_cloud.engine.catalog import Catalog
from local_cloud.model import GIB, BlockDevice, Image, Snapshot
from local_cloud.settings import ThroughputSettings
from tests.local_cloud.engine.world import ACCOUNT, REGION, World

MONTH_SECONDS = 30 * 86_400


def test_5_000_tasks_run_through_a_simulated_month_in_under_three_seconds() -> None:
    world = World(throughput=ThroughputSettings("shared", 1), max_parallel_tasks=8)
    images = [world.image(4 + number % 120) for number in range(5_000)]
    began = time.process_time()
    for image in images:
        world.clock.advance(MONTH_SECONDS / len(images))
        world.store(image)
    world.run_to_the_end()
    tasks = world.service.store_image_tasks(ACCOUNT, REGION)
    assert time.process_time() - began < 3
    assert {task.state for task in tasks} == {"Completed"}
    assert len(tasks) == len(world.objects.heads) == 5_000


def test_10_000_tasks_in_flight_end_in_one_jump_of_the_clock() -> None:
    world = World(throughput=ThroughputSettings("shared", 1), store_limit_gib=float("inf"))
    world.service.faults.occupy(ACCOUNT, REGION, [1 + number % 7 for number in range(10_000)])
    began = time.process_time()
    world.advance(MONTH_SECONDS)
    assert time.process_time() - began < 5
    assert world.in_flight() == 0


def test_100_000_images_with_150_000_snapshots_fit_into_600_mib() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    catalog = Catalog()
    share = 10  # a tenth is measured, since tracing slows the making
    tracemalloc.start()
    for number in range(100_000 // share):
        devices = []
        for index in range(1 + number % 2):
            snapshot = Snapshot(
                f"snap-{2 * number + index:017x}", ACCOUNT, 8, now, full_snapshot_size_bytes=8 * GIB, tags={"a": "b"}
            )
            catalog.add_snapshot(REGION, snapshot)
            devices.append(BlockDevice(f"/dev/sd{index}", snapshot.snapshot_id, 8))
        image = Image(f"ami-{number:017x}", f"image {number}", ACCOUNT, now, tuple(devices), tags={"Name": f"{number}"})
        catalog.add_image(REGION, image)
    used_bytes, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert used_bytes * share < 600 * 1024**2
