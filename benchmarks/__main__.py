"""`make bench`: measure, print the tables, and keep them as JSON and as plots.

    python -m benchmarks [--fast] [PART …]

PART is a part, like `nights`; without one all run. Each table goes to .build/bench/NAME.json and NAME.md; without
--fast the plots go to docs/plots/.
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

from rich.console import Console

from benchmarks.tables import PLAIN_WIDTH, Result, show, write

PARTS: Mapping[str, tuple[str, str]] = {
    "nights": ("benchmarks.nights", "how long a night is and what it costs, beside simple rules and a tutorial's loop"),
    "select": ("benchmarks.select_scale", "selecting 1,000 to 100,000 images, Cloud Custodian beside it"),
    "retire": ("benchmarks.retire_peer", "which images in use Cloud Custodian and the archiver would delete"),
}


def parser() -> argparse.ArgumentParser:
    names = "\n".join(f"  {name:<9} {what}" for name, (_, what) in PARTS.items())
    made = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure the archiver; results are printed, and written to .build/bench and docs/plots.",
        epilog=f"parts:\n{names}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("parts", nargs="*", metavar="PART", help="measure these parts only")
    made.add_argument("--fast", action="store_true", help="small fleets, to see that it works")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 2 for an unknown part; a missed goal is shown, and no failure."""
    options = parser().parse_args(arguments)
    console = Console(markup=False, highlight=False)
    if not console.is_terminal:
        console.width = PLAIN_WIDTH
    if unknown := [name for name in options.parts if name not in PARTS]:
        console.print(f"no such part: {', '.join(unknown)}; there are {', '.join(PARTS)}")
        return 2
    logging.getLogger().setLevel(logging.ERROR)
    console.print(
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, Python {platform.python_version()}, {cpu_count()} processors"
    )
    missed = 0
    for name in options.parts or PARTS:
        begun, load = time.monotonic(), getloadavg()[0]
        results: list[Result] = importlib.import_module(PARTS[name][0]).run(fast=options.fast)
        for result in results:
            show(console, result)
            write(result)
            missed += sum(not goal.reached for goal in result.goals)
        console.print(f"\n{name} took {time.monotonic() - begun:.0f} s (load average {load:.1f} when it began)\n")
    console.print(f"{missed} goals missed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
