"""What runs the tasks: admits them by AWS's rule, lets them progress with the clock, and ends them."""

from __future__ import annotations

from collections import deque
from datetime import datetime

from local_cloud.clock import Clock
from local_cloud.engine.catalog import Catalog, can_read, is_shared_directly
from local_cloud.engine.tasks import Kind, RestoreTask, StoreTask, Task, TaskBook, kind_of
from local_cloud.engine.throughput import Pool, Pools, Transfer
from local_cloud.errors import AwsError
from local_cloud.model import GIB
from local_cloud.settings import EngineSettings


class TaskRunner:
    """The simulation under the image service. All methods but `in_flight_gib` need `catalog.lock` held.

    A task whose bytes are through goes to `moved`: its object (or image) has still to be written, by whoever takes
    it from there, without the lock. Until that is done it is in progress and counts.
    """

    def __init__(self, catalog: Catalog, clock: Clock, settings: EngineSettings) -> None:
        self.catalog = catalog
        self.clock = clock
        self.settings = settings
        self.book = TaskBook(settings)
        self.moved: deque[Task] = deque()
        self._pools = Pools()
        self._pool_of: dict[tuple[Kind, str], Pool] = {}
        self._task_of: dict[Transfer, Task] = {}
        catalog.watch_removed_snapshots(self._snapshot_removed)

    def in_flight_gib(self, kind: Kind, account_id: str, region: str) -> float:
        """The running sum as of the last `advance`; needs no lock."""
        return self.book.in_flight_bytes(kind, account_id, region) / GIB

    def admit(self, kind: Kind, account_id: str, region: str) -> None:
        """Raise unless what is in flight *now* is below the limit; the size of the new task plays no part."""
        limit = self.settings.store_limit_gib if kind == "store" else self.settings.restore_limit_gib
        in_flight = self.in_flight_gib(kind, account_id, region)
        if not in_flight < limit:
            raise AwsError(
                self.settings.rejection_code,
                f"The maximum size of {kind} tasks in progress has been reached: {in_flight:g} GiB of {limit:g} GiB. "
                "Try again when tasks in progress have completed.",
            )

    def start(self, task: Task) -> None:
        """Count the task as in flight and let it run, or wait for a place."""
        self.book.add(task)
        self._task_of[task.transfer] = task
        self._pool(task).add(task.transfer, task.started_seconds)

    def advance(self) -> float:
        """Let everything up to now happen, but for the writing of objects; returns now, in clock seconds."""
        now = self.clock.seconds()
        for at, transfer in self._pools.run_until(now):
            task = self._task_of.pop(transfer)
            task.ended_at, task.ended_seconds = self.clock.at(at), at
            if task.planned_failure:
                self.fail(task, task.planned_failure)
            elif isinstance(task, StoreTask) and (lost := self._access_lost(task)):
                self.fail(task, lost)
            else:
                task.progress_percentage = 99
                self.moved.append(task)
        return now

    def next_event(self) -> float | None:
        return self._pools.next_event()

    def refresh(self, task: Task) -> None:
        """Bring a task's percentage up to now; 100 is kept for those that completed."""
        if task.state == "InProgress" and task.transfer.phase != "ended":
            task.progress_percentage = self._percentage(task)

    def complete(self, task: Task) -> None:
        at, seconds = self._end_of(task)
        self.book.end(task, "Completed", at, seconds)

    def fail(self, task: Task, reason: str) -> None:
        """End the task as failed, wherever it is; a restore's image and snapshots fail with it."""
        if task.transfer.phase == "ended":
            task.progress_percentage = _percentage(task.transfer.stop_at_gib, task.transfer.size_gib)
        else:
            task.progress_percentage = self._percentage(task)
            self._task_of.pop(task.transfer)
            self._pool(task).end(task.transfer, self.clock.seconds())
        at, seconds = self._end_of(task)
        self.book.end(task, "Failed", at, seconds, reason)
        if isinstance(task, RestoreTask):
            self._fail_restored(task, reason)

    def plan_failure(self, task: Task, reason: str, at_percent: float) -> None:
        """Let the task fail when it has moved this much, or now if it already has."""
        task.planned_failure = reason
        stop = task.transfer.size_gib * at_percent / 100
        self._pool(task).stop_at(task.transfer, stop, self.clock.seconds())

    def cancel_failure(self, task: Task) -> None:
        task.planned_failure = ""
        self._pool(task).stop_at(task.transfer, task.transfer.size_gib, self.clock.seconds())

    def freeze(self, task: Task) -> None:
        self._pool(task).freeze(task.transfer, self.clock.seconds())

    def thaw(self, task: Task) -> None:
        self._pool(task).thaw(task.transfer, self.clock.seconds())

    def moving(self, kind: Kind) -> list[Task]:
        """The tasks whose bytes are not all through yet."""
        return [task for task in self.book.in_progress(kind) if task.transfer.phase != "ended"]

    def _pool(self, task: Task) -> Pool:
        kind = kind_of(task)
        pool = self._pool_of.get((kind, task.account_id))
        if pool is None:
            speed = self.settings.throughput
            pool = Pool(
                speed.store_gib_per_second if kind == "store" else speed.restore_gib_per_second,
                speed.task_overhead_seconds,
                shared=speed.model == "shared",
                places=self.settings.max_parallel_tasks,
            )
            self._pool_of[kind, task.account_id] = pool
            self._pools.add(pool)
        return pool

    def _percentage(self, task: Task) -> int:
        moved = self._pool(task).moved_gib(task.transfer, self.clock.seconds())
        return _percentage(moved, task.transfer.size_gib)

    def _end_of(self, task: Task) -> tuple[datetime, float]:
        if task.ended_at is not None and task.ended_seconds is not None:
            return task.ended_at, task.ended_seconds
        return self.clock.now(), self.clock.seconds()

    def _snapshot_removed(self, region: str, snapshot_id: str) -> None:
        self.advance()
        for task in self.book.readers(region, snapshot_id):
            if task.transfer.phase != "ended":
                self.fail(task, f"The snapshot {snapshot_id} was deleted while the task was in progress")

    def _access_lost(self, task: StoreTask) -> str:
        """Why the account may not read what it stores any more; '' while it may. A deregistered image is no reason."""
        image = self.catalog.images(task.region).get(task.image_id)
        if image and image.owner_id != task.account_id and not is_shared_directly(image, task.account_id):
            return f"The image {task.image_id} is no longer shared with account {task.account_id}"
        for snapshot in task.snapshots:
            current = self.catalog.snapshots(task.region).get(snapshot.snapshot_id)
            if current and not can_read(current, task.account_id):
                return f"The snapshot {snapshot.snapshot_id} is no longer shared with account {task.account_id}"
        return ""

    def _fail_restored(self, task: RestoreTask, reason: str) -> None:
        image = self.catalog.images(task.region).get(task.image_id)
        if image:
            image.state, image.state_reason = "failed", reason
        for snapshot_id in task.snapshot_ids:
            snapshot = self.catalog.snapshots(task.region).get(snapshot_id)
            if snapshot:
                snapshot.state, snapshot.state_message = "error", reason


def _percentage(moved_gib: float, size_gib: float) -> int:
    """Whole percent, and never 100: that is for tasks whose object is there."""
    return min(int(100 * moved_gib / size_gib + 1e-6), 99) if size_gib else 0
