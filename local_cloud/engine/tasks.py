"""Store and restore tasks, and the book that knows which there are and how much of them is in flight."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from local_cloud.engine.stored_object import StoredImage
from local_cloud.engine.throughput import Transfer
from local_cloud.model import GIB, Image, Snapshot
from local_cloud.settings import EngineSettings

Kind = Literal["store", "restore"]
TaskState = Literal["InProgress", "Completed", "Failed"]
_DAY_SECONDS = 86_400


@dataclass(eq=False, slots=True, kw_only=True)
class Task:
    """What both kinds have. Ended tasks never change again."""

    account_id: str
    region: str
    image_id: str
    bucket: str
    object_key: str
    size_bytes: int
    """What counts against the in-flight limit."""
    started_at: datetime
    started_seconds: float
    number: int = 0
    """In the order of starting."""
    state: TaskState = "InProgress"
    progress_percentage: int = 0
    failure_reason: str = ""
    ended_at: datetime | None = None
    """When the last byte was moved or the task failed, on the clock that `started_at` is of."""
    ended_seconds: float | None = None
    transfer: Transfer = field(repr=False)
    planned_failure: str = field(default="", repr=False)
    """The reason with which a fault will end it where its transfer stops."""

    @property
    def size_gib(self) -> float:
        return self.size_bytes / GIB


@dataclass(eq=False, slots=True, kw_only=True)
class StoreTask(Task):
    """An image on its way into an object."""

    image: Image | None = field(default=None, repr=False)
    """The image as it was when the task started; None once it ended."""
    snapshots: tuple[Snapshot, ...] = field(default=(), repr=False)
    object_tags: dict[str, str] = field(default_factory=dict, repr=False)
    writes_object: bool = field(default=True, repr=False)
    """False for a foreign task, whose bucket is not of this cloud."""


@dataclass(eq=False, slots=True, kw_only=True)
class RestoreTask(Task):
    """An object on its way back; `image_id` is the new image's."""

    snapshot_ids: tuple[str, ...] = ()
    """The new snapshots, in the order of the stored ones."""
    header: StoredImage | None = field(default=None, repr=False)
    """What the object's header said at the request; None if it could not be read."""


def kind_of(task: Task) -> Kind:
    return "store" if isinstance(task, StoreTask) else "restore"


class TaskBook:
    """Tasks by account and Region, those in progress, and the running in-flight sums (exact: in bytes)."""

    def __init__(self, settings: EngineSettings) -> None:
        self._settings = settings
        self._tasks: dict[tuple[Kind, str, str], dict[int, Task]] = {}
        """In the order of their start, by a running number."""
        self._newest: dict[tuple[Kind, str, str, str], Task] = {}
        self._in_flight: dict[tuple[str, ...], int] = {}
        self._in_progress: dict[Kind, dict[Task, None]] = {"store": {}, "restore": {}}
        self._readers: dict[tuple[str, str], dict[StoreTask, None]] = {}
        """The store tasks in progress by (Region, snapshot id) they read."""
        self._copies: dict[tuple[str, str], str] = {}
        self._number = 0

    def in_flight_bytes(self, kind: Kind, account_id: str, region: str) -> int:
        """The sum of what is in progress, by the scope of the settings. Needs no lock."""
        return self._in_flight.get(self._scope(kind, account_id, region), 0)

    def in_progress(self, kind: Kind) -> Iterable[Task]:
        return self._in_progress[kind]

    def readers(self, region: str, snapshot_id: str) -> list[StoreTask]:
        """The store tasks in progress that read this snapshot."""
        return list(self._readers.get((region, snapshot_id), ()))

    def copy_in(self, bucket: str, image_id: str) -> str | None:
        """The key of the copy of the image that was last completed into the bucket."""
        return self._copies.get((bucket, image_id))

    def newest(self, kind: Kind, account_id: str, region: str, image_id: str) -> Task | None:
        return self._newest.get((kind, account_id, region, image_id))

    def newest_first(self, kind: Kind, account_id: str, region: str) -> Iterator[Task]:
        return reversed(self._tasks.get((kind, account_id, region), {}).values())

    def add(self, task: Task) -> None:
        kind = kind_of(task)
        self._number += 1
        task.number = self._number
        self._tasks.setdefault((kind, task.account_id, task.region), {})[task.number] = task
        self._newest[kind, task.account_id, task.region, task.image_id] = task
        self._in_progress[kind][task] = None
        scope = self._scope(kind, task.account_id, task.region)
        self._in_flight[scope] = self._in_flight.get(scope, 0) + task.size_bytes
        if isinstance(task, StoreTask):
            for snapshot in task.snapshots:
                self._readers.setdefault((task.region, snapshot.snapshot_id), {})[task] = None

    def end(self, task: Task, state: TaskState, at: datetime, seconds: float, reason: str = "") -> None:
        """Completed or Failed, for good: out of the sum, and rid of what it held."""
        kind = kind_of(task)
        task.state = state
        task.failure_reason = reason
        task.ended_at, task.ended_seconds = at, seconds
        if state == "Completed":
            task.progress_percentage = 100
        del self._in_progress[kind][task]
        self._in_flight[self._scope(kind, task.account_id, task.region)] -= task.size_bytes
        if isinstance(task, StoreTask):
            for snapshot in task.snapshots:
                readers = self._readers[task.region, snapshot.snapshot_id]
                del readers[task]
                if not readers:
                    del self._readers[task.region, snapshot.snapshot_id]
            task.image, task.snapshots = None, ()
            if state == "Completed" and task.writes_object:
                self._copies[task.bucket, task.image_id] = task.object_key

    def forget(self, now: float) -> None:
        """Drop the tasks that started before the memory of EC2; what is still in progress stays."""
        horizon = now - self._settings.task_memory_days * _DAY_SECONDS
        for (kind, account_id, region), tasks in self._tasks.items():
            old = []
            for task in tasks.values():
                if task.started_seconds >= horizon:
                    break
                if task.state != "InProgress":
                    old.append(task)
            for task in old:
                del tasks[task.number]
                key = (kind, account_id, region, task.image_id)
                if self._newest.get(key) is task:
                    del self._newest[key]

    def _scope(self, kind: Kind, account_id: str, region: str) -> tuple[str, ...]:
        if self._settings.limit_scope == "account":
            return (kind, account_id)
        return (kind, account_id, region)
