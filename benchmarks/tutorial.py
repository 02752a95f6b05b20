"""The shape that tutorials give this task: a Map over the images, each of which starts its store and polls by itself.

Its transitions are counted by the same interpreter as ours; its calls are made to the same EC2.
"""

from __future__ import annotations

import heapq
from typing import Any

from botocore.exceptions import ClientError

from benchmarks.bill import Bill
from benchmarks.stage import Stage
from tests.support.archive import BUCKET, TABLE, client
from tests.support.state_machine import Running, StateMachine

POLL_SECONDS = 60
MAX_CONCURRENCY = 20
"""Iterations at once; about as many images of the fleets as fit into the in-flight limit."""

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


def tutorial_night(stage: Stage) -> Bill:
    """Store all images of the stage's account, in one execution."""
    with stage.billed() as bill:
        bill.transitions = 3 + _Loop(stage).run(list(stage.sizes_gib))  # the list of the images, the Map, its end
        bill.images_stored = len(stage.sizes_gib)
    return bill


class _Loop:
    """The Map: so many iterations at once, each at its own pace in virtual time."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._ec2, self._dynamodb = client(stage.cloud, "ec2"), client(stage.cloud, "dynamodb")
        self._slept = 0.0
        functions = {"store": self._store, "poll": self._poll, "record": self._record}
        self._machine = StateMachine(ITERATION, functions, self._sleep, stage.cloud.clock.now)

    def run(self, image_ids: list[str]) -> int:
        """Transitions of all iterations."""
        clock = self._stage.cloud.clock
        waiting = [self._machine.begin({"image_id": image_id}, image_id) for image_id in reversed(image_ids)]
        due: list[tuple[float, str, Running]] = []
        transitions = 0
        while due or waiting:
            while waiting and len(due) < MAX_CONCURRENCY:
                begun = waiting.pop()
                heapq.heappush(due, (clock.seconds(), begun.execution.name, begun))
            at, name, running = heapq.heappop(due)
            self._stage.cloud.advance(max(0.0, at - clock.seconds()))
            self._slept = 0.0
            while running.execution.status == "RUNNING" and not self._slept:
                self._machine.step(running)
            if running.execution.status == "RUNNING":
                heapq.heappush(due, (clock.seconds() + self._slept, name, running))
            elif running.execution.status == "SUCCEEDED":
                transitions += running.execution.transitions
            else:
                raise RuntimeError(f"{running.execution.error}: {running.execution.cause}")
        return transitions

    def _sleep(self, seconds: float) -> None:
        self._slept = seconds

    def _store(self, given: Any) -> Any:
        with self._stage.invocation():
            try:
                self._ec2.create_store_image_task(ImageId=given["image_id"], Bucket=BUCKET)
            except ClientError:
                return {**given, "state": "Refused"}
        return {**given, "state": "InProgress"}

    def _poll(self, given: Any) -> Any:
        with self._stage.invocation():
            answer = self._ec2.describe_store_image_tasks(ImageIds=[given["image_id"]])
        return {**given, "state": answer["StoreImageTaskResults"][0]["StoreTaskState"]}

    def _record(self, given: Any) -> Any:
        item = {"pk": {"S": f"IMAGE#{given['image_id']}"}, "sk": {"S": "RECORD"}, "stored": {"BOOL": True}}
        with self._stage.invocation():
            self._dynamodb.put_item(TableName=TABLE, Item=item)
        return given
