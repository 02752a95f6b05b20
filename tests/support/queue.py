"""What waits in the queue of the archive."""

from __future__ import annotations

from ami_archiver.model import QueueEntry
from ami_archiver.ports import Records


def queued(records: Records) -> list[QueueEntry]:
    """Every entry, older nights first, the largest of each first."""
    return [entry for night in records.nights() for entry in records.largest(night, None, ())]
