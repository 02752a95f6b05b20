"""Faults on demand: what shall go wrong with tasks and calls."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Literal, TypeVar, get_args

from local_cloud.engine.runner import TaskRunner
from local_cloud.engine.tasks import Kind, StoreTask, Task
from local_cloud.model import GIB, BlockDevice, Image, Snapshot

_STORE_FAILURE = "The store task failed because of an internal error"
_RESTORE_FAILURE = "The restore task failed because of an internal error"


K = TypeVar("K", bound=Hashable)
SnapshotFailure = Literal["internal-error", "missing-permissions", "client-error"]
"""What DeregisterImage says of a snapshot that it could not delete (EC2 API, DeleteSnapshotReturnCode)."""

_OPERATION = re.compile(r"(?:[a-z][a-z0-9-]*:)?[A-Z][A-Za-z0-9]*")
_REPORT_FAILURE = "The report could not be created because of an internal error"


@dataclass(slots=True)
class _Planned:
    reason: str
    """Why it fails: an error code, or a sentence."""
    times: int | None
    """How often it shall; None: always."""
    at_percent: float = 0


class CallFaults:
    """What shall go wrong with calls, until `clear`. Thread-safe."""

    def __init__(self) -> None:
        self._calls_lock = threading.Lock()
        self._denied: dict[str, _Planned] = {}
        self._undeletable: dict[str, _Planned] = {}
        self._reports_hang = False
        self._report_failure = ""

    def deny(self, operation: str, code: str = "", times: int | None = None) -> None:
        """Refuse the next `times` calls (None: all) of an operation, as if the caller's policies did not allow it.

        The operation is named as in a policy (`ssm:DescribeParameters`), or alone, then of whatever service. Another
        `code` than the service's own for this makes it another refusal: `UnsupportedOperation`, say, for an account
        that does not have the call. What EC2 itself asks of other services is not refused.
        """
        if not _OPERATION.fullmatch(operation):
            raise ValueError(f"an operation is named like ec2:DescribeImages or DescribeImages, not {operation!r}")
        _check_times(times)
        with self._calls_lock:
            self._denied[operation] = _Planned(code, times)

    def fail_snapshot_deletion(
        self, snapshot_id: str, code: SnapshotFailure = "internal-error", times: int | None = 1
    ) -> None:
        """Let DeregisterImage keep this snapshot and answer `code` for it, the next `times` times (None: always).

        DeleteSnapshot deletes it all the same.
        """
        if code not in get_args(SnapshotFailure):
            raise ValueError(f"the code is one of {', '.join(get_args(SnapshotFailure))}, not {code!r}")
        _check_times(times)
        with self._calls_lock:
            self._undeletable[snapshot_id] = _Planned(code, times)

    def hold_usage_reports(self) -> None:
        """Let image usage reports, those there are too, be pending and stay so."""
        self._reports_hang = True

    def fail_usage_reports(self, reason: str = _REPORT_FAILURE) -> None:
        """Let image usage reports that are asked for from now on end in an error."""
        self._report_failure = reason

    @property
    def denies(self) -> bool:
        """Whether any operation is denied."""
        return bool(self._denied)

    def take_denial(self, service: str, operation: str) -> str | None:
        """The code to refuse this call with ('': the service's own), which counts as one time; None: let it pass."""
        with self._calls_lock:
            name = f"{service}:{operation}" if f"{service}:{operation}" in self._denied else operation
            return _reason(_take(self._denied, name))

    def take_snapshot_failure(self, snapshot_id: str) -> str | None:
        """What DeregisterImage shall answer for this snapshot, which counts as one time; None: delete it."""
        with self._calls_lock:
            return _reason(_take(self._undeletable, snapshot_id))

    @property
    def usage_reports_hang(self) -> bool:
        return self._reports_hang

    @property
    def usage_report_failure(self) -> str:
        """Why a report ends in an error; '' if it does not."""
        return self._report_failure

    def clear_calls(self) -> None:
        with self._calls_lock:
            self._denied.clear()
            self._undeletable.clear()
            self._reports_hang, self._report_failure = False, ""


class Faults(CallFaults):
    """What shall go wrong. Everything takes effect on tasks in progress as well as on those to come."""

    def __init__(self, runner: TaskRunner, start_store: Callable[..., None], new_id: Callable[[str], str]) -> None:
        super().__init__()
        self._runner = runner
        self._start_store = start_store
        self._new_id = new_id
        self._lock = runner.catalog.lock
        self._failures: dict[tuple[Kind, str], _Planned] = {}
        """By what fails: an image's store, or the restore of an object key."""
        self._hanging: set[str] = set()

    def fail_store(
        self, image_id: str, reason: str = _STORE_FAILURE, at_percent: float = 60, times: int | None = 1
    ) -> None:
        """Let the image's next `times` store tasks (None: all) fail at this percentage; one in progress is the first.

        One that is past the percentage fails at once.
        """
        self._plan("store", image_id, _Planned(reason, times, at_percent))

    def fail_restore(
        self, object_key: str, reason: str = _RESTORE_FAILURE, at_percent: float = 60, times: int | None = 1
    ) -> None:
        """As `fail_store`, for restores of the object with this key, in whatever bucket."""
        self._plan("restore", object_key, _Planned(reason, times, at_percent))

    def hang(self, image_id: str) -> None:
        """Let the image's task, store or restore, move nothing more until `clear`; one to come hangs at 0 %."""
        with self._lock:
            self._runner.advance()
            self._hanging.add(image_id)
            for task in self._moving():
                if task.image_id == image_id:
                    self._runner.freeze(task)

    def occupy(
        self, account_id: str, region: str, sizes_gib: list[float], bucket: str = "someone-elses-bucket"
    ) -> list[str]:
        """Start store tasks of somebody else in the account, one per size, of images made for it; returns their ids.

        The in-flight limit holds for them too (AwsError; those before stay). No object is written in the end.
        """
        image_ids = []
        with self._lock:
            self._runner.advance()
            for size_gib in sizes_gib:
                image, snapshot = self._foreign_image(account_id, size_gib)
                key = f"{image.image_id}.bin"
                self._start_store(account_id, region, image, (snapshot,), bucket, key, {}, writes_object=False)
                self._runner.catalog.add_snapshot(region, snapshot)
                self._runner.catalog.add_image(region, image)
                image_ids.append(image.image_id)
        return image_ids

    def delete_snapshot(self, region: str, snapshot_id: str) -> None:
        """Delete a snapshot although an image uses it; a store task that reads it fails."""
        self._runner.catalog.remove_snapshot(region, snapshot_id)

    def clear(self) -> None:
        """Take all faults back: tasks that hang go on, planned failures are off, foreign tasks stay."""
        self.clear_calls()
        with self._lock:
            self._runner.advance()
            self._failures.clear()
            self._hanging.clear()
            for task in self._moving():
                self._runner.thaw(task)
                if task.planned_failure:
                    self._runner.cancel_failure(task)

    def apply_to(self, task: Task) -> None:
        """Give a task that is about to start what is planned for it. For the service; the lock is held."""
        failure = _take(self._failures, _target(task))
        if failure:
            task.planned_failure = failure.reason
            task.transfer.stop_at_gib = task.transfer.size_gib * failure.at_percent / 100
        task.transfer.hangs = task.image_id in self._hanging

    def _plan(self, kind: Kind, name: str, failure: _Planned) -> None:
        if not 0 <= failure.at_percent <= 100:
            raise ValueError(f"a task fails at 0 to 100 percent, not {failure.at_percent}")
        target = (kind, name)
        with self._lock:
            self._runner.advance()
            self._failures[target] = failure
            for task in self._runner.moving(kind):
                if _target(task) == target and not task.planned_failure and _take(self._failures, target):
                    self._runner.plan_failure(task, failure.reason, failure.at_percent)

    def _moving(self) -> list[Task]:
        return [*self._runner.moving("store"), *self._runner.moving("restore")]

    def _foreign_image(self, account_id: str, size_gib: float) -> tuple[Image, Snapshot]:
        now = self._runner.clock.now()
        image_id, snapshot_id = self._new_id("ami"), self._new_id("snap")
        size_bytes = round(size_gib * GIB)
        volume_gib = max(1, -(-size_bytes // GIB))
        snapshot = Snapshot(
            snapshot_id, account_id, volume_gib, now, full_snapshot_size_bytes=size_bytes, tags={"Foreign": "true"}
        )
        device = BlockDevice("/dev/xvda", snapshot_id, volume_gib)
        name = f"foreign-{image_id.removeprefix('ami-')}"
        image = Image(image_id, name, account_id, now, (device,), description="Stored by somebody else")
        return image, snapshot


def _target(task: Task) -> tuple[Kind, str]:
    return ("store", task.image_id) if isinstance(task, StoreTask) else ("restore", task.object_key)


def _check_times(times: int | None) -> None:
    if times is not None and times < 1:
        raise ValueError(f"a fault happens at least once, not {times} times")


def _take(planned: dict[K, _Planned], name: K) -> _Planned | None:
    found = planned.get(name)
    if found is None:
        return None
    if found.times is not None:
        found.times -= 1
        if found.times <= 0:
            del planned[name]
    return found


def _reason(found: _Planned | None) -> str | None:
    return None if found is None else found.reason
