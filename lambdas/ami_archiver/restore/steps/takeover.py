"""A request that is sent again while the first one is unreported ends with the image that was made for that one.

A run that was stopped, or died, leaves its image pending or available, and nobody hears of it. What was reported is
done: whoever asks for it once more wants another image.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from ami_archiver.adapters.table_runs import SummaryKind
from ami_archiver.app import App
from ami_archiver.restore.model import RestoredImage, RestoreOptions, RestoreRecord

USABLE = ("pending", "available")
"""States of an image that a restore can still end with, or has."""


def to_take_over(
    app: App, wanted: RestoreRecord, images: Iterable[RestoredImage], asked_at: datetime
) -> RestoredImage | None:
    """The first of the images that an equal request made which was not reported before this one, `asked_at`.

    Equal: of the same version of the same object, with the same options. How fast it was to be thawed does not matter.
    """
    made = {image.restore_id: image for image in images if image.restore_id and image.state in USABLE}
    earlier = app.restores.get(made.keys()).records if made else {}
    return next(
        (
            image
            for restore_id, image in made.items()
            if (record := earlier.get(restore_id)) is not None
            and record.run_id != wanted.run_id
            and record.restored_image_id in (None, image.image_id)
            and _what(record) == _what(wanted)
            and not _reported_before(app, record, asked_at)
        ),
        None,
    )


def _what(record: RestoreRecord) -> tuple[str, str | None, RestoreOptions]:
    usual = RestoreOptions()
    options = replace(record.options, storage_tier_speed=usual.storage_tier_speed, thaw_days=usual.thaw_days)
    return record.object_key, record.object_version_id, options


def _reported_before(app: App, record: RestoreRecord, moment: datetime) -> bool:
    """By its own run, or by one that took its image over."""
    summaries = [
        app.runs.summary(SummaryKind.RESTORES, run_id) for run_id in (record.run_id, record.reported_by) if run_id
    ]
    return any(datetime.fromisoformat(summary["ended_at"]) <= moment for summary in summaries if summary)


def note_reported(app: App, run_id: str, taken_over: Iterable[str]) -> None:
    """Let the next equal request know that these restores' images were reported, by the run that took them over.

    Who moves such a restore at this moment belongs to its own run, and that one reports it.
    """
    for record in app.restores.get(set(taken_over)).records.values():
        if record.reported_by is None:
            app.restores.save(record, replace(record, reported_by=run_id))
