"""The night as a picture that changes: a bar per store task, the in-flight sum against the budget, the decisions."""

from __future__ import annotations

from rich.bar import Bar
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from demo.scene import BUDGET_GIB
from demo.view_plain import decisions_of
from demo.watch import Look, Task

_LINES_BESIDE_TASKS = 8
_STYLES = {"InProgress": "cyan", "Completed": "green", "Failed": "red"}


class LiveView:
    """Takes the terminal's last lines as long as it is open."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, auto_refresh=False, transient=True)
        self._live.start()

    def show(self, look: Look) -> None:
        self._live.update(picture(look, self._console.width, self._console.height), refresh=True)

    def close(self, _: Look | None) -> None:
        self._live.stop()


def picture(look: Look, width: int, height: int) -> RenderableType:
    """What is shown of a look on a terminal of this size; a few lines are always left for the shell's own."""
    rows = max(3, height - _LINES_BESIDE_TASKS)
    tasks = [*sorted(look.running, key=lambda task: (task.foreign, -task.gib)), *look.ended]
    hidden = len(tasks) - rows
    parts: list[RenderableType] = [Text(), _budget(look), Text(), _tasks(tasks[:rows], width)]
    if hidden > 0:
        parts.append(Text(f"  and {hidden} more", style="dim"))
    parts += [Text(), Text(f"{look.seconds:4.0f} s  {decisions_of(look)}", no_wrap=True, overflow="ellipsis")]
    return Group(*parts)


def _budget(look: Look) -> RenderableType:
    over = look.in_flight_gib >= BUDGET_GIB
    grid = Table.grid(padding=(0, 1), expand=True)
    grid.add_column(width=14)
    grid.add_column(ratio=1)
    grid.add_column(width=30, no_wrap=True)
    end = min(look.in_flight_gib, BUDGET_GIB)
    text = f"{look.in_flight_gib:,.0f} of {BUDGET_GIB:,.0f} GiB"
    if look.foreign_gib:
        text += f", {look.foreign_gib:,.0f} not ours"
    color = "yellow" if over else "cyan"
    grid.add_row(Text("  in flight", style="bold"), Bar(BUDGET_GIB, 0, end, color=color, bgcolor="grey23"), text)
    return grid


def _tasks(tasks: list[Task], width: int) -> RenderableType:
    grid = Table.grid(padding=(0, 1), expand=True)
    grid.add_column(width=max(20, min(34, width // 3)), no_wrap=True, overflow="ellipsis")
    grid.add_column(width=9, justify="right", no_wrap=True)
    grid.add_column(ratio=1)
    grid.add_column(width=5, justify="right", no_wrap=True)
    grid.add_column(width=11, no_wrap=True)
    for task in tasks:
        style = "magenta" if task.foreign else _STYLES.get(task.state, "")
        state = "not ours" if task.foreign and task.state == "InProgress" else task.state
        grid.add_row(
            Text(f"  {task.name}", style="magenta" if task.foreign else ""),
            f"{task.gib:,.0f} GiB",
            Bar(100, 0, task.percentage, color=style or "default", bgcolor="grey23"),
            f"{task.percentage} %",
            Text(state, style=style),
        )
    return grid
