"""Which image's store task starts next, under the account's in-flight budget.

AWS's rule is `in_flight_now < budget`: the size of the new image does not count, so the last start may overshoot by
any size. That makes a sliver of free budget worth a whole image: fill with the largest that still leaves a sliver
(`in_flight + size < budget`), and when none does, top with the largest of all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from ami_archiver.settings import AdmissionRule

Waiting = TypeVar("Waiting")
"""What waits in a queue: an image for its store task, a stored object for its restore."""
Largest = Callable[[float | None], Waiting | None]
"""The largest of the queue's foremost night below so many GiB (None: of any size), or None."""


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
    an image: `aws` takes the largest whenever a sliver is left; under `strict` an image too large to join others is
    the only candidate once nothing is in flight.
    """
    room_gib = budget_gib - in_flight_gib
    if not _has_room(in_flight_gib, budget_gib):
        return None
    if rule == "strict":
        return largest(None) if in_flight_gib == 0 else largest(room_gib + SLIVER_GIB)
    return largest(room_gib) or largest(None)


SLIVER_GIB = 0.001
"""The resolution of sizes: the smallest difference between two images in the queue."""


def _has_room(in_flight_gib: float, budget_gib: float) -> bool:
    """Whether less than the budget is in flight: by half the resolution of sizes, since a sum of floats wavers."""
    return budget_gib - in_flight_gib >= SLIVER_GIB / 2
