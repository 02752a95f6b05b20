"""When tasks end, under both models of throughput: to the second."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local_cloud.engine.throughput import Pool, Pools, Transfer
from local_cloud.settings import ThroughputSettings
from tests.local_cloud.engine.world import World


def shared_world(rate: float = 1, overhead: float = 0, **settings: Any) -> World:
    speed = ThroughputSettings("shared", rate, rate, overhead)
    return World(throughput=speed, **settings)


def own_rate_world(rate: float = 1, overhead: float = 20, **settings: Any) -> World:
    speed = ThroughputSettings("per-task", rate, rate, overhead)
    return World(throughput=speed, **settings)


def test_at_its_own_rate_a_task_takes_its_bytes_and_the_overhead() -> None:
    world = own_rate_world(rate=0.1, overhead=20)
    one, two = world.store_new_image(10), world.store_new_image(50)
    assert world.service.next_event_seconds() == pytest.approx(120)
    world.advance(119.9)
    assert world.task(one).state == "InProgress"
    world.advance(0.1)
    assert world.task(one).state == "Completed"
    assert world.service.next_event_seconds() == pytest.approx(520)
    world.advance(1000)
    assert world.task(two).ended_seconds == pytest.approx(520)
    assert world.service.next_event_seconds() is None


def test_progress_is_the_share_of_the_bytes_that_were_moved() -> None:
    world = own_rate_world(rate=1, overhead=20)
    image = world.store_new_image(100)
    seen = []
    for _ in range(5):
        seen.append(world.task(image).progress_percentage)
        world.advance(20)
    assert seen == [0, 0, 20, 40, 60]
    world.advance(20)
    assert (world.task(image).progress_percentage, world.task(image).state) == (100, "Completed")


def test_a_long_jump_gives_the_same_ends_as_many_small_steps() -> None:
    ends = []
    for step in (10_000, 7):
        world = shared_world(overhead=5)
        images = [world.store_new_image(gib) for gib in (17, 3, 250, 40)]
        for _ in range(-(-10_000 // step)):
            world.advance(step)
        ends.append([world.task(image).ended_seconds for image in images])
    assert ends[0] == pytest.approx(ends[1])


def test_during_its_overhead_a_task_takes_nothing_from_the_shared_rate() -> None:
    world = shared_world(overhead=20)
    first = world.store_new_image(30)
    world.advance(20)
    second = world.store_new_image(5)
    world.advance(1000)
    # Alone until second 40 with 20 of its 30 GiB moved, then half the rate while the other's 5 GiB take 10 seconds.
    assert world.task(second).ended_seconds == pytest.approx(50)
    assert world.task(first).ended_seconds == pytest.approx(55)


def test_accounts_do_not_share_a_rate() -> None:
    world = shared_world()
    mine = world.store_new_image(10)
    world.service.faults.occupy("210987654321", "us-east-1", [100])
    world.advance(10)
    assert world.task(mine).state == "Completed"


def test_tasks_beyond_the_places_wait_at_zero_and_count_as_in_flight() -> None:
    world = own_rate_world(rate=1, overhead=0, max_parallel_tasks=1)
    first, second, third = (world.store_new_image(gib) for gib in (10, 20, 30))
    world.advance(9)
    assert world.task(second).progress_percentage == 0
    assert world.in_flight() == 60
    world.advance(1000)
    assert [world.task(image).ended_seconds for image in (first, second, third)] == pytest.approx([10, 30, 60])


def test_a_failing_task_gives_its_place_to_the_next_in_the_queue() -> None:
    world = own_rate_world(rate=1, overhead=0, max_parallel_tasks=1)
    first = world.image(10)
    world.service.faults.fail_store(first.image_id, at_percent=50)
    world.store(first)
    second = world.store_new_image(20)
    world.advance(1000)
    assert world.task(first).ended_seconds == pytest.approx(5)
    assert world.task(second).ended_seconds == pytest.approx(25)


def test_a_queued_task_can_be_ended_before_it_began() -> None:
    world = own_rate_world(rate=1, overhead=0, max_parallel_tasks=1)
    first, second, third = (world.store_new_image(10) for _ in range(3))
    world.service.faults.delete_snapshot("us-east-1", second.snapshot_ids[0])
    assert world.task(second).state == "Failed"
    world.advance(20)
    assert [world.task(image).state for image in (first, third)] == ["Completed", "Completed"]


@pytest.mark.parametrize("model", ["per-task", "shared"])
def test_stepping_from_event_to_event_always_gets_on(model: str) -> None:
    world = World(throughput=ThroughputSettings(model, 0.3, 0.3, 0.7), max_parallel_tasks=3)  # type: ignore[arg-type]
    world.service.faults.occupy("123456789012", "us-east-1", [7.3, 1.1, 0.7, 13.9, 77.77, 1e-6, 3.3])
    for _ in range(20):
        if (at := world.service.next_event_seconds()) is not None:
            world.advance(max(0.0, at - world.clock.seconds()))
    assert world.in_flight() == 0


@settings(max_examples=200, deadline=None)
@given(st.floats(0, 1e6), st.integers(1, 5000), st.sampled_from(["per-task", "shared"]))
def test_a_task_has_ended_when_its_time_has_passed_whatever_the_rounding(before: float, gib: int, model: Any) -> None:
    world = World(throughput=ThroughputSettings(model, 0.1, 0.1, 20))
    world.advance(before)
    image = world.store_new_image(gib)
    world.advance(20 + gib / 0.1)
    assert world.task(image).state == "Completed"


arrivals = st.lists(st.tuples(st.integers(0, 50), st.integers(1, 40)), min_size=1, max_size=12)


@settings(max_examples=150, deadline=None)
@given(arrivals)
def test_the_shared_rate_agrees_with_a_simulation_in_small_steps_of_arithmetic(
    pairs: list[tuple[int, int]],
) -> None:
    arriving = sorted(pairs)
    pool, pools = Pool(1.0, 0.0, shared=True), Pools()
    pools.add(pool)
    transfers = []
    ends: dict[int, float] = {}
    for at, gib in arriving:
        ends.update({id(done): second for second, done in pools.run_until(at)})
        transfers.append(Transfer(gib, gib))
        pool.add(transfers[-1], at)
    ends.update({id(done): second for second, done in pools.run_until(1e9)})
    assert [ends[id(transfer)] for transfer in transfers] == pytest.approx(naive_shared_ends(arriving))


def naive_shared_ends(arriving: list[tuple[int, int]]) -> list[float]:
    """Processor sharing without a heap: walk from event to event, subtracting from everybody's rest."""
    ends = [0.0] * len(arriving)
    rest: dict[int, float] = {}
    now, coming = 0.0, list(enumerate(arriving))
    while coming or rest:
        next_arrival = coming[0][1][0] if coming else float("inf")
        next_end = now + min(rest.values()) * len(rest) if rest else float("inf")
        then = min(next_arrival, next_end)
        moved = (then - now) / len(rest) if rest else 0.0
        rest = {index: left - moved for index, left in rest.items()}
        now = then
        for index in [index for index, left in rest.items() if left < 1e-9]:
            ends[index] = now
            del rest[index]
        while coming and coming[0][1][0] <= now:
            index, (_, gib) = coming.pop(0)
            rest[index] = gib
    return ends
