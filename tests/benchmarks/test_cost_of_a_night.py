"""What a night costs, in bounds that do not depend on the machine: small fleets, by the workflow's own definition."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from benchmarks.cost import ENGINE, fleet_of
from benchmarks.stage import Stage, stages
from benchmarks.tutorial import Tutorial


@pytest.fixture
def stage(no_cloud: None) -> Iterator[Callable[..., Stage]]:
    with stages() as made:
        yield made


def of_equal_images(stage: Callable[..., Stage], images: int, total_gib: float = 1200) -> Stage:
    made = stage(None, ENGINE)
    for number in range(images):
        made.archive.image(f"i{number:05}", gib=total_gib / images)
    return made


def test_transitions_of_a_night_go_by_its_length_and_not_by_the_fleet(stage: Callable[..., Stage]) -> None:
    few, _ = of_equal_images(stage, 8).night()
    many, _ = of_equal_images(stage, 40).night()
    assert many.images_stored == 40
    assert many.transitions <= few.transitions


def test_a_night_asks_and_writes_so_much_per_image_and_so_much_per_look(stage: Callable[..., Stage]) -> None:
    images = 30
    bill, summary = stage(fleet_of(images), ENGINE).night()
    assert summary["decisions"]["stored"] == images
    looks = bill.calls["ec2.DescribeStoreImageTasks"]  # one per check, and one of the first start
    assert bill.calls["ec2.CreateStoreImageTask"] == images
    assert bill.calls["ec2.DescribeImageAttribute"] == images
    assert bill.calls_to("ec2") - looks <= 2 * images + images / 10 + 3
    assert bill.units.writes <= 5 * images + 2 * looks + 10
    assert looks <= 0.7 * images
    assert bill.invocations <= 2 * looks + 4
    assert bill.calls["s3.HeadObject"] == images


def test_the_night_after_costs_a_page_and_a_handful_of_calls(stage: Callable[..., Stage]) -> None:
    made = stage(fleet_of(20), ENGINE)
    made.night()
    bill, _ = made.night()
    assert bill.calls_to("ec2") == 1
    assert bill.units.writes <= 6
    assert bill.transitions <= 12


def test_orchestration_is_a_small_part_of_what_ec2_charges_for_reading_the_blocks(stage: Callable[..., Stage]) -> None:
    bill, _ = stage(fleet_of(20), ENGINE).night()
    assert sum(bill.dollars.values()) < 0.01 * bill.block_dollars


def test_a_map_that_polls_stores_the_same_and_makes_many_more_transitions(stage: Callable[..., Stage]) -> None:
    ours, _ = stage(fleet_of(20), ENGINE).night()
    theirs = stage(fleet_of(20), ENGINE)
    bill = Tutorial(theirs.cloud, theirs.meter).night()
    assert bill.images_stored == len(theirs.archive.object_keys()) == ours.images_stored
    assert bill.stored_gib == pytest.approx(ours.stored_gib, rel=0.01)
    assert bill.transitions > 5 * ours.transitions
