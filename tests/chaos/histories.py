"""Random histories: whatever people, EC2 and functions do, in whatever order, the invariants hold after each step."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule, run_state_machine_as_test

from ami_archiver.policy import Policy
from local_cloud.errors import AwsError
from tests.chaos.faults import FAULTS
from tests.chaos.runs import WHICH, Runs
from tests.chaos.scenarios import BRISK, WEEKLY
from tests.chaos.world import Theatre
from tests.support.archive import BUCKET, NIGHTLY, TABLE

KINDS: dict[str, dict[str, Any]] = {
    "plain": {},
    "weekly": {"tags": {"Archive": "weekly"}},
    "of both": {"tags": {"Archive": "true", "Other": "weekly"}},
    "paravirtual": {"virtualization_type": "paravirtual"},
    "instance store": {"root_device_type": "instance-store"},
    "no disk": {"block_devices": ()},
    "disabled": {"state": "disabled"},
    "encrypted": {"snapshot": {"encrypted": True, "kms_key_id": "arn:aws:kms:us-east-1:123456789012:key/1"}},
}
SIZES = (0, 0.5, 3, 40, 299.5, 300, 600, 650, 1500)
POLICIES: dict[str, tuple[Policy, ...]] = {
    "as at first": (NIGHTLY, WEEKLY),
    "the other way round": (WEEKLY, NIGHTLY),
    "with a window": (replace(NIGHTLY, window_hours=0.2), WEEKLY),
    "one attempt": (replace(NIGHTLY, attempts=1), replace(WEEKLY, attempts=1)),
    "nightly paused": (replace(NIGHTLY, paused=True), WEEKLY),
    "capped": (replace(NIGHTLY, max_images_per_run=1), WEEKLY),
}
ALTERATIONS: dict[str, tuple[str, str]] = {
    "status to nonsense": ("SET #a = :v", "status"),
    "status gone": ("REMOVE #a", "status"),
    "size gone": ("REMOVE #a", "snapshot_gib"),
    "history gone": ("REMOVE #a", "history"),
    "policy gone": ("REMOVE #a", "policy"),
    "key to nonsense": ("SET #a = :v", "object_key"),
}


class Histories(Runs):
    """Of the archive."""

    @initialize(
        fleet=st.lists(st.tuples(st.sampled_from(["plain", "plain", "weekly"]), st.sampled_from(SIZES)), max_size=5)
    )
    def open(self, fleet: list[tuple[str, float]]) -> None:
        engine = {"throughput": BRISK}
        self.enter(*POLICIES["as at first"], engine=engine, wait_min_seconds=300, run_limit_hours=3)
        self.images: list[str] = []
        self.made = 0
        for kind, gib in fleet:
            self.an_image_is_made(kind, gib)

    # The fleet

    @rule(kind=st.sampled_from(sorted(KINDS)), gib=st.sampled_from(SIZES))
    def an_image_is_made(self, kind: str, gib: float) -> None:
        self.made += 1
        self.images.append(self.world.archive.image(f"{self.made:02}-made", gib=gib, **KINDS[kind]))

    @precondition(lambda self: self.images)
    @rule(which=WHICH)
    def an_image_is_deregistered(self, which: int) -> None:
        image_id = self.images.pop(which % len(self.images))
        self.world.deletable.add(image_id)
        self.world.may_fail.add(image_id)
        self.world.cloud.catalog.remove_image(self.world.archive.region, image_id)

    @precondition(lambda self: self.images)
    @rule(which=WHICH)
    def a_snapshot_is_deleted(self, which: int) -> None:
        image_id = self.one(self.images, which)
        self.world.may_fail.add(image_id)
        snapshot_id = image_id.replace("ami-", "snap-")
        if snapshot_id not in self.world.cloud.catalog.snapshots(self.world.archive.region):
            return
        self.world.cloud.service.faults.delete_snapshot(self.world.archive.region, snapshot_id)

    # The archive

    @precondition(lambda self: self.images)
    @rule(which=WHICH)
    def an_object_is_deleted(self, which: int) -> None:
        image_id = self.one(self.images, which)
        if key := self.world.object_of(image_id):
            self.world.touched.add(image_id)
            self.world.cloud_client("s3").delete_object(Bucket=BUCKET, Key=key)

    @precondition(lambda self: self.images)
    @rule(which=WHICH, how=st.sampled_from(sorted(ALTERATIONS)))
    def a_record_is_altered(self, which: int, how: str) -> None:
        expression, attribute = ALTERATIONS[how]
        self._alter(self.one(self.images, which), expression, attribute, "nonsense")

    @precondition(lambda self: self.images)
    @rule(which=WHICH, status=st.sampled_from(["SELECTED", "STORING", "STORED", "VERIFIED", "FAILED"]))
    def a_status_is_set_by_hand(self, which: int, status: str) -> None:
        self._alter(self.one(self.images, which), "SET #a = :v", "status", status)

    @rule(name=st.sampled_from(sorted(POLICIES)))
    def the_stack_is_deployed_again(self, name: str) -> None:
        self.world.archive.settings = replace(self.world.archive.settings, policies=POLICIES[name])
        self.world.restart()

    # The runs

    @precondition(lambda self: len(self.running) < 3)
    @rule(policy=st.sampled_from(["nightly", "nightly", "weekly"]))
    def a_run_starts(self, policy: str) -> None:
        self.running.append(self.world.begin(policy))

    @rule(
        policy=st.sampled_from(["nightly", "nightly", "weekly"]),
        fault=st.sampled_from([None, *sorted(FAULTS)]),
        call=st.integers(1, 60),
    )
    def a_night_passes(self, policy: str, fault: str | None, call: int) -> None:
        self.world.next_night()
        if fault:
            self.a_call_will_be_hit(fault, call)
        self.end(self.world.begin(policy))

    # EC2 and time

    @rule(gib=st.sampled_from((10, 250, 700)))
    def somebody_else_stores(self, gib: float) -> None:
        with contextlib.suppress(AwsError):  # the account's limit is reached
            self.world.archive.occupy(gib)

    @precondition(lambda self: self.images)
    @rule(which=WHICH, times=st.sampled_from([1, 2, None]))
    def ec2_will_fail_a_store(self, which: int, times: int | None) -> None:
        image_id = self.one(self.images, which)
        self.world.may_fail.add(image_id)
        self.world.cloud.service.faults.fail_store(image_id, times=times)

    @precondition(lambda self: self.images)
    @rule(which=WHICH)
    def ec2_will_hang(self, which: int) -> None:
        self.world.cloud.service.faults.hang(self.one(self.images, which))

    @rule(hours=st.sampled_from([0.01, 0.2, 1, 5, 24]))
    def time_passes(self, hours: float) -> None:
        self.world.cloud.advance(hours * 3600)

    def come_to_rest(self) -> None:
        """The nights go on."""
        self.the_stack_is_deployed_again("as at first")
        for running in list(self.running):
            self.end(running)
        self.world.come_to_rest()

    def _alter(self, image_id: str, expression: str, attribute: str, value: str) -> None:
        table = self.world.cloud_client("dynamodb")
        values: dict[str, Any] = {"ExpressionAttributeValues": {":v": {"S": value}}} if ":v" in expression else {}
        with contextlib.suppress(table.exceptions.ConditionalCheckFailedException):  # it has no record
            table.update_item(
                TableName=TABLE,
                Key={"pk": {"S": f"IMAGE#{image_id}"}, "sk": {"S": "RECORD"}},
                UpdateExpression=expression,
                ConditionExpression="attribute_exists(pk)",
                ExpressionAttributeNames={"#a": attribute},
                **values,
            )
            self.world.touched.add(image_id)


def run_histories(theatre: Theatre, number: int, histories: type[Runs] = Histories) -> None:
    """So many of them, the same ones every time. AssertionError with the shortest history that breaks an invariant."""
    histories.theatre = theatre
    run_state_machine_as_test(
        histories,
        settings=settings(
            max_examples=number,
            stateful_step_count=25,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
