"""What the engine has to know of storing: what is in flight, and how a store is announced, asked for and judged."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence

from ami_archiver import lifecycle
from ami_archiver.app import App
from ami_archiver.eligibility import image_gib
from ami_archiver.errors import AccessDenied
from ami_archiver.failures import Failure, denied
from ami_archiver.model import ArchiveRecord, Decision, InFlight, QueueEntry, Refusal, Status
from ami_archiver.run_state import RunState
from ami_archiver.steps import adopt
from ami_archiver.steps import lease as leases
from ami_archiver.verification import IMAGE_TAG, POLICY_TAG

logger = logging.getLogger(__name__)


class StoreWork:
    """`engine.Work` for the stores of one look; `ours` are the records of what the lease names."""

    def __init__(self, app: App, state: RunState, ours: Mapping[str, ArchiveRecord]) -> None:
        self._app = app
        self._state = state
        self._ours = dict(ours)

    def in_flight(self) -> list[InFlight]:
        """With sizes: ours from the records, others' from EC2.

        An image that cannot be seen (deregistered while it is stored, or another account's) counts with 0 GiB: if that
        is wrong EC2 refuses the next start, which only costs a wait.
        """
        app, tasks = self._app, self._app.store_tasks.in_progress()
        unknown = {task.image_id for task in tasks if task.image_id} - self._ours.keys() - app.sizes.keys()
        if unknown:
            images = app.images.by_id(unknown)
            snapshots = app.images.snapshots([s for image in images.values() for s in image.snapshot_ids])
            app.sizes.update({image_id: image_gib(image, snapshots) for image_id, image in images.items()})
            for image_id in sorted(unknown - images.keys()):  # not remembered: it may be seen at the next look
                logger.warning("size of a store task is unknown", extra={"image_id": image_id})
        sizes = app.sizes | {image_id: record.snapshot_gib for image_id, record in self._ours.items()}
        return [
            InFlight(
                task_id=f"{task.bucket}/{task.image_id}",  # somebody else may store an image of ours at the same time
                image_id=task.image_id,
                bucket=task.bucket,
                gib=sizes.get(task.image_id, 0.0),
                started_at=task.started_at,
                progress_percentage=task.progress_percentage,
            )
            for task in tasks
        ]

    def waiting(self, entries: Sequence[QueueEntry]) -> dict[str, ArchiveRecord]:
        """Entries of images that do not wait any more are dropped; those of records that cannot be read stay."""
        fetched = self._app.records.get([entry.image_id for entry in entries])
        waiting = {}
        for entry in entries:
            record = fetched.records.get(entry.image_id)
            if record is not None and record.status is Status.SELECTED:
                waiting[entry.entry_id] = record
            elif entry.image_id not in fetched.unreadable:
                self._app.records.drop(entry)
        return waiting

    def announce(self, entry_ids: list[str]) -> None:
        leases.renew(self._app, self._state, add=entry_ids)

    def intend(self, record: ArchiveRecord, entry: QueueEntry, figures: str) -> ArchiveRecord | None:
        policy = self._app.settings.policy(record.policy)
        key = adopt.object_key(self._app, policy, record.image_id) if policy else record.object_key
        intention = lifecycle.move(
            record,
            Status.STORING,
            Decision.DEFERRED,
            f"store into {key} requested; {figures}",
            at=self._app.clock.now(),
            run_id=self._state.run_id,
            object_key=key,
            facts=adopt.with_launch_permissions(self._app, record),
        )
        return intention if self._app.records.save(record, intention, leaving=entry) else None

    def why_not(self, record: ArchiveRecord) -> str | None:
        """An object that is there, or hidden, may be whole: its image is neither stored again nor failed for it."""
        return "its object may be there" if self._may_be_there(record.object_key) else None

    def start(self, record: ArchiveRecord) -> InFlight | Refusal:
        policy = self._app.settings.policy(record.policy)
        tags = {**(policy.object_tags if policy else {}), IMAGE_TAG: record.image_id, POLICY_TAG: record.policy}
        prefix = record.object_key.rpartition("/")[0]
        refusal = self._app.store_tasks.start(record.image_id, record.bucket, prefix, tags)
        if refusal is not None:
            logger.info("store refused", extra={"image_id": record.image_id, "reason": str(refusal)})
            return refusal
        self._ours[record.image_id] = record
        logger.info("store started", extra={"image_id": record.image_id, "gib": record.snapshot_gib})
        task_id = f"{record.bucket}/{record.image_id}"
        return InFlight(task_id, record.image_id, record.bucket, record.snapshot_gib, self._app.clock.now())

    def is_settled(self, record: ArchiveRecord, refusal: Refusal) -> bool:
        """EC2 uses one error code for a task, an object and perhaps a budget in the way."""
        self._ours[record.image_id] = record
        task = self._app.store_tasks.newest([record.image_id], record.bucket).get(record.image_id)
        if task is not None and task.state == "InProgress":
            return True
        if refusal.denied:
            return self._is_in_the_bucket(record)
        return self._is_there(record, [record.object_key, task.object_key] if task else [record.object_key])

    def fail(self, record: ArchiveRecord, refusal: Refusal) -> None:
        why = denied(f"EC2 denied the store: {refusal.message}", "the next run tries again")
        at, run_id = self._app.clock.now(), self._state.run_id
        after = lifecycle.move(record, Status.FAILED, Decision.FAILED, why, at=at, run_id=run_id)
        self._app.records.save(record, after)

    def attempt_failed(self, record: ArchiveRecord, refusal: Refusal) -> None:
        policy = self._app.settings.policy(record.policy)
        allowed = record.attempts + 1 if refusal.own_fault or policy is None else policy.attempts
        if record.attempts + 1 >= allowed and self._is_in_the_bucket(record):
            return
        at, run_id = self._app.clock.now(), self._state.run_id
        why = f"EC2 refused the store: {refusal}"
        after = lifecycle.attempt_failed(record, Failure.STORE_REFUSED, why, allowed, at=at, run_id=run_id)
        self._app.records.save(record, after)

    def _is_in_the_bucket(self, record: ArchiveRecord) -> bool:
        """Before an image is given up: somebody may have stored it, and EC2 have forgotten it."""
        return self._is_there(record, adopt.find_keys(self._app, {record.image_id}).values())

    def _is_there(self, record: ArchiveRecord, keys: Iterable[str]) -> bool:
        """Whether its object is under one of the keys already; the next look verifies it there."""
        key = next((key for key in keys if self._may_be_there(key)), None)
        if key is not None and key != record.object_key:
            at, run_id = self._app.clock.now(), self._state.run_id
            self._app.records.save(record, lifecycle.found_at(record, key, at=at, run_id=run_id))
        return key is not None

    def _may_be_there(self, key: str) -> bool:
        try:
            return self._app.bucket.head(key) is not None
        except AccessDenied:
            return True
