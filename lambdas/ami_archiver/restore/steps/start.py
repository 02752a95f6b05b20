"""StartRestores: thaw what is due, and fill the account's restore budget from the run's queue."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from ami_archiver.admission import admission, next_start
from ami_archiver.errors import LeaseLost
from ami_archiver.failures import because
from ami_archiver.ports import Lease
from ami_archiver.restore import lifecycle
from ami_archiver.restore.app import RestoreApp
from ami_archiver.restore.failures import RestoreFailure
from ami_archiver.restore.model import RestoredImage, RestoreEntry, RestoreRecord, RestoreStatus, ThawEntry
from ami_archiver.restore.ports import NotStarted, Started
from ami_archiver.restore.state import RestoreState
from ami_archiver.restore.steps import lease as leases
from ami_archiver.restore.steps.check import IN_FLIGHT, adopt, seconds_to
from ami_archiver.restore.steps.decided import log_restore
from ami_archiver.restore.steps.in_flight import UNSEEN_SECONDS, InFlight, RunningRestore, under_way
from ami_archiver.restore.steps.thaw import WAITING, altered, thaw_due
from ami_archiver.restore.tags import tags_of
from ami_archiver.run_state import Metrics, Next
from ami_archiver.steps.queue import Front
from ami_archiver.steps.start import REFUSALS_PER_STEP
from ami_archiver.waiting import in_flight_gib

logger = logging.getLogger(__name__)

ATTEMPTS = 3
"""Calls that EC2 refuses for no reason that the budget explains, before a restore fails."""


def start_restores(app: RestoreApp, state: RestoreState) -> tuple[RestoreState, Metrics]:
    """Start restores while the sum in flight is below the budget."""
    if thaw_due(app, state):
        state = state.then(Next.WAIT, progressed_at=app.clock.now().isoformat())
    try:
        with leases.held(app, state) as lease:
            if lease is None:
                return state.then(Next.WAIT, wait_seconds=app.settings.wait_min_seconds), {}
            fill = _Fill(app, state, lease)
            fill.again()
            fill.from_queue()
    except LeaseLost as error:  # this step took longer than a lease lasts; what is written is right, so look again
        logger.warning("lease lost", extra={"run_id": state.run_id, "reason": str(error)})
        return state.then(Next.WAIT, wait_seconds=app.settings.wait_min_seconds), {}
    now = app.clock.now()
    thaw = next(app.restores.thaws(state.run_id, None), None)
    own = any(r.record is not None and r.record.run_id == state.run_id for r in fill.running)
    wait_seconds = seconds_to(
        app,
        InFlight(running=fill.running),
        own=own,
        more_to_start=fill.more_to_start,
        thaw_at=thaw.look_at if thaw else None,
        now=now,
    )
    progressed = now.isoformat() if fill.started else state.progressed_at
    state = state.then(Next.WAIT, wait_seconds=wait_seconds, progressed_at=progressed)
    return state, {IN_FLIGHT: in_flight_gib(fill.running)}


class _Fill:
    def __init__(self, app: RestoreApp, state: RestoreState, lease: Lease) -> None:
        self._app = app
        self._state = state
        self._encrypts = app.tasks.encrypts_by_default()
        self._refusals_left = REFUSALS_PER_STEP
        self._suspects: list[tuple[RestoreRecord, str]] = []
        """Refused with a code that does not say whether it was the budget or the restore."""
        records = app.restores.get(lease.in_flight).records
        in_flight = under_way(app, records.values())
        adopt(app, in_flight)
        leases.drop_ended(app, state, lease, records)
        self.running = in_flight.running
        self._unstarted = [r for r in in_flight.unstarted if r.run_id == state.run_id]
        self._count_calls_of_others(in_flight.unstarted)
        self.more_to_start = False
        self.started = 0

    def _count_calls_of_others(self, unstarted: list[RestoreRecord]) -> None:
        """Another run has just written that it will call EC2, or died before: for a while, that counts as done."""
        now = self._app.clock.now()
        for record in unstarted:
            requested = record.requested_at or record.changed_at
            if record.run_id != self._state.run_id and now - requested < timedelta(seconds=UNSEEN_SECONDS):
                self.running.append(RunningRestore(record, record.gib, requested, 0))

    def again(self) -> None:
        """Ask for those whose intention is written but of which EC2 knows nothing: refused, or never asked.

        Each look begins with another one, so that none that EC2 always refuses stands in the way of the rest.
        """
        restores = sorted(self._unstarted, key=lambda r: (-r.gib, r.restore_id))
        turn = self._state.loops % len(restores) if restores else 0
        for record in restores[turn:] + restores[:turn]:
            if self._may_start(record.gib):
                self._ask(record)
            else:
                self.more_to_start = True

    def from_queue(self) -> None:
        """Choose what fits from the queue, write that it is under way, then start one after the other."""
        front = Front(self._app.restores.queue(self._state.run_id))
        chosen = self._choose(front)
        self.more_to_start = self.more_to_start or front.largest(None) is not None
        if not chosen:
            return
        leases.renew(self._app, self._state, add=[record.restore_id for _, record in chosen])
        self._refusals_left = max(self._refusals_left, 1)
        for entry, record in chosen:
            if not self._refusals_left:
                self.more_to_start = True
                return
            self._start(record, entry)

    def _choose(self, front: Front[RestoreEntry]) -> list[tuple[RestoreEntry, RestoreRecord]]:
        """Entries that fill the budget, with their records: those that do not wait any more are dropped."""
        settings = self._app.settings
        planned = in_flight_gib(self.running)
        chosen: list[tuple[RestoreEntry, RestoreRecord]] = []
        while True:
            entries = []
            while entry := next_start(planned, settings.restore_budget_gib, settings.admission_rule, front.largest):
                front.take(entry)
                entries.append(entry)
                planned += entry.snapshot_gib
            if not entries:
                return chosen
            fetched = self._app.restores.get([entry.entry_id for entry in entries])
            for entry in entries:
                record = fetched.records.get(entry.entry_id)
                if record is not None and record.status in WAITING:
                    chosen.append((entry, record))
                    continue
                planned -= entry.snapshot_gib
                self._app.restores.drop(entry.entry_id, entry)

    def _start(self, record: RestoreRecord, entry: RestoreEntry) -> None:
        """Look once more, since hours may have passed since the plan; write the intention; call."""
        now = self._app.clock.now()
        found = self._app.bucket.glance(record.object_key)
        why = altered(record, found)
        if not why and record.needs_encryption and not self._encrypts:
            why = because(
                RestoreFailure.WOULD_BE_UNENCRYPTED,
                "would be restored unencrypted now: EBS encryption by default was switched off since the plan",
                "switch it on again, then restore again",
            )
        if why or found is None:
            self._save(record, lifecycle.move(record, RestoreStatus.FAILED, why or "", at=now), entry)
        elif not found.readable:
            after = lifecycle.noted(record, f"object {record.object_key} is frozen again; thawing", at=now)
            self._app.restores.save(record, after, leaving=entry, joining=ThawEntry(record.restore_id, now))
        else:
            why = f"restore as {record.name!r} requested; {self._budget(record.gib)}"
            intention = lifecycle.move(record, RestoreStatus.RESTORING, why, at=now, requested_at=now)
            if self._app.restores.save(record, intention, leaving=entry):
                self._ask(intention)

    def _ask(self, record: RestoreRecord) -> None:
        """Call EC2 for a restore whose intention is written, and take the answer for what it is."""
        now = self._app.clock.now()
        tags = tags_of(record, now)
        bucket = self._app.settings.bucket_name
        answer = self._app.tasks.start(bucket, record.object_key, record.name, tags, tags)
        if isinstance(answer, Started):
            self._now_running(record, answer.image_id, now)
            self._count_suspects()
        else:
            self._refused(record, answer)

    def _now_running(self, record: RestoreRecord, image_id: str, now: datetime) -> None:
        gib, known = record.gib, record.gib_known
        if not known:  # EC2 shows the sizes of the snapshots that it fills
            image = self._app.tasks.by_id([image_id]).get(image_id)
            gib = (image.gib if image else 0) or gib
        after = lifecycle.noted(record, f"image {image_id} is being restored", at=now, restored_image_id=image_id)
        self._save(record, after)
        self.running.append(RunningRestore(after, gib, now, 0))
        self.started += 1

    def _refused(self, record: RestoreRecord, answer: NotStarted) -> None:
        why = f"EC2 refused the restore: {answer.code}: {answer.message}"
        if answer.name_taken:
            self._name_taken(record, self._app.tasks.named([record.name]).get(record.name), why)
            return
        in_flight = [r for r in under_way(self._app, [record]).running if r.record is None] or self.running
        if answer.concerns_restore or not in_flight:
            self._attempt_failed(record, why, final=answer.concerns_restore)
        else:
            self._suspects.append((record, why))
            logger.info("restore refused", extra={"restore_id": record.restore_id, "reason": why})
        self._refusals_left -= not answer.concerns_restore
        self.more_to_start = True

    def _name_taken(self, record: RestoreRecord, image: RestoredImage | None, why: str) -> None:
        """By an earlier attempt of this step, whose image is adopted, or by somebody else."""
        if image is not None and image.restore_id == record.restore_id:
            self._now_running(record, image.image_id, self._app.clock.now())
            return
        by = f", the name of {image.image_id}" if image else ""
        self._attempt_failed(record, f"{why}{by}", RestoreFailure.NAME_TAKEN, final=True)

    def _count_suspects(self) -> None:
        """EC2 has just taken another restore, so it was not the budget that it refused the earlier ones for."""
        for record, why in self._suspects:
            self._attempt_failed(record, why, final=False)
        self._suspects.clear()

    def _attempt_failed(
        self,
        record: RestoreRecord,
        what: str,
        failure: RestoreFailure = RestoreFailure.RESTORE_REFUSED,
        *,
        final: bool,
    ) -> None:
        allowed = record.attempts + 1 if final else ATTEMPTS
        self._save(record, lifecycle.call_refused(record, failure, what, allowed, at=self._app.clock.now()))

    def _save(self, before: RestoreRecord, after: RestoreRecord, leaving: RestoreEntry | None = None) -> None:
        if self._app.restores.save(before, after, leaving=leaving):
            log_restore(logger, after)

    def _may_start(self, gib: float) -> bool:
        settings = self._app.settings
        verdict = admission(in_flight_gib(self.running), settings.restore_budget_gib, settings.admission_rule, gib)
        return verdict.admit and self._refusals_left > 0

    def _budget(self, gib: float) -> str:
        settings = self._app.settings
        return admission(in_flight_gib(self.running), settings.restore_budget_gib, settings.admission_rule, gib).reason
