"""The front of the queue, read with few queries: what admission asks for, largest first, older nights before newer."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import islice

from ami_archiver.model import QueueEntry
from ami_archiver.ports import Records

BUFFERED = 50
"""Entries kept from one query: enough for most fills, small enough to be cheap when only one is wanted."""


class Front:
    """Answers 'the largest below so many GiB', without what was taken. Later nights wait for earlier ones to empty."""

    def __init__(self, records: Records, policies: Collection[str]) -> None:
        self._records = records
        self._policies = frozenset(policies)
        self._nights: Iterator[str] = records.nights() if policies else iter(())
        self._night = next(self._nights, None)
        self._taken: set[str] = set()
        self._buffers: dict[bool, list[QueueEntry]] = {}

    def take(self, entry: QueueEntry) -> None:
        self._taken.add(entry.image_id)

    def largest(self, below_gib: float | None) -> QueueEntry | None:
        while self._night is not None:
            entry = self._buffered(below_gib) or self._queried(self._night, below_gib)
            if entry is not None:
                return entry
            if below_gib is not None:
                return None
            self._night = next(self._nights, None)
            self._buffers.clear()
        return None

    def _buffered(self, below_gib: float | None) -> QueueEntry | None:
        for entry in self._buffers.get(below_gib is None, ()):
            if self._fits(entry, below_gib):
                return entry
        return None

    def _queried(self, night: str, below_gib: float | None) -> QueueEntry | None:
        found = (e for e in self._records.largest(night, below_gib, self._policies) if self._fits(e, below_gib))
        buffer = list(islice(found, BUFFERED))
        self._buffers[below_gib is None] = buffer
        return buffer[0] if buffer else None

    def _fits(self, entry: QueueEntry, below_gib: float | None) -> bool:
        return entry.image_id not in self._taken and (below_gib is None or entry.snapshot_gib < below_gib)
