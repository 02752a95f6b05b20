"""The front of the queue, read with few queries: what admission asks for, largest first, older nights before newer."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import islice
from typing import Generic, Protocol, TypeVar

BUFFERED = 50
"""Entries kept from one query: enough for most fills, small enough to be cheap when only one is wanted."""


class Entry(Protocol):
    @property
    def entry_id(self) -> str: ...

    @property
    def snapshot_gib(self) -> float: ...


E = TypeVar("E", bound=Entry)
E_co = TypeVar("E_co", bound=Entry, covariant=True)


class Queue(Protocol[E_co]):
    """What waits, by night; `ports` says more."""

    def nights(self) -> Iterator[str]: ...

    def largest(self, night: str, below_gib: float | None, closed: Collection[str]) -> Iterator[E_co]: ...


class Front(Generic[E]):
    """Answers 'the largest below so many GiB', without what was taken. Later nights wait for earlier ones to empty."""

    def __init__(self, queue: Queue[E], closed: Collection[str] = ()) -> None:
        self._queue = queue
        self._closed = frozenset(closed)
        """Policies whose images are not started now."""
        self._nights = queue.nights()
        self._night = next(self._nights, None)
        self._taken: set[str] = set()
        self._buffers: dict[bool, list[E]] = {}

    def take(self, entry: E) -> None:
        self._taken.add(entry.entry_id)

    def largest(self, below_gib: float | None) -> E | None:
        while self._night is not None:
            entry = self._buffered(below_gib) or self._queried(self._night, below_gib)
            if entry is not None:
                return entry
            if below_gib is not None:
                return None
            self._night = next(self._nights, None)
            self._buffers.clear()
        return None

    def _buffered(self, below_gib: float | None) -> E | None:
        for entry in self._buffers.get(below_gib is None, ()):
            if self._fits(entry, below_gib):
                return entry
        return None

    def _queried(self, night: str, below_gib: float | None) -> E | None:
        found = (e for e in self._queue.largest(night, below_gib, self._closed) if self._fits(e, below_gib))
        buffer = list(islice(found, BUFFERED))
        self._buffers[below_gib is None] = buffer
        return buffer[0] if buffer else None

    def _fits(self, entry: E, below_gib: float | None) -> bool:
        return entry.entry_id not in self._taken and (below_gib is None or entry.snapshot_gib < below_gib)
