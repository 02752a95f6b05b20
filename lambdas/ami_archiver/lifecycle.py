"""The one place that knows how an archive record may move.

    SELECTED → STORING → STORED → VERIFIED → DISABLED → RETIRED
    any of the first three → FAILED → SELECTED (a later run's new attempt)

The table's condition on the previous status (adapters) is the same rule a second time, against concurrent writers.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from ami_archiver.failures import NEXT_STEPS, Failure, reason
from ami_archiver.model import ArchiveRecord, Decision, Move, Status, StoredObject

ALLOWED: dict[Status | None, frozenset[Status]] = {
    None: frozenset({Status.SELECTED}),
    Status.SELECTED: frozenset({Status.STORING, Status.FAILED}),
    Status.STORING: frozenset({Status.STORED, Status.FAILED}),
    Status.STORED: frozenset({Status.VERIFIED, Status.FAILED}),
    Status.VERIFIED: frozenset({Status.DISABLED}),
    Status.DISABLED: frozenset({Status.RETIRED}),
    Status.RETIRED: frozenset(),
    Status.FAILED: frozenset({Status.SELECTED}),
}


class IllegalMove(Exception):
    """A bug: some code asked for a move that the diagram does not have."""


def move(
    record: ArchiveRecord,
    to: Status,
    decision: Decision,
    why: str,
    *,
    at: datetime,
    run_id: str,
    **changes: Any,
) -> ArchiveRecord:
    """The record after the move, with the move appended to its history. Raises IllegalMove."""
    if to not in ALLOWED[record.status]:
        raise IllegalMove(f"{record.image_id}: {record.status} → {to}")
    return _step(record, to, decision, why, at, run_id, changes)


def select(fresh: ArchiveRecord, before: ArchiveRecord | None) -> ArchiveRecord:
    """`fresh`, a record in SELECTED, as the first one of its image or as the new attempt after a FAILED one."""
    previous = before.status if before else None
    if fresh.status not in ALLOWED[previous]:
        raise IllegalMove(f"{fresh.image_id}: {previous} → {fresh.status}")
    entry = Move(fresh.changed_at, fresh.run_id, previous, fresh.status, fresh.reason)
    if before is None:
        return replace(fresh, **appended(fresh, entry))
    return replace(fresh, failed_task_started_at=before.failed_task_started_at, **appended(before, entry))


def requested_at(record: ArchiveRecord) -> datetime:
    """When the intention to store the image was written; before that, when the image was selected."""
    moves = (m for m in reversed(record.history) if m.to_status is Status.STORING)
    return next((m.at for m in moves if m.from_status is not Status.STORING), record.selected_at)


def verify(
    record: ArchiveRecord, found: StoredObject, why: str, *, at: datetime, run_id: str, tasks: int = 1
) -> ArchiveRecord:
    """The record of an image whose object was looked at and is whole: STORED, then VERIFIED, in one write.

    `tasks` is how many store tasks of ours it took since the last one counted: 0 for an object that was there before.
    """
    if record.status is Status.STORING:
        record = move(record, Status.STORED, Decision.STORED, why, at=at, run_id=run_id)
    reason = f"object {found.key} verified: {found.size_bytes} bytes, version {found.version_id}"
    return move(
        record,
        Status.VERIFIED,
        Decision.STORED,
        reason,
        at=at,
        run_id=run_id,
        attempts=record.attempts + tasks,
        object_key=found.key,
        object_version_id=found.version_id,
        object_bytes=found.size_bytes,
        object_etag=found.etag,
        object_checksum=found.checksum,
        verified_at=at,
    )


def attempt_failed(
    record: ArchiveRecord,
    failure: Failure,
    what: str,
    allowed: int,
    *,
    at: datetime,
    run_id: str,
    task_started_at: datetime | None = None,
) -> ArchiveRecord:
    """A STORING record after one more failed attempt: still STORING, to be started again, or FAILED at the last one."""
    attempts = record.attempts + 1
    changes = {"attempts": attempts, "failed_task_started_at": task_started_at or record.failed_task_started_at}
    last = attempts >= allowed
    to_do = NEXT_STEPS[failure] if last else "it is tried again"
    why = reason(failure, f"attempt {attempts} of {allowed} failed: {what}", to_do)
    if last:
        return move(record, Status.FAILED, Decision.FAILED, why, at=at, run_id=run_id, **changes)
    return _step(record, record.status, Decision.DEFERRED, why, at, run_id, changes)


def noted(record: ArchiveRecord, why: str, *, at: datetime, run_id: str, **changes: Any) -> ArchiveRecord:
    """The record with an entry in its history that moves nothing, such as that the image was restored."""
    entry = Move(at=at, run_id=run_id, from_status=record.status, to_status=record.status, why=why)
    return replace(record, **appended(record, entry), **changes)


def found_at(record: ArchiveRecord, key: str, *, at: datetime, run_id: str) -> ArchiveRecord:
    """A STORING record whose object turned out to be in the bucket already, under another key."""
    why = f"object {key} is in the bucket already"
    return _step(record, record.status, Decision.DEFERRED, why, at, run_id, {"object_key": key})


def _step(
    record: ArchiveRecord,
    to: Status,
    decision: Decision,
    why: str,
    at: datetime,
    run_id: str,
    changes: dict[str, Any],
) -> ArchiveRecord:
    entry = Move(at=at, run_id=run_id, from_status=record.status, to_status=to, why=why)
    return replace(
        record,
        status=to,
        decision=decision,
        reason=why,
        run_id=run_id,
        changed_at=at,
        **appended(record, entry),
        **changes,
    )


def appended(record: Any, entry: object) -> dict[str, Any]:
    """What one more entry of its history changes of an archive record, or of a restore's."""
    return {"history": (*record.history, entry), "revision": (record.revision or len(record.history)) + 1}
