"""The archive table in memory: records with their queue, the lease, and what runs write."""

# ruff: noqa: ARG002 -- ports take what DynamoDB needs to be told; memory needs less

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from ami_archiver.errors import LeaseLost
from ami_archiver.model import ArchiveRecord, DecisionLine, QueueEntry
from ami_archiver.model import ActiveRun, Fetched, Lease
from XXX import Sight


class MemoryRecords:
    """Records, and the queue sorted as its table is: by size, then image."""

    def __init__(self) -> None:
        self.records: dict[str, ArchiveRecord] = {}
        self._queue: dict[str, list[tuple[float, str, QueueEntry]]] = {}

    def get(self, image_ids: Collection[str]) -> Fetched:
        return Fetched({one: self.records[one] for one in image_ids if one in self.records}, {})

    def enqueue(
        self, changes: Sequence[tuple[ArchiveRecord | None, ArchiveRecord]], entries: Sequence[QueueEntry]
    ) -> set[str]:
        for (_, after), entry in zip(changes, entries, strict=True):
            self.records[after.image_id] = after
            insort(self._queue.setdefault(entry.night, []), _place(entry), key=lambda place: place[:2])
        return set()

    def save(self, before: ArchiveRecord | None, after: ArchiveRecord, *, leaving: QueueEntry | None = None) -> bool:
        if self.records.get(after.image_id) is not before:
            return False
        self.records[after.image_id] = after
        if leaving is not None:
            self._leave(leaving)
        return True

    def drop(self, entry: QueueEntry) -> None:
        self._leave(entry)

    def largest(self, night: str, below_gib: float | None, closed: Collection[str]) -> Iterator[QueueEntry]:
        waiting = self._queue.get(night, [])
        end = len(waiting) if below_gib is None else bisect_left(waiting, (below_gib, ""), key=lambda place: place[:2])
        return (waiting[i][2] for i in range(end - 1, -1, -1) if waiting[i][2].policy not in closed)

    def nights(self) -> Iterator[str]:
        return iter(sorted(night for night, waiting in self._queue.items() if waiting))

    def _leave(self, entry: QueueEntry) -> None:
        waiting = self._queue[entry.night]
        del waiting[bisect_left(waiting, _place(entry)[:2], key=lambda place: place[:2])]


class MemoryLeases:
    def __init__(self) -> None:
        self._lease = Lease(None, None)

    def read(self) -> Lease:
        return self._lease

    def take(self, run: ActiveRun, now: datetime, until: datetime, *, instead_of: str | None = None) -> Lease | None:
        self._lease = replace(self._lease, holder=run.run_id, expires_at=until, runs={run.run_id: run})
        return self._lease

    def join(self, holder: str, run: ActiveRun, now: datetime) -> bool:
        return False

    def renew(self, run_id: str, until: datetime, *, add: Collection[str] = (), remove: Collection[str] = ()) -> Lease:
        if self._lease.holder != run_id:
            raise LeaseLost(run_id)
        self._lease = replace(self._lease, expires_at=until, in_flight=(self._lease.in_flight | set(add)) - set(remove))
        return self._lease

    def exchange(self, lease: Lease, until: datetime, *, add: Collection[str], remove: Collection[str]) -> Lease:
        return self.renew(str(lease.holder), until, add=add, remove=remove)

    def release(self, run_id: str, runs: int) -> bool:
        self._lease = replace(self._lease, holder=None, expires_at=None, runs={})
        return True


class MemoryRuns:
    """Keeps what the last look saw: that is all that a night's steps read before its report."""

    def __init__(self) -> None:
        self._last: tuple[str, Sight | None] = ("", None)

    def put_page(self, run_id: str, page: str, lines: Sequence[DecisionLine], sight: Sight | None = None) -> None:
        self._last = page, sight

    def sight(self, run_id: str, page: str) -> Sight | None:
        return self._last[1] if self._last[0] == page else None

    def pages(self, run_id: str, kind: str) -> Iterator[list[DecisionLine]]:
        return iter(())

    def put_summary(self, run_id: str, summary: Mapping[str, Any]) -> None:
        pass

    def summary(self, run_id: str) -> dict[str, Any] | None:
        return None


def _place(entry: QueueEntry) -> tuple[float, str, QueueEntry]:
    return entry.snapshot_gib, entry.image_id, entry
