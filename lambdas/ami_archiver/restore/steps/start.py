"""StartRestores: thaw what is due, and fill the account's restore budget from the run's queue."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime

from ami_archiver.errors import AccessDenied, LeaseLost
from ami_archiver.failures import because, denied, hidden
from ami_archiver.model import StoredObject
from ami_archiver.ports import Lease
from ami_archiver.restore import lifecycle, naming
from ami_archiver.restore.app import RestoreApp
from ami_archiver.restore.failures import RestoreFailure
from ami_archiver.restore.model import RestoredImage, RestoreEntry, RestoreRecord, RestoreStatus, ThawEntry
from ami_archiver.restore.ports import NotStarted, Started
from ami_archiver.restore.state import RestoreState
from ami_archiver.restore.steps import lease as leases
from ami_archiver.restore.steps.check import IN_FLIGHT, adopt, seconds_to
from ami_archiver.restore.steps.decided import log_restore
from ami_archiver.restore.steps.in_flight import RunningRestore, may_be_hidden, requested, under_way
from ami_archiver.restore.steps.takeover import USABLE, to_take_over
from ami_archiver.restore.steps.thaw import WAITING, altered, thaw_due
from ami_archiver.restore.steps.turn import keep_turn, turn_of
from ami_archiver.restore.tags import tags_of
from ami_archiver.run_state import Metrics, Next
from ami_archiver.steps.fill import Fill, in_turn
from ami_archiver.steps.queue import Front
from ami_archiver.waiting import in_flight_gib

logger = logging.getLogger(__name__)

ATTEMPTS = 3
"""Calls that EC2 refuses for no reason that the budget explains, before a restore fails."""


def start_restores(app: RestoreApp, state: RestoreState) -> tuple[RestoreState, Metrics]:
    """Start restores while the sum in flight is below the budget."""
    if thaw_due(app, state):
        state = state.then(Next.WAIT, progressed_at=app.clock.now().isoformat())
    look_again = state.then(Next.WAIT, wait_seconds=app.settings.wait_min_seconds)
    try:
        with leases.held(app, state) as lease:
            if lease is None:
                return look_again, {}
            restores = _Restores(app, state, lease)
            restores.again()
            own, first = turn_of(app, state)
            restores.from_queue(first is None)
    except LeaseLost as error:  # this step took longer than a lease lasts; what is written is right, so look again
        logger.warning("lease lost", extra={"run_id": state.run_id, "reason": str(error)})
        return look_again, {}
    fill = restores.fill
    refused = state.refused_starts + 1 if fill.only_refused else 0
    wait_seconds = seconds_to(
        app,
        state,
        fill.running,
        more_to_start=fill.more_to_start,
        thaw=next(app.restores.thaws(state.run_id, None), None),
        refused_starts=refused,
    )
    if fill.more_to_start:
        keep_turn(app, own, wait_seconds, had_it=fill.asked)
    else:
        app.restores.wait_no_more(state.run_id)
    progressed = app.clock.now().isoformat() if fill.accepted else state.progressed_at
    state = state.then(
        Next.WAIT,
        wait_seconds=wait_seconds,
        progressed_at=progressed,
        refused_starts=refused,
        restores_denied=state.restores_denied + fill.denied,
        restores_taken=state.restores_taken or fill.accepted > 0,
    )
    return state, {IN_FLIGHT: in_flight_gib(fill.running)}


class _Restores:
    def __init__(self, app: RestoreApp, state: RestoreState, lease: Lease) -> None:
        self._app = app
        self._state = state
        self._encrypts = app.tasks.encrypts_by_default()
        self._in_flight = app.restores.get(lease.in_flight).records
        """What the lease names, of whatever run, and what this step adds to it."""
        in_flight = under_way(app, self._in_flight.values())
        leases.drop_ended(app, state, lease, self._in_flight)
        self._in_flight |= adopt(app, in_flight)
        now = app.clock.now()
        # Another run has just written that it will call EC2, or died before: for a while, that counts as done.
        others = [r for r in in_flight.unstarted if r.run_id != state.run_id and may_be_hidden(r, now)]
        self._unstarted = [r for r in in_flight.unstarted if r.run_id == state.run_id]
        self.fill = Fill[RestoreRecord, RunningRestore](
            [*in_flight.running, *(requested(record, now) for record in others)],
            budget_gib=app.settings.restore_budget_gib,
            rule=app.settings.admission_rule,
            name=lambda running: running.name,
        )

    def again(self) -> None:
        """Ask for those whose intention is written but of which EC2 knows nothing: refused, or never asked."""
        for record in in_turn(self._unstarted, self._state.loops, lambda r: (-r.gib, r.restore_id)):
            now = self._app.clock.now()
            _, why = self._look_at_object(record)
            if why and not may_be_hidden(record, now):
                self._save(record, lifecycle.move(record, RestoreStatus.FAILED, why, at=now))
            elif not why and self.fill.may_start(record.gib):
                self._ask(record)
            else:
                self.fill.more_to_start = True

    def from_queue(self, its_turn: bool) -> None:
        front = Front(self._app.restores.queue(self._state.run_id))
        if its_turn:
            self.fill.from_queue(
                front,
                self._still_waiting,
                lambda restore_ids: leases.renew(self._app, self._state, add=restore_ids),
                self._start,
            )
        elif front.largest(None) is not None:
            self.fill.more_to_start = True

    def _still_waiting(self, entries: Sequence[RestoreEntry]) -> dict[str, RestoreRecord]:
        """The entries' records; those that do not wait any more, or cannot be read, are dropped."""
        records = self._app.restores.get([entry.entry_id for entry in entries]).records
        waiting = {restore_id: record for restore_id, record in records.items() if record.status in WAITING}
        for entry in entries:
            if entry.entry_id not in waiting:
                self._app.restores.drop(entry.entry_id, entry)
        return waiting

    def _start(self, record: RestoreRecord, entry: RestoreEntry) -> None:
        """Look once more, since hours may have passed since the plan; write the intention; call."""
        now = self._app.clock.now()
        if record.takes_over is not None:
            image = self._app.tasks.named([record.name]).get(record.name)
            if image is not None and image.restore_id == record.takes_over and image.state in USABLE:
                self._take_over(record, image, entry)
                return
            state = image.state if image else "not there any more"
            gone = f"the image of restore {record.takes_over}, to be taken over, is {state}: another one is made"
            before, record = record, lifecycle.noted(record, gone, at=now, takes_over=None)
            self._save(before, record)
        found, why = self._look_at_object(record)
        if why:
            self._save(record, lifecycle.move(record, RestoreStatus.FAILED, why, at=now), entry)
        elif found is not None and not found.readable:
            why = f"object {record.object_key} is frozen again; thawing"
            after = lifecycle.noted(record, why, at=now, thaw_asked_at=None)
            self._app.restores.save(record, after, leaving=entry, joining=ThawEntry(record.restore_id, now))
        else:
            why = f"restore as {record.name!r} requested; {self.fill.figures(record.gib)}"
            intention = lifecycle.move(record, RestoreStatus.RESTORING, why, at=now, requested_at=now)
            if self._app.restores.save(record, intention, leaving=entry):
                self._in_flight[record.restore_id] = intention
                self._ask(intention)

    def _look_at_object(self, record: RestoreRecord) -> tuple[StoredObject | None, str | None]:
        """The object, and why what was planned must not be restored any more, or None."""
        try:
            found = self._app.bucket.glance(record.object_key)
        except AccessDenied as error:
            return None, hidden(record.object_key, error, "then restore again")
        return found, self._obstacle(record, found)

    def _take_over(self, record: RestoreRecord, image: RestoredImage, entry: RestoreEntry | None = None) -> None:
        """Go on with the image of an equal request; in the budget it counts already, if it still does."""
        now, changes = self._app.clock.now(), {"restored_image_id": image.image_id, "takes_over": image.restore_id}
        why = f"image {image.image_id} of restore {image.restore_id} taken over"
        if record.status is RestoreStatus.RESTORING:
            after = lifecycle.noted(record, why, at=now, **changes)
        else:
            after = lifecycle.move(record, RestoreStatus.RESTORING, why, at=now, requested_at=now, **changes)
        self._save(record, after, entry)
        self.fill.took(RunningRestore(record.restore_id, after, 0.0, now, 0))

    def _obstacle(self, record: RestoreRecord, found: StoredObject | None) -> str | None:
        if record.needs_encryption and not self._encrypts:
            return because(
                RestoreFailure.WOULD_BE_UNENCRYPTED,
                "would be restored unencrypted now: EBS encryption by default was switched off since the plan",
                "switch it on again, then restore again",
            )
        return altered(record, found)

    def _ask(self, record: RestoreRecord) -> None:
        """Call EC2 for a restore whose intention is written, and take the answer for what it is."""
        now = self._app.clock.now()
        tags = tags_of(record, now)
        bucket = self._app.settings.bucket_name
        answer = self._app.tasks.start(bucket, record.object_key, record.name, tags, tags)
        if isinstance(answer, Started):
            self._now_running(record, answer.image_id, now)
            for suspect, refused in self.fill.convicted(lambda: (r.name for r in self._look())):
                self._attempt_failed(suspect, refused, final=False)
        else:
            self._refused(record, answer)

    def _now_running(self, record: RestoreRecord, image_id: str, now: datetime) -> None:
        gib, known = record.gib, record.gib_known
        if not known:  # EC2 shows the sizes of the snapshots that it fills
            image = self._app.tasks.by_id([image_id]).get(image_id)
            gib = (image.gib if image else 0) or gib
        after = lifecycle.noted(record, f"image {image_id} is being restored", at=now, restored_image_id=image_id)
        self._save(record, after)
        self.fill.took(RunningRestore(record.restore_id, after, gib, now, 0))

    def _refused(self, record: RestoreRecord, answer: NotStarted) -> None:
        why = f"EC2 refused the restore: {answer.code}: {answer.message}"
        if answer.name_taken:
            self._name_taken(record, self._app.tasks.named([record.name]).get(record.name), why)
            return
        if answer.denied:
            self._denied(record, answer)
            return
        in_flight = self._look() or self.fill.running
        final = answer.concerns_restore
        if self.fill.refused(record, why, in_flight, own_fault=final, throttled=answer.throttled):
            self._attempt_failed(record, why, final=final)
        else:
            logger.info("restore refused", extra={"restore_id": record.restore_id, "reason": why})

    def _denied(self, record: RestoreRecord, answer: NotStarted) -> None:
        """The restore fails at once, and stops no other; unless an earlier attempt of this step has started it."""
        self.fill.denied += 1
        now = self._app.clock.now()
        if self._is_adopted(record, self._app.tasks.named([record.name]).get(record.name)):
            return
        why = denied(f"EC2 denied the restore: {answer.message}", "then restore again")
        self._save(record, lifecycle.move(record, RestoreStatus.FAILED, why, at=now))

    def _is_adopted(self, record: RestoreRecord, image: RestoredImage | None) -> bool:
        """Whether the image under the restore's name is its own, made by an earlier attempt of this step."""
        if image is None or image.restore_id != record.restore_id:
            return False
        self._now_running(record, image.image_id, self._app.clock.now())
        return True

    def _look(self) -> list[RunningRestore]:
        """What EC2 shows to be in flight just now."""
        return under_way(self._app, self._in_flight.values()).running

    def _name_taken(self, record: RestoreRecord, image: RestoredImage | None, why: str) -> None:
        """By an earlier attempt of this step, whose image is adopted, or by somebody else since the plan.

        That may have been an equal request, alive or dead, whose image the plan could not see yet.
        """
        now = self._app.clock.now()
        if self._is_adopted(record, image):
            return
        if image is not None:
            names = [record.name] if record.wishes.name is None else list(naming.numbered(record.name))
            taken = self._app.tasks.named(names)
            if found := to_take_over(self._app, record, taken.values(), self._state.started):
                self._take_over(record, found)
                return
            name = naming.free(iter(names), taken)
            if name is not None and name != record.name:
                self._save(record, lifecycle.noted(record, f"{why}; its name is {name!r} now", at=now, name=name))
                self.fill.more_to_start = True
                return
        by = f", the name of {image.image_id}" if image else ""
        if image is None:  # EC2 does not show it yet, and it may be ours
            self.fill.more_to_start = True
        self._attempt_failed(record, f"{why}{by}", RestoreFailure.NAME_TAKEN, final=image is not None)

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
            self._in_flight[after.restore_id] = after
            log_restore(logger, after)
