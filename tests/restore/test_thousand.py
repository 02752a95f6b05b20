"""A thousand restores in virtual time: the budget rule holds, and no rate stands idle."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal

import pytest

from local_cloud.in_process import VirtualCloud
from local_cloud.settings import ThroughputSettings
from tests.support.archive import Archive
from tests.support.memory_restores import (
    BUCKET,
    MemoryBucket,
    MemoryLeases,
    MemoryRecords,
    MemoryRestores,
    archive_one,
)
from tests.support.restore import Restores

BUDGET_GIB = 300
RATE = 1.0
OVERHEAD_SECONDS = 20


@pytest.mark.parametrize(("model", "images"), [("shared", 1000), ("per-task", 1000)])
def test_a_thousand_restores_never_break_the_budget_rule_and_end_near_the_bound_of_size_and_rate(
    cloud_where: Callable[..., VirtualCloud], model: Literal["shared", "per-task"], images: int
) -> None:
    rate = RATE if model == "shared" else RATE / 10
    throughput = ThroughputSettings(model, restore_gib_per_second=rate, task_overhead_seconds=OVERHEAD_SECONDS)
    cloud = cloud_where(throughput=throughput, bytes_per_gib=1)
    archive = Archive(cloud)
    restores = Restores(archive)
    records, bucket = MemoryRecords(), MemoryBucket(archive.region)
    cloud.service.objects = bucket.objects
    sizes = [round(min(400.0, random.Random(seed).lognormvariate(3, 1.1)) + 1, 3) for seed in range(images)]
    now = cloud.clock.now()
    ids = [
        archive_one(records, bucket, number, gib, archive.account_id, archive.region, now)
        for number, gib in enumerate(sizes)
    ]
    memory: Any = {"records": records, "bucket": bucket, "restores": MemoryRestores(), "restore_leases": MemoryLeases()}
    restores.app.settings = replace(archive.settings, bucket_name=BUCKET)
    vars(restores.app).update(memory)

    summary = restores.run(image_ids=ids)

    assert summary["restores"] == {"restored": images, "failed": 0, "refused": 0, "in_progress": 0}
    assert len(restores.starts()) == images
    assert all(start.status == 200 for start in restores.starts()), "none was tried at or above the budget"
    if model == "shared":
        bound = sum(sizes) / rate
    else:  # what each image occupies of the budget, for as long as it takes
        bound = sum(gib * (gib / rate + OVERHEAD_SECONDS) for gib in sizes) / BUDGET_GIB
    assert summary["seconds"] <= 1.1 * bound
