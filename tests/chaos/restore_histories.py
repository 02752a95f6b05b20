"""Random histories of restores: whatever people, EC2 and functions do, in whatever order, the invariants hold."""

from __future__ import annotations

import contextlib
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from local_cloud.errors import AwsError
from tests.chaos.evidence import Evidence, collect
from tests.chaos.faults import FAULTS
from tests.chaos.histories import EXPECTED_ERRORS, WHICH
from tests.chaos.invariants import breaches
from tests.chaos.restore_evidence import RESTORE_ID, foreign_restore
from tests.chaos.restore_scenarios import RESTORING, come_to_rest
from tests.chaos.scenarios import BRISK
from tests.chaos.wire import Disturbance
from tests.chaos.world import Theatre, World
from tests.restore.test_thaw import freeze
from tests.support.archive import BUCKET
from tests.support.state_machine import Running

SIZES = (1, 20, 150, 290, 300, 350, 700)
RUN_LIMIT_HOURS = 3
IMAGES = st.sampled_from([(0,), (1,), (2, 3), (0, 1, 2, 3)])
HOW = st.sampled_from(["by a template", "by its own name", "dry"])


class RestoreHistories(RuleBasedStateMachine):
    """`theatre` is set by whoever runs it."""

    theatre: ClassVar[Theatre]

    @initialize(fleet=st.tuples(*[st.tuples(st.sampled_from(SIZES), st.integers(0, 3))] * 4))
    def open(self, fleet: tuple[tuple[float, int], ...]) -> None:
        self._stack = contextlib.ExitStack()
        limits = {"wait_min_seconds": 300, "run_limit_hours": RUN_LIMIT_HOURS}
        engine = {"throughput": BRISK, "restore_limit_gib": 600}
        self.world: World = self._stack.enter_context(self.theatre.world(engine=engine, **limits))
        self.world.disturbed = RESTORING
        self.images: dict[str, str] = {}
        self.asked: set[str] = set()
        self.running: list[Running] = []
        self.before: Evidence | None = None
        self.made = 0
        for gib, warmth in fleet:
            self._made(gib)
            if warmth == 1:
                freeze(self.world.restores, f"{self.made:02}-made", "DEEP_ARCHIVE")

    # The runs

    @precondition(lambda self: len(self.running) < 3)
    @rule(images=IMAGES, how=HOW)
    def a_run_starts(self, images: tuple[int, ...], how: str) -> None:
        self.running.append(self._begin(images, how))

    @rule(images=IMAGES, how=HOW, fault=st.sampled_from([None, *sorted(FAULTS)]), call=st.integers(1, 60))
    def a_run_passes(self, images: tuple[int, ...], how: str, fault: str | None, call: int) -> None:
        if fault:
            self.a_call_will_be_hit(fault, call)
        self._end(self._begin(images, how))

    @precondition(lambda self: self.running)
    @rule(which=WHICH, states=st.integers(1, 8))
    def a_run_goes_on(self, which: int, states: int) -> None:
        running = self._one(self.running, which)
        for _ in range(states):
            if not self._step(running):
                return

    @precondition(lambda self: self.running)
    @rule(which=WHICH)
    def a_run_goes_on_to_its_end(self, which: int) -> None:
        self._end(self._one(self.running, which))

    @precondition(lambda self: len(self.running) > 1)
    @rule(which=WHICH)
    def a_person_stops_a_run(self, which: int) -> None:
        self.running.pop(which % len(self.running))

    @rule(fault=st.sampled_from(sorted(FAULTS)), calls=st.integers(1, 12))
    def a_call_will_be_hit(self, fault: str, calls: int) -> None:
        self.world.wire.disturbance = FAULTS[fault](len(self.world.wire.calls) + calls)

    # Objects, images, names

    @rule(what=st.sampled_from(["object deleted", "new image deregistered", "name taken"]), which=WHICH)
    def somebody_lays_hands_on(self, what: str, which: int) -> None:
        image_id = self._one(list(self.images), which)
        match what:
            case "object deleted":
                self.world.touched.add(image_id)
                self.world.cloud_client("s3").delete_object(Bucket=BUCKET, Key=f"nightly/{image_id}.bin")
            case "new image deregistered":
                self._deregister_one(which)
            case "name taken":
                self._take_the_name_of(image_id)

    def _deregister_one(self, which: int) -> None:
        images = self.world.cloud.catalog.images(self.world.archive.region)
        new = sorted(image_id for image_id, image in images.items() if RESTORE_ID in image.tags)
        if new:
            image_id = self._one(new, which)
            self.world.touched.add(images[image_id].tags["archiver:source-image-id"])
            self.world.deletable.add(image_id)
            self.world.cloud.catalog.remove_image(self.world.archive.region, image_id)

    def _take_the_name_of(self, image_id: str) -> None:
        images = self.world.cloud.catalog.images(self.world.archive.region).values()
        if self.images[image_id] not in {image.name for image in images}:
            self.world.touched.add(image_id)
            self.made += 1
            self.world.archive.image(f"{self.made:02}-other", gib=1, name=self.images[image_id], tags={})

    # EC2 and time

    @rule(gib=st.sampled_from(SIZES))
    def somebody_else_restores(self, gib: float) -> None:
        self.made += 1
        name = f"{self.made:02}-theirs"
        image_id = self.world.restores.stored(name, gib, name=name, record=False)
        with contextlib.suppress(AwsError):  # the account's limit is reached
            foreign_restore(self.world, f"nightly/{image_id}.bin", name)

    @rule(which=WHICH)
    def ec2_will_fail_a_restore(self, which: int) -> None:
        image_id = self._one(list(self.images), which)
        self.world.may_fail.add(image_id)
        self.world.cloud.service.faults.fail_restore(f"nightly/{image_id}.bin")

    @rule(hours=st.sampled_from([0.01, 0.2, 1, 13, 60]))
    def time_passes(self, hours: float) -> None:
        if hours >= 1:  # a run that nobody goes on with in time gives up
            self.world.may_fail |= set(self.images)
        self.world.cloud.advance(hours * 3600)

    @invariant()
    def all_invariants_hold(self) -> None:
        if hasattr(self, "world"):
            self._judge(at_rest=False)

    def teardown(self) -> None:
        """Everybody leaves EC2 and the archive alone, and the runs come to their ends."""
        if not hasattr(self, "world"):
            return
        try:
            self.world.wire.disturbance = Disturbance()
            self.world.cloud.service.faults.clear()
            for running in list(self.running):
                self._end(running)
            if self.world.restore_runs:
                come_to_rest(self.world)
            self._judge(at_rest=True)
        finally:
            self._stack.close()

    def _begin(self, images: tuple[int, ...], how: str) -> Running:
        image_ids = [list(self.images)[one] for one in images]
        given: dict[str, Any] = {"image_ids": image_ids, "dry_run": how == "dry", "share_again": True}
        if how == "by a template":
            given["name"] = "{name}"
        else:  # of two who want the same name one comes too late
            self.world.may_fail |= self.asked & set(image_ids)
        self.asked |= set(image_ids)
        return self.world.begin_restore(**given)

    def _made(self, gib: float) -> None:
        self.made += 1
        name = f"{self.made:02}-made"
        self.images[self.world.restores.stored(name, gib, name=name)] = name

    def _judge(self, *, at_rest: bool) -> None:
        seen = collect(self.world)
        found = breaches(seen, at_rest=at_rest, before=self.before)
        errors = {run.execution.last.error for run in seen.restore.runs} - EXPECTED_ERRORS
        self.before = seen
        assert not found, "\n".join(found)
        assert not errors, [run.execution for run in seen.restore.runs]

    def _end(self, running: Running) -> None:
        while self._step(running):
            pass

    def _step(self, running: Running) -> bool:
        """A run that has ended makes room for another one."""
        going_on = self.world.step(running)
        if not going_on and running in self.running:
            self.running.remove(running)
        return going_on

    def _one(self, many: list[Any], which: int) -> Any:
        return many[which % len(many)]
