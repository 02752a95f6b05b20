"""How long a night is: ours, other ways to do it, and what no way can beat, for the same fleets in one run."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context

from benchmarks import makespan_looks
from benchmarks.fleets import BELOW_BUDGET, KINDS, NOBODY, OTHERS, sizes_gib
from benchmarks.makespan_bound import lower_bound
from benchmarks.makespan_night import night
from benchmarks.makespan_plot import write_plot
from benchmarks.makespan_search import best_order, makespan_of
from benchmarks.rules import others
from benchmarks.tables import Goal, Result, Row, write

FLEETS: tuple[str, ...] = (*KINDS, BELOW_BUDGET)
IMAGES, FAST_IMAGES = (100, 1000, 10_000), (40,)
SEARCHED_IMAGES, SEARCH_STEPS, FAST_SEARCH_STEPS = (20, 40, 60), 20_000, 300
SHORT_WAIT_SECONDS = 5
IN_TURN, MAP = "in turn, sum <= budget", "Map, 60 s"
SIMPLE = ("largest first", "smallest first", "random", "oldest first")
WORKERS = 2


@dataclass(frozen=True, slots=True)
class Cell:
    """One fleet under one model of EC2's speed, alone in the account or not."""

    fleet: str
    images: int
    model: str = "per-task"
    foreign: bool = False

    @property
    def refills(self) -> bool:
        """Whether the night is also played refilled at once, and with shorter waits: it takes as long again."""
        return not self.foreign and self.images < IMAGES[-1]


def measure(cell: Cell) -> Row:
    """Times in seconds; what is None was not played."""
    sizes = sizes_gib(cell.fleet, cell.images)
    foreign = OTHERS if cell.foreign else NOBODY
    ours = night(sizes, cell.model, foreign)
    refilled = night(sizes, cell.model, refill_at_once=True).makespan if cell.refills else None
    short = night(sizes, cell.model, wait_min_seconds=SHORT_WAIT_SECONDS) if cell.refills else None
    return {
        "fleet": cell.fleet,
        "images": cell.images,
        "model": cell.model,
        "foreign": cell.foreign,
        "gib": round(sum(sizes)),
        "bound": lower_bound(sizes, cell.model, foreign),
        "ours": ours.makespan,
        "refilled at once": refilled,
        "ours, waits from 5 s": short.makespan if short else None,
        "looks": ours.looks,
        "fills": ours.fills,
        "looks, waits from 5 s": short.looks if short else None,
        "describes": ours.describes,
        "refused": ours.refused,
        **others(sizes, cell.model, foreign),
    }


def search(fleet: str, images: int, steps: int) -> Row:
    """Ours, refilled at once as the search's orders are, against the best order found; every task at its own rate."""
    sizes = sizes_gib(fleet, images)
    ours = night(sizes, refill_at_once=True)
    rules = [list(ours.order_gib), sizes, sorted(sizes), sorted(sizes, reverse=True)]
    best = makespan_of(best_order(rules, steps))
    return {
        "fleet": fleet,
        "images": images,
        "bound min": lower_bound(sizes) / 60,
        "best order min": best / 60,
        "ours min": ours.makespan / 60,
        "ours above best %": 100 * (ours.makespan / best - 1),
    }


def cells(fast: bool) -> list[Cell]:
    """The longest first, so that no worker is left with one at the end."""
    sizes = FAST_IMAGES if fast else IMAGES[::-1]
    models = ("per-task", "shared")
    return [Cell(fleet, n, m, f) for n in sizes for fleet in FLEETS for m in models for f in (False, True)]


def run(fast: bool = False) -> list[Result]:
    """`fast`: small fleets only, in seconds, to see that everything works."""
    steps = FAST_SEARCH_STEPS if fast else SEARCH_STEPS
    small = [(fleet, n) for n in SEARCHED_IMAGES[: 1 if fast else None] for fleet in FLEETS]
    with ProcessPoolExecutor(WORKERS, mp_context=get_context("spawn")) as workers:
        measured = list(workers.map(measure, cells(fast)))
        found = list(workers.map(partial(search, steps=steps), *zip(*small, strict=True)))
        looks = list(workers.map(makespan_looks.measure, makespan_looks.FACTORS))
    measured.sort(key=lambda row: (FLEETS.index(row["fleet"]), row["images"], row["model"], row["foreign"]))
    if not fast:
        write_plot(measured)
    write(Result("makespan-seconds", "Makespan in seconds, all figures", measured))
    return [
        Result(
            "makespan", "Makespan: the others' as multiples of ours", [_shown(r) for r in measured], _goals(measured)
        ),
        Result("makespan-search", "Makespan: ours and the best order found", found, [_search_goal(found)]),
        makespan_looks.table(looks),
    ]


def _shown(row: Row) -> Row:
    ours = row["ours"]
    refilled, short = row["refilled at once"], row["ours, waits from 5 s"]
    return {
        "fleet": f"{row['fleet']} {row['images']:,}",
        "speed": row["model"],
        "others": "yes" if row["foreign"] else "no",
        "ours h": ours / 3600,
        "bound": row["bound"] / ours,
        "Map": row[MAP] / ours,
        "in turn": row[IN_TURN] / ours,
        **{rule.removesuffix(" first"): row[rule] / ours for rule in SIMPLE},
        "waiting %": _percent(ours, refilled),
        "from 5 s %": _percent(short, refilled),
        "looks": row["looks"],
    }


def _percent(longer: float | None, base: float | None) -> float | None:
    return 100 * (longer / base - 1) if longer and base else None


def _goals(rows: Sequence[Row]) -> list[Goal]:
    """Where all tasks share one rate the order hardly matters, so 30 and 5 % are for tasks with a rate of their own.

    Beside others' tasks there is no goal: how many of them a night meets depends on how long it is.
    """
    alone = [row for row in rows if not row["foreign"]]
    goals = []
    for fleet in ("log-normal", "heavy-tail", BELOW_BUDGET):
        large = [r for r in alone if r["fleet"] == fleet and r["images"] >= 1000 and r["model"] == "per-task"]
        if large:
            possible = max(1 - row["bound"] / row[IN_TURN] for row in large)
            what = f"{fleet}: shorter than in turn (no order: more than {100 * possible:.1f} %)"
            goals.append(_at_least(what, 30.0, [100 * (1 - row["ours"] / row[IN_TURN]) for row in large]))
            best = [100 * (1 - row["ours"] / min(row[rule] for rule in SIMPLE)) for row in large]
            goals.append(_at_least(f"{fleet}: shorter than the best simple rule", 5.0, best))
    for name in ("ours", "ours, waits from 5 s"):
        of = [row for row in alone if row[name]]
        behind = [100 * (row[name] / min(row[rule] for rule in (MAP, IN_TURN, *SIMPLE)) - 1) for row in of]
        goals.append(_at_most(f"{name}: behind any other way, on any fleet", 1.0, behind))
        refilled = [row for row in of if row["refilled at once"]]
        waiting = [100 * (row[name] / row["refilled at once"] - 1) for row in refilled]
        goals.append(_at_most(f"{name}: waiting adds, on any fleet", 2.0, waiting))
    return goals


def _search_goal(found: Sequence[Row]) -> Goal:
    return _at_most("above the best order that a search finds", 5.0, [row["ours above best %"] for row in found])


def _at_least(what: str, wanted: float, measured: Sequence[float]) -> Goal:
    return Goal(what, f">= {wanted:g} %", f"{min(measured):.1f} to {max(measured):.1f} %", min(measured) >= wanted)


def _at_most(what: str, wanted: float, measured: Sequence[float]) -> Goal:
    missed = sum(value > wanted for value in measured)
    text = f"{max(measured):.1f} %" + (f" ({missed} of {len(measured)} above)" if missed else "")
    return Goal(what, f"<= {wanted:g} %", text, not missed)
