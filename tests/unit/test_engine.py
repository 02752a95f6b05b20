"""Filling a budget: what is chosen, what a refusal says, and when to stop."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from ami_archiver.engine import Filling, in_turn
from ami_archiver.model import InFlight, Refusal
from ami_archiver.queue_reader import QueueReader

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Waits:
    entry_id: str
    snapshot_gib: float

    @property
    def gib(self) -> float:
        return self.snapshot_gib


class Queue:
    def __init__(self, *entries: Waits) -> None:
        self._entries = entries

    def nights(self) -> Iterator[str]:
        yield "tonight"

    def largest(self, night: str, below_gib: float | None, closed: Collection[str]) -> Iterator[Waits]:
        fitting = [e for e in self._entries if below_gib is None or e.snapshot_gib < below_gib]
        return iter(sorted(fitting, key=lambda e: -e.snapshot_gib))


def task(task_id: str, gib: float) -> InFlight:
    return InFlight(task_id, task_id, "bucket", gib, NOW)


REFUSALS = {
    "refused": Refusal("InvalidRequest", "full, or not"),
    "own fault": Refusal("InvalidAMIID.NotFound", "no such image", own_fault=True),
    "throttled": Refusal("RequestLimitExceeded", "slower", throttled=True),
    "denied": Refusal("AccessDenied", "no", denied=True),
}


class World:
    """100 GiB of budget, and what EC2 makes of each start; an entry is its own record."""

    def __init__(self, *in_flight: InFlight, answers: Mapping[str, str] | None = None, **more: int) -> None:
        self.answers = answers or {}
        self.shown = list(in_flight)
        """What EC2 would show."""
        self.ends_after_the_next_start: InFlight | None = None
        self.gone: set[str] = set()
        self.settled: set[str] = set()
        self.asked: list[str] = []
        self.announced: list[str] = []
        self.announced_at_first_start: list[str] = []
        self.failed: list[str] = []
        self.blamed: list[str] = []
        self.filling = Filling[Waits, Waits](self, in_flight, budget_gib=100, rule="aws", **more)

    def fill(self, *entries: Waits) -> None:
        self.filling.from_queue(QueueReader(Queue(*entries)))

    def in_flight(self) -> list[InFlight]:
        return list(self.shown)

    def waiting(self, entries: Sequence[Waits]) -> dict[str, Waits]:
        return {entry.entry_id: entry for entry in entries if entry.entry_id not in self.gone}

    def announce(self, entry_ids: list[str]) -> None:
        self.announced += entry_ids

    def intend(self, record: Waits, entry: Waits, figures: str) -> Waits | None:
        return record

    def why_not(self, record: Waits) -> str | None:
        return None

    def start(self, record: Waits) -> InFlight | Refusal:
        self.announced_at_first_start = self.announced_at_first_start or list(self.announced)
        self.asked.append(record.entry_id)
        answer = self.answers.get(record.entry_id, "taken")
        if self.ends_after_the_next_start is not None and answer == "taken":
            self.shown.remove(self.ends_after_the_next_start)
        if answer != "taken":
            return REFUSALS[answer]
        self.shown.append(task(record.entry_id, record.gib))
        return self.shown[-1]

    def is_settled(self, record: Waits, refusal: Refusal) -> bool:
        return record.entry_id in self.settled

    def fail(self, record: Waits, refusal: Refusal) -> None:
        self.failed.append(record.entry_id)

    def attempt_failed(self, record: Waits, refusal: Refusal) -> None:
        self.blamed.append(record.entry_id)


def test_entry_that_does_not_wait_any_more_leaves_its_room_to_others() -> None:
    world = World()
    world.gone = {"gone"}
    world.fill(Waits("gone", 60), Waits("a", 39), Waits("b", 38), Waits("c", 37))
    assert world.asked == world.announced
    assert sorted(world.asked) == ["a", "b", "c"]
    assert not world.filling.more_to_start


def test_everything_is_announced_before_the_first_start() -> None:
    world = World()
    world.fill(Waits("a", 30), Waits("b", 20))
    assert sorted(world.announced_at_first_start) == ["a", "b"]


def test_full_budget_starts_nothing_and_says_that_more_waits() -> None:
    world = World(task("theirs", 100))
    world.fill(Waits("a", 1))
    assert (world.asked, world.filling.more_to_start, world.filling.asked) == ([], True, False)


def test_one_other_is_tried_after_a_refusal_and_then_no_more() -> None:
    world = World(task("theirs", 1), answers=dict.fromkeys("abcd", "refused"))
    world.fill(*(Waits(name, 5) for name in "abcd"))
    assert len(world.asked) == 2
    assert (world.blamed, world.filling.only_refused) == ([], True)


def test_own_fault_is_blamed_at_once_and_stops_nobody() -> None:
    world = World(task("theirs", 1), answers=dict.fromkeys("abc", "own fault"))
    world.fill(*(Waits(name, 5) for name in "abcd"))
    assert set(world.blamed) == {"a", "b", "c"}
    assert "d" in world.asked


def test_denied_image_fails_at_once_and_its_room_is_filled_with_others() -> None:
    world = World(answers={"a": "denied", "b": "denied"})
    world.fill(Waits("a", 100), Waits("b", 99), Waits("c", 98))
    assert (sorted(world.failed), world.blamed, world.asked[-1]) == (["a", "b"], [], "c")


def test_no_more_are_asked_for_than_may_be_denied() -> None:
    world = World(answers=dict.fromkeys("abcd", "denied"), denials_left=3)
    world.fill(*(Waits(name, 5) for name in "abcd"))
    assert (len(world.asked), world.filling.more_to_start) == (3, True)


def test_refused_image_that_is_under_way_all_the_same_is_not_blamed_and_counts() -> None:
    world = World(answers={"a": "own fault"})
    world.settled = {"a"}
    world.shown.append(task("a", 99))
    world.fill(Waits("a", 99), Waits("b", 60))
    assert world.blamed == []
    assert sum(one.gib for one in world.filling.in_flight) == 99 + 60


def test_throttling_blames_nobody_and_ends_the_filling() -> None:
    world = World(task("theirs", 1), answers={"a": "throttled", "b": "throttled"})
    world.fill(Waits("a", 5), Waits("b", 6))
    assert (len(world.asked), world.blamed, world.filling.more_to_start) == (1, [], True)


def test_refusal_while_nothing_is_in_flight_cannot_have_been_the_budget() -> None:
    world = World(answers={"a": "refused"})
    world.fill(Waits("a", 6))
    assert world.blamed == ["a"]


@pytest.mark.parametrize("ended", [True, False])
def test_ambiguous_refusal_is_blamed_once_another_is_taken_unless_something_has_ended(ended: bool) -> None:
    theirs = task("theirs", 1)
    world = World(theirs, answers={"b": "refused"})
    world.ends_after_the_next_start = theirs if ended else None
    world.fill(Waits("a", 6), Waits("b", 5))
    assert world.asked == ["b", "a"]
    assert world.blamed == ([] if ended else ["b"])


def test_what_others_started_since_the_first_look_is_counted() -> None:
    world = World(task("theirs", 1), answers={"a": "refused"})
    world.shown.append(task("theirs too", 99))
    world.fill(Waits("a", 5), Waits("b", 6))
    assert world.asked == ["a"]


def test_each_look_begins_with_another_one() -> None:
    a, b, c = Waits("a", 3), Waits("b", 2), Waits("c", 1)
    assert [in_turn([b, c, a], look) for look in range(4)] == [[a, b, c], [b, c, a], [c, a, b], [a, b, c]]
    assert in_turn([], 7) == []
