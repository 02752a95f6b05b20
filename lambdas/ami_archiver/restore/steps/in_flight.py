"""What is being restored in the account right now, whoever started it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ami_archiver.restore.app import RestoreApp
from ami_archiver.restore.model import RestoredImage, RestoreRecord, RestoreStatus
from ami_archiver.steps.lease import CLOCK_SKEW_SECONDS, STEP_SECONDS

UNSEEN_SECONDS = STEP_SECONDS + CLOCK_SKEW_SECONDS
"""For so long a call that was about to be made may still come, and an image may be hidden by EC2's eventual
consistency."""


@dataclass(frozen=True, slots=True)
class RunningRestore:
    """A restore in progress; `record` is None for somebody else's."""

    name: str
    """The restore's id; of somebody else's, the image's."""
    record: RestoreRecord | None
    gib: float
    started_at: datetime
    progress_percentage: int


@dataclass
class InFlight:
    """What became of the restores that the lease names, and what else is under way in the account."""

    running: list[RunningRestore] = field(default_factory=list)
    ended: list[tuple[RestoreRecord, RestoredImage | None]] = field(default_factory=list)
    """With the image as it is; None: it is gone."""
    arrived: list[tuple[RestoreRecord, RestoredImage]] = field(default_factory=list)
    """Images of restores whose record does not know them yet: the call was made, then the step died."""
    unstarted: list[RestoreRecord] = field(default_factory=list)
    """Intentions of which EC2 shows nothing."""


def under_way(app: RestoreApp, records: Iterable[RestoreRecord]) -> InFlight:
    """What has become of these records' restores, and what else is pending.

    A pending image that is none of theirs counts, unless it is made of an instance: restores and copies look alike.
    If that is wrong, a start waits a little; the other way round EC2 refuses, which costs a wait as well.
    """
    restoring = [record for record in records if record.status is RestoreStatus.RESTORING]
    pending = {image.image_id: image for image in app.tasks.pending()}
    tagged = {image.restore_id: image for image in pending.values() if image.restore_id}
    missing = [r for r in restoring if r.restored_image_id not in pending and r.restore_id not in tagged]
    by_id = app.tasks.by_id([r.restored_image_id for r in missing if r.restored_image_id])
    by_name = app.tasks.named([r.name for r in missing if not r.restored_image_id])
    result = InFlight()
    found = set()
    for record in restoring:
        image = pending.get(record.restored_image_id or "") or tagged.get(record.restore_id)
        if image is None and record.restored_image_id:
            image = by_id.get(record.restored_image_id)
        elif image is None:
            namesake = by_name.get(record.name)
            image = namesake if namesake and namesake.restore_id == record.restore_id else None
        counts = image is None or image.image_id not in found  # else by the restore whose image this one takes over
        found.add(image.image_id if image else record.restored_image_id)
        _sort_in(result, record, image, app.clock.now(), counts=counts)
    result.running += [
        RunningRestore(image.image_id, None, image.gib, image.created_at, image.progress_percentage)
        for image in pending.values()
        if image.image_id not in found and not image.made_of_instance
    ]
    return result


def requested(record: RestoreRecord, now: datetime) -> RunningRestore:
    """A restore of which EC2 shows nothing yet."""
    return RunningRestore(record.restore_id, record, record.gib, record.requested_at or now, 0)


def may_be_hidden(record: RestoreRecord, now: datetime) -> bool:
    """Whether a call that was written down may still come, or its image is not shown yet."""
    return now - (record.requested_at or record.changed_at) < timedelta(seconds=UNSEEN_SECONDS)


def _sort_in(
    result: InFlight, record: RestoreRecord, image: RestoredImage | None, now: datetime, *, counts: bool
) -> None:
    if image is None:
        if record.restored_image_id is None:
            result.unstarted.append(record)
        elif may_be_hidden(record, now):
            result.running.append(requested(record, now))
        else:
            result.ended.append((record, None))
        return
    if record.restored_image_id is None:
        result.arrived.append((record, image))
    if image.state == "pending":
        gib = 0.0 if not counts else record.gib if record.gib_known else image.gib or record.gib
        started_at = record.requested_at or record.changed_at
        result.running.append(RunningRestore(record.restore_id, record, gib, started_at, image.progress_percentage))
    else:
        result.ended.append((record, image))
