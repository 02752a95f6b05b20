"""The night while it goes on: as a picture that changes on a terminal, as lines every few seconds elsewhere."""

from __future__ import annotations

from collections.abc import Callable

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from ami_archiver.model import Decision
from demo.scene import BUDGET_GIB
from demo.watch import IN_PROGRESS, Look, Task

EVERY_SECONDS = 3.0
_TASKS_NAMED = 4
_LINES_BESIDE_TASKS = 8


class LiveView:
    """Takes the terminal's last lines as long as it is open."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, auto_refresh=False, transient=True)
        self._live.start()

    def show(self, look: Look) -> None:
        self._live.update(picture(look, self._console.width, self._console.height), refresh=True)

    def close(self) -> None:
        self._live.stop()


class PlainView:
    """Says a look, but not more often than every three seconds; and at once which stores failed."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._said: float | None = None
        self._failed: set[str] = set()

    def show(self, look: Look) -> None:
        for task in look.failed:
            if task.image_id not in self._failed:
                self._say(f"{look.seconds:4.0f} s  the store of {task.name} failed at {task.percentage} %")
        self._failed = {task.image_id for task in look.failed}
        if self._said is None or look.seconds - self._said >= EVERY_SECONDS:
            self._said = look.seconds
            for line in lines_of(look):
                self._say(line)

    def close(self) -> None:
        """Nothing is open."""


def lines_of(look: Look) -> list[str]:
    """One line of figures and, if something is in flight, one that names it."""
    lines = [f"{look.seconds:4.0f} s  {_in_flight(look)}; {decisions_of(look)}"]
    if look.running:
        largest = sorted(look.running, key=lambda task: -task.gib)
        named = [f"{_named(task)} {task.percentage} %" for task in largest[:_TASKS_NAMED]]
        more = len(largest) - _TASKS_NAMED
        lines.append(f"        {', '.join(named)}{f', {more} more' if more > 0 else ''}")
    return lines


def picture(look: Look, width: int, height: int) -> RenderableType:
    """What is shown of a look on a terminal of this size; a few lines are always left for the shell's own."""
    rows = max(3, height - _LINES_BESIDE_TASKS)
    tasks = [*sorted(look.running, key=lambda task: (task.foreign, -task.gib)), *look.failed]
    grid = Table.grid(padding=(0, 1), expand=True)
    grid.add_column(width=max(20, min(34, width // 3)), no_wrap=True, overflow="ellipsis")
    grid.add_column(width=9, justify="right", no_wrap=True)
    grid.add_column(ratio=1)
    grid.add_column(width=6, justify="right", no_wrap=True)
    for task in tasks[:rows]:
        failed = task.state != IN_PROGRESS
        style = "red" if failed else "magenta" if task.foreign else "cyan"
        bar = ProgressBar(total=100, completed=task.percentage, complete_style=style, finished_style=style)
        percentage = "failed" if failed else f"{task.percentage} %"
        grid.add_row(Text(f"  {_named(task)}", style=style), f"{task.gib:,.0f} GiB", bar, percentage)
    parts: list[RenderableType] = [Text(), Text(f"  {_in_flight(look)}", style="bold"), Text(), grid]
    if len(tasks) > rows:
        parts.append(Text(f"  and {len(tasks) - rows} more", style="dim"))
    parts += [Text(), Text(f"{look.seconds:4.0f} s  {decisions_of(look)}", no_wrap=True, overflow="ellipsis")]
    return Group(*parts)


def decisions_of(look: Look) -> str:
    """'12 stored, 1 failed, 9 waiting'; what there is none of is left out."""
    parts = [
        f"{look.decisions[decision]} {decision.value.replace('_', ' ')}"
        for decision in Decision
        if decision is not Decision.DEFERRED and look.decisions[decision]
    ]
    if look.waiting:
        parts.append(f"{look.waiting} waiting")
    return ", ".join(parts) or "nothing decided yet"


def _in_flight(look: Look) -> str:
    others = f" ({look.foreign_gib:,.0f} by others)" if look.foreign_gib else ""
    return f"{look.in_flight_gib:,.0f} of {BUDGET_GIB:,.0f} GiB in flight{others}"


def _named(task: Task) -> str:
    return f"{task.name}{' (not ours)' if task.foreign else ''}"
