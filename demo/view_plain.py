"""Progress as plain lines, every few seconds: for a file, a pipe, and the transcript."""

from __future__ import annotations

from collections.abc import Callable

from ami_archiver.model import Decision
from demo.scene import BUDGET_GIB
from demo.watch import Look, Task

EVERY_SECONDS = 3.0
_TASKS_NAMED = 4


class PlainView:
    """Says a look, but not more often than every three seconds."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._said: float | None = None
        self._figures: list[str] = []
        self._failed: set[Task] = set()

    def show(self, look: Look) -> None:
        self._failures(look)
        if self._said is not None and look.seconds - self._said < EVERY_SECONDS:
            return
        self._said = look.seconds
        self._figures = lines_of(look)
        for line in self._figures:
            self._say(line)

    def close(self, look: Look | None) -> None:
        """Say the last look, however soon it comes after the one before, unless it says the same."""
        if look is not None and lines_of(look) != self._figures:
            self._said = None
            self.show(look)

    def _failures(self, look: Look) -> None:
        """Say at once which stores failed; a look shows them for a moment only."""
        failed = {task for task in look.ended if task.state == "Failed"}
        for task in sorted(failed - self._failed, key=lambda task: task.name):
            self._say(f"{look.seconds:4.0f} s  the store of {task.name} failed at {task.percentage} %")
        self._failed = failed


def lines_of(look: Look) -> list[str]:
    """One line of figures and, if something is in flight, one that names it."""
    figures = f"{look.in_flight_gib:,.0f} of {BUDGET_GIB:,.0f} GiB in flight"
    if look.foreign_gib:
        figures += f" ({look.foreign_gib:,.0f} by others)"
    lines = [f"{look.seconds:4.0f} s  {figures}; {decisions_of(look)}"]
    if look.running:
        largest = sorted(look.running, key=lambda task: -task.gib)
        named = ", ".join(map(_named, largest[:_TASKS_NAMED]))
        more = len(largest) - _TASKS_NAMED
        lines.append(f"        {named}{f', {more} more' if more > 0 else ''}")
    return lines


def decisions_of(look: Look) -> str:
    """'12 stored, 1 failed, …, 9 waiting'; what there is none of is left out."""
    parts = [
        f"{look.decisions[decision]} {decision.value.replace('_', ' ')}"
        for decision in Decision
        if decision is not Decision.DEFERRED and look.decisions[decision]
    ]
    if look.waiting:
        parts.append(f"{look.waiting} waiting")
    return ", ".join(parts) or "nothing decided yet"


def _named(task: Task) -> str:
    return f"{task.name}{' (not ours)' if task.foreign else ''} {task.percentage} %"
