"""The one place that knows how a restore may move.

    PLANNED → THAWING → RESTORING → RESTORED      PLANNED → RESTORING, for what need not be thawed
    any of the first three → FAILED               REFUSED is where a restore that the plan rejects begins and ends

The table's condition on the previous status (adapters) is the same rule a second time, against concurrent writers.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import datetime
from typing import Any

from ami_archiver.failures import reason
from ami_archiver.lifecycle import IllegalMove, appended
from ami_archiver.restore.model import NEXT_STEPS, RestoreFailure, RestoreMove, RestoreRecord, RestoreStatus

S = RestoreStatus
ALLOWED: dict[RestoreStatus | None, frozenset[RestoreStatus]] = {
    None: frozenset({S.PLANNED, S.REFUSED}),
    S.PLANNED: frozenset({S.THAWING, S.RESTORING, S.FAILED}),
    S.THAWING: frozenset({S.RESTORING, S.FAILED}),
    S.RESTORING: frozenset({S.RESTORED, S.FAILED}),
    S.RESTORED: frozenset(),
    S.FAILED: frozenset(),
    S.REFUSED: frozenset(),
}
ENDED = frozenset({S.RESTORED, S.FAILED, S.REFUSED})


def begin(record: RestoreRecord) -> RestoreRecord:
    """A record of the plan, with the first entry of its history. Raises IllegalMove."""
    if record.status not in ALLOWED[None]:
        raise IllegalMove(f"{record.restore_id}: begins as {record.status}")
    entry = RestoreMove(record.planned_at, None, record.status, record.reason)
    return replace(record, **appended(record, entry))


def move(record: RestoreRecord, to: RestoreStatus, why: str, *, at: datetime, **changes: Any) -> RestoreRecord:
    """The record after the move, with the move appended to its history. Raises IllegalMove."""
    if to not in ALLOWED[record.status]:
        raise IllegalMove(f"{record.restore_id}: {record.status} → {to}")
    return _step(record, to, why, at, changes)


def noted(record: RestoreRecord, why: str, *, at: datetime, **changes: Any) -> RestoreRecord:
    """What was learned of a restore that stands where it stood."""
    return _step(record, record.status, why, at, changes)


def call_refused(
    record: RestoreRecord, failure: RestoreFailure, what: str, allowed: int, *, at: datetime
) -> RestoreRecord:
    """A RESTORING record whose call EC2 refused: to be asked again, or FAILED at the last attempt."""
    attempts = record.attempts + 1
    last = attempts >= allowed
    to_do = NEXT_STEPS[failure] if last else "it is tried again"
    why = reason(failure, f"attempt {attempts} of {allowed} failed: {what}", to_do)
    if last:
        return move(record, S.FAILED, why, at=at, attempts=attempts)
    return noted(record, why, at=at, attempts=attempts)


def _step(record: RestoreRecord, to: RestoreStatus, why: str, at: datetime, changes: dict[str, Any]) -> RestoreRecord:
    entry = RestoreMove(at, record.status, to, why)
    return replace(record, status=to, reason=why, changed_at=at, **appended(record, entry), **changes)


def log_restore(logger: logging.Logger, record: RestoreRecord) -> None:
    logger.info(
        "restore decided",
        extra={
            "restore_id": record.restore_id,
            "image_id": record.source_image_id,
            "object_key": record.object_key,
            "status": record.status.value,
            "reason": record.reason,
            "restored_image_id": record.restored_image_id,
        },
    )
