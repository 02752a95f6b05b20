"""What waits in the queue of the archive."""

from __future__ import annotations

from ami_archiver.adapters.table_records import TableRecords
from ami_archiver.model import QueueEntry


def queued(records: TableRecords) -> list[QueueEntry]:
    """Every entry, older nights first, the largest of each first."""
    return [entry for night in records.nights() for entry in records.largest(night, None, ())]
