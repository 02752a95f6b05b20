"""The plots of the docs, into docs/plots/NAME.svg."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib as mpl

from benchmarks.tables import ROOT

mpl.use("svg")
mpl.rcParams.update({"svg.hashsalt": "ami-archiver", "svg.fonttype": "none"})  # equal figures give equal, small files

from matplotlib import pyplot  # noqa: E402 -- goes by the settings above
from matplotlib.figure import Figure  # noqa: E402 -- as above

PLOTS = ROOT / "docs" / "plots"
Points = Sequence[tuple[float, float]]


def bars(name: str, title: str, groups: Mapping[str, Mapping[str, float]]) -> None:
    """A group of bars for each entry of `groups`; each group has the same bars."""
    figure, axes = pyplot.subplots(figsize=(9, 4.5), layout="constrained")
    labels = list(next(iter(groups.values())))
    width = 0.8 / len(labels)
    for number, label in enumerate(labels):
        places = [place + number * width for place in range(len(groups))]
        drawn = axes.bar(places, [group[label] for group in groups.values()], width, label=label)
        axes.bar_label(drawn, fmt="%.2f", fontsize=7, rotation=90, padding=2)
    axes.set_xticks([place + 0.4 - width / 2 for place in range(len(groups))], list(groups))
    axes.set_title(title)
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
    _save(figure, name)


def lines(name: str, title: str, x_title: str, y_title: str, series: Mapping[str, Points]) -> None:
    """A line for each series, both axes logarithmic."""
    figure, axes = pyplot.subplots(figsize=(7, 4), layout="constrained")
    for label, points in series.items():
        axes.loglog(*zip(*points, strict=True), marker="o", label=label)
    axes.set(title=title, xlabel=x_title, ylabel=y_title)
    axes.grid(alpha=0.3)
    axes.legend()
    _save(figure, name)


def _save(figure: Figure, name: str) -> None:
    PLOTS.mkdir(parents=True, exist_ok=True)
    figure.savefig(PLOTS / f"{name}.svg", metadata={"Date": None})
    pyplot.close(figure)
