"""Getting objects out of Glacier Flexible Retrieval and Deep Archive, which takes hours and costs few looks."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import datetime

from ami_archiver.app import App
from ami_archiver.errors import AccessDenied
from ami_archiver.failures import Failure, denied, hidden, reason
from ami_archiver.model import NO_EXPEDITED_CAPACITY, StoredObject
from ami_archiver.restore import lifecycle, planning
from ami_archiver.restore.lifecycle import log_restore
from ami_archiver.restore.model import RestoreEntry, RestoreFailure, RestoreRecord, RestoreStatus, ThawEntry
from ami_archiver.restore.state import RestoreState

logger = logging.getLogger(__name__)

WAITING = (RestoreStatus.PLANNED, RestoreStatus.THAWING)


def thaw_due(app: App, state: RestoreState) -> bool:
    """Ask S3 for what has not been asked for, and let what has thawed wait for the budget. Whether any was due."""
    due = list(app.restores.thaws(state.run_id, app.clock.now()))
    records = app.restores.get([entry.restore_id for entry in due])
    for entry in due:
        record = records.records.get(entry.restore_id)
        if record is None or record.status not in WAITING:
            app.restores.drop(entry.restore_id, entry)
        else:
            _look(app, record, entry)
    return bool(due)


def why_altered_since_plan(record: RestoreRecord, found: StoredObject | None) -> str | None:
    """Why the object is not any more what the plan looked at, or None."""
    if found is None:
        return reason(
            Failure.OBJECT_GONE,
            f"object {record.object_key} is gone since the restore was planned",
            f"remove the delete marker above version {record.object_version_id}, then restore again",
        )
    if (found.version_id, found.etag) != (record.object_version_id, record.object_etag):
        return reason(
            Failure.OBJECT_ALTERED,
            f"object {record.object_key} was altered since the restore was planned: version is {found.version_id}, "
            f"planned was {record.object_version_id}",
            f"make version {record.object_version_id} the current one again, then restore again",
        )
    return None


def _look(app: App, record: RestoreRecord, entry: ThawEntry) -> None:
    now = app.clock.now()
    try:
        found = app.bucket.head(record.object_key)
    except AccessDenied as error:
        _fail(app, record, entry, hidden(record.object_key, error, "then restore again"))
        return
    why = why_altered_since_plan(record, found)
    if found is None or why:
        _fail(app, record, entry, why or "")
    elif found.readable:
        after = lifecycle.noted(record, "thawed; waits for its turn in the restore budget", at=now)
        joining = RestoreEntry(record.restore_id, record.gib)
        app.restores.save(record, after, leaving=entry, joining=joining)
        log_restore(logger, after)
    elif record.thaw_asked_at is not None and _overdue(record, found, record.thaw_asked_at, now):
        why = reason(
            RestoreFailure.THAW_OVERDUE,
            f"S3 has not thawed object {record.object_key} since {record.thaw_asked_at.isoformat()}",
            "see what HeadObject says of its restore, then restore again",
        )
        _fail(app, record, entry, why)
    elif record.thaw_asked_at is not None and found.thaw == "asked":
        _wait_on(app, record, entry, found, record.thaw_asked_at)
    else:
        _ask(app, record, entry, found, now)


def _overdue(record: RestoreRecord, found: StoredObject, asked: datetime, now: datetime) -> bool:
    return planning.overdue(str(found.frozen_class), record.options.storage_tier_speed, asked, now)


def _wait_on(app: App, record: RestoreRecord, entry: ThawEntry, found: StoredObject, asked: datetime) -> None:
    now, tier = app.clock.now(), record.options.storage_tier_speed
    at = planning.look_at(str(found.frozen_class), tier, asked, now, app.settings.wait_max_seconds)
    after = lifecycle.noted(record, f"still thawing; next look at {at.isoformat(timespec='seconds')}", at=now)
    app.restores.save(record, after, leaving=entry, joining=ThawEntry(record.restore_id, at))


def _ask(app: App, record: RestoreRecord, entry: ThawEntry, found: StoredObject, now: datetime) -> None:
    """S3 takes the same request twice, so the call may come before its trace in the record."""
    tier, days = record.options.storage_tier_speed, None if found.self_thawing else record.options.thaw_days
    note = ""
    options = record.options
    try:
        refused = app.bucket.thaw(record.object_key, days, tier)
        if refused == NO_EXPEDITED_CAPACITY:
            tier, note = "Standard", " instead of 'Expedited', for which S3 has no capacity now"
            options = replace(options, storage_tier_speed=tier)
            refused = app.bucket.thaw(record.object_key, days, tier)
    except AccessDenied as error:
        why = denied(f"S3 denied the thaw of object {record.object_key}: {error.what}", "then restore again")
        _fail(app, record, entry, why)
        return
    if refused:
        why = reason(
            RestoreFailure.THAW_REFUSED,
            f"S3 refused to thaw object {record.object_key}: {refused}",
            "correct what S3 names, then restore again",
        )
        _fail(app, record, entry, why)
        return
    at = planning.look_at(str(found.frozen_class), tier, now, now, app.settings.wait_max_seconds)
    why = f"thawing from {found.frozen_class} at speed {tier!r}{note}; first look at {at.isoformat(timespec='seconds')}"
    changes = {"thaw_asked_at": record.thaw_asked_at or now, "options": options}
    if record.status is RestoreStatus.PLANNED:
        after = lifecycle.move(record, RestoreStatus.THAWING, why, at=now, **changes)
    else:
        after = lifecycle.noted(record, why, at=now, **changes)
    app.restores.save(record, after, leaving=entry, joining=ThawEntry(record.restore_id, at))
    log_restore(logger, after)


def _fail(app: App, record: RestoreRecord, entry: ThawEntry, why: str) -> None:
    after = lifecycle.move(record, RestoreStatus.FAILED, why, at=app.clock.now())
    app.restores.save(record, after, leaving=entry)
    log_restore(logger, after)
