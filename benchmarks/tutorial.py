"""The shape that tutorials give this task: a Map over the images, each of which starts its store and polls by itself.

Its states and their transitions are counted by the same interpreter as ours; its calls are made to the same EC2.
"""

from __future__ import annotations

import heapq
import itertools
from typing import Any

from botocore.exceptions import ClientError

from benchmarks.meter import Bill, Meter, MeteredCloud
from tests.support.archive import BUCKET, TABLE, client
from tests.support.state_machine import Running, StateMachine

POLL_SECONDS = 60
MAX_CONCURRENCY = 20
"""Iterations at once; about as many images of the fleets as fit into the in-flight limit."""
MEMORY_MIB = 128

ITERATION: dict[str, Any] = {
    "StartAt": "Store",
    "States": {
        "Store": {"Type": "Task", "Resource": "store", "Next": "IsStarted"},
        "IsStarted": {
            "Type": "Choice",
            "Choices": [
                {"Variable": "$.state", "StringEquals": "Refused", "Next": "WaitForRoom"},
                {"Variable": "$.state", "StringEquals": "InProgress", "Next": "Wait"},
            ],
        },
        "WaitForRoom": {"Type": "Wait", "Seconds": POLL_SECONDS, "Next": "Store"},
        "Wait": {"Type": "Wait", "Seconds": POLL_SECONDS, "Next": "Poll"},
        "Poll": {"Type": "Task", "Resource": "poll", "Next": "IsStored"},
        "IsStored": {
            "Type": "Choice",
            "Choices": [
                {"Variable": "$.state", "StringEquals": "InProgress", "Next": "Wait"},
                {"Variable": "$.state", "StringEquals": "Completed", "Next": "Record"},
            ],
        },
        "Record": {"Type": "Task", "Resource": "record", "Next": "Done"},
        "Done": {"Type": "Succeed"},
    },
}


class Tutorial:
    """One execution over all images of the account that carry Archive=true."""

    def __init__(self, cloud: MeteredCloud, meter: Meter) -> None:
        self._cloud = cloud
        self._meter = meter
        self._ec2 = client(cloud, "ec2")
        functions = {"store": self._store, "poll": self._poll, "record": self._record}
        self._slept = 0.0
        self._machine = StateMachine(ITERATION, functions, self._sleep, cloud.clock.now)
        self._sizes: dict[str, float] = {}

    def night(self) -> Bill:
        begun = self._cloud.clock.seconds()
        images = self._select()
        numbers = itertools.count()
        waiting = iter(images)
        due: list[tuple[float, int, Running]] = []
        transitions = 3  # the selection, the Map, and its end

        def begin() -> None:
            image_id = next(waiting, None)
            if image_id is not None:
                running = self._machine.begin({"image_id": image_id}, image_id)
                heapq.heappush(due, (self._cloud.clock.seconds(), next(numbers), running))

        for _ in range(MAX_CONCURRENCY):
            begin()
        while due:
            at, _, running = heapq.heappop(due)
            self._cloud.advance(max(0.0, at - self._cloud.clock.seconds()))
            while running.execution.status == "RUNNING":
                self._slept = 0.0
                self._machine.step(running)
                if self._slept:
                    heapq.heappush(due, (self._cloud.clock.seconds() + self._slept, next(numbers), running))
                    break
            else:
                if running.execution.status != "SUCCEEDED":
                    raise RuntimeError(f"{running.execution.error}: {running.execution.cause}")
                transitions += running.execution.transitions
                begin()
        bill = self._meter.finished()
        bill.images_stored, bill.stored_gib = len(images), sum(self._sizes.values())
        bill.night_seconds = self._cloud.clock.seconds() - begun
        bill.transitions = transitions
        return bill

    def _sleep(self, seconds: float) -> None:
        self._slept = seconds

    def _select(self) -> list[str]:
        with self._meter.function(MEMORY_MIB):
            pages = self._ec2.get_paginator("describe_images").paginate(
                Owners=["self"],
                Filters=[{"Name": "tag:Archive", "Values": ["true"]}],
                PaginationConfig={"PageSize": 1000},
            )
            found = [image["ImageId"] for page in pages for image in page["Images"]]
        catalog = self._cloud.catalog
        images = catalog.images(self._cloud.settings.region)
        snapshots = catalog.snapshots(self._cloud.settings.region)
        for image_id in found:
            ids = [device.snapshot_id for device in images[image_id].block_devices if device.snapshot_id]
            self._sizes[image_id] = sum((snapshots[one].full_snapshot_size_bytes or 0) for one in ids) / 2**30
        return found

    def _store(self, given: Any) -> Any:
        with self._meter.function(MEMORY_MIB):
            try:
                self._ec2.create_store_image_task(ImageId=given["image_id"], Bucket=BUCKET)
            except ClientError:
                return {**given, "state": "Refused"}
        return {**given, "state": "InProgress"}

    def _poll(self, given: Any) -> Any:
        with self._meter.function(MEMORY_MIB):
            answer = self._ec2.describe_store_image_tasks(ImageIds=[given["image_id"]])
        return {**given, "state": answer["StoreImageTaskResults"][0]["StoreTaskState"]}

    def _record(self, given: Any) -> Any:
        item = {"pk": {"S": f"IMAGE#{given['image_id']}"}, "sk": {"S": "RECORD"}, "stored": {"BOOL": True}}
        with self._meter.function(MEMORY_MIB):
            client(self._cloud, "dynamodb").put_item(TableName=TABLE, Item=item)
        return given
