"""What became of the stores that are under way: verified, failed, to be started again, or still going on."""

from __future__ import annotations

import logging
from collections.abc import Collection
from datetime import timedelta

from ami_archiver import lifecycle
from ami_archiver.app import App
from ami_archiver.errors import AccessDenied
from ami_archiver.failures import Failure, hidden
from ami_archiver.model import ArchiveRecord, Decision, DecisionLine, Fetched, InFlight, Status, StoredObject, StoreTask
from ami_archiver.run_state import RunState
from ami_archiver.steps.lease import CLOCK_SKEW_SECONDS
from ami_archiver.verification import why_not_whole

logger = logging.getLogger(__name__)


def settle_stores(app: App, state: RunState, fetched: Fetched, in_flight: Collection[InFlight]) -> Settled:
    """Record the end of each store that has ended. Images that EC2 stores into our bucket now are left alone."""
    under_way = {task.image_id for task in in_flight if task.bucket == app.settings.bucket_name}
    settled = Settled(app, state)
    settled.going_on = bool(under_way & fetched.records.keys())
    settled.unreadable(fetched)
    settled.settle([record for record in fetched.records.values() if record.image_id not in under_way])
    return settled


def is_news(record: ArchiveRecord, task: StoreTask) -> bool:
    """Whether a task tells something about a STORING record that is not counted in its attempts yet.

    EC2 remembers tasks for a month: one from before the store was asked for is another story, whatever became of it.
    """
    if record.failed_task_started_at is not None and task.started_at <= record.failed_task_started_at:
        return False
    return task.started_at >= lifecycle.requested_at(record) - timedelta(seconds=CLOCK_SKEW_SECONDS)


class Settled:
    """What one look has settled."""

    def __init__(self, app: App, state: RunState) -> None:
        self._app = app
        self._state = state
        self.lines: list[DecisionLine] = []
        self.done: set[str] = set()
        self.unstarted: list[ArchiveRecord] = []
        """Intentions without a task and without an object: to be started (again), while their policy is open."""
        self.going_on = False
        self.hidden: list[DecisionLine] = []
        """Of objects that may not be looked at: the run does not wait for them, the next one looks again."""

    def unreadable(self, fetched: Fetched) -> None:
        """A record that cannot be read is left as it is; its image's store goes on without us."""
        for image_id, reason in fetched.unreadable.items():
            self.done.add(image_id)
            self.lines.append(DecisionLine(image_id, self._state.policy, Decision.FAILED, reason))

    def settle(self, records: Collection[ArchiveRecord]) -> None:
        unended = []
        for record in records:
            if record.status in (Status.STORING, Status.STORED):
                if not self._verify_at_once(record):
                    unended.append(record)
            elif record.status is not Status.SELECTED:
                self._ended(record)
        storing = [record.image_id for record in unended if record.status is Status.STORING]
        tasks = self._app.store_tasks.newest(storing, self._app.settings.bucket_name)
        for record in unended:
            task = tasks.get(record.image_id)
            self._by_task(record, task if task is not None and is_news(record, task) else None)

    def _verify_at_once(self, record: ArchiveRecord) -> bool:
        """Whether the object is there and whole, or hidden, so that EC2 need not be asked."""
        try:
            found = self._app.bucket.head(record.object_key)
        except AccessDenied as error:
            self._hide(record, record.object_key, error)
            return True
        if found is None or why_not_whole(record.image_id, found, self._app.settings.bucket_key_arn):
            return False
        self._verify(record, found, None)
        return True

    def _by_task(self, record: ArchiveRecord, task: StoreTask | None) -> None:
        if task is not None and task.state == "InProgress":
            self.going_on = True
            return
        if task is not None and task.state == "Failed":
            self._attempt_failed(record, Failure.STORE_FAILED, task.failure_reason or "EC2 gave no reason", task)
            return
        key = (task and task.object_key) or record.object_key
        try:
            found = self._app.bucket.head(key)
        except AccessDenied as error:
            self._hide(record, key, error)
            return
        if found is not None:
            self._verify(record, found, task)
        elif task is not None or record.status is Status.STORED:
            what = f"EC2 reported it complete, but object {key} is not in the bucket"
            self._attempt_failed(record, Failure.OBJECT_MISSING, what, task)
        else:
            self.unstarted.append(record)

    def _verify(self, record: ArchiveRecord, found: StoredObject, task: StoreTask | None) -> None:
        at, run_id = self._app.clock.now(), self._state.run_id
        if why := why_not_whole(record.image_id, found, self._app.settings.bucket_key_arn):
            counted = task.started_at if task else record.failed_task_started_at
            after = lifecycle.move(
                record, Status.FAILED, Decision.FAILED, why, at=at, run_id=run_id, failed_task_started_at=counted
            )
        else:
            after = lifecycle.verify(record, found, f"object {found.key} is complete", at=at, run_id=run_id)
        self._save(record, after)

    def _attempt_failed(self, record: ArchiveRecord, failure: Failure, what: str, task: StoreTask | None) -> None:
        policy = self._app.settings.policy(record.policy)
        after = lifecycle.attempt_failed(
            record,
            failure,
            what,
            policy.attempts if policy else 1,
            at=self._app.clock.now(),
            run_id=self._state.run_id,
            task_started_at=task.started_at if task else None,
        )
        self._save(record, after)

    def _hide(self, record: ArchiveRecord, key: str, error: AccessDenied) -> None:
        """The image stays as it is, and on the lease."""
        why = hidden(key, error, "the next run looks again")
        line = DecisionLine(record.image_id, record.policy, Decision.FAILED, why, record.snapshot_gib)
        self.hidden.append(line)

    def _save(self, before: ArchiveRecord, after: ArchiveRecord) -> None:
        if not self._app.records.save(before, after):
            self.going_on = True  # somebody else moved it just now; the next look sees what it became
        elif after.status is Status.STORING:
            self.unstarted.append(after)
            logger.warning("store attempt failed", extra={"image_id": after.image_id, "reason": after.reason})
        else:
            self._ended(after)

    def _ended(self, record: ArchiveRecord) -> None:
        self.done.add(record.image_id)
        if record.run_id != self._state.run_id:
            return  # an earlier run's result, already in that run's pages
        line = DecisionLine(record.image_id, record.policy, record.decision, record.reason, record.snapshot_gib)
        self.lines.append(line)
