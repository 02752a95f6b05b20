"""The facts of EC2's image store that are about time, on the engine in virtual time."""

from __future__ import annotations

from local_cloud.settings import ThroughputSettings
from tests.local_cloud.engine.world import ACCOUNT, BUCKET, REGION, World

SHARED = ThroughputSettings(model="shared", store_gib_per_second=1, task_overhead_seconds=0)


def store(world: World, gib: int) -> str:
    image_id = world.image(gib).image_id
    world.service.create_store_image_task(ACCOUNT, REGION, image_id, BUCKET, {})
    return image_id


def state(world: World, image_id: str) -> list[str]:
    world.service.settle()
    return [task.state for task in world.service.store_image_tasks(ACCOUNT, REGION, [image_id])]


def test_doc_how_long_a_store_takes_depends_on_its_size_and_on_the_others_in_progress() -> None:
    alone, together = World(throughput=SHARED), World(throughput=SHARED)
    first = store(alone, 100)
    second, _ = store(together, 100), store(together, 300)
    for world in (alone, together):
        world.clock.advance(100)
    assert (state(alone, first), state(together, second)) == (["Completed"], ["InProgress"])


def test_doc_a_task_is_described_for_31_days_and_then_forgotten() -> None:
    world = World()
    image_id = store(world, 1)
    world.clock.advance(31 * 86400 - 1)
    assert state(world, image_id) == ["Completed"]
    world.clock.advance(2)
    assert state(world, image_id) == []
