"""A length of the night that no order of starting can beat, under AWS's rule `in flight < budget`.

A task *reigns* from its start to the next start, or to its end. When it started, the tasks beside it summed up to
less than the budget, and while it reigns nothing joins them. So at any moment all but the reigning task are below it:

    area of all tasks (GiB x seconds)  <  budget x night  +  sum of size x reign of each task

The reigns fill the night, and none is longer than its task runs: the right side is largest if the largest reign
first, each for all of its life. The shortest night for which that suffices is the bound. An image above the budget
reigns for all of its life whatever the order, and what can lie beside it then is limited: that sharpens it.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from benchmarks.fleets import BUDGET_GIB, Model, throughput

Tasks = Sequence[tuple[float, float]]
"""Of each: its size as a part of the budget, and how many seconds it runs."""


def lower_bound(sizes_gib: Sequence[float], model: Model = "per-task") -> float:
    """Seconds."""
    if not sizes_gib:
        return 0.0
    if model == "shared":
        speed = throughput(model)
        return speed.task_overhead_seconds + sum(sizes_gib) / speed.store_gib_per_second
    above = sorted(run_seconds(gib) for gib in sizes_gib if gib >= BUDGET_GIB)
    below = sorted(((gib / BUDGET_GIB, run_seconds(gib)) for gib in sizes_gib if gib < BUDGET_GIB), reverse=True)
    return max(sum(above) + _least(below, above), run_seconds(max(sizes_gib)))


def run_seconds(gib: float) -> float:
    """How long a task runs that shares its rate with none."""
    speed = throughput("per-task")
    return speed.task_overhead_seconds + gib / speed.store_gib_per_second


def _least(tasks: Tasks, above_seconds: Sequence[float]) -> float:
    """The least time, besides the reigns of the images above the budget, in which the others' area has room."""
    area = sum(size * seconds for size, seconds in tasks) - _absorbed(tasks, above_seconds)
    reigned = gained = 0.0
    for size, seconds in tasks:
        needed = (area - gained + size * reigned) / (1 + size)
        if needed <= reigned + seconds:
            return max(0.0, needed, reigned)
        reigned += seconds
        gained += size * seconds
    return max(0.0, area - gained)


def _absorbed(tasks: Tasks, above_seconds: Sequence[float]) -> float:
    """The most area of the tasks that can lie beside those above the budget.

    So many seconds into such a reign, what is beside it has run for at least as long; and no task is twice as far
    into one, since those above the budget run longer than any other. So at each depth there is at most the size of
    all the tasks that run so long, and at most one budget per reign that lasts so long.
    """
    depths = sorted({0.0, *(seconds for _, seconds in tasks), *above_seconds})
    absorbed = 0.0
    for shallow, deep in pairwise(depths):
        size = sum(size for size, seconds in tasks if seconds > shallow)
        reigns = sum(seconds > shallow for seconds in above_seconds)
        absorbed += (deep - shallow) * min(reigns, size)
    return absorbed
