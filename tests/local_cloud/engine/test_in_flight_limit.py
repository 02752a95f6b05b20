"""AWS's in-flight rule: a task is accepted while what is in progress is below the limit, whatever its own size."""

from __future__ import annotations

import pytest

from local_cloud.errors import AwsError
from tests.local_cloud.engine.world import ACCOUNT, OTHER_ACCOUNT, REGION, World


def test_another_account_has_a_limit_of_its_own() -> None:
    world = World()
    world.store_new_image(600)
    world.service.faults.occupy(OTHER_ACCOUNT, REGION, [10])
    assert world.service.in_flight_gib(OTHER_ACCOUNT, REGION) == 10


def test_all_regions_of_an_account_count_together_by_default() -> None:
    world = World()
    world.service.faults.occupy(ACCOUNT, "eu-west-1", [600])
    with pytest.raises(AwsError):
        world.store_new_image(1)


def test_every_region_has_its_own_limit_if_so_set() -> None:
    world = World(limit_scope="region")
    world.service.faults.occupy(ACCOUNT, "eu-west-1", [600])
    world.store_new_image(1)
    assert world.in_flight() == 1
    assert world.service.in_flight_gib(ACCOUNT, "eu-west-1") == 600


def test_the_rejection_code_is_a_setting() -> None:
    world = World(rejection_code="ResourceLimitExceeded")
    world.store_new_image(600)
    with pytest.raises(AwsError) as refused:
        world.store_new_image(1)
    assert refused.value.code == "ResourceLimitExceeded"


def test_size_counts_by_written_blocks_or_by_volume_as_set() -> None:
    by_blocks, by_volume = World(), World(size_basis="volume-size")
    for world in (by_blocks, by_volume):
        world.store(world.image(100, written_gib=30))
    assert by_blocks.in_flight() == 30
    assert by_volume.in_flight() == 100


@pytest.mark.parametrize("unknown", [None, 0])
def test_a_snapshot_whose_written_blocks_are_unknown_counts_with_its_volume(unknown: int | None) -> None:
    world = World()
    image = world.image(100)
    world.snapshot_of(image).full_snapshot_size_bytes = unknown
    world.store(image)
    assert world.in_flight() == 100


def test_tasks_that_others_started_count() -> None:
    world = World()
    foreign = world.service.faults.occupy(ACCOUNT, REGION, [300, 300])
    with pytest.raises(AwsError):
        world.store_new_image(1)
    assert [world.task(image_id).size_gib for image_id in foreign] == [300, 300]
    assert set(foreign) <= set(world.catalog.images(REGION))
    world.run_to_the_end()
    assert {world.task(image_id).state for image_id in foreign} == {"Completed"}
    assert not world.objects.heads
    world.store_new_image(1)


def test_restores_are_limited_by_restored_size_apart_from_stores() -> None:
    world = World()
    for image in (first := world.image(300), second := world.image(10)):
        world.store(image)
    world.run_to_the_end()
    world.service.faults.occupy(ACCOUNT, REGION, [600])
    world.restore(first, "first again")
    assert world.service.in_flight_gib(ACCOUNT, REGION, "restore") == 300
    with pytest.raises(AwsError) as refused:
        world.restore(second, "second again")
    assert refused.value.code == "InvalidRequest"
    world.run_to_the_end()
    world.restore(second, "second again")
