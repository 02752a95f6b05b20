"""CheckStoreTasks: finish what EC2 has ended, and say what comes next and how long to wait for it."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import timedelta
from hashlib import sha256

from ami_archiver import lifecycle
from ami_archiver.app import App
from ami_archiver.errors import AccessDenied
from ami_archiver.failures import Failure, hidden
from ami_archiver.model import (
    ArchiveRecord,
    Decision,
    DecisionLine,
    QueueEntry,
    Running,
    Status,
    StoredObject,
    StoreTask,
)
from ami_archiver.ports import Fetched, Sight
from ami_archiver.run_state import HAND_OVER_LOOPS, Metrics, Next, RunState
from ami_archiver.steps import lease as leases
from ami_archiver.steps.decided import log_decision
from ami_archiver.steps.in_flight import running_tasks, says_something_new, seconds_to_look
from ami_archiver.steps.queue import Front
from ami_archiver.steps.start import concluded
from ami_archiver.verification import flaw
from ami_archiver.waiting import in_flight_gib

logger = logging.getLogger(__name__)


def check_store_tasks(app: App, state: RunState) -> tuple[RunState, Metrics]:
    """One look at everything that is under way. Raises LeaseLost."""
    lease = leases.held(app, state)
    state = state.then(Next.WAIT, loops=state.loops + 1, runs=len(lease.runs))
    closed = leases.closed_policies(app, lease, state)
    front = Front(app.records, closed)
    foremost = front.largest(None)
    if not lease.in_flight and foremost is None:
        return concluded(state).then(Next.RETIRE, wait_seconds=0), {}
    fetched, startable = _read(app, lease.in_flight, front, foremost)
    records = fetched.records
    seen_at = app.clock.now()
    running = running_tasks(app, records)
    in_progress = {r.task.image_id for r in running if r.task.bucket == app.settings.bucket_name}
    look = _Look(app, state, closed)
    look.at(record for record in records.values() if record.image_id not in in_progress)
    look.unreadable(fetched.unreadable)
    state = _next(app, state, running, startable, look, in_progress & records.keys())
    if state.next is Next.RETIRE:
        look.tell_hidden()
    page = _page_name(state, look.lines) if look.lines else None
    if page:
        app.runs.put_page(state.run_id, page, look.lines, Sight(seen_at, tuple(running), look.listed))
    ended = look.done | (lease.in_flight - records.keys())
    by_the_start = state.next is Next.START and ended == look.listed  # one write of the lease for both steps
    leases.prolong(app, state, lease, remove=() if by_the_start else ended)
    state = state.then(
        state.next,
        ended_images=state.ended_images + len(look.lines),
        look_page=page if by_the_start else None,
    )
    return state, {"InFlightGiB": in_flight_gib(running)}


def _next(
    app: App, state: RunState, running: Sequence[Running], startable: bool, look: _Look, going_on: Collection[str]
) -> RunState:
    """What comes after a look, and how long to wait for it."""
    more_to_start = (startable or look.unstarted) and state.problem is None
    overdue = app.clock.now() - state.started > timedelta(hours=app.settings.run_limit_hours)
    if overdue or not (more_to_start or look.going_on or going_on):
        return (state if more_to_start else concluded(state)).then(Next.RETIRE, wait_seconds=0)
    wait_seconds = seconds_to_look(app, state, running, more_to_start=more_to_start)
    if state.loops % HAND_OVER_LOOPS == 0:
        step = Next.HAND_OVER
    elif more_to_start and in_flight_gib(running) < app.settings.in_flight_budget_gib:
        step = Next.START
    else:
        step = Next.WAIT
    return state.then(step, wait_seconds=wait_seconds)


def _read(
    app: App, in_flight: Collection[str], front: Front[QueueEntry], foremost: QueueEntry | None
) -> tuple[Fetched, bool]:
    """The records of what is in flight, and whether the queue holds an image whose record can be read.

    One that cannot must not keep the run waiting. The queue's foremost is asked for along with the others.
    """
    beside = {foremost.image_id} - set(in_flight) if foremost else set()
    fetched = app.records.get([*in_flight, *beside])
    entry, unreadable = foremost, fetched.unreadable
    while entry is not None and entry.image_id in unreadable:
        front.take(entry)
        entry = front.largest(None)
        unreadable = app.records.get([entry.image_id]).unreadable if entry else {}
    ours = Fetched(
        {image_id: record for image_id, record in fetched.records.items() if image_id not in beside},
        {image_id: reason for image_id, reason in fetched.unreadable.items() if image_id not in beside},
    )
    return ours, entry is not None


def _page_name(state: RunState, lines: Collection[DecisionLine]) -> str:
    """By what is on it: a look that is repeated, or made twice at once, finds other images ended and hides none."""
    digest = sha256(" ".join(sorted(line.image_id for line in lines)).encode()).hexdigest()[:16]
    return f"CHECK#{state.loops:07}#{digest}"


class _Look:
    """What came of the images whose store is under way but which EC2 does not list as in progress."""

    def __init__(self, app: App, state: RunState, closed: Collection[str]) -> None:
        self._app = app
        self._state = state
        self._closed = closed
        self.lines: list[DecisionLine] = []
        self.done: set[str] = set()
        self.unstarted = False
        """An intention without a task and without an object: to be started (again), while its policy is open."""
        self.going_on = False
        self._hidden: list[DecisionLine] = []
        """Of objects that may not be looked at: the run does not wait for them, the next one looks again."""

    @property
    def listed(self) -> frozenset[str]:
        return frozenset(line.image_id for line in self.lines)

    def at(self, records: Iterable[ArchiveRecord]) -> None:
        open_records = []
        for record in records:
            if record.status in (Status.STORING, Status.STORED):
                open_records.append(record)
            elif record.status is not Status.SELECTED:
                self._finished(record)
        rest = []
        for record in open_records:
            try:
                found = self._app.bucket.look(record.object_key)
            except AccessDenied as error:
                self._hide(record, record.object_key, error)
                continue
            if found is None or not self._verify(record, found, None, or_fail=False):  # or EC2 need not be asked
                rest.append(record)
        storing = [record.image_id for record in rest if record.status is Status.STORING]
        tasks = self._app.store_tasks.newest(storing, self._app.settings.bucket_name)
        for record in rest:
            self._settle(record, tasks.get(record.image_id))

    def unreadable(self, reasons: Mapping[str, str]) -> None:
        """A record that cannot be read is left as it is; its image's store goes on without us."""
        for image_id, reason in reasons.items():
            self.done.add(image_id)
            self._line(DecisionLine(image_id, self._state.policy, Decision.FAILED, reason))

    def tell_hidden(self) -> None:
        """In the last look, once for the run."""
        for line in self._hidden:
            self._line(line)

    def _hide(self, record: ArchiveRecord, key: str, error: AccessDenied) -> None:
        """The image stays as it is, and on the lease."""
        why = hidden(key, error, "the next run looks again")
        self._hidden.append(DecisionLine(record.image_id, record.policy, Decision.FAILED, why, record.snapshot_gib))

    def _settle(self, record: ArchiveRecord, task: StoreTask | None) -> None:
        if record.status is Status.STORING and not says_something_new(record, task):
            task = None
        if task is not None and task.state == "InProgress":
            self.going_on = True
            return
        if task is not None and task.state == "Failed":
            self._attempt_failed(record, Failure.STORE_FAILED, task.failure_reason or "EC2 gave no reason", task)
            return
        key = (task and task.object_key) or record.object_key
        try:
            found = self._app.bucket.look(key)
        except AccessDenied as error:
            self._hide(record, key, error)
            return
        if found is not None:
            self._verify(record, found, task)
        elif task is not None or record.status is Status.STORED:
            what = f"EC2 reported it complete, but object {key} is not in the bucket"
            self._attempt_failed(record, Failure.OBJECT_MISSING, what, task)
        else:
            self._unstarted(record)

    def _unstarted(self, record: ArchiveRecord) -> None:
        self.unstarted = self.unstarted or record.policy not in self._closed

    def _verify(
        self, record: ArchiveRecord, found: StoredObject, task: StoreTask | None, *, or_fail: bool = True
    ) -> bool:
        """Record what was found; False: it has a flaw, and is not to be failed for it yet."""
        at, run_id = self._app.clock.now(), self._state.run_id
        why = flaw(record.image_id, found, self._app.settings.bucket_key_arn)
        if why and not or_fail:
            return False
        if why:
            counted = task.started_at if task else record.failed_task_started_at
            after = lifecycle.move(
                record, Status.FAILED, Decision.FAILED, why, at=at, run_id=run_id, failed_task_started_at=counted
            )
        else:
            after = lifecycle.verify(record, found, f"object {found.key} is complete", at=at, run_id=run_id)
        self._save(record, after)
        return True

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

    def _save(self, before: ArchiveRecord, after: ArchiveRecord) -> None:
        if not self._app.records.save(before, after):
            self.going_on = True  # somebody else moved it just now; the next look sees what it became
        elif after.status is Status.STORING:
            self._unstarted(after)
            logger.warning("store attempt failed", extra={"image_id": after.image_id, "reason": after.reason})
        else:
            self._finished(after)

    def _finished(self, record: ArchiveRecord) -> None:
        self.done.add(record.image_id)
        if record.run_id != self._state.run_id:
            return  # an earlier run's result, already in that run's pages
        self._line(DecisionLine(record.image_id, record.policy, record.decision, record.reason, record.snapshot_gib))

    def _line(self, line: DecisionLine) -> None:
        self.lines.append(line)
        log_decision(logger, line)
