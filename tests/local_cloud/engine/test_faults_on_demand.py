"""Faults that tests and the demo ask for."""

from __future__ import annotations

import pytest

from local_cloud.errors import AwsError
from local_cloud.settings import ThroughputSettings
from tests.local_cloud.engine.world import ACCOUNT, REGION, World


def test_a_store_in_progress_fails_when_it_gets_there_or_at_once_if_it_is_past() -> None:
    world = World()
    before, past = world.store_new_image(100), world.store_new_image(90)
    world.advance(520)
    world.service.faults.fail_store(before.image_id, at_percent=80)
    world.service.faults.fail_store(past.image_id, at_percent=10)
    assert world.task(past).state == "Failed"
    assert world.task(before).state == "InProgress"
    world.advance(300)
    assert (world.task(before).state, world.task(before).progress_percentage) == ("Failed", 80)


def test_a_store_can_fail_every_time() -> None:
    world = World()
    image = world.image(8)
    world.service.faults.fail_store(image.image_id, times=None)
    for _ in range(5):
        world.store(image)
        world.run_to_the_end()
        assert world.task(image).state == "Failed"
    world.service.faults.clear()
    world.store(image)
    world.run_to_the_end()
    assert world.task(image).state == "Completed"


@pytest.mark.parametrize("percent", [0, 100])
def test_a_store_can_fail_at_its_very_beginning_or_end(percent: int) -> None:
    world = World()
    image = world.image(100)
    world.service.faults.fail_store(image.image_id, at_percent=percent)
    world.store(image)
    world.run_to_the_end()
    assert world.task(image).state == "Failed"
    assert world.task(image).ended_seconds == pytest.approx(20 + 10 * percent)


def test_a_percentage_outside_of_0_to_100_is_an_error() -> None:
    with pytest.raises(ValueError, match="percent"):
        World().service.faults.fail_store("ami-01234567", at_percent=101)


def test_a_hanging_task_stays_where_it_is_and_keeps_its_share_of_the_budget() -> None:
    world = World()
    image = world.store_new_image(600)
    world.advance(3020)
    world.service.faults.hang(image.image_id)
    world.advance(86_400)
    assert (world.task(image).state, world.task(image).progress_percentage) == ("InProgress", 50)
    with pytest.raises(AwsError):
        world.store_new_image(1)
    world.service.faults.clear()
    world.advance(3000)
    assert world.task(image).state == "Completed"


def test_a_task_to_come_hangs_from_the_start() -> None:
    world = World()
    image = world.image(8)
    world.service.faults.hang(image.image_id)
    world.store(image)
    assert world.service.next_event_seconds() is None
    world.advance(86_400)
    assert world.task(image).progress_percentage == 0
    world.service.faults.clear()
    world.run_to_the_end()
    assert world.task(image).state == "Completed"


def test_a_task_that_was_to_hang_in_the_queue_begins_after_all_once_faults_are_cleared() -> None:
    world = World(max_parallel_tasks=1)
    first, second = world.store_new_image(8), world.store_new_image(8)
    world.service.faults.hang(second.image_id)
    world.service.faults.clear()
    world.run_to_the_end()
    assert [world.task(image).state for image in (first, second)] == ["Completed", "Completed"]


def test_clearing_takes_a_planned_failure_back_from_a_task_in_progress() -> None:
    world = World()
    image = world.image(100)
    world.service.faults.fail_store(image.image_id, at_percent=60)
    world.store(image)
    world.advance(500)
    world.service.faults.clear()
    world.advance(520)
    assert world.task(image).state == "Completed"
    assert world.task(image).ended_seconds == pytest.approx(1020)


def test_a_second_plan_is_for_the_next_task_when_the_one_in_progress_has_its_own() -> None:
    world = World()
    image = world.store_new_image(100)
    world.service.faults.fail_store(image.image_id, "first")
    world.service.faults.fail_store(image.image_id, "second")
    reasons = []
    for _ in range(2):
        world.run_to_the_end()
        reasons.append(world.task(image).failure_reason)
        world.store(image)
    assert reasons == ["first", "second"]


def test_a_hanging_task_takes_nothing_of_a_shared_rate_but_its_place() -> None:
    world = World(throughput=ThroughputSettings("shared", 1, 1, 0), max_parallel_tasks=2)
    hanging, second, third = (world.store_new_image(10) for _ in range(3))
    world.service.faults.hang(hanging.image_id)
    world.advance(1000)
    assert world.task(second).ended_seconds == pytest.approx(10)
    assert world.task(third).ended_seconds == pytest.approx(20)


def test_a_restore_can_hang_and_fail() -> None:
    world = World()
    image = world.store_new_image(100)
    world.run_to_the_end()
    world.service.faults.fail_restore(f"{image.image_id}.bin", "cosmic ray")
    failing = world.restore(image, "failing")
    hanging = world.restore(image, "hanging")
    world.service.faults.hang(hanging.image_id)
    world.run_to_the_end()
    assert (failing.state, failing.state_reason) == ("failed", "cosmic ray")
    assert hanging.state == "pending"
    assert world.service.in_flight_gib(ACCOUNT, REGION, "restore") == 100


def test_a_snapshot_deleted_by_a_fault_fails_every_task_that_reads_it_and_no_other() -> None:
    world = World()
    first, other = world.store_new_image(50), world.store_new_image(50)
    twin = world.image(50)
    twin.block_devices = first.block_devices
    world.catalog.add_image(REGION, twin)
    world.store(twin)
    world.service.faults.delete_snapshot(REGION, first.snapshot_ids[0])
    world.run_to_the_end()
    assert [world.task(image).state for image in (first, twin, other)] == ["Failed", "Failed", "Completed"]


def test_foreign_tasks_obey_the_limit_too() -> None:
    world = World()
    with pytest.raises(AwsError):
        world.service.faults.occupy(ACCOUNT, REGION, [400, 400, 1])
    assert world.in_flight() == 800
    assert len(world.catalog.images(REGION)) == 2
