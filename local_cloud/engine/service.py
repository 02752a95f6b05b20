"""EC2's image store and restore service: CreateStoreImageTask, DescribeStoreImageTasks, CreateRestoreImageTask."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, TypeVar

from local_cloud.clock import Clock
from local_cloud.engine.catalog import Catalog
from local_cloud.engine.eligibility import size_bytes, storable_image
from local_cloud.engine.endings import finish
from local_cloud.engine.faults import Faults
from local_cloud.engine.labels import check_object_tags
from local_cloud.engine.objects import ObjectStore, check_bucket, object_address
from local_cloud.engine.restored import check_name, pending_image
from local_cloud.engine.runner import TaskRunner
from local_cloud.engine.stored_object import CorruptObject, StoredImage, decode_header
from local_cloud.engine.tasks import Kind, RestoreTask, StoreTask, Task
from local_cloud.engine.throughput import Transfer
from local_cloud.errors import AwsError
from local_cloud.model import GIB, Image, Snapshot
from local_cloud.settings import EngineSettings

_DEFAULT_SETTINGS = EngineSettings()
_TaskT = TypeVar("_TaskT", bound=Task)


class ImageService:
    """The service for all accounts and Regions. Thread-safe: it calls S3 without the catalog's lock held.

    So must its callers: whoever holds the lock while calling makes everybody wait for S3. Every call brings the tasks
    up to the clock first; `settle` does only that. Equal seeds give equal ids.
    """

    def __init__(
        self,
        catalog: Catalog,
        objects: ObjectStore,
        clock: Clock,
        settings: EngineSettings = _DEFAULT_SETTINGS,
        *,
        seed: int = 0,
    ) -> None:
        self.catalog = catalog
        self.objects = objects
        self.clock = clock
        self.settings = settings
        self._random = random.Random(seed)  # noqa: S311 - ids that are the same in every run, no secrets
        self._runner = TaskRunner(catalog, clock, settings)
        self.faults = Faults(self._runner, self._start_store, self.new_id)

    def create_store_image_task(
        self, account_id: str, region: str, image_id: str, bucket: str, object_tags: dict[str, str]
    ) -> str:
        """Start to store the image; returns the key of the object that will appear when the task is completed.

        There is one copy of an image per bucket: refused if the object is there, or if the copy that this service
        stored last into the bucket (under whatever path) still is. Copies that came into the bucket otherwise, under
        another path, are not searched for.
        """
        self.settle()
        name, key = object_address(bucket, image_id)
        check_object_tags(object_tags)
        with self.catalog.lock:
            storable_image(self.catalog, self.settings, account_id, region, image_id)
            copy = self._runner.book.copy_in(name, image_id)
        check_bucket(self.objects, account_id, region, name)
        existing = next(
            (at for at in dict.fromkeys((key, copy)) if at and self.objects.head(account_id, name, at)), None
        )
        with self.catalog.lock:
            self._runner.advance()
            image, snapshots = storable_image(self.catalog, self.settings, account_id, region, image_id)
            newest = self._runner.book.newest("store", account_id, region, image_id)
            if newest and newest.state == "InProgress":
                raise AwsError(
                    "InvalidRequest", f"A store image task for {image_id} is already in progress (StoreImageTask)"
                )
            finished_meanwhile = self._runner.book.copy_in(name, image_id)
            if finished_meanwhile != copy:
                existing = finished_meanwhile
            if existing:
                raise AwsError("InvalidRequest", f"{image_id} already exists in the bucket {name}: {existing}")
            self._start_store(account_id, region, image, snapshots, name, key, object_tags, writes_object=True)
        return key

    def store_image_tasks(self, account_id: str, region: str, image_ids: list[str] | None = None) -> list[StoreTask]:
        """The tasks of the last 31 days, newest first; with ids only the newest of each image that has one.

        Those that ended are final; those in progress are copies as of now.
        """
        self.settle()
        with self.catalog.lock:
            book = self._runner.book
            book.forget(self.clock.seconds())
            if image_ids is None:
                tasks = list(book.newest_first("store", account_id, region))
            else:
                found = [book.newest("store", account_id, region, image_id) for image_id in dict.fromkeys(image_ids)]
                tasks = sorted((task for task in found if task), key=lambda task: -task.number)
            return [self._as_of_now(task) for task in tasks if isinstance(task, StoreTask)]

    def create_restore_image_task(
        self,
        account_id: str,
        region: str,
        bucket: str,
        object_key: str,
        name: str | None,
        image_tags: dict[str, str],
        snapshot_tags: dict[str, str],
        *,
        encrypted: bool = False,
    ) -> str:
        """Start to restore the object; returns the id of the new image, which is there, pending, at once.

        `encrypted` is the account's EBS encryption by default, which the restored snapshots follow.
        A corrupt object is noticed while the task runs, not here: then the image and its snapshots fail.
        """
        self.settle()
        for parameter, value in (("Bucket", bucket), ("ObjectKey", object_key)):
            if not value:
                raise AwsError("MissingParameter", f"The request must contain the parameter {parameter}")
        if name:
            check_name(name)
        check_bucket(self.objects, account_id, region, bucket)
        header = _readable_header(self.objects.read(account_id, bucket, object_key))
        with self.catalog.lock:
            self._runner.advance()
            default_name = header.image.name if header else object_key.rpartition("/")[2].removesuffix(".bin")
            new_name = name or default_name
            if self.catalog.has_image_named(region, account_id, new_name):
                raise AwsError(
                    "InvalidAMIName.Duplicate", f"AMI name {new_name} is already in use by an AMI of this account"
                )
            self._runner.admit("restore", account_id, region)
            image, snapshots = pending_image(
                header,
                self.new_id("ami"),
                new_name,
                account_id,
                self.clock.now(),
                new_id=self.new_id,
                encrypted=encrypted,
                image_tags=image_tags,
                snapshot_tags=snapshot_tags,
            )
            for snapshot in snapshots:
                self.catalog.add_snapshot(region, snapshot)
            self.catalog.add_image(region, image)
            self._start(
                RestoreTask,
                (account_id, region, image.image_id, bucket, object_key),
                snapshots,
                snapshot_ids=tuple(snapshot.snapshot_id for snapshot in snapshots),
                header=header,
            )
            return image.image_id

    def restore_image_tasks(self, account_id: str, region: str) -> list[RestoreTask]:
        """As `store_image_tasks`; EC2 has no such call, it is for the control and for tests."""
        self.settle()
        with self.catalog.lock:
            self._runner.book.forget(self.clock.seconds())
            tasks = self._runner.book.newest_first("restore", account_id, region)
            return [self._as_of_now(task) for task in tasks if isinstance(task, RestoreTask)]

    def settle(self) -> None:
        """Bring every task up to the clock: progress, completion (the object appears now), failure."""
        while True:
            with self.catalog.lock:
                self._runner.advance()
                if not self._runner.moved:
                    self._show_restore_progress()
                    return
                task = self._runner.moved.popleft()
            finish(self._runner, self.objects, task)

    def next_event_seconds(self) -> float | None:
        """When, in `clock.seconds()`, settling will next change something; None if nothing moves.

        That is the end of a task, or (with a shared rate) the end of a task's overhead, when the rate is divided anew.
        It is now if a task has ended already and nobody has yet written its object.
        """
        with self.catalog.lock:
            return self.clock.seconds() if self._runner.moved else self._runner.next_event()

    def in_flight_gib(self, account_id: str, region: str, kind: Kind = "store") -> float:
        """The sum of the tasks in progress as of the last settling. Takes no lock and never waits."""
        return self._runner.in_flight_gib(kind, account_id, region)

    def new_id(self, prefix: str) -> str:
        """A new id as EC2 makes them: the prefix and 17 hexadecimal digits."""
        with self.catalog.lock:
            return f"{prefix}-0{self._random.getrandbits(64):016x}"

    def _start_store(
        self,
        account_id: str,
        region: str,
        image: Image,
        snapshots: tuple[Snapshot, ...],
        bucket: str,
        key: str,
        object_tags: dict[str, str],
        *,
        writes_object: bool,
    ) -> None:
        self._runner.admit("store", account_id, region)
        self._start(
            StoreTask,
            (account_id, region, image.image_id, bucket, key),
            snapshots,
            image=replace(image, tags=dict(image.tags)),
            snapshots=tuple(replace(snapshot, tags=dict(snapshot.tags)) for snapshot in snapshots),
            object_tags=dict(object_tags),
            writes_object=writes_object,
        )

    def _start(
        self, kind: type[Task], what: tuple[str, str, str, str, str], read: Sequence[Snapshot], **more: Any
    ) -> None:
        """Start a task of `what`: account, Region, image, bucket and key."""
        account_id, region, image_id, bucket, object_key = what
        size = size_bytes(read, self.settings)
        task = kind(
            account_id=account_id,
            region=region,
            image_id=image_id,
            bucket=bucket,
            object_key=object_key,
            size_bytes=size,
            started_at=self.clock.now(),
            started_seconds=self.clock.seconds(),
            transfer=Transfer(size / GIB, size / GIB),
            **more,
        )
        self.faults.apply_to(task)
        self._runner.start(task)

    def _as_of_now(self, task: _TaskT) -> _TaskT:
        if task.state != "InProgress":
            return task
        self._runner.refresh(task)
        return replace(task)

    def _show_restore_progress(self) -> None:
        for task in self._runner.book.in_progress("restore"):
            self._runner.refresh(task)
            if isinstance(task, RestoreTask):
                snapshots = self.catalog.snapshots(task.region)
                for snapshot_id in task.snapshot_ids:
                    if snapshot_id in snapshots:
                        snapshots[snapshot_id].progress_percentage = task.progress_percentage


def _readable_header(data: bytes) -> StoredImage | None:
    try:
        return decode_header(data)
    except CorruptObject:
        return None
