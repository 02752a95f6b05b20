"""A length of the night that no order of starting can beat, under AWS's rule `in flight < budget`.

A task *reigns* from its start to the next start, or to its end. When it started, the tasks beside it summed up to
less than the budget, and while it reigns nothing joins them. So at any moment all but the reigning task are below it:

    area of all tasks (GiB x seconds)  <  budget x night  +  sum of size x reign of each task

The reigns fill the night, and none is longer than its task runs: the right side is largest if the largest reign
first, each for all of its life. The shortest night for which that suffices is the bound. It is sharpened twice: an
image above the budget reigns for all of its life whatever the order, and what can lie beside it then is limited; and
instead of GiB anything may be counted of which the tasks beside a reigning one cannot have more than a known amount.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

from benchmarks.fleets import BUDGET_GIB, Model, throughput

Weight = Callable[[float], float]
"""Of an image by its GiB, such that images of together less than the budget weigh at most 1."""
FINEST = 40
"""Into how many parts the budget is divided at most, to count images by parts."""
MANY = 1000
"""Above so many images counting by parts has never sharpened the bound, and takes its time."""
ROUNDING = 1e-9


def lower_bound(sizes_gib: Sequence[float], model: Model = "per-task") -> float:
    """Seconds."""
    if not sizes_gib:
        return 0.0
    if model == "shared":
        speed = throughput(model)
        return speed.task_overhead_seconds + sum(sizes_gib) / speed.store_gib_per_second
    return _per_task(sizes_gib)


def run_seconds(gib: float) -> float:
    """How long a task runs that shares its rate with none."""
    speed = throughput("per-task")
    return speed.task_overhead_seconds + gib / speed.store_gib_per_second


def _per_task(sizes_gib: Sequence[float]) -> float:
    above = sorted(run_seconds(gib) for gib in sizes_gib if gib >= BUDGET_GIB)
    below = [gib for gib in sizes_gib if gib < BUDGET_GIB]
    in_a_row = sum(above)
    beside = max(_least(below, above, weight) for weight in _weights(FINEST if len(sizes_gib) <= MANY else 0))
    return max(in_a_row + beside, run_seconds(max(sizes_gib)))


def _weights(finest: int) -> Iterable[Weight]:
    yield lambda gib: gib / BUDGET_GIB
    yield from map(_by_parts, range(2, finest + 1))


def _by_parts(parts: int) -> Weight:
    """Whole parts of the budget: images of together less than the budget have fewer than `parts` of them."""
    return lambda gib: math.floor(gib * parts / BUDGET_GIB - ROUNDING) / (parts - 1)


def _least(below_gib: Sequence[float], above_seconds: Sequence[float], weight: Weight) -> float:
    """The least time, besides the reigns of the images above the budget, in which the others' area has room."""
    images = sorted(((weight(gib), run_seconds(gib)) for gib in below_gib), reverse=True)
    area = sum(w * seconds for w, seconds in images) - _absorbed(images, above_seconds)
    reigned = gained = 0.0
    for w, seconds in images:
        needed = (area - gained + w * reigned) / (1 + w)
        if needed <= reigned + seconds:
            return max(0.0, needed, reigned)
        reigned += seconds
        gained += w * seconds
    return max(0.0, area - gained)


def _absorbed(images: Sequence[tuple[float, float]], above_seconds: Sequence[float]) -> float:
    """The most area of the images that can lie beside those above the budget.

    So many seconds into such a reign, what is beside it has run for at least as long; and no image is twice as far
    into one, since those above the budget run longer than any other. So at each depth there is at most the weight of
    all the images that run so long, and at most 1 per reign that lasts so long.
    """
    depths = sorted({0.0, *(seconds for _, seconds in images), *above_seconds})
    running = sorted(images, key=lambda image: image[1])
    weight, reigns = sum(w for w, _ in running), len(above_seconds)
    absorbed, ended, over = 0.0, 0, 0
    for shallow, deep in pairwise(depths):
        while ended < len(running) and running[ended][1] <= shallow:
            weight -= running[ended][0]
            ended += 1
        while over < len(above_seconds) and above_seconds[over] <= shallow:
            over += 1
        absorbed += (deep - shallow) * min(reigns - over, weight)
    return absorbed
