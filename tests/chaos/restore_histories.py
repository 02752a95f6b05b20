"""Random histories of restores: whatever people, EC2 and functions do, in whatever order, the invariants hold."""

from __future__ import annotations

import contextlib
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from local_cloud.errors import AwsError
from tests.chaos.faults import FAULTS
from tests.chaos.restore_evidence import RESTORE_ID, foreign_restore
from tests.chaos.restore_scenarios import OTHER, RESTORING, come_to_rest
from tests.chaos.runs import WHICH, Runs
from tests.chaos.scenarios import BRISK
from tests.restore.test_thaw import freeze
from tests.support.archive import BUCKET
from tests.support.state_machine import Running

SIZES = (1, 20, 150, 290, 300, 350, 700)
RUN_LIMIT_HOURS = 3
IMAGES = st.sampled_from([(0,), (1,), (2, 3), (0, 1, 2, 3)])
HOW = st.sampled_from(["by a template", "by its own name", "dry"])


class RestoreHistories(Runs):
    """Of restores."""

    @initialize(fleet=st.tuples(*[st.tuples(st.sampled_from(SIZES), st.integers(0, 3))] * 4))
    def open(self, fleet: tuple[tuple[float, int], ...]) -> None:
        engine = {"throughput": BRISK, "restore_limit_gib": 600}
        self.enter(engine=engine, wait_min_seconds=300, run_limit_hours=RUN_LIMIT_HOURS)
        self.world.disturbed = RESTORING
        self.images: dict[str, str] = {}
        self.asked: set[str] = set()
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
        self.end(self._begin(images, how))

    # Objects, images, names

    @rule(what=st.sampled_from(["object deleted", "new image deregistered", "name taken"]), which=WHICH)
    def somebody_lays_hands_on(self, what: str, which: int) -> None:
        image_id = self.one(list(self.images), which)
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
            image_id = self.one(new, which)
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
        image_id = self.one(list(self.images), which)
        self.world.may_fail.add(image_id)
        self.world.cloud.service.faults.fail_restore(f"nightly/{image_id}.bin")

    @rule(hours=st.sampled_from([0.01, 0.2, 1, 13, 60]))
    def time_passes(self, hours: float) -> None:
        if hours >= 1:  # a run that nobody goes on with in time gives up
            self.world.may_fail |= set(self.images)
        self.world.cloud.advance(hours * 3600)

    def come_to_rest(self) -> None:
        """The runs come to their ends."""
        for running in list(self.running):
            self.end(running)
        if self.world.restore_runs:
            come_to_rest(self.world)

    def _begin(self, images: tuple[int, ...], how: str) -> Running:
        image_ids = [list(self.images)[one] for one in images]
        given: dict[str, Any] = {"image_ids": image_ids, "dry_run": how == "dry", "share_with": [OTHER]}
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
