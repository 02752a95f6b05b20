"""`make bench`: measure, print the tables, and keep them as JSON and as plots.

    python -m benchmarks [--fast] [ONLY …]

ONLY names parts, like `cost select`; without it all run, one after the other, in less than ten minutes on two cores.
Each table goes to .build/bench/NAME.json and, as Markdown, to .build/bench/results.md; plots to docs/plots/.
"""

from __future__ import annotations

import argparse
import importlib
import logging
import platform
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from os import cpu_count, getloadavg
from pathlib import Path

from benchmarks import plots
from benchmarks.tables import RESULTS, Result, markdown, show, write

PARTS: Mapping[str, tuple[str, str]] = {
    "makespan": ("benchmarks.makespan", "how long a night is: ours, other orders, a lower bound"),
    "cost": ("benchmarks.cost", "calls, request units, transitions, function time and dollars of a night"),
    "select": ("benchmarks.select_scale", "selecting 1,000 to 100,000 images, Cloud Custodian beside it"),
    "retire": ("benchmarks.retire_peer", "which images in use Cloud Custodian and the archiver would delete"),
    "cold": ("benchmarks.cold_start", "import and first call of each function"),
    "local": ("benchmarks.local_run", "make demo, and the local cloud's requests per second"),
}


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 -- a benchmark prints


def parser() -> argparse.ArgumentParser:
    names = "\n".join(f"  {name:<9} {what}" for name, (_, what) in PARTS.items())
    made = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure the archiver; results are printed, and written to .build/bench and docs/plots.",
        epilog=f"parts:\n{names}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("only", nargs="*", metavar="PART", help="measure these parts only")
    made.add_argument("--fast", action="store_true", help="small fleets and few repetitions, to see that it works")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    if unknown := [name for name in options.only if name not in PARTS]:
        say(f"no such part: {', '.join(unknown)}; there are {', '.join(PARTS)}")
        return 2
    logging.getLogger().setLevel(logging.ERROR)
    say(f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC · Python {platform.python_version()} · {cpu_count()} processors")
    begun, missed, found = time.monotonic(), 0, []
    for name, (module, _) in PARTS.items():
        if options.only and name not in options.only:
            continue
        part_begun, load = time.monotonic(), getloadavg()[0]
        results: list[Result] = importlib.import_module(module).run(fast=options.fast)
        for result in results:
            say(show(result))
            write(result)
            missed += sum(not goal.reached for goal in result.goals)
        if not options.fast:
            draw(results)
        found += results
        say(f"\n{name} took {time.monotonic() - part_begun:.0f} s (load average {load:.1f} when it began)")
    _keep(found)
    say(f"\nAll took {time.monotonic() - begun:.0f} s; {missed} goals missed")
    return 0


def draw(results: Sequence[Result]) -> list[Path]:
    """The plots of the tables that have one here."""
    drawn = []
    for result in results:
        if result.name == "cost":
            ours, theirs = (
                [row for row in result.rows if row["shape"] == shape] for shape in ("ours", "Map, each polls")
            )
            for name, column in (("cost-transitions", "transitions"), ("cost-ec2-calls", "EC2 calls/image")):
                series = {
                    "ours": [(row["images"], row[column]) for row in ours],
                    "Map": [(row["images"], row[column]) for row in theirs],
                }
                drawn.append(plots.lines(name, f"{column} as the fleet grows", "images", column, series))
        if result.name == "select":
            for name, column in (("select-cpu", "CPU s"), ("select-memory", "peak MiB")):
                series = {
                    who: [(row["images"], row[column]) for row in result.rows if row["who"] == who]
                    for who in ("ours, dry run", "Cloud Custodian")
                }
                series = {who: points for who, points in series.items() if points}
                drawn.append(plots.lines(name, f"Selecting by tag: {column}", "images", column, series))
    return drawn


def _keep(results: Sequence[Result]) -> None:
    """The tables as Markdown, for docs/performance.md."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    parts = [f"### {result.title}\n\n{markdown(result)}\n" for result in results]
    (RESULTS / "results.md").write_text("\n".join(parts))


if __name__ == "__main__":
    sys.exit(main())
