"""What fewer looks would cost: the same night, with a look worth more and more of an idle budget."""

from __future__ import annotations

from unittest.mock import patch

from ami_archiver import waiting
from benchmarks.fleets import sizes_gib
from benchmarks.makespan_night import night
from benchmarks.tables import Result, Row

FLEET, IMAGES = "log-normal", 1000
FACTORS = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
"""Of what a look is worth as deployed."""


def measure(factor: float) -> Row:
    """One night; makespan in seconds."""
    changed = {
        "LOOK_IDLE_SECONDS": factor * waiting.LOOK_IDLE_SECONDS,
        "LOOK_IDLE_SHARE": factor * waiting.LOOK_IDLE_SHARE,
    }
    with patch.multiple(waiting, **changed):
        played = night(sizes_gib(FLEET, IMAGES))
    return {"factor": factor, "looks": played.looks, "makespan": played.makespan}


def table(rows: list[Row]) -> Result:
    shortest = min(row["makespan"] for row in rows)
    shown = [
        {
            "a look is worth": f"{row['factor']:g} times as much" if row["factor"] != 1 else "as deployed",
            "looks/image": row["looks"] / IMAGES,
            "night h": row["makespan"] / 3600,
            "longer %": 100 * (row["makespan"] / shortest - 1),
        }
        for row in rows
    ]
    return Result("makespan-looks", f"What fewer looks would cost a night of {IMAGES} {FLEET} images", shown)
