"""How results are shown: aligned text on the terminal, the same rows as JSON, and as Markdown for the docs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / ".build" / "bench"

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
    notes: Sequence[str] = field(default_factory=tuple)


def show(result: Result) -> str:
    """As text."""
    lines = ["", result.title, ""]
    if result.rows:
        columns = list(result.rows[0])
        cells = [columns, *([text_of(row.get(column)) for column in columns] for row in result.rows)]
        widths = [max(len(line[i]) for line in cells) for i in range(len(columns))]
        for number, line in enumerate(cells):
            first, *others = zip(line, widths, strict=True)
            lines.append("  " + "  ".join([first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)]))
            if number == 0:
                lines.append("  " + "  ".join("─" * width for width in widths))
    lines += [f"  {note}" for note in result.notes]
    for goal in result.goals:
        lines.append(f"  {'reached' if goal.reached else 'missed '}  {goal.what}: {goal.measured} (goal {goal.wanted})")
    return "\n".join(lines)


def markdown(result: Result) -> str:
    """As a table of the docs."""
    if not result.rows:
        return ""
    columns = list(result.rows[0])
    lines = ["| " + " | ".join(columns) + " |", "|---|" + "--:|" * (len(columns) - 1)]
    lines += ["| " + " | ".join(text_of(row.get(column)) for column in columns) + " |" for row in result.rows]
    return "\n".join(lines)


def text_of(value: object) -> str:
    """A figure with as many digits as a reader can use."""
    if value is None:
        return ""
    if isinstance(value, float):
        if value == 0 or abs(value) >= 1000:
            return f"{value:,.0f}"
        return f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def write(result: Result) -> Path:
    """Into .build/bench."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / f"{result.name}.json"
    path.write_text(json.dumps(asdict(result), indent=2, default=str) + "\n")
    return path
