"""Plots as SVG, written by hand: a few lines over a logarithmic scale of fleet sizes need no library."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from math import log10
from pathlib import Path

from benchmarks.tables import ROOT, text_of

PLOTS = ROOT / "docs" / "plots"
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 640, 360, 70, 150, 40, 50
COLOURS = ("#0b6e99", "#c2571a", "#5a7d2a", "#7a4a8c")
Points = Sequence[tuple[float, float]]


def lines(name: str, title: str, x_title: str, y_title: str, series: Mapping[str, Points]) -> Path:
    """A line per series, both axes logarithmic, each point with its figure; into docs/plots/NAME.svg."""
    every = [point for points in series.values() for point in points if point[1] > 0]
    x_range, y_range = _range([x for x, _ in every]), _range([y for _, y in every])
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
        f'font-size="12"><rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<text x="{LEFT}" y="20" font-size="14">{escape(title)}</text>',
        f'<text x="{LEFT}" y="{HEIGHT - 12}">{escape(x_title)}</text>',
        f'<text x="8" y="{TOP - 6}">{escape(y_title)}</text>',
    ]
    for decade in range(int(y_range[0]), int(y_range[1]) + 1):
        y = _scale(10.0**decade, y_range, HEIGHT - BOTTOM, TOP)
        parts.append(f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{text_of(10.0**decade)}</text>')
    for x_value in sorted({x for x, _ in every}):
        x = _scale(x_value, x_range, LEFT, WIDTH - RIGHT)
        parts.append(
            f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{text_of(int(x_value))}</text>'
        )
    for (label, points), colour in zip(series.items(), COLOURS, strict=False):
        at = [
            (_scale(x, x_range, LEFT, WIDTH - RIGHT), _scale(y, y_range, HEIGHT - BOTTOM, TOP), y)
            for x, y in points
            if y > 0
        ]
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y, _ in at)
        parts.append(f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for x, y, value in at:
            parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>')
            parts.append(
                f'<text x="{x:.1f}" y="{y - 7:.1f}" text-anchor="middle" fill="{colour}">{text_of(value)}</text>'
            )
        parts.append(f'<text x="{at[-1][0] + 12:.1f}" y="{at[-1][1] + 12:.1f}" fill="{colour}">{escape(label)}</text>')
    PLOTS.mkdir(parents=True, exist_ok=True)
    path_out = PLOTS / f"{name}.svg"
    path_out.write_text("\n".join([*parts, "</svg>"]) + "\n")
    return path_out


def _range(values: Sequence[float]) -> tuple[float, float]:
    low, high = log10(min(values)), log10(max(values))
    return (low - 0.15, high + 0.15) if high - low < 1 else (low - 0.1, high + 0.1)


def _scale(value: float, span: tuple[float, float], start: float, end: float) -> float:
    return start + (log10(value) - span[0]) / (span[1] - span[0]) * (end - start)
