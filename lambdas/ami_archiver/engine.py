"""The engine of storing and restoring: fills an in-flight budget of the account from a queue, start by start.

EC2 tells neither how much of the budget is left nor whether it refused a start for want of it. So what is in flight is
looked at and counted, also what others have started meanwhile; refusals soon end the filling; and whether one was the
image's own fault is judged by what else is in flight and by what EC2 takes next.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from ami_archiver.admission import admission, next_start
from ami_archiver.model import InFlight, Refusal
from ami_archiver.queue_reader import Entry, QueueReader
from ami_archiver.settings import AdmissionRule
from ami_archiver.waiting import in_flight_gib

REFUSALS_PER_LOOK = 2
"""A refusal may be the budget's or the image's: one other image is tried, so that one image never stops the others.
The queue's next image is tried in any case, so that refused ones do not stand in its way."""
MANY_DENIED = 20
"""So many starts that are denied, one after another, are no longer taken for the images' own: it is the role's. Also
the most in one look, since each may take a listing of the whole bucket."""


class Record(Protocol):
    """What the table knows of one image or restore."""

    @property
    def gib(self) -> float:
        """What it counts in the budget."""
        ...


RecordT = TypeVar("RecordT", bound=Record)
EntryT = TypeVar("EntryT", bound=Entry)
EntryT_contra = TypeVar("EntryT_contra", bound=Entry, contravariant=True)


class Work(Protocol[RecordT, EntryT_contra]):
    """What storing and restoring each know. What has ended they settle before the engine fills what is free."""

    def in_flight(self) -> list[InFlight]:
        """Every task in progress in the account now, whoever started it."""
        ...

    def waiting(self, entries: Sequence[EntryT_contra]) -> Mapping[str, RecordT]:
        """The records, by entry id, of those entries that wait indeed; the others leave the queue."""
        ...

    def announce(self, entry_ids: list[str]) -> None:
        """Put on the lease what is about to be started."""
        ...

    def intend(self, record: RecordT, entry: EntryT_contra, figures: str) -> RecordT | None:
        """Write that it is about to be asked for; None: it must not be, and the record says why."""
        ...

    def why_not(self, record: RecordT) -> str | None:
        """Why one whose intention is written must not be asked for again now, or None."""
        ...

    def start(self, record: RecordT) -> InFlight | Refusal:
        """Ask EC2."""
        ...

    def is_settled(self, record: RecordT, refusal: Refusal) -> bool:
        """Look before judging: whether the task is under way or has ended all the same, or the next look tries it."""
        ...

    def fail(self, record: RecordT, refusal: Refusal) -> None:
        """It was denied: it fails, and stops no other."""
        ...

    def attempt_failed(self, record: RecordT, refusal: Refusal) -> None:
        """It was refused, and not for the budget."""
        ...


@dataclass(frozen=True, slots=True)
class AmbiguousRefusal(Generic[RecordT]):
    """Refused with a code that does not say whether it was the budget or the image."""

    record: RecordT
    refusal: Refusal
    in_flight: frozenset[str]
    """Ids of the tasks that were in flight then."""


class Filling(Generic[RecordT, EntryT]):
    """The budget, while one look fills it."""

    def __init__(
        self,
        work: Work[RecordT, EntryT],
        in_flight: Iterable[InFlight],
        *,
        budget_gib: float,
        rule: AdmissionRule,
        denials_left: int = MANY_DENIED,
    ) -> None:
        self.in_flight = list(in_flight)
        self.more_to_start = False
        self.started = 0
        self.denied = 0
        """Starts refused for want of a permission. They are not among the refusals: the others have their turn."""
        self._work = work
        self._budget_gib = budget_gib
        self._rule = rule
        self._refusals_left = REFUSALS_PER_LOOK
        self._denials_left = denials_left
        self._ambiguous: list[AmbiguousRefusal[RecordT]] = []
        self._throttled = False

    @property
    def asked(self) -> bool:
        """Whether EC2 was asked for anything, whatever it said."""
        return self.started > 0 or self.denied > 0 or self._refusals_left < REFUSALS_PER_LOOK

    @property
    def only_refused(self) -> bool:
        """Whether something was asked for that was not denied, and EC2 took nothing."""
        return self._refusals_left < REFUSALS_PER_LOOK and not self.started

    def again(self, unstarted: Iterable[RecordT]) -> None:
        """Ask for those whose intention is written but of which EC2 knows nothing: refused, failed, or never asked."""
        for record in unstarted:
            if self._may_start(record.gib) and self._work.why_not(record) is None:
                self._ask(record)
            else:
                self.more_to_start = True

    def from_queue(self, reader: QueueReader[EntryT]) -> None:
        """Choose what fits, announce it, then start one after the other; again where some were denied, or left."""
        self._refusals_left = max(self._refusals_left, 1)
        denied = None
        while denied != self.denied and self._may_start(0):
            denied = self.denied
            chosen = self._choose(reader)
            if not chosen:
                break
            self._work.announce([entry.entry_id for entry, _ in chosen])
            for entry, record in chosen:
                if not self._may_start(entry.snapshot_gib):
                    self.more_to_start = True
                    return
                figures = admission(in_flight_gib(self.in_flight), self._budget_gib, self._rule, record.gib).reason
                intended = self._work.intend(record, entry, figures)
                if intended is not None:
                    self._ask(intended)
        self.more_to_start = self.more_to_start or reader.head() is not None

    def _may_start(self, gib: float) -> bool:
        decision = admission(in_flight_gib(self.in_flight), self._budget_gib, self._rule, gib)
        return decision.admit and self._refusals_left > 0 and self.denied < self._denials_left and not self._throttled

    def _ask(self, record: RecordT) -> None:
        """Call EC2 for a record whose intention is written, and take the answer for what it is."""
        answer = self._work.start(record)
        if isinstance(answer, InFlight):
            self.started += 1
            self.in_flight.append(answer)
            self._judge_ambiguous()
            return
        self.more_to_start = True
        if self._work.is_settled(record, answer):
            self._see(self._work.in_flight())
        elif answer.denied:
            self.denied += 1
            self._work.fail(record, answer)
        else:
            self._refused(record, answer)

    def _refused(self, record: RecordT, refusal: Refusal) -> None:
        shown = self._work.in_flight()
        self._see(shown)
        self._refusals_left = max(0, self._refusals_left - (not refusal.own_fault))
        if refusal.throttled:
            self._throttled = True
        elif refusal.own_fault or not self.in_flight:  # where nothing is in flight, it was not the budget
            self._work.attempt_failed(record, refusal)
        else:
            self._ambiguous.append(AmbiguousRefusal(record, refusal, frozenset(task.task_id for task in shown)))

    def _judge_ambiguous(self) -> None:
        """EC2 has taken a start: an earlier refusal was not for the budget, unless something has ended since."""
        if not self._ambiguous:
            return
        still = {task.task_id for task in self._work.in_flight()}
        for ambiguous in self._ambiguous:
            if ambiguous.in_flight <= still:
                self._work.attempt_failed(ambiguous.record, ambiguous.refusal)
        self._ambiguous.clear()

    def _see(self, shown: Iterable[InFlight]) -> None:
        """Count what others started since the last look; EC2 may not list yet what it has just taken from us."""
        known = {task.task_id for task in self.in_flight}
        self.in_flight += [task for task in shown if task.task_id not in known]

    def _choose(self, reader: QueueReader[EntryT]) -> list[tuple[EntryT, RecordT]]:
        """Entries that fill the budget, with their records."""
        planned = in_flight_gib(self.in_flight)
        chosen: list[tuple[EntryT, RecordT]] = []
        while True:
            entries: list[EntryT] = []
            while entry := next_start(planned, self._budget_gib, self._rule, reader.largest):
                reader.take(entry)
                entries.append(entry)
                planned += entry.snapshot_gib
            if not entries:
                return chosen
            records = self._work.waiting(entries)
            for entry in entries:
                if entry.entry_id in records:
                    chosen.append((entry, records[entry.entry_id]))
                else:
                    planned -= entry.snapshot_gib


def in_turn(records: Iterable[RecordT], look: int) -> list[RecordT]:
    """Largest first, but each look begins with another one: none that is always refused stands in the others' way."""
    ordered = sorted(records, key=lambda record: -record.gib)
    turn = look % len(ordered) if ordered else 0
    return ordered[turn:] + ordered[:turn]
