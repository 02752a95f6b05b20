"""What the engine has to know of restoring: what is in flight, and how a restore is announced, asked for and judged."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property

from ami_archiver.app import App
from ami_archiver.errors import AccessDenied
from ami_archiver.failures import denied, hidden, reason
from ami_archiver.model import InFlight, Refusal, StoredObject
from ami_archiver.restore import lifecycle, naming
from ami_archiver.restore.lifecycle import log_restore
from ami_archiver.restore.model import (
    RestoredImage,
    RestoreEntry,
    RestoreFailure,
    RestoreRecord,
    RestoreStatus,
    ThawEntry,
)
from ami_archiver.restore.state import RestoreState
from ami_archiver.restore.steps import lease as leases
from ami_archiver.restore.steps.takeover import USABLE, to_take_over
from ami_archiver.restore.steps.thaw import WAITING, why_altered_since_plan
from ami_archiver.restore.tags import tags_of
from ami_archiver.steps.lease import CLOCK_SKEW_SECONDS, STEP_SECONDS

logger = logging.getLogger(__name__)

ATTEMPTS = 3
"""Calls that EC2 refuses for no reason that the budget explains, before a restore fails."""
UNSEEN = timedelta(seconds=STEP_SECONDS + CLOCK_SKEW_SECONDS)
"""For so long a call that was about to be made may still come, and an image may be hidden by EC2's eventual
consistency."""


@dataclass
class Look:
    """What became of the restores that the lease names, and what else is under way in the account."""

    in_flight: list[InFlight] = field(default_factory=list)
    ended: list[tuple[RestoreRecord, RestoredImage | None]] = field(default_factory=list)
    """With the image as it is; None: it is gone."""
    arrived: list[tuple[RestoreRecord, RestoredImage]] = field(default_factory=list)
    """Images of restores whose record does not know them yet: the call was made, then the step died."""
    unstarted: list[RestoreRecord] = field(default_factory=list)
    """Intentions of which EC2 shows nothing."""


class RestoreWork:
    """`engine.Work` for the restores of one look, of whatever run."""

    def __init__(self, app: App, state: RestoreState, restore_ids: Collection[str]) -> None:
        self._app = app
        self._state = state
        self.records = app.restores.get(restore_ids).records
        """What the lease names, of whatever run, and what this look adds to it."""
        self.taken_over = 0

    @cached_property
    def _encrypts(self) -> bool:
        return self._app.restore_tasks.encrypts_by_default()

    def is_own(self, task: InFlight) -> bool:
        """Whether it is a restore of this run."""
        record = self.records.get(task.task_id)
        return record is not None and record.run_id == self._state.run_id

    def in_flight(self) -> list[InFlight]:
        return self.look().in_flight

    def look(self) -> Look:
        """What EC2 shows of the records' restores, and what else is pending.

        A pending image that is none of theirs counts, unless it is made of an instance: restores and copies look
        alike. If that is wrong, a start waits a little; the other way round EC2 refuses, which costs a wait as well.
        """
        tasks = self._app.restore_tasks
        restoring = [record for record in self.records.values() if record.status is RestoreStatus.RESTORING]
        pending = {image.image_id: image for image in tasks.pending()}
        tagged = {image.restore_id: image for image in pending.values() if image.restore_id}
        missing = [r for r in restoring if r.restored_image_id not in pending and r.restore_id not in tagged]
        by_id = tasks.by_id([r.restored_image_id for r in missing if r.restored_image_id])
        by_name = tasks.named([r.name for r in missing if not r.restored_image_id])
        look = Look()
        counted: set[str | None] = set()
        for record in restoring:
            image = pending.get(record.restored_image_id or "") or tagged.get(record.restore_id)
            if image is None and record.restored_image_id:
                image = by_id.get(record.restored_image_id)
            elif image is None:
                namesake = by_name.get(record.name)
                image = namesake if namesake and namesake.restore_id == record.restore_id else None
            if image is None:
                self._sort_in_unseen(look, record)
            else:  # an image that one restore takes over from another counts once
                _sort_in(look, record, image, counts=image.image_id not in counted)
            counted.add(image.image_id if image else record.restored_image_id)
        look.in_flight += [
            InFlight(image.image_id, image.image_id, "", image.gib, image.created_at, image.progress_percentage)
            for image in pending.values()
            if image.image_id not in counted and not image.made_of_instance
        ]
        return look

    def waiting(self, entries: Sequence[RestoreEntry]) -> dict[str, RestoreRecord]:
        """Entries that do not wait any more, or whose record cannot be read, are dropped."""
        records = self._app.restores.get([entry.entry_id for entry in entries]).records
        waiting = {restore_id: record for restore_id, record in records.items() if record.status in WAITING}
        for entry in entries:
            if entry.entry_id not in waiting:
                self._app.restores.drop(entry.entry_id, entry)
        return waiting

    def announce(self, entry_ids: list[str]) -> None:
        leases.renew(self._app, self._state, add=entry_ids)

    def intend(self, record: RestoreRecord, entry: RestoreEntry, figures: str) -> RestoreRecord | None:
        """Look once more, since hours may have passed since the plan, then write the intention."""
        now = self._app.clock.now()
        if record.takes_over is not None:
            image = self._namesake(record)
            if image is not None and image.restore_id == record.takes_over and image.state in USABLE:
                self._take_over(record, image, entry)
                return None
            state = image.state if image else "not there any more"
            gone = f"the image of restore {record.takes_over}, to be taken over, is {state}: another one is made"
            before, record = record, lifecycle.noted(record, gone, at=now, takes_over=None)
            self._save(before, record)
        found, why = self._look_at_object(record)
        if why:
            self._save(record, lifecycle.move(record, RestoreStatus.FAILED, why, at=now), entry)
            return None
        if found is not None and not found.readable:
            frozen = f"object {record.object_key} is frozen again; thawing"
            after = lifecycle.noted(record, frozen, at=now, thaw_asked_at=None)
            self._app.restores.save(record, after, leaving=entry, joining=ThawEntry(record.restore_id, now))
            return None
        requested = f"restore as {record.name!r} requested; {figures}"
        intention = lifecycle.move(record, RestoreStatus.RESTORING, requested, at=now, requested_at=now)
        if not self._app.restores.save(record, intention, leaving=entry):
            return None
        self.records[record.restore_id] = intention
        return intention

    def why_not(self, record: RestoreRecord) -> str | None:
        _, why = self._look_at_object(record)
        now = self._app.clock.now()
        if why and not self._may_be_hidden(record):
            self._save(record, lifecycle.move(record, RestoreStatus.FAILED, why, at=now))
        return why

    def start(self, record: RestoreRecord) -> InFlight | Refusal:
        tags = tags_of(record, self._app.clock.now())
        bucket = self._app.settings.bucket_name
        answer = self._app.restore_tasks.start(bucket, record.object_key, record.name, tags, tags)
        if isinstance(answer, Refusal):
            logger.info("restore refused", extra={"restore_id": record.restore_id, "reason": str(answer)})
            return answer
        return self._now_running(record, answer)

    def is_settled(self, record: RestoreRecord, refusal: Refusal) -> bool:
        if self._app.restore_tasks.is_name_taken(refusal):
            self._name_taken(record, refusal)
            return True
        return refusal.denied and self._is_adopted(record, self._namesake(record))

    def fail(self, record: RestoreRecord, refusal: Refusal) -> None:
        why = denied(f"EC2 denied the restore: {refusal.message}", "then restore again")
        self._save(record, lifecycle.move(record, RestoreStatus.FAILED, why, at=self._app.clock.now()))

    def attempt_failed(self, record: RestoreRecord, refusal: Refusal) -> None:
        why = f"EC2 refused the restore: {refusal}"
        self._attempt_failed(record, RestoreFailure.RESTORE_REFUSED, why, final=refusal.own_fault)

    def _sort_in_unseen(self, look: Look, record: RestoreRecord) -> None:
        """A restore of which EC2 shows no image."""
        if self._may_be_hidden(record) and (record.restored_image_id or record.run_id != self._state.run_id):
            # Taken already; or another run has just written that it will call EC2, which for a while counts as done.
            look.in_flight.append(InFlight(record.restore_id, "", "", record.gib, record.begun_at))
        elif record.restored_image_id is not None:
            look.ended.append((record, None))
        else:
            look.unstarted.append(record)

    def _may_be_hidden(self, record: RestoreRecord) -> bool:
        """Whether a call that was written down may still come, or its image is not shown yet."""
        return self._app.clock.now() - record.begun_at < UNSEEN

    def _look_at_object(self, record: RestoreRecord) -> tuple[StoredObject | None, str | None]:
        """The object, and why what was planned must not be restored any more, or None."""
        try:
            found = self._app.bucket.head(record.object_key)
        except AccessDenied as error:
            return None, hidden(record.object_key, error, "then restore again")
        if record.needs_encryption and not self._encrypts:
            return found, reason(
                RestoreFailure.WOULD_BE_UNENCRYPTED,
                "would be restored unencrypted now: EBS encryption by default was switched off since the plan",
                "switch it on again, then restore again",
            )
        return found, why_altered_since_plan(record, found)

    def _take_over(self, record: RestoreRecord, image: RestoredImage, entry: RestoreEntry | None = None) -> None:
        """Go on with the image of an equal request; in the budget it counts already, if it still does."""
        now, changes = self._app.clock.now(), {"restored_image_id": image.image_id, "takes_over": image.restore_id}
        why = f"image {image.image_id} of restore {image.restore_id} taken over"
        if record.status is RestoreStatus.RESTORING:
            after = lifecycle.noted(record, why, at=now, **changes)
        else:
            after = lifecycle.move(record, RestoreStatus.RESTORING, why, at=now, requested_at=now, **changes)
        self._save(record, after, entry)
        self.taken_over += 1

    def _now_running(self, record: RestoreRecord, image_id: str) -> InFlight:
        now, gib = self._app.clock.now(), record.gib
        if not record.gib_known:  # EC2 shows the sizes of the snapshots that it fills
            image = self._app.restore_tasks.by_id([image_id]).get(image_id)
            gib = (image.gib if image else 0) or gib
        after = lifecycle.noted(record, f"image {image_id} is being restored", at=now, restored_image_id=image_id)
        self._save(record, after)
        return InFlight(record.restore_id, image_id, "", gib, now)

    def _namesake(self, record: RestoreRecord) -> RestoredImage | None:
        return self._app.restore_tasks.named([record.name]).get(record.name)

    def _is_adopted(self, record: RestoreRecord, image: RestoredImage | None) -> bool:
        """Whether the image under the restore's name is its own, made by an earlier attempt of this step."""
        if image is None or image.restore_id != record.restore_id:
            return False
        self._now_running(record, image.image_id)
        return True

    def _name_taken(self, record: RestoreRecord, refusal: Refusal) -> None:
        """By an earlier attempt of this step, whose image is adopted, or by somebody else since the plan.

        That may have been an equal request, alive or dead, whose image the plan could not see yet.
        """
        image = self._namesake(record)
        if self._is_adopted(record, image):
            return
        why = f"EC2 refused the restore: {refusal}"
        if image is None:  # EC2 does not show it yet, and it may be ours
            self._attempt_failed(record, RestoreFailure.NAME_TAKEN, why, final=False)
            return
        names = [record.name] if record.options.name is None else list(naming.numbered(record.name))
        taken = self._app.restore_tasks.named(names)
        if found := to_take_over(self._app, record, taken.values(), self._state.started_at):
            self._take_over(record, found)
            return
        name = naming.free(iter(names), taken)
        if name is not None and name != record.name:
            now = self._app.clock.now()
            self._save(record, lifecycle.noted(record, f"{why}; its name is {name!r} now", at=now, name=name))
            return
        why += f", the name of {image.image_id}"
        self._attempt_failed(record, RestoreFailure.NAME_TAKEN, why, final=True)

    def _attempt_failed(self, record: RestoreRecord, failure: RestoreFailure, what: str, *, final: bool) -> None:
        allowed = record.attempts + 1 if final else ATTEMPTS
        self._save(record, lifecycle.call_refused(record, failure, what, allowed, at=self._app.clock.now()))

    def _save(self, before: RestoreRecord, after: RestoreRecord, leaving: RestoreEntry | None = None) -> None:
        if self._app.restores.save(before, after, leaving=leaving):
            self.records[after.restore_id] = after
            log_restore(logger, after)


def _sort_in(look: Look, record: RestoreRecord, image: RestoredImage, *, counts: bool) -> None:
    if record.restored_image_id is None:
        look.arrived.append((record, image))
    if image.state != "pending":
        look.ended.append((record, image))
        return
    gib = 0.0 if not counts else record.gib if record.gib_known else image.gib or record.gib
    begun_at, percentage = record.begun_at, image.progress_percentage
    look.in_flight.append(InFlight(record.restore_id, image.image_id, "", gib, begun_at, percentage))
