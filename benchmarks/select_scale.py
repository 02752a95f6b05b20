"""SelectImages at scale: seconds, peak memory and calls, for ever larger accounts; and Cloud Custodian beside it.

Both run in processes of their own against one local cloud over HTTP, whose time is part of the seconds; `CPU s` is
the selecting process's own.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from ami_archiver.policy import Policy
from ami_archiver.settings import Settings
from benchmarks import custodian, plots
from benchmarks.custodian import access
from benchmarks.stage import POWERTOOLS
from benchmarks.tables import ROOT, Goal, Result, Row
from local_cloud.control_client import RunningCloud, start_cloud
from local_cloud.settings import CloudSettings
from tests.support import archive as stack

SIZES = (1_000, 10_000, 100_000)
FAST_SIZES = (200, 1_000)
MEMORY_GOAL_MIB = 256
OURS, CUSTODIAN = "ours, dry run", "Cloud Custodian"


def run(fast: bool = False) -> list[Result]:
    rows: list[Row] = []
    with_custodian = custodian.is_installed()
    for images in FAST_SIZES if fast else SIZES:
        with start_cloud("--images", str(images)) as cloud:
            rows.append(_select(cloud, images))
            if with_custodian:
                took = custodian.run_policy(cloud.endpoint_url, [{"tag:Archive": "true"}])
                rows.append(_row(CUSTODIAN, images, took.seconds, took.cpu_seconds, took.peak_mib, took.found))
    if not fast:
        for name, column in (("select-cpu", "CPU s"), ("select-memory", "peak MiB")):
            series = {
                who: [(row["images"], row[column]) for row in rows if row["who"] == who] for who in (OURS, CUSTODIAN)
            }
            plots.lines(name, f"Selecting by tag: {column}", "images", column, {w: p for w, p in series.items() if p})
    return [_result([row for row in rows if row["who"] == OURS], rows, with_custodian)]


def _row(who: str, images: int, seconds: float, cpu_seconds: float, peak_mib: float, selected: int) -> Row:
    return {
        "who": who,
        "images": images,
        "seconds": seconds,
        "CPU s": cpu_seconds,
        "peak MiB": round(peak_mib),
        "selected": selected,
    }


def _result(ours: list[Row], rows: list[Row], with_custodian: bool) -> Result:
    fewer, many = ours[-2:]
    growth = (many["CPU s"] / many["images"]) / (fewer["CPU s"] / fewer["images"])
    peak = max(row["peak MiB"] for row in ours)
    notes = ["seconds include the local cloud's answers; CPU s are the selecting process's own, its start included"]
    return Result(
        "select",
        "Selecting images by tag (a realistic fleet, over HTTP)",
        rows,
        [
            Goal(
                f"peak memory of the function up to {many['images']:,} images",
                f"< {MEMORY_GOAL_MIB} MiB",
                f"{peak} MiB",
                peak < MEMORY_GOAL_MIB,
            ),
            Goal(
                f"CPU per image at {many['images']:,} against {fewer['images']:,}",
                "the same (linear)",
                f"{growth:.2f} times",
                growth < 1.25,
            ),
        ],
        notes if with_custodian else [*notes, custodian.NOT_INSTALLED],
    )


def _select(cloud: RunningCloud, images: int) -> Row:
    """SelectImages as Lambda runs it, in a process of its own, on a stack that is made for it."""
    key_arn = cloud.client("kms").create_key()["KeyMetadata"]["Arn"]
    topic_arn = cloud.client("sns").create_topic(Name="archive")["TopicArn"]
    stack.make_table(cloud.client("dynamodb"))
    stack._make_bucket(cloud, key_arn)  # type: ignore[arg-type]  # any cloud that makes clients will do
    settings = Settings(
        table_name=stack.TABLE,
        bucket_name=stack.BUCKET,
        bucket_key_arn=key_arn,
        topic_arn=topic_arn,
        account_id=CloudSettings().account_id,
        policies=(Policy(name="nightly", tags={"Archive": ("true",)}),),
    )
    given = json.dumps({"policy": "nightly", "dry_run": True})
    done = subprocess.run(  # noqa: S603 -- ourselves
        [sys.executable, "-m", "benchmarks.select_once", given],
        env=access(cloud.endpoint_url) | settings.to_env() | POWERTOOLS,
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    took: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return _row(OURS, images, took["seconds"], took["cpu_seconds"], took["peak_mib"], took["would_store"])
