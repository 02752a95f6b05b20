"""Whatever happens in whatever order, the books agree with the tasks."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from local_cloud.errors import AwsError
from local_cloud.settings import ThroughputSettings
from tests.local_cloud.engine.world import ACCOUNT, BUCKET, REGION, World

numbers = st.integers(0, 30)


class AnySequence(RuleBasedStateMachine):
    """Stores, restores, foreign tasks, faults, deletions and time, as they come."""

    @initialize(
        model=st.sampled_from(["per-task", "shared"]),
        places=st.sampled_from([None, 1, 3]),
        basis=st.sampled_from(["written-blocks", "volume-size"]),
    )
    def begin(self, model: Any, places: int | None, basis: Any) -> None:
        speed = ThroughputSettings(model, 0.7, 0.9, 13)
        self.world = World(throughput=speed, max_parallel_tasks=places, size_basis=basis)
        self.images = [self.world.image(3 + 17 * number, written_gib=1 + 11.3 * number) for number in range(31)]
        self.restored: list[str] = []
        self.names = 0

    @rule(number=numbers)
    def store(self, number: int) -> None:
        before = self.world.in_flight()
        try:
            self.world.store(self.images[number])
        except AwsError as error:
            if "maximum size" in error.message:
                assert before >= self.world.settings.store_limit_gib
        else:
            assert before < self.world.settings.store_limit_gib

    @rule(sizes=st.lists(st.floats(0.001, 300), max_size=3))
    def occupy(self, sizes: list[float]) -> None:
        for size in sizes:
            before = self.world.in_flight()
            if before < self.world.settings.store_limit_gib:
                self.world.service.faults.occupy(ACCOUNT, REGION, [size])
            else:
                with pytest.raises(AwsError):
                    self.world.service.faults.occupy(ACCOUNT, REGION, [size])

    @rule(number=numbers)
    def restore(self, number: int) -> None:
        self.world.service.settle()
        before = self.world.service.in_flight_gib(ACCOUNT, REGION, "restore")
        self.names += 1
        name = f"restored {self.names}"
        there = (BUCKET, f"{self.images[number].image_id}.bin") in self.world.objects.heads
        if there and before < self.world.settings.restore_limit_gib:
            self.restored.append(self.world.restore(self.images[number], name).image_id)
        else:
            with pytest.raises(AwsError):
                self.world.restore(self.images[number], name)

    @rule(seconds=st.floats(0, 2000))
    def time_passes(self, seconds: float) -> None:
        self.world.clock.advance(seconds)

    @rule(days=st.integers(1, 20))
    def days_pass(self, days: int) -> None:
        self.world.clock.advance(days * 86_400)

    @rule(number=numbers, percent=st.integers(0, 100), times=st.sampled_from([1, 2, None]))
    def fail_store(self, number: int, percent: int, times: int | None) -> None:
        self.world.service.faults.fail_store(self.images[number].image_id, at_percent=percent, times=times)

    @rule(number=numbers)
    def fail_restore(self, number: int) -> None:
        self.world.service.faults.fail_restore(f"{self.images[number].image_id}.bin")

    @rule(number=numbers)
    def hang(self, number: int) -> None:
        self.world.service.faults.hang(self.images[number].image_id)
        for image_id in self.restored[number : number + 1]:
            self.world.service.faults.hang(image_id)

    @rule()
    def clear(self) -> None:
        self.world.service.faults.clear()

    @rule(number=numbers)
    def delete_snapshot(self, number: int) -> None:
        snapshot_id = self.images[number].snapshot_ids[0]
        if snapshot_id in self.world.catalog.snapshots(REGION):
            self.world.service.faults.delete_snapshot(REGION, snapshot_id)

    @rule(number=numbers)
    def deregister(self, number: int) -> None:
        if self.images[number].image_id in self.world.catalog.images(REGION):
            self.world.catalog.remove_image(REGION, self.images[number].image_id)

    @rule(number=numbers)
    def delete_object(self, number: int) -> None:
        key = f"{self.images[number].image_id}.bin"
        if (BUCKET, key) in self.world.objects.heads:
            self.world.objects.delete(BUCKET, key)

    @invariant()
    def the_books_agree_with_the_tasks(self) -> None:
        if not hasattr(self, "world"):
            return
        service = self.world.service
        kinds: list[tuple[Any, list[Any]]] = [
            ("store", service.store_image_tasks(ACCOUNT, REGION)),
            ("restore", service.restore_image_tasks(ACCOUNT, REGION)),
        ]
        for kind, tasks in kinds:
            running = sum(task.size_bytes for task in tasks if task.state == "InProgress")
            assert service.in_flight_gib(ACCOUNT, REGION, kind) * 2**30 == running
            for task in tasks:
                assert (task.progress_percentage == 100) == (task.state == "Completed")
                assert bool(task.failure_reason) == (task.state == "Failed")
                assert (task.ended_at is None) == (task.state == "InProgress")
        for task in kinds[1][1]:
            image = self.world.catalog.images(REGION).get(task.image_id)
            if image:
                states = {"InProgress": "pending", "Completed": "available", "Failed": "failed"}
                assert image.state == states[task.state]

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.world.service.faults.clear()
            self.world.run_to_the_end()
            assert self.world.in_flight() == 0
            assert self.world.service.in_flight_gib(ACCOUNT, REGION, "restore") == 0


AnySequence.TestCase.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
TestAnySequence = AnySequence.TestCase


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 900), st.integers(0, 3000)), min_size=1, max_size=25))
def test_no_task_is_ever_accepted_at_or_above_the_limit(arrivals: list[tuple[int, int]]) -> None:
    world = World()
    for gib, pause in arrivals:
        before = world.in_flight()
        image = world.image(gib)
        try:
            world.store(image)
        except AwsError:
            assert before >= 600
        else:
            assert before < 600
        world.clock.advance(pause)
