"""The local run: how long `make demo` takes once it is set up, and the local cloud's requests a second."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from benchmarks.tables import ROOT, Result, Row
from local_cloud.control_client import RunningCloud, start_cloud

SECONDS_PER_REQUEST_KIND = 3.0
THREADS = 4
IMAGES = 200


def run(fast: bool = False) -> list[Result]:
    results = [
        Result("requests", f"The local cloud's requests a second ({THREADS} clients, over HTTP)", _requests(fast))
    ]
    if not fast:
        results.append(Result("demo", "make demo, set up already", [_demo()]))
    return results


def _demo() -> Row:
    begun = time.perf_counter()
    done = subprocess.run(
        ["make", "demo"],  # noqa: S607 -- as a person types it
        cwd=ROOT,
        env=os.environ | {"NO_COLOR": "1"},
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        raise RuntimeError(f"make demo ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    checks = sum(line.startswith("  ok ") for line in done.stdout.splitlines())
    return {"what": "make demo", "seconds": time.perf_counter() - begun, "claims checked": checks}


def _requests(fast: bool) -> list[Row]:
    seconds = SECONDS_PER_REQUEST_KIND / (5 if fast else 1)
    with start_cloud("--images", str(IMAGES)) as cloud:
        dynamodb = cloud.client("dynamodb")
        dynamodb.create_table(
            TableName="requests",
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        )
        cloud.client("s3").create_bucket(Bucket="requests")
        cloud.client("s3").put_object(Bucket="requests", Key="k", Body=b"object")
        item = {"pk": {"S": "one"}, "text": {"S": "x" * 500}}
        kinds: dict[str, Callable[[RunningCloud], Callable[[], Any]]] = {
            "DynamoDB PutItem": lambda c: partial(c.client("dynamodb").put_item, TableName="requests", Item=item),
            "DynamoDB GetItem": lambda c: partial(
                c.client("dynamodb").get_item, TableName="requests", Key={"pk": {"S": "one"}}, ConsistentRead=True
            ),
            "S3 HeadObject": lambda c: partial(c.client("s3").head_object, Bucket="requests", Key="k"),
            "EC2 DescribeStoreImageTasks": lambda c: c.client("ec2").describe_store_image_tasks,
            f"EC2 DescribeImages ({IMAGES} images)": lambda c: partial(
                c.client("ec2").describe_images, Owners=["self"], MaxResults=1000
            ),
        }
        return [_rate(name, kind, cloud, seconds) for name, kind in kinds.items()]


def _rate(name: str, kind: Callable[[RunningCloud], Callable[[], Any]], cloud: RunningCloud, seconds: float) -> Row:
    asks = [kind(cloud) for _ in range(THREADS)]
    for ask in asks:
        ask()
    begun = time.perf_counter()
    end = begun + seconds

    def work(ask: Callable[[], Any]) -> int:
        count = 0
        while time.perf_counter() < end:
            ask()
            count += 1
        return count

    with ThreadPoolExecutor(THREADS) as pool:
        requests = sum(pool.map(work, asks))
    return {"request": name, "a second": round(requests / (time.perf_counter() - begun))}
