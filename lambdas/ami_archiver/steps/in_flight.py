"""What is being stored in the account right now, whoever started it."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import timedelta

from ami_archiver import lifecycle
from ami_archiver.app import App
from ami_archiver.eligibility import image_gib
from ami_archiver.model import ArchiveRecord, Running, StoreTask
from ami_archiver.run_state import RunState
from ami_archiver.steps.lease import CLOCK_SKEW_SECONDS
from ami_archiver.waiting import seconds_to_wait, shortest_wait, worth_of_a_look

logger = logging.getLogger(__name__)


def running_tasks(app: App, ours: Mapping[str, ArchiveRecord]) -> list[Running]:
    """Every task in progress in the account, with its size: ours from the records, others' from EC2.

    An image that cannot be seen (deregistered while it is stored, or another account's) counts with 0 GiB: if that is
    wrong EC2 refuses the next start, which only costs a wait.
    """
    tasks = app.store_tasks.in_progress()
    unknown = {task.image_id for task in tasks if task.image_id} - ours.keys() - app.sizes.keys()
    if unknown:
        images = app.images.by_id(unknown)
        snapshots = app.images.snapshots([s for image in images.values() for s in image.snapshot_ids])
        app.sizes.update({image_id: image_gib(image, snapshots) for image_id, image in images.items()})
        for image_id in sorted(unknown - images.keys()):  # not remembered: it may be seen at the next look
            logger.warning("size of a store task is unknown", extra={"image_id": image_id})
    return [Running(task, _gib(app, task, ours)) for task in tasks]


def seconds_to_look(
    app: App, state: RunState, running: Sequence[Running], *, more_to_start: bool, refused_starts: int = 0
) -> int:
    """Until the run's next look pays. After starts of which EC2 took nothing it comes later and later."""
    now, settings = app.clock.now(), app.settings
    return seconds_to_wait(
        running,
        now,
        budget_gib=settings.in_flight_budget_gib,
        more_to_start=more_to_start,
        minimum=shortest_wait(refused_starts, settings.wait_min_seconds, settings.wait_max_seconds),
        maximum=settings.wait_max_seconds,
        brisk=not refused_starts,
        look_worth_seconds=worth_of_a_look(now - state.started, state.ended_images),
    )


def _gib(app: App, task: StoreTask, ours: Mapping[str, ArchiveRecord]) -> float:
    record = ours.get(task.image_id)
    return record.snapshot_gib if record else app.sizes.get(task.image_id, 0.0)


def says_something_new(record: ArchiveRecord, task: StoreTask | None) -> bool:
    """Whether a task tells something about a STORING record that is not counted in its attempts yet.

    EC2 remembers tasks for a month: one from before the store was asked for is another story, whatever became of it.
    """
    if task is None:
        return False
    if record.failed_task_started_at is not None and task.started_at <= record.failed_task_started_at:
        return False
    return task.started_at >= lifecycle.requested_at(record) - timedelta(seconds=CLOCK_SKEW_SECONDS)
