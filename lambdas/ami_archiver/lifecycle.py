"""The one place that knows how an archive record may move.

    SELECTED → STORING → STORED → VERIFIED
    any of the first three → FAILED → SELECTED (a later run's new attempt)

The table's condition on the previous status (adapters) is the same rule a second time, against concurrent writers.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from ami_archiver.model import ArchiveRecord, Decision, Move, Status

ALLOWED: dict[Status, frozenset[Status]] = {
    Status.SELECTED: frozenset({Status.STORING, Status.FAILED}),
    Status.STORING: frozenset({Status.STORED, Status.FAILED}),
    Status.STORED: frozenset({Status.VERIFIED, Status.FAILED}),
    Status.VERIFIED: frozenset(),
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
    entry = Move(at=at, run_id=run_id, from_status=record.status, to_status=to, why=why)
    return replace(
        record,
        status=to,
        decision=decision,
        reason=why,
        run_id=run_id,
        changed_at=at,
        history=(*record.history, entry),
        **changes,
    )
