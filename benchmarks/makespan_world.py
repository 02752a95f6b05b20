"""The archiver's ports in memory, on the local cloud's image service in virtual time.

What is slow about a night on the in-process cloud is its DynamoDB and the SDK: ten thousand images would take the
better part of an hour. Here only the ports differ: what decides is the functions' own code, and what is decided
upon is the same service that answers EC2's calls in the local cloud.
"""

# ruff: noqa: ARG002 -- ports take what DynamoDB, S3 and EC2 need to be told; memory needs less

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from ami_archiver.app import App
from ami_archiver.model import Image, Snapshot, StoredObject, StoreTask, Volume
from ami_archiver.policy import Policy
from XXX import Accepted
from ami_archiver.model import ImagePage, ListedObject, Refusal
from ami_archiver.settings import Settings
from benchmarks.fleets import BUDGET_GIB, NOBODY, Foreign, engine_settings, whole_bytes
from benchmarks.makespan_table import MemoryLeases, MemoryRecords, MemoryRuns
from local_cloud import model as cloud
from local_cloud.clock import VirtualClock
from local_cloud.engine.catalog import Catalog
from local_cloud.engine.objects import MemoryObjectStore
from local_cloud.engine.service import ImageService
from local_cloud.errors import AwsError

ACCOUNT, REGION, BUCKET, KEY_ARN = "123456789012", "us-east-1", "archive", "arn:aws:kms:us-east-1:123456789012:key/k"
PAGE = 1000
NIGHTLY = Policy(name="nightly", tags={"Archive": ("true",)})
NO_LIMIT_HOURS = 10_000.0
"""The largest fleets take weeks; a run that ends after its 20 hours and is taken up by the next decides the same."""


class World:
    """An account with a fleet, in virtual time, and the archiver in it."""

    def __init__(self, sizes_gib: Sequence[float], model: str = "per-task", foreign: Foreign = NOBODY, **settings: Any):
        self.clock = VirtualClock()
        objects = MemoryObjectStore()
        self.engine = ImageService(Catalog(), objects, self.clock, engine_settings(model))
        self.tasks = MemoryStoreTasks(self.engine)
        self._foreign = foreign
        self._foreign_started = 0
        objects.create_bucket(BUCKET, REGION)
        for number, gib in enumerate(sizes_gib):
            _add_image(self.engine.catalog, number, gib, self.clock.now() - timedelta(days=100))
        runs = MemoryRuns()
        self.app = App(
            settings=Settings(
                table_name="archive",
                bucket_name=BUCKET,
                bucket_key_arn=KEY_ARN,
                topic_arn="arn:aws:sns:us-east-1:123456789012:archive",
                account_id=ACCOUNT,
                policies=(NIGHTLY,),
                **{"in_flight_budget_gib": BUDGET_GIB, "run_limit_hours": NO_LIMIT_HOURS} | settings,
            ),
            region=REGION,
            clock=self.clock,
            images=MemoryImages(self.engine.catalog),
            store_tasks=self.tasks,
            bucket=MemoryBucket(objects),
            records=MemoryRecords(),
            leases=MemoryLeases(),
            executions=Nobody(),
            runs=runs,
            retirements=runs,
            watches=runs,
            notifier=Nobody(),
        )
        self._start_foreign()

    def advance(self, seconds: float) -> None:
        """Let time pass; others' tasks start at their time, or at the first moment at which there is room."""
        end = self.clock.seconds() + seconds
        while (now := self.clock.seconds()) < end:
            due = self._foreign.due(self._foreign_started)
            stop = end if due is None else min(end, self._next_chance(due, now))
            self.clock.advance(max(0.0, stop - now))
            self.engine.settle()
            self._start_foreign()

    def advance_to_next_end(self) -> bool:
        """Let time pass until a task ends; False: none is in progress."""
        at = self.engine.next_event_seconds()
        if at is None:
            return False
        self.advance(max(1e-6, at - self.clock.seconds()))
        return True

    def last_end_seconds(self) -> float:
        """When the last of our store tasks was through."""
        return max((task.ended_seconds or 0.0 for task in self.tasks.ended), default=0.0)

    def _next_chance(self, due: float, now: float) -> float:
        if due > now:
            return due
        return self.engine.next_event_seconds() or now + 60.0

    def _start_foreign(self) -> None:
        while (due := self._foreign.due(self._foreign_started)) is not None and due <= self.clock.seconds():
            try:
                started = self.engine.faults.occupy(ACCOUNT, REGION, [self._foreign.gib(self._foreign_started)])
            except AwsError:
                return
            self.tasks.watch(started)
            self._foreign_started += 1


class MemoryStoreTasks:
    """EC2's store tasks; asks the service only about those that have not ended, which is all that EC2 would list."""

    def __init__(self, engine: ImageService) -> None:
        self._engine = engine
        self._open: list[str] = []
        self.ended: list[Any] = []
        self.calls: Counter[str] = Counter()
        self._ours: set[str] = set()

    def watch(self, image_ids: Collection[str]) -> None:
        self._open += image_ids

    def in_progress(self) -> list[StoreTask]:
        self.calls["DescribeStoreImageTasks"] += 1
        return [_told(task) for task in self._running()]

    def _running(self) -> list[Any]:
        tasks = self._engine.store_image_tasks(ACCOUNT, REGION, self._open)
        running = [task for task in tasks if task.state == "InProgress"]
        self.ended += [task for task in tasks if task.state != "InProgress" and task.image_id in self._ours]
        self._open = [task.image_id for task in running]
        return running

    def settle(self) -> None:
        self._running()

    def newest(self, image_ids: Collection[str], bucket: str) -> dict[str, StoreTask]:
        self.calls["DescribeStoreImageTasks"] += -(-len(image_ids) // 20)
        tasks = self._engine.store_image_tasks(ACCOUNT, REGION, list(image_ids))
        return {task.image_id: _told(task) for task in tasks if task.bucket == bucket}

    def start(self, image_id: str, bucket: str, prefix: str, tags: Mapping[str, str]) -> Accepted | Refused:
        self.calls["CreateStoreImageTask"] += 1
        try:
            key = self._engine.create_store_image_task(ACCOUNT, REGION, image_id, f"{bucket}/{prefix}", dict(tags))
        except AwsError as error:
            self.calls["refused"] += 1
            return Refused(error.code, str(error), concerns_image=False)
        self._ours.add(image_id)
        self.watch([image_id])
        return Accepted(key)


class MemoryImages:
    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def pages(self, policy: Policy, start: str | None = None) -> Iterator[ImagePage]:
        images = [_image(image) for image in self._catalog.images(REGION).values() if image.tags]
        for first in range(int(start or 0), len(images), PAGE):
            more = first + PAGE < len(images)
            yield ImagePage(images[first : first + PAGE], str(first + PAGE) if more else None)

    def by_id(self, image_ids: Collection[str]) -> dict[str, Image]:
        images = self._catalog.images(REGION)
        return {image_id: _image(images[image_id]) for image_id in image_ids if image_id in images}

    def snapshots(self, snapshot_ids: Collection[str]) -> dict[str, Snapshot]:
        found = {s: self._catalog.snapshots(REGION).get(s) for s in snapshot_ids}
        return {
            s: Snapshot(s, snapshot.state, snapshot.volume_size_gib, snapshot.full_snapshot_size_bytes)
            for s, snapshot in found.items()
            if snapshot
        }

    def launch_permissions(self, image_id: str) -> tuple[str, ...] | None:
        return ()

    def ssm_parameters(self, image_ids: Sequence[str]) -> dict[str, tuple[str, ...]] | None:
        return {}


class MemoryBucket:
    def __init__(self, objects: MemoryObjectStore) -> None:
        self._objects = objects

    def listing(self) -> Iterator[ListedObject]:
        return (ListedObject(key, "v1", head.size_bytes, "e1") for (_, key), head in self._objects.heads.items())

    def look(self, key: str) -> StoredObject | None:
        head = self._objects.heads.get((BUCKET, key))
        if head is None:
            return None
        return StoredObject(
            key, "v1", head.size_bytes, "e1", encryption="aws:kms", kms_key_id=KEY_ARN, tags=dict(head.tags)
        )


class Nobody:
    def publish(self, subject: str, text: str) -> None:
        pass

    def has_ended(self, execution_arn: str) -> bool | None:
        return None


def _add_image(catalog: Catalog, number: int, gib: float, at: datetime) -> None:
    image_id, snapshot_id = f"ami-{number:017x}", f"snap-{number:017x}"
    size = whole_bytes(gib)
    catalog.add_snapshot(
        REGION, cloud.Snapshot(snapshot_id, ACCOUNT, max(1, round(gib)), at, full_snapshot_size_bytes=size)
    )
    devices = (cloud.BlockDevice("/dev/xvda", snapshot_id, max(1, round(gib))),)
    catalog.add_image(REGION, cloud.Image(image_id, f"image-{number}", ACCOUNT, at, devices, tags={"Archive": "true"}))


def _image(image: cloud.Image) -> Image:
    return Image(
        image.image_id,
        image.name,
        image.owner_id,
        image.state,
        image.creation_date,
        volumes=tuple(Volume(s, None) for s in image.snapshot_ids),
        tags=image.tags,
    )


def _told(task: Any) -> StoreTask:
    return StoreTask(
        task.image_id,
        task.bucket,
        task.object_key,
        task.state,
        task.progress_percentage,
        task.started_at,
        task.failure_reason,
    )
