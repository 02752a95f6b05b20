"""How long a night is and what it costs: ours, simple rules, a tutorial's loop, and what no order can beat.

Our nights are the real functions' by the real workflow; the rules start images at the very moment that they may.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

from benchmarks import plots
from benchmarks.bill import Bill
from benchmarks.fleets import BELOW_BUDGET, KINDS, Model, sizes_gib, throughput
from benchmarks.lower_bound import lower_bound
from benchmarks.rules import simple_rules
from benchmarks.stage import stage_of
from benchmarks.tables import Goal, Result, Row
from benchmarks.tutorial import MAX_CONCURRENCY, POLL_SECONDS, tutorial_night

IMAGES, FAST_IMAGES = (100, 1000), (20, 40)
FLEETS: tuple[str, ...] = (*KINDS, BELOW_BUDGET)
BILLED = "log-normal"
"""The fleet whose nights are also worked off by the tutorial's loop, and whose bills are shown."""
NO_LIMIT_HOURS = 10_000.0
"""Some fleets take days; a run that ends after its 20 hours and is taken up by the next decides the same."""
SHARE_GOAL_PERCENT = 0.1
WORKERS = 2


@dataclass(frozen=True, slots=True)
class Cell:
    """One fleet under one model of EC2's speed."""

    fleet: str
    images: int
    model: Model = "per-task"

    @property
    def is_billed(self) -> bool:
        return self.fleet == BILLED and self.model == "per-task"


def cells(fast: bool) -> list[Cell]:
    """The longest first, so that no worker is left with one at the end."""
    sizes = FAST_IMAGES if fast else IMAGES
    return [
        *(Cell(fleet, images) for images in reversed(sizes) for fleet in FLEETS),
        *(Cell(BILLED, images, "shared") for images in sizes),
    ]


def measure(cell: Cell) -> dict[str, Bill]:
    """The bills of ours, and where the fleet is billed of the night after it and of the tutorial's loop."""
    sizes = sizes_gib(cell.fleet, cell.images)
    speed = throughput(cell.model)
    with stage_of(sizes, speed, run_limit_hours=NO_LIMIT_HOURS) as stage:
        bills = {"ours": stage.night()}
        if cell.is_billed:
            bills["ours, the night after"] = stage.night()
    if bills["ours"].images_stored != cell.images:
        raise RuntimeError(f"{bills['ours'].images_stored} of {cell.images} images were stored")
    if cell.is_billed:
        with stage_of(sizes, speed) as stage:
            bills["tutorial's loop"] = tutorial_night(stage)
    return bills


def run(fast: bool = False) -> list[Result]:
    wanted = cells(fast)
    with ProcessPoolExecutor(WORKERS, mp_context=get_context("spawn")) as workers:
        measured = dict(zip(wanted, workers.map(measure, wanted), strict=True))
    ordered = sorted(measured, key=lambda cell: (cell.model, FLEETS.index(cell.fleet), cell.images))
    seconds = {cell: _seconds(cell, measured[cell]["ours"].night_seconds) for cell in ordered}
    if not fast:
        groups = {
            cell.fleet.replace(" below", "\nbelow"): {
                way: taken / each["lower bound"] for way, taken in each.items() if way != "lower bound"
            }
            for cell, each in seconds.items()
            if cell.images == IMAGES[-1] and cell.model == "per-task"
        }
        plots.bars("nights", "Length of the night as a multiple of the lower bound, 1,000 images", groups)
    return [_lengths(seconds), _costs({cell: measured[cell] for cell in ordered if cell.is_billed})]


def _seconds(cell: Cell, ours: float) -> dict[str, float]:
    sizes = sizes_gib(cell.fleet, cell.images)
    return {"lower bound": lower_bound(sizes, cell.model), "ours": ours, **simple_rules(sizes, cell.model)}


def _lengths(seconds: dict[Cell, dict[str, float]]) -> Result:
    rows: list[Row] = [
        {
            "fleet": f"{cell.fleet} {cell.images:,}" + (", shared rate" if cell.model == "shared" else ""),
            "ours h": each["ours"] / 3600,
            **{way: f"{taken / each['ours']:.2f}" for way, taken in each.items() if way != "ours"},
        }
        for cell, each in seconds.items()
    ]
    behind = [
        100 * (each["ours"] / min(taken for way, taken in each.items() if way not in ("ours", "lower bound")) - 1)
        for each in seconds.values()
    ]
    return Result(
        "nights",
        "How long a night is: the lower bound and simple rules as multiples of ours",
        rows,
        [_at_most("ours behind the best simple rule, on any fleet", 1.0, behind)],
        ["every task at its own 0.1 GiB/s after 20 s, or all sharing 1 GiB/s; 600 GiB in flight; in virtual time"],
    )


def _costs(bills: dict[Cell, dict[str, Bill]]) -> Result:
    rows: list[Row] = [
        {
            "who": who,
            "images": cell.images,
            "night h": bill.night_seconds / 3600,
            "transitions": bill.transitions,
            "invocations": bill.invocations,
            "EC2 calls": bill.calls["ec2"],
            "$": sum(bill.dollars.values()),
            "% of block reads": _share(bill) if bill.stored_gib else None,
        }
        for cell, each in bills.items()
        for who, bill in each.items()
    ]
    largest = bills[max(bills, key=lambda cell: cell.images)]["ours"]
    parts = ", ".join(f"{what} ${dollars:.4f}" for what, dollars in largest.dollars.items())
    return Result(
        "costs",
        f"What a night costs ({BILLED} fleet)",
        rows,
        [
            _at_most(
                f"orchestration of {largest.images_stored:,} images against EC2's reading of their blocks",
                SHARE_GOAL_PERCENT,
                [_share(largest)],
            )
        ],
        [
            f"ours, {largest.images_stored:,} images: {parts}; reading the blocks ${largest.block_dollars:,.2f}",
            f"tutorial's loop: a Map, {MAX_CONCURRENCY} at once, each polls every {POLL_SECONDS} s; verifies nothing",
        ],
    )


def _share(bill: Bill) -> float:
    return 100 * sum(bill.dollars.values()) / bill.block_dollars


def _at_most(what: str, wanted: float, measured: Sequence[float]) -> Goal:
    return Goal(what, f"<= {wanted:g} %", f"{max(measured):.3g} %", max(measured) <= wanted)
