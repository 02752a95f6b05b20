"""StartStoreTasks: fill the account's in-flight budget from the queue."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime

from ami_archiver import lifecycle
from ami_archiver.admission import admission, next_start
from ami_archiver.app import App
from ami_archiver.failures import Failure
from ami_archiver.model import ArchiveRecord, Decision, QueueEntry, Status, StoreTask
from ami_archiver.ports import Accepted, Refused
from ami_archiver.run_state import Metrics, Next, RunState
from ami_archiver.steps import adopt
from ami_archiver.steps import lease as leases
from ami_archiver.steps.in_flight import running_tasks, says_something_new
from ami_archiver.steps.queue import Front
from ami_archiver.verification import IMAGE_TAG, POLICY_TAG
from ami_archiver.waiting import Running, in_flight_gib, seconds_to_wait

logger = logging.getLogger(__name__)

REFUSALS_PER_STEP = 2
"""A refusal may be the budget's or the image's: one other image is tried, so that one image never stops the others.
The queue's next image is tried in any case, so that refused ones do not stand in its way."""


def start_store_tasks(app: App, state: RunState) -> tuple[RunState, Metrics]:
    """Start stores while the sum in flight is below the budget. Raises LeaseLost."""
    lease = leases.renew(app, state)
    records = app.records.get(lease.in_flight).records
    running = running_tasks(app, records)
    fill = _Fill(app, state, running)
    busy = {r.task.image_id for r in running}
    closed = leases.closed_policies(app, lease, state)
    fill.again([r for r in records.values() if r.image_id not in busy and r.policy not in closed])
    fill.from_queue(Front(app.records, closed))
    refused = state.refused_starts + 1 if fill.only_refused else 0
    maximum = app.settings.wait_max_seconds
    minimum = min(maximum, app.settings.wait_min_seconds * 2 ** min(refused, 10))
    wait_seconds = seconds_to_wait(
        fill.running,
        app.clock.now(),
        budget_gib=app.settings.in_flight_budget_gib,
        more_to_start=fill.more_to_start,
        minimum=minimum,
        maximum=maximum,
    )
    state = state.then(Next.WAIT, wait_seconds=wait_seconds, refused_starts=refused)
    return state, {"InFlightGiB": in_flight_gib(fill.running)}


class _Fill:
    def __init__(self, app: App, state: RunState, running: list[Running]) -> None:
        self._app = app
        self._state = state
        self._refusals_left = REFUSALS_PER_STEP
        self._suspects: list[tuple[ArchiveRecord, str, set[str]]] = []
        """Refused with a code that does not say whether it was the budget or the image; and what was in flight then."""
        self._throttled = False
        self._accepted = 0
        self.running = list(running)
        self.more_to_start = False

    @property
    def only_refused(self) -> bool:
        """Whether something was asked for, and EC2 took nothing."""
        return self._refusals_left < REFUSALS_PER_STEP and not self._accepted

    def again(self, records: list[ArchiveRecord]) -> None:
        """Start those whose intention is written but of which EC2 knows nothing: refused, failed, or never asked.

        Each look begins with another one, so that none that EC2 always refuses stands in the way of the rest.
        """
        storing = [r for r in records if r.status is Status.STORING]
        tasks = self._app.store_tasks.newest([r.image_id for r in storing], self._app.settings.bucket_name)
        storing.sort(key=lambda r: (-r.snapshot_gib, r.image_id))
        turn = self._state.loops % len(storing) if storing else 0
        for record in storing[turn:] + storing[:turn]:
            task = tasks.get(record.image_id)
            if task is not None and says_something_new(record, task):
                if task.state == "InProgress":
                    self.running.append(Running(task, record.snapshot_gib))
            elif self._may_start(record.snapshot_gib) and self._app.bucket.look(record.object_key) is None:
                self._ask(record)
            else:
                self.more_to_start = True

    def from_queue(self, front: Front[QueueEntry]) -> None:
        """Choose what fits from the queue, write that it is under way, then start one after the other."""
        chosen = self._choose(front)
        self.more_to_start = self.more_to_start or front.largest(None) is not None
        if not chosen or self._throttled:
            return
        leases.renew(self._app, self._state, add=[entry.image_id for entry, _ in chosen])
        self._refusals_left = max(self._refusals_left, 1)
        for entry, record in chosen:
            if not self._may_start(entry.snapshot_gib):
                self.more_to_start = True
                return
            self._start(record, entry)

    def _choose(self, front: Front[QueueEntry]) -> list[tuple[QueueEntry, ArchiveRecord]]:
        """Entries that fill the budget, with their records: those of images that do not wait any more are dropped."""
        settings = self._app.settings
        planned = in_flight_gib(self.running)
        chosen: list[tuple[QueueEntry, ArchiveRecord]] = []
        while True:
            entries = []
            while entry := next_start(planned, settings.in_flight_budget_gib, settings.admission_rule, front.largest):
                front.take(entry)
                entries.append(entry)
                planned += entry.snapshot_gib
            if not entries:
                return chosen
            fetched = self._app.records.get([entry.image_id for entry in entries])
            for entry in entries:
                record = fetched.records.get(entry.image_id)
                if record is not None and record.status is Status.SELECTED:
                    chosen.append((entry, record))
                    continue
                planned -= entry.snapshot_gib
                if entry.image_id not in fetched.unreadable:
                    self._app.records.drop(entry)

    def _start(self, record: ArchiveRecord, entry: QueueEntry) -> None:
        policy = self._app.settings.policy(record.policy)
        key = adopt.object_key(self._app, policy, record.image_id) if policy else record.object_key
        intention = lifecycle.move(
            record,
            Status.STORING,
            Decision.DEFERRED,
            f"store into {key} requested; {self._budget(record.snapshot_gib)}",
            at=self._app.clock.now(),
            run_id=self._state.run_id,
            object_key=key,
        )
        if self._app.records.save(record, intention, leaving=entry):
            self._ask(intention)

    def _ask(self, record: ArchiveRecord) -> None:
        """Call EC2 for a record whose intention is written, and take the answer for what it is."""
        policy = self._app.settings.policy(record.policy)
        tags = {**(policy.object_tags if policy else {}), IMAGE_TAG: record.image_id, POLICY_TAG: record.policy}
        prefix = record.object_key.rpartition("/")[0]
        answer = self._app.store_tasks.start(record.image_id, record.bucket, prefix, tags)
        if isinstance(answer, Accepted):
            self._accepted += 1
            self._now_running(record, self._app.clock.now())
            self._count_suspects()
            logger.info("store started", extra={"image_id": record.image_id, "gib": record.snapshot_gib})
        else:
            self._refused(record, answer)

    def _refused(self, record: ArchiveRecord, answer: Refused) -> None:
        """Look before judging: EC2 uses one error code for a task, an object and perhaps a budget in the way."""
        task = self._app.store_tasks.newest([record.image_id], record.bucket).get(record.image_id)
        if task is not None and task.state == "InProgress":
            self.running.append(Running(task, record.snapshot_gib))
            return
        if self._is_there(record, [record.object_key, task.object_key] if task else [record.object_key]):
            return
        why = f"EC2 refused the store: {answer.code}: {answer.message}"
        in_flight = running_tasks(self._app, {record.image_id: record})
        self._see(in_flight)
        if answer.throttled:
            self._throttled = True
        elif answer.concerns_image or not in_flight:
            self._attempt_failed(record, why, final=answer.concerns_image)
        else:
            self._suspects.append((record, why, {r.task.image_id for r in in_flight}))
            logger.info("store refused", extra={"image_id": record.image_id, "reason": why})
        self._refusals_left = max(0, self._refusals_left - (not answer.concerns_image))
        self.more_to_start = True

    def _is_there(self, record: ArchiveRecord, keys: Iterable[str]) -> bool:
        """Whether its object is under one of the keys already; the next check verifies it there."""
        key = next((key for key in keys if self._app.bucket.look(key) is not None), None)
        if key is not None and key != record.object_key:
            at, run_id = self._app.clock.now(), self._state.run_id
            self._app.records.save(record, lifecycle.found_at(record, key, at=at, run_id=run_id))
        return key is not None

    def _see(self, in_progress: list[Running]) -> None:
        """Count what others started since the last look; EC2 may not list yet what it has just taken from us."""
        known = {(r.task.image_id, r.task.bucket) for r in self.running}
        self.running += [r for r in in_progress if (r.task.image_id, r.task.bucket) not in known]

    def _count_suspects(self) -> None:
        """EC2 has just taken another image: unless a task has ended since, the budget was not why it refused these."""
        if not self._suspects:
            return
        still = {task.image_id for task in self._app.store_tasks.in_progress()}
        for record, why, in_flight in self._suspects:
            if in_flight <= still:
                self._attempt_failed(record, why, final=False)
        self._suspects.clear()

    def _attempt_failed(self, record: ArchiveRecord, why: str, *, final: bool) -> None:
        policy = self._app.settings.policy(record.policy)
        allowed = record.attempts + 1 if final or policy is None else policy.attempts
        if record.attempts + 1 >= allowed:
            # Before an image is given up: somebody may have stored it, and EC2 have forgotten it.
            keys = adopt.find_keys(self._app, {record.image_id})
            if self._is_there(record, keys.values()):
                return
        at, run_id = self._app.clock.now(), self._state.run_id
        after = lifecycle.attempt_failed(record, Failure.STORE_REFUSED, why, allowed, at=at, run_id=run_id)
        self._app.records.save(record, after)

    def _may_start(self, gib: float) -> bool:
        settings = self._app.settings
        verdict = admission(in_flight_gib(self.running), settings.in_flight_budget_gib, settings.admission_rule, gib)
        return verdict.admit and self._refusals_left > 0 and not self._throttled

    def _budget(self, gib: float) -> str:
        settings = self._app.settings
        return admission(
            in_flight_gib(self.running), settings.in_flight_budget_gib, settings.admission_rule, gib
        ).reason

    def _now_running(self, record: ArchiveRecord, at: datetime) -> None:
        task = StoreTask(record.image_id, record.bucket, record.object_key, "InProgress", 0, at)
        self.running.append(Running(task, record.snapshot_gib))
