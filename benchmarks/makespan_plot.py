"""docs/plots/makespan.svg: for the fleets of 1,000 images, every way's night as a multiple of the lower bound."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

PLOT = Path(__file__).resolve().parent.parent / "docs" / "plots" / "makespan.svg"
IMAGES = 1000
WAYS = ("ours", "largest first", "smallest first", "random", "oldest first", "Map, 60 s", "in turn, sum <= budget")
OURS, OTHER, INK, GRID = "#0b6e4f", "#9fb3c8", "#1f2933", "#d9e2ec"
LABEL, WIDTH, BAR, GAP, HEAD = 190, 560, 15, 22, 44
LONGEST = 2.0
"""Where the axis ends; a longer bar is cut, its figure says by how much."""


def write_plot(rows: Sequence[Mapping[str, Any]]) -> None:
    shown = [r for r in rows if r["images"] == IMAGES and r["model"] == "per-task" and not r["foreign"]]
    if shown:
        PLOT.parent.mkdir(parents=True, exist_ok=True)
        PLOT.write_text(plot(shown))


def plot(rows: Sequence[Mapping[str, Any]]) -> str:
    parts: list[str] = []
    y = HEAD
    for row in rows:
        fleet = f"{row['fleet']}, {row['images']:,} images, {row['gib']:,} GiB"
        hours = f"no order can take less than {row['bound'] / 3600:,.1f} hours"
        parts.append(_text(LABEL, y, f"{fleet}: {hours}", weight="bold"))
        y += 8
        for way in WAYS:
            parts += _bar(y, way, row[way] / row["bound"])
            y += BAR + 4
        y += GAP
    grid = [_line(ratio, HEAD - 16, y - GAP) for ratio in (1.0, 1.25, 1.5, 1.75)]
    title = _text(LABEL, 18, "Length of the night, as a multiple of the lower bound (1.0)", weight="bold")
    frame = f'<rect width="{LABEL + WIDTH + 60}" height="{y}" fill="white"/>'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LABEL + WIDTH + 60} {y}" '
        f'font-family="sans-serif" font-size="12">\n' + "\n".join([frame, title, *grid, *parts]) + "\n</svg>\n"
    )


def _bar(y: int, way: str, ratio: float) -> list[str]:
    width = WIDTH * min(ratio, LONGEST) / LONGEST
    colour = OURS if way == "ours" else OTHER
    return [
        _text(LABEL - 8, y + 12, way, anchor="end"),
        f'<rect x="{LABEL}" y="{y}" width="{width:.1f}" height="{BAR}" fill="{colour}"/>',
        _text(LABEL + int(width) + 5, y + 12, f"{ratio:.2f}"),
    ]


def _line(ratio: float, top: int, bottom: int) -> str:
    x = LABEL + WIDTH * ratio / LONGEST
    return f'<line x1="{x:.1f}" y1="{top}" x2="{x:.1f}" y2="{bottom}" stroke="{GRID}"/>'


def _text(x: int, y: int, text: str, *, anchor: str = "start", weight: str = "normal") -> str:
    return f'<text x="{x}" y="{y}" fill="{INK}" text-anchor="{anchor}" font-weight="{weight}">{escape(text)}</text>'
