"""Filling a budget: what is chosen, what a refusal says, and when to stop."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from ami_archiver.steps.fill import Fill, in_turn
from ami_archiver.steps.queue import Front
from ami_archiver.waiting import shortest_wait

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Waits:
    entry_id: str
    snapshot_gib: float


@dataclass(frozen=True)
class Moves:
    name: str
    gib: float
    started_at: datetime = NOW
    progress_percentage: int = 0


class Queue:
    def __init__(self, *entries: Waits) -> None:
        self._entries = entries

    def nights(self) -> Iterator[str]:
        yield "tonight"

    def largest(self, night: str, below_gib: float | None, closed: Collection[str]) -> Iterator[Waits]:
        fitting = [e for e in self._entries if below_gib is None or e.snapshot_gib < below_gib]
        return iter(sorted(fitting, key=lambda e: -e.snapshot_gib))


class Filling:
    """A fill of 100 GiB from a queue of one record per entry; `answers` says what EC2 makes of each start."""

    def __init__(self, *running: Moves, answers: dict[str, str] | None = None) -> None:
        self.fill = Fill[str, Moves](running, budget_gib=100, rule="aws", name=lambda m: m.name)
        self.answers = answers or {}
        self.in_flight = list(running)
        """What EC2 would show."""
        self.asked: list[str] = []
        self.announced: list[str] = []
        self.blamed: list[tuple[str, str]] = []

    def from_queue(self, *entries: Waits, gone: Collection[str] = ()) -> None:
        self.fill.from_queue(
            Front(Queue(*entries)),
            lambda some: {e.entry_id: e.entry_id for e in some if e.entry_id not in gone},
            self.announced.extend,
            self.ask,
        )

    def ask(self, record: str, entry: Waits) -> None:
        self.asked.append(record)
        answer = self.answers.get(record, "taken")
        if answer == "taken":
            self.in_flight.append(Moves(record, entry.snapshot_gib))
            self.fill.took(self.in_flight[-1])
            self.blamed += self.fill.convicted(lambda: [m.name for m in self.in_flight])
            return
        told: Any = {"own_fault": answer == "own fault", "throttled": answer == "throttled"}
        if self.fill.refused(record, answer, self.in_flight, **told):
            self.blamed.append((record, answer))


def test_entry_that_does_not_wait_any_more_leaves_its_room_to_others() -> None:
    filling = Filling()
    filling.from_queue(Waits("gone", 60), Waits("a", 39), Waits("b", 38), Waits("c", 37), gone={"gone"})
    assert filling.asked == filling.announced
    assert sorted(filling.asked) == ["a", "b", "c"]
    assert not filling.fill.more_to_start


def test_everything_is_announced_before_the_first_start() -> None:
    filling = Filling()
    seen = []
    filling.ask = lambda record, entry: seen.append(list(filling.announced))  # type: ignore[method-assign]
    filling.from_queue(Waits("a", 30), Waits("b", 20))
    assert seen == [filling.announced] * 2


def test_full_budget_starts_nothing_and_says_that_more_waits() -> None:
    filling = Filling(Moves("theirs", 100))
    filling.from_queue(Waits("a", 1))
    assert (filling.asked, filling.fill.more_to_start, filling.fill.asked) == ([], True, False)


def test_one_other_is_tried_after_a_refusal_and_then_no_more() -> None:
    refused = dict.fromkeys("abcd", "refused")
    filling = Filling(Moves("theirs", 1), answers=refused)
    filling.from_queue(*(Waits(name, 5) for name in "abcd"))
    assert len(filling.asked) == 2
    assert (filling.blamed, filling.fill.only_refused) == ([], True)


def test_own_fault_is_blamed_at_once_and_stops_nobody() -> None:
    filling = Filling(Moves("theirs", 1), answers=dict.fromkeys("abc", "own fault"))
    filling.from_queue(*(Waits(name, 5) for name in "abcd"))
    assert {record for record, _ in filling.blamed} == {"a", "b", "c"}
    assert "d" in filling.asked


def test_throttling_blames_nobody_and_ends_the_filling() -> None:
    filling = Filling(Moves("theirs", 1), answers={"a": "throttled", "b": "throttled"})
    filling.from_queue(Waits("a", 5), Waits("b", 6))
    assert (len(filling.asked), filling.blamed, filling.fill.more_to_start) == (1, [], True)


def test_refusal_while_nothing_is_in_flight_cannot_have_been_the_budget() -> None:
    filling = Filling(answers={"a": "refused"})
    filling.from_queue(Waits("a", 6))
    assert filling.blamed == [("a", "refused")]


@pytest.mark.parametrize("ended", [True, False])
def test_refusal_is_blamed_once_another_is_taken_unless_something_has_ended(ended: bool) -> None:
    filling = Filling(Moves("theirs", 1), answers={"a": "refused"})
    if ended:
        filling.fill.running.clear()
    theirs = filling.in_flight[0]
    ask = filling.ask

    def and_then_theirs_ends(record: str, entry: Waits) -> None:
        ask(record, entry)
        if ended and theirs in filling.in_flight:
            filling.in_flight.remove(theirs)

    filling.ask = and_then_theirs_ends  # type: ignore[method-assign]
    filling.from_queue(Waits("a", 5), Waits("b", 6))
    assert filling.asked == ["a", "b"]
    assert filling.blamed == ([] if ended else [("a", "refused")])


def test_what_others_started_since_the_first_look_is_counted() -> None:
    filling = Filling(Moves("theirs", 1), answers={"a": "refused"})
    filling.in_flight.append(Moves("theirs too", 99))
    filling.from_queue(Waits("a", 5), Waits("b", 6))
    assert filling.asked == ["a"]


def test_each_look_begins_with_another_one() -> None:
    assert [in_turn("bca", look, str) for look in range(4)] == [
        ["a", "b", "c"],
        ["b", "c", "a"],
        ["c", "a", "b"],
        ["a", "b", "c"],
    ]
    assert in_turn([], 7, str) == []


def test_shortest_wait_doubles_up_to_the_longest() -> None:
    assert [shortest_wait(refused, 30, 900) for refused in range(6)] == [30, 60, 120, 240, 480, 900]
    assert shortest_wait(10_000, 30, 900) == 900
