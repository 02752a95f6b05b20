"""Which image's store task starts next, under the account's in-flight budget.

AWS's rule is `in_flight_now < budget`: the size of the new image does not count, so the last start may overshoot by
any size. A sliver of free budget is therefore worth a whole image, and the largest that waits is worth most there:
it is kept until the others have filled the budget up to a sliver, and then started on top of them.

How the others fill it matters too. Whatever ends before the rest leaves a gap until enough has ended for the next
start. So the free budget is divided into as few equal parts as the sizes allow: equal images end together. Where the
queue has none of about that size, the largest that leaves a sliver is taken. docs/performance.md has the figures.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol, TypeVar

from ami_archiver.settings import AdmissionRule


class Sized(Protocol):
    """What waits in a queue: an image for its store task, a stored object for its restore."""

    @property
    def snapshot_gib(self) -> float: ...


Waiting = TypeVar("Waiting", bound=Sized)


class Largest(Protocol[Waiting]):
    """The largest of the queue's foremost night below so many GiB (None: of any size) other than `but`, or None."""

    def __call__(self, below_gib: float | None, but: Waiting | None = None, /) -> Waiting | None: ...


@dataclass(frozen=True, slots=True)
class Admission:
    """Whether a store may start now, with the reason that goes into the log."""

    admit: bool
    reason: str


def admission(in_flight_gib: float, budget_gib: float, rule: AdmissionRule, gib: float) -> Admission:
    """Whether an image of `gib` may start while `in_flight_gib` are in progress, whoever started them."""
    figures = f"{in_flight_gib:g} of {budget_gib:g} GiB in flight"
    if not _has_room(in_flight_gib, budget_gib):
        return Admission(False, figures)
    if rule == "strict" and in_flight_gib > 0 and in_flight_gib + gib > budget_gib:
        return Admission(False, f"{figures}, {gib:g} GiB more would exceed it (rule 'strict')")
    return Admission(True, figures)


def next_start(
    in_flight_gib: float, budget_gib: float, rule: AdmissionRule, largest: Largest[Waiting]
) -> Waiting | None:
    """What to start next, or None: no room, or nothing in the queue that may start.

    With rule `strict` the sum stays at or below the budget, except for one oversize image alone. Neither rule starves
    an image: `aws` starts the largest whenever it has filled the budget; under `strict` an image too large to join
    others is the only candidate once nothing is in flight.
    """
    room_gib = budget_gib - in_flight_gib
    if not _has_room(in_flight_gib, budget_gib):
        return None
    if rule == "strict":
        return largest(None) if in_flight_gib == 0 else largest(room_gib + SLIVER_GIB)
    top = largest(None)
    return top and (_below_the_top(room_gib, top, largest) or top)


SLIVER_GIB = 0.001
"""The resolution of sizes: the smallest difference between two images in the queue."""
ALIKE = 0.9
"""Images of at least this share of an equal part are taken for one: they end nearly together."""


def _below_the_top(room_gib: float, top: Waiting, largest: Largest[Waiting]) -> Waiting | None:
    """What goes into the room before the largest of all, or None: nothing else leaves a sliver."""
    parts = math.ceil(room_gib / max(top.snapshot_gib, SLIVER_GIB))
    part = largest(room_gib / parts, top)
    if parts > 1 and (part is None or part.snapshot_gib < ALIKE * room_gib / parts):
        return largest(room_gib, top)
    return part


def _has_room(in_flight_gib: float, budget_gib: float) -> bool:
    """Whether less than the budget is in flight: by half the resolution of sizes, since a sum of floats wavers."""
    return budget_gib - in_flight_gib >= SLIVER_GIB / 2
