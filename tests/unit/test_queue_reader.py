"""The head of the queue, over a queue in memory that counts what it is asked."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from hypothesis import given
from hypothesis import strategies as st

from ami_archiver.model import QueueEntry
from ami_archiver.queue_reader import BUFFERED, QueueReader


class MemoryQueue:
    def __init__(self, *entries: QueueEntry) -> None:
        self._entries = entries
        self.queries = 0

    def nights(self) -> Iterator[str]:
        return iter(sorted({entry.night for entry in self._entries}))

    def largest(self, night: str, below_gib: float | None, closed: Collection[str]) -> Iterator[QueueEntry]:
        self.queries += 1
        found = [e for e in self._entries if e.night == night and e.policy not in closed]
        fitting = [e for e in found if below_gib is None or e.snapshot_gib < below_gib]
        return iter(sorted(fitting, key=lambda e: (e.snapshot_gib, e.image_id), reverse=True))


def queue(*sizes: float, night: str = "20260101") -> MemoryQueue:
    return MemoryQueue(*[QueueEntry(night, f"ami-{i:04}", "nightly", gib) for i, gib in enumerate(sizes)])


SIZES = st.integers(1, 40).map(float)
ASKED = st.one_of(st.none(), st.integers(0, 45).map(float))


@given(st.lists(SIZES, max_size=120), st.lists(st.tuples(ASKED, st.booleans(), st.booleans()), max_size=40))
def test_reader_answers_as_if_it_read_the_whole_queue_each_time(
    sizes: list[float], asked: list[tuple[float | None, bool, bool]]
) -> None:
    reader = QueueReader(queue(*sizes))
    left = sorted(sizes)
    kept = None
    for below, take, keep in asked:
        found = reader.largest(below, kept)
        others = [gib for gib in left if below is None or gib < below]
        if kept is not None and (below is None or kept.snapshot_gib < below):
            others.remove(kept.snapshot_gib)
        assert (found.snapshot_gib if found else None) == max(others, default=None)
        if found and take:
            reader.take(found)
            left.remove(found.snapshot_gib)
        elif found and keep:
            kept = found


def test_image_of_the_same_size_as_the_kept_one_is_found() -> None:
    reader = QueueReader(queue(100, 100, 50))
    top = reader.largest(None)
    beside = reader.largest(200, top)
    assert top is not None
    assert beside is not None
    assert beside.snapshot_gib == 100
    assert beside != top


def test_older_night_is_not_left_behind_while_its_last_image_is_kept() -> None:
    waiting = MemoryQueue(
        QueueEntry("20260101", "ami-old", "nightly", 500), QueueEntry("20260102", "ami-new", "nightly", 20)
    )
    reader = QueueReader(waiting)
    last = reader.largest(None)
    assert last is not None
    assert reader.largest(None, last) is None
    assert reader.largest(100, last) is None
    assert reader.largest(None) == last
    reader.take(last)
    newer = reader.largest(None)
    assert newer is not None
    assert newer.image_id == "ami-new"


def test_queue_that_fits_into_one_query_is_read_once() -> None:
    waiting = queue(*[float(gib) for gib in range(1, BUFFERED)])
    reader = QueueReader(waiting)
    assert reader.largest(None) is not None
    for below in (0.5, 1, 20, 600):
        reader.largest(below)
    assert waiting.queries == 1
