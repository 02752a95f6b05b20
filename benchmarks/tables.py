"""How results are shown: as a table on the terminal, the same rows as JSON, and as Markdown for the docs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / ".build" / "bench"
PLAIN_WIDTH = 160

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Goal:
    """What was to be reached, what was measured, and whether that is it."""

    what: str
    wanted: str
    measured: str
    reached: bool


@dataclass(frozen=True)
class Result:
    """One table of a benchmark, with its goals and what a reader has to know."""

    name: str
    title: str
    rows: Sequence[Row]
    goals: Sequence[Goal] = ()
    notes: Sequence[str] = ()


def show(console: Console, result: Result) -> None:
    """The table, its notes and its goals."""
    table = Table(title=result.title, title_justify="left", box=SIMPLE_HEAD)
    for number, column in enumerate(result.rows[0]):
        table.add_column(column, justify="right" if number else "left")
    for row in result.rows:
        table.add_row(*map(text_of, row.values()))
    console.print(table)
    for note in result.notes:
        console.print(f"  {note}", soft_wrap=True)
    for goal in result.goals:
        word = "reached" if goal.reached else "missed "
        console.print(f"  {word}  {goal.what}: {goal.measured} (goal {goal.wanted})", soft_wrap=True)


def write(result: Result) -> None:
    """Into .build/bench: NAME.json, and NAME.md, the table for the docs."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / f"{result.name}.json").write_text(json.dumps(asdict(result), indent=2, default=str) + "\n")
    lines = [[*result.rows[0]], ["--:"] * len(result.rows[0]), *([*map(text_of, row.values())] for row in result.rows)]
    (RESULTS / f"{result.name}.md").write_text("".join(f"| {' | '.join(line)} |\n" for line in lines))


def text_of(value: object) -> str:
    """A figure with as many digits as a reader can use."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:,.0f}" if value == 0 or abs(value) >= 100 else f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
