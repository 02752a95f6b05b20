"""Reads the head of a queue with few queries: what admission asks for, largest first, older nights before newer."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Generic, Protocol, TypeVar

BUFFERED = 50
"""Entries kept from one query: enough for most looks, small enough to be cheap when only one is wanted."""


class Entry(Protocol):
    """An image that waits for its store task, or a stored object that waits for its restore."""

    @property
    def entry_id(self) -> str: ...

    @property
    def snapshot_gib(self) -> float: ...


E = TypeVar("E", bound=Entry)
E_co = TypeVar("E_co", bound=Entry, covariant=True)


class Queue(Protocol[E_co]):
    """What waits, by night."""

    def nights(self) -> Iterator[str]: ...

    def largest(self, night: str, below_gib: float | None, closed: Collection[str]) -> Iterator[E_co]: ...


@dataclass(frozen=True)
class _Stretch(Generic[E]):
    """What one query found: all entries from below a size (None: from the largest) down to the last one here."""

    below_gib: float | None
    entries: list[E]
    to_the_end: bool
    """Nothing in the queue is smaller than the last one."""

    def covers(self, below_gib: float | None) -> bool:
        return self.below_gib is None or (below_gib is not None and below_gib <= self.below_gib)


class QueueReader(Generic[E]):
    """Answers 'the largest below so many GiB', without what was taken. Later nights wait for earlier ones to empty."""

    def __init__(self, queue: Queue[E], closed: Collection[str] = ()) -> None:
        self._queue = queue
        self._closed = frozenset(closed)
        """Policies whose images are not started now."""
        self._nights = queue.nights()
        self._night = next(self._nights, None)
        self._taken: set[str] = set()
        self._stretches: list[_Stretch[E]] = []

    def take(self, entry: E) -> None:
        self._taken.add(entry.entry_id)

    def head(self) -> E | None:
        """The largest of the oldest night, or None: nothing waits."""
        return self.largest(None)

    def largest(self, below_gib: float | None, but: E | None = None, /) -> E | None:
        """The largest of the oldest night below so many GiB (None: of any size) other than `but`, or None."""
        while self._night is not None:
            entry = self._found(self._night, below_gib, but)
            if entry is not None or below_gib is not None or but is not None:
                return entry
            self._night = next(self._nights, None)
            self._stretches.clear()
        return None

    def _found(self, night: str, below_gib: float | None, but: E | None) -> E | None:
        for stretch in self._stretches:
            if stretch.covers(below_gib):
                entry = self._first(stretch, below_gib, but)
                if entry is not None or stretch.to_the_end:
                    return entry
        waiting = (e for e in self._queue.largest(night, below_gib, self._closed) if e.entry_id not in self._taken)
        entries = list(islice(waiting, BUFFERED))
        stretch = _Stretch(below_gib, entries, len(entries) < BUFFERED)
        self._stretches.append(stretch)
        return self._first(stretch, below_gib, but)

    def _first(self, stretch: _Stretch[E], below_gib: float | None, but: E | None) -> E | None:
        kept = but.entry_id if but is not None else None
        for entry in stretch.entries:
            fits = below_gib is None or entry.snapshot_gib < below_gib
            if fits and entry.entry_id != kept and entry.entry_id not in self._taken:
                return entry
        return None
