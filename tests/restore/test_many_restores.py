"""Many restores in virtual time: the budget rule holds, and no rate stands idle."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Literal

import pytest

from local_cloud.in_process import VirtualCloud
from local_cloud.settings import ThroughputSettings
from tests.support.archive import Archive
from tests.support.restore import Restores

IMAGES = 50
BUDGET_GIB = 120
RATE = 1.0
OVERHEAD_SECONDS = 20


@pytest.mark.parametrize("model", ["shared", "per-task"])
def test_many_restores_never_break_the_budget_rule_and_end_near_the_bound_of_size_and_rate(
    cloud_where: Callable[..., VirtualCloud], model: Literal["shared", "per-task"]
) -> None:
    rate = RATE if model == "shared" else RATE / 10
    throughput = ThroughputSettings(model, restore_gib_per_second=rate, task_overhead_seconds=OVERHEAD_SECONDS)
    restores = Restores(Archive(cloud_where(throughput=throughput, bytes_per_gib=1), restore_budget_gib=BUDGET_GIB))
    sizes = [round(min(100.0, random.Random(seed).lognormvariate(3, 0.8)) + 1, 3) for seed in range(IMAGES)]
    ids = [restores.stored(f"ami-{number:03}", gib) for number, gib in enumerate(sizes)]

    summary = restores.run(image_ids=ids)

    assert summary["restores"] == {"restored": IMAGES, "failed": 0, "refused": 0, "in_progress": 0}
    assert len(restores.starts()) == IMAGES
    assert all(start.status == 200 for start in restores.starts()), "none was tried at or above the budget"
    if model == "shared":
        bound = sum(sizes) / rate
    else:  # what each image occupies of the budget, for as long as it takes
        bound = sum(gib * (gib / rate + OVERHEAD_SECONDS) for gib in sizes) / BUDGET_GIB
    assert summary["seconds"] <= 1.2 * bound
