"""Filling an in-flight budget from a queue, start by start: what storing and restoring have in common.

EC2 tells neither how much of the budget is left nor whether a refusal was for want of it. So what is in flight is
looked at and counted, also what others have started meanwhile; a refusal soon ends the filling; and whether it was the
image's own fault is judged by what else is in flight and by what EC2 takes next.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from ami_archiver.admission import admission, next_start
from ami_archiver.settings import AdmissionRule
from ami_archiver.steps.queue import Entry, Front
from ami_archiver.waiting import Moving, in_flight_gib

REFUSALS_PER_STEP = 2
"""A refusal may be the budget's or the image's: one other image is tried, so that one image never stops the others.
The queue's next image is tried in any case, so that refused ones do not stand in its way."""
MANY_DENIED = 20
"""So many starts that are denied, one after another, are no longer taken for the images' own: it is the role's. Also
the most in one step, since each takes a look at the whole bucket."""

RecordT = TypeVar("RecordT")
MovingT = TypeVar("MovingT", bound=Moving)
EntryT = TypeVar("EntryT", bound=Entry)


@dataclass(frozen=True, slots=True)
class Suspect(Generic[RecordT]):
    """Refused with a code that does not say whether it was the budget or the image."""

    record: RecordT
    why: str
    in_flight: frozenset[Hashable]
    """What was in flight then."""


class Fill(Generic[RecordT, MovingT]):
    """The budget while a step fills it. What is in flight is told apart by its `name`."""

    def __init__(
        self,
        running: Iterable[MovingT],
        *,
        budget_gib: float,
        rule: AdmissionRule,
        name: Callable[[MovingT], Hashable],
        denials_left: int = MANY_DENIED,
    ) -> None:
        self.running = list(running)
        self.more_to_start = False
        self.accepted = 0
        self.denied = 0
        """Starts refused for want of a permission. They are not among the refusals: the others have their turn."""
        self._budget_gib = budget_gib
        self._rule = rule
        self._name = name
        self._refusals_left = REFUSALS_PER_STEP
        self._denials_left = denials_left
        self._suspects: list[Suspect[RecordT]] = []
        self._throttled = False

    @property
    def asked(self) -> bool:
        """Whether EC2 was asked for anything, whatever it said."""
        return self.accepted > 0 or self.denied > 0 or self._refusals_left < REFUSALS_PER_STEP

    @property
    def only_refused(self) -> bool:
        """Whether something was asked for that was not denied, and EC2 took nothing."""
        return self._refusals_left < REFUSALS_PER_STEP and not self.accepted

    def may_start(self, gib: float) -> bool:
        verdict = admission(in_flight_gib(self.running), self._budget_gib, self._rule, gib)
        may_ask = self._refusals_left > 0 and self.denied < self._denials_left and not self._throttled
        return verdict.admit and may_ask

    def figures(self, gib: float) -> str:
        """How full the budget is, for the reason in a record."""
        return admission(in_flight_gib(self.running), self._budget_gib, self._rule, gib).reason

    def from_queue(
        self,
        front: Front[EntryT],
        still_waiting: Callable[[Sequence[EntryT]], Mapping[str, RecordT]],
        announce: Callable[[list[str]], object],
        start: Callable[[RecordT, EntryT], None],
    ) -> None:
        """Choose what fits from the queue, announce that it is under way, then start one after the other.

        Once more where some were denied, which leaves room. `still_waiting` gives the records, by entry id, of those
        entries that wait indeed.
        """
        self._refusals_left = max(self._refusals_left, 1)
        denied = None
        while denied != self.denied and self.may_start(0):
            denied = self.denied
            chosen = self._choose(front, still_waiting)
            if not chosen:
                break
            announce([entry.entry_id for entry, _ in chosen])
            for entry, record in chosen:
                if not self.may_start(entry.snapshot_gib):
                    self.more_to_start = True
                    return
                start(record, entry)
        self.more_to_start = self.more_to_start or front.largest(None) is not None

    def see(self, in_flight: Iterable[MovingT]) -> None:
        """Count what others started since the last look; EC2 may not list yet what it has just taken from us."""
        known = {self._name(moving) for moving in self.running}
        self.running += [moving for moving in in_flight if self._name(moving) not in known]

    def took(self, moving: MovingT) -> None:
        """EC2 has taken a start."""
        self.accepted += 1
        self.running.append(moving)

    def refused(
        self, record: RecordT, why: str, in_flight: Sequence[MovingT], *, own_fault: bool, throttled: bool
    ) -> bool:
        """Whether a refusal counts against the record at once; if not, `convicted` may find so later.

        `in_flight` is what EC2 shows just now: where that is nothing, it cannot have been the budget.
        """
        self.see(in_flight)
        self.more_to_start = True
        self._refusals_left = max(0, self._refusals_left - (not own_fault))
        if throttled:
            self._throttled = True
            return False
        if own_fault or not in_flight:
            return True
        self._suspects.append(Suspect(record, why, frozenset(map(self._name, in_flight))))
        return False

    def convicted(self, look: Callable[[], Iterable[Hashable]]) -> list[tuple[RecordT, str]]:
        """After EC2 has taken a start: those that it refused for another reason than the budget, and why.

        It was not the budget unless something has ended since; `look` gives the names of what is in flight now.
        """
        if not self._suspects:
            return []
        still = frozenset(look())
        found = [(suspect.record, suspect.why) for suspect in self._suspects if suspect.in_flight <= still]
        self._suspects.clear()
        return found

    def _choose(
        self, front: Front[EntryT], still_waiting: Callable[[Sequence[EntryT]], Mapping[str, RecordT]]
    ) -> list[tuple[EntryT, RecordT]]:
        """Entries that fill the budget, with their records."""
        planned = in_flight_gib(self.running)
        chosen: list[tuple[EntryT, RecordT]] = []
        while True:
            entries: list[EntryT] = []
            while entry := next_start(planned, self._budget_gib, self._rule, front.largest):
                front.take(entry)
                entries.append(entry)
                planned += entry.snapshot_gib
            if not entries:
                return chosen
            records = still_waiting(entries)
            for entry in entries:
                if entry.entry_id in records:
                    chosen.append((entry, records[entry.entry_id]))
                else:
                    planned -= entry.snapshot_gib


def in_turn(records: Iterable[RecordT], look: int, order: Callable[[RecordT], Any]) -> list[RecordT]:
    """In order, but each look begins with another one: none that is always refused stands in the way of the rest."""
    ordered = sorted(records, key=order)
    turn = look % len(ordered) if ordered else 0
    return ordered[turn:] + ordered[:turn]
