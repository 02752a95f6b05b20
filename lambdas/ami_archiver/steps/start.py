"""StartStoreTasks: fill the account's in-flight budget from the queue."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta

from ami_archiver import lifecycle
from ami_archiver.app import App
from ami_archiver.errors import AccessDenied
from ami_archiver.failures import Failure, denied
from ami_archiver.model import ArchiveRecord, Decision, QueueEntry, Running, Status, StoreTask
from ami_archiver.ports import Accepted, Lease, Refused
from ami_archiver.run_state import Metrics, Next, RunState
from ami_archiver.steps import adopt
from ami_archiver.steps import lease as leases
from ami_archiver.steps.fill import MANY_DENIED, Fill, in_turn
from ami_archiver.steps.in_flight import running_tasks, says_something_new, seconds_to_look
from ami_archiver.steps.queue import Front
from ami_archiver.verification import IMAGE_TAG, POLICY_TAG
from ami_archiver.waiting import in_flight_gib

logger = logging.getLogger(__name__)

SIGHT_SECONDS = 15
"""For how long a count of the account's tasks holds: a start follows its look within a second or two, and takes longer
itself from its own count to its last call."""
UNDER_WAY = frozenset({Status.SELECTED, Status.STORING, Status.STORED})


def start_store_tasks(app: App, state: RunState) -> tuple[RunState, Metrics]:
    """Start stores while the sum in flight is below the budget. Raises LeaseLost."""
    lease = leases.held(app, state)
    records = app.records.get(lease.in_flight).records
    sight = app.runs.sight(state.run_id, state.look_page) if state.look_page else None
    fresh = sight is not None and abs(app.clock.now() - sight.at) <= timedelta(seconds=SIGHT_SECONDS)
    running = sight.running if sight is not None and fresh else running_tasks(app, records)
    under_way = {r.image_id for r in records.values() if r.status in UNDER_WAY}
    busy = {r.task.image_id for r in running}
    if any(record.run_id == state.run_id for image_id, record in records.items() if image_id in busy):
        state = state.then(state.next, stores_taken=True)  # also by an attempt of this step that died
    stores = _Stores(app, state, lease, sight.ended - under_way if sight else (), running)
    closed = leases.closed_policies(app, lease, state)
    stores.again([r for r in records.values() if r.image_id not in busy and r.policy not in closed])
    stores.from_queue(Front(app.records, closed))
    if stores.ended:
        leases.renew(app, state, remove=stores.ended)
    fill = stores.fill
    refused = state.refused_starts + 1 if fill.only_refused else 0
    wait_seconds = seconds_to_look(app, state, fill.running, more_to_start=fill.more_to_start, refused_starts=refused)
    state = state.then(
        Next.WAIT,
        wait_seconds=wait_seconds,
        refused_starts=refused,
        stores_denied=state.stores_denied + fill.denied,
        stores_taken=state.stores_taken or fill.accepted > 0,
    )
    if state.stores_denied >= MANY_DENIED:
        state = concluded(state)
    return state, {"InFlightGiB": in_flight_gib(fill.running)}


def concluded(state: RunState) -> RunState:
    """What is to be said of the run if it asks for no further store: that all were denied is the role's fault."""
    if state.stores_taken or not state.stores_denied:
        return state
    problem = denied(
        f"all {state.stores_denied} stores that the run asked for were denied, so it is not the images but the role of "
        "StartStoreTasks, a key policy or an organization's policy; each image's reason has AWS's words",
        "what still waits goes first in the next run",
    )
    return state.then(state.next, problem=problem)


class _Stores:
    def __init__(
        self, app: App, state: RunState, lease: Lease, ended: Collection[str], running: Iterable[Running]
    ) -> None:
        self._app = app
        self._state = state
        self._lease = lease
        self.ended = ended
        """What is to be taken off the lease."""
        self.fill = Fill[ArchiveRecord, Running](
            running,
            budget_gib=app.settings.in_flight_budget_gib,
            rule=app.settings.admission_rule,
            name=lambda r: _name(r.task),
            denials_left=MANY_DENIED if state.stores_taken else MANY_DENIED - state.stores_denied,
        )

    def again(self, records: list[ArchiveRecord]) -> None:
        """Start those whose intention is written but of which EC2 knows nothing: refused, failed, or never asked."""
        storing = [r for r in records if r.status is Status.STORING]
        tasks = self._app.store_tasks.newest([r.image_id for r in storing], self._app.settings.bucket_name)
        for record in in_turn(storing, self._state.loops, lambda r: (-r.snapshot_gib, r.image_id)):
            task = tasks.get(record.image_id)
            if task is not None and says_something_new(record, task):
                if task.state == "InProgress":
                    self.fill.running.append(Running(task, record.snapshot_gib))
            elif self.fill.may_start(record.snapshot_gib) and not self._may_be_there(record.object_key):
                self._ask(record)
            else:
                self.fill.more_to_start = True

    def from_queue(self, front: Front[QueueEntry]) -> None:
        self.fill.from_queue(front, self._still_waiting, self._announce, self._start)

    def _announce(self, image_ids: Collection[str]) -> None:
        """On the lease before anything else, in the place of what has ended."""
        ended = set(self.ended) - set(image_ids)
        leases.exchange(self._app, self._state, self._lease, add=image_ids, remove=ended)
        self.ended = ()

    def _still_waiting(self, entries: Sequence[QueueEntry]) -> dict[str, ArchiveRecord]:
        """The entries' records; those of images that do not wait any more are dropped."""
        fetched = self._app.records.get([entry.image_id for entry in entries])
        waiting = {}
        for entry in entries:
            record = fetched.records.get(entry.image_id)
            if record is not None and record.status is Status.SELECTED:
                waiting[entry.entry_id] = record
            elif entry.image_id not in fetched.unreadable:
                self._app.records.drop(entry)
        return waiting

    def _start(self, record: ArchiveRecord, entry: QueueEntry) -> None:
        policy = self._app.settings.policy(record.policy)
        key = adopt.object_key(self._app, policy, record.image_id) if policy else record.object_key
        intention = lifecycle.move(
            record,
            Status.STORING,
            Decision.DEFERRED,
            f"store into {key} requested; {self.fill.figures(record.snapshot_gib)}",
            at=self._app.clock.now(),
            run_id=self._state.run_id,
            object_key=key,
            facts=adopt.with_launch_permissions(self._app, record),
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
            self.fill.took(self._running(record, self._app.clock.now()))
            for suspect, why in self.fill.convicted(lambda: map(_name, self._app.store_tasks.in_progress())):
                self._attempt_failed(suspect, why, final=False)
            logger.info("store started", extra={"image_id": record.image_id, "gib": record.snapshot_gib})
        else:
            self._refused(record, answer)

    def _refused(self, record: ArchiveRecord, answer: Refused) -> None:
        """Look before judging: EC2 uses one error code for a task, an object and perhaps a budget in the way."""
        task = self._app.store_tasks.newest([record.image_id], record.bucket).get(record.image_id)
        if task is not None and task.state == "InProgress":
            self.fill.running.append(Running(task, record.snapshot_gib))
            return
        if answer.denied:
            self._denied(record, answer)
            return
        if self._is_there(record, [record.object_key, task.object_key] if task else [record.object_key]):
            return
        why = f"EC2 refused the store: {answer.code}: {answer.message}"
        in_flight = running_tasks(self._app, {record.image_id: record})
        final = answer.concerns_image
        if self.fill.refused(record, why, in_flight, own_fault=final, throttled=answer.throttled):
            self._attempt_failed(record, why, final=final)
        else:
            logger.info("store refused", extra={"image_id": record.image_id, "reason": why})

    def _denied(self, record: ArchiveRecord, answer: Refused) -> None:
        """The image fails at once, and stops no other."""
        self.fill.denied += 1
        if self._is_in_the_bucket(record):
            return
        why = denied(f"EC2 denied the store: {answer.message}", "the next run tries again")
        at, run_id = self._app.clock.now(), self._state.run_id
        after = lifecycle.move(record, Status.FAILED, Decision.FAILED, why, at=at, run_id=run_id)
        self._app.records.save(record, after)

    def _is_in_the_bucket(self, record: ArchiveRecord) -> bool:
        """Before an image is given up: somebody may have stored it, and EC2 have forgotten it."""
        return self._is_there(record, adopt.find_keys(self._app, {record.image_id}).values())

    def _may_be_there(self, key: str) -> bool:
        """An object that may not be looked at may be whole: its image is neither stored again nor failed for it."""
        try:
            return self._app.bucket.look(key) is not None
        except AccessDenied:
            return True

    def _is_there(self, record: ArchiveRecord, keys: Iterable[str]) -> bool:
        """Whether its object is under one of the keys already; the next check verifies it there."""
        key = next((key for key in keys if self._may_be_there(key)), None)
        if key is not None and key != record.object_key:
            at, run_id = self._app.clock.now(), self._state.run_id
            self._app.records.save(record, lifecycle.found_at(record, key, at=at, run_id=run_id))
        return key is not None

    def _attempt_failed(self, record: ArchiveRecord, why: str, *, final: bool) -> None:
        policy = self._app.settings.policy(record.policy)
        allowed = record.attempts + 1 if final or policy is None else policy.attempts
        if record.attempts + 1 >= allowed and self._is_in_the_bucket(record):
            return
        at, run_id = self._app.clock.now(), self._state.run_id
        after = lifecycle.attempt_failed(record, Failure.STORE_REFUSED, why, allowed, at=at, run_id=run_id)
        self._app.records.save(record, after)

    def _running(self, record: ArchiveRecord, at: datetime) -> Running:
        task = StoreTask(record.image_id, record.bucket, record.object_key, "InProgress", 0, at)
        return Running(task, record.snapshot_gib)


def _name(task: StoreTask) -> tuple[str, str]:
    """An image may be stored into somebody else's bucket at the same time."""
    return task.image_id, task.bucket
