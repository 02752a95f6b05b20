"""Random histories: whatever people, EC2 and functions do, in whatever order, the invariants hold after each step."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, ClassVar

from botocore.exceptions import ClientError
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule, run_state_machine_as_test

from ami_archiver.policy import Policy
from local_cloud.errors import AwsError
from tests.chaos.faults import FAULTS
from tests.chaos.retirement_scenarios import HOLD, OTHER, RULES, YES
from tests.chaos.retirement_scenarios import POLICY as RETIRE
from tests.chaos.runs import WHICH, Runs
from tests.chaos.scenarios import BRISK, WEEKLY
from tests.chaos.world import Theatre
from tests.support.archive import BUCKET, NIGHTLY, TABLE, client

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

RETIRING: dict[str, tuple[Policy, ...]] = {
    "as at first": (RETIRE, replace(WEEKLY, original="disable", retire=RULES)),
    "kept": (NIGHTLY, WEEKLY),
    "disabled only": (replace(RETIRE, original="disable"), WEEKLY),
    "asked": (replace(RETIRE, retire=replace(RULES, approval="explicit")), WEEKLY),
    "announced": (replace(RETIRE, retire=replace(RULES, approval="notify")), WEEKLY),
    "one at a time": (replace(RETIRE, retire=replace(RULES, max_images_per_run=1)), WEEKLY),
    "paused": (replace(RETIRE, paused=True), WEEKLY),
}
USES: dict[str, Callable[[Any, str], object]] = {
    "holds": lambda ec2, image_id: ec2.create_tags(Resources=[image_id], Tags=[{"Key": HOLD, "Value": "ada"}]),
    "holds no more": lambda ec2, image_id: ec2.delete_tags(Resources=[image_id], Tags=[{"Key": HOLD}]),
    "shares": lambda ec2, image_id: ec2.modify_image_attribute(
        ImageId=image_id, LaunchPermission={"Add": [{"UserId": OTHER}]}
    ),
    "launches": lambda ec2, image_id: ec2.run_instances(
        ImageId=image_id, MinCount=1, MaxCount=1, InstanceType="t3.micro"
    ),
    "enables": lambda ec2, image_id: ec2.enable_image(ImageId=image_id),
    "uses in a template": lambda ec2, image_id: ec2.create_launch_template(
        LaunchTemplateName=image_id, LaunchTemplateData={"ImageId": image_id}
    ),
}
"""What somebody does to an image that he wants."""


class Histories(Runs):
    """Of the archive."""

    policies: ClassVar[Mapping[str, tuple[Policy, ...]]] = POLICIES
    """What is deployed, by name; the first is there in the beginning and in the end."""
    kinds = ("plain", "plain", "weekly")

    @initialize(fleet=st.lists(st.tuples(WHICH, st.sampled_from(SIZES)), max_size=5))
    def open(self, fleet: list[tuple[int, float]]) -> None:
        self.enter(
            *self.policies["as at first"],
            engine={"throughput": BRISK},
            wait_min_seconds=300,
            run_limit_hours=3,
            retire_stop_percent=100,
        )
        self.images: list[str] = []
        self.made = 0
        for kind, gib in fleet:
            self.an_image_is_made(self.one(list(self.kinds), kind), gib)

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

    @rule(which=WHICH)
    def the_stack_is_deployed_again(self, which: int) -> None:
        self._deploy(self.one(sorted(self.policies), which))

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
        self._deploy("as at first")
        for running in list(self.running):
            self.end(running)
        self.world.come_to_rest()

    def _deploy(self, name: str) -> None:
        self.world.archive.settings = replace(self.world.archive.settings, policies=self.policies[name])
        self.world.restart()

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


class RetireHistories(Histories):
    """Of an archive whose originals go. Nobody alters its records: what they say of originals could not be judged."""

    policies = RETIRING
    a_record_is_altered = a_status_is_set_by_hand = None  # type: ignore[assignment]  # no rules here

    # What keeps an original

    @precondition(lambda self: self.images)
    @rule(which=WHICH, what=st.sampled_from(sorted(USES)))
    def somebody_wants_an_original(self, which: int, what: str) -> None:
        image_id = self.one(self.images, which)
        if image_id in self.world.cloud.catalog.images(self.world.archive.region):
            with contextlib.suppress(ClientError):  # EC2 does not let him
                USES[what](client(self.world.cloud, "ec2"), image_id)

    @precondition(lambda self: self.images)
    @rule(which=WHICH)
    def ec2_will_not_delete_a_snapshot(self, which: int) -> None:
        snapshot_id = self.one(self.images, which).replace("ami-", "snap-")
        self.world.cloud.service.faults.fail_snapshot_deletion(snapshot_id)

    @precondition(lambda self: any(running.waiting for running in self.running))
    @rule(approved=st.booleans())
    def a_person_answers(self, approved: bool) -> None:
        for running in self.running:
            if running.waiting is not None and not running.waiting.answered:
                self.world.answer(running, YES | {"approved": approved})

    @rule(policy=st.sampled_from(["nightly", "weekly"]), nights=st.integers(1, 3))
    def quiet_nights_pass(self, policy: str, nights: int) -> None:
        """Enough of them, and an original is announced, disabled and deregistered."""
        for _ in range(nights):
            self.world.next_night()
            self.end(self.world.begin(policy))

    def come_to_rest(self) -> None:
        """The nights go on, until what was about to be asked for is asked for or given up."""
        for _ in range(3):
            super().come_to_rest()


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
