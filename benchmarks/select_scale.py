"""SelectImages at scale: seconds, peak memory and calls, for ever larger accounts; and Cloud Custodian beside it.

Both run in processes of their own against one local cloud over HTTP, whose time is part of the seconds; `CPU s` is
the selecting process's own.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ami_archiver.policy import Policy
from ami_archiver.settings import Settings
from benchmarks.select_once import peak_mib
from benchmarks.tables import ROOT, Goal, Result, Row
from local_cloud.control_client import RunningCloud, start_cloud
from local_cloud.environment import DUMMY_SECRET
from tests.support import archive as stack

SIZES = (1_000, 10_000, 100_000)
FAST_SIZES = (200, 1_000)
WET_MOST = 1_000
"""Up to here the selection is also written; the local cloud's table takes a few hundred writes a second."""
MEMORY_GOAL_MIB = 256
ACCOUNT, REGION = "123456789012", "us-east-1"
CUSTODIAN = ROOT / ".build" / "c7n"
CUSTODIAN_VERSION = "0.9.53"
CUSTODIAN_POLICY = {"policies": [{"name": "archive", "resource": "aws.ami", "filters": [{"tag:Archive": "true"}]}]}


def run(fast: bool = False) -> list[Result]:
    rows: list[Row] = []
    ours: dict[int, dict[str, Any]] = {}
    custodian = install_custodian()
    for images in FAST_SIZES if fast else SIZES:
        with start_cloud("--images", str(images)) as cloud:
            environment = _deployed(cloud)
            ours[images] = _select(environment, dry_run=True)
            rows.append(_row("ours, dry run", images, ours[images]))
            if custodian is not None:
                rows.append(_row("Cloud Custodian", images, _custodian(custodian, cloud)))
            if images <= WET_MOST:
                rows.append(_row("ours, into the queue", images, _select(environment, dry_run=False)))
    return [_result(rows, ours, custodian is not None)]


def _result(rows: list[Row], ours: Mapping[int, Mapping[str, Any]], with_custodian: bool) -> Result:
    few, many = min(ours), max(ours)
    growth = (ours[many]["cpu_seconds"] / many) / (ours[sorted(ours)[-2]]["cpu_seconds"] / sorted(ours)[-2])
    peak = max(figures["peak_mib"] for figures in ours.values())
    notes = ["seconds include the local cloud's answers; CPU s are the selecting process's own, its start included"]
    if not with_custodian:
        notes.append("Cloud Custodian could not be installed (no package registry)")
    return Result(
        "select",
        "Selecting images by tag (a realistic fleet, over HTTP)",
        rows,
        [
            Goal(
                f"peak memory of the function up to {many:,} images",
                f"< {MEMORY_GOAL_MIB} MiB",
                f"{peak:.0f} MiB",
                peak < MEMORY_GOAL_MIB,
            ),
            Goal(
                f"CPU per image at {many:,} against ten times fewer",
                "the same (linear)",
                f"{growth:.2f} times",
                growth < 1.25,
            ),
            Goal(
                f"memory at {many:,} against {few:,} images",
                "flat",
                f"{ours[many]['peak_mib']:.0f} against {ours[few]['peak_mib']:.0f} MiB",
                ours[many]["peak_mib"] < 1.5 * ours[few]["peak_mib"],
            ),
        ],
        notes,
    )


def _row(who: str, images: int, figures: Mapping[str, Any]) -> Row:
    calls = figures["calls"]
    return {
        "who": who,
        "images": images,
        "seconds": figures["seconds"],
        "CPU s": figures["cpu_seconds"],
        "peak MiB": round(figures["peak_mib"]),
        "calls": sum(calls.values()),
        "EC2 calls": sum(count for name, count in calls.items() if name.startswith("ec2.")),
        "invocations": figures["invocations"],
        "selected": figures["selected"],
    }


def _deployed(cloud: RunningCloud) -> dict[str, str]:
    """The stack's table, bucket, key and topic; and the environment of its functions."""
    key_arn = cloud.client("kms").create_key()["KeyMetadata"]["Arn"]
    topic_arn = cloud.client("sns").create_topic(Name="archive")["TopicArn"]
    stack.make_table(cloud.client("dynamodb"))
    stack._make_bucket(cloud, key_arn)  # type: ignore[arg-type]  # any cloud that makes clients will do
    settings = Settings(
        table_name=stack.TABLE,
        bucket_name=stack.BUCKET,
        bucket_key_arn=key_arn,
        topic_arn=topic_arn,
        account_id=ACCOUNT,
        policies=(Policy(name="nightly", tags={"Archive": ("true",)}),),
    )
    return (
        settings.to_env()
        | _access(cloud)
        | {
            "POWERTOOLS_SERVICE_NAME": "ami-archiver",
            "POWERTOOLS_METRICS_NAMESPACE": "AmiArchiver",
        }
    )


def _access(cloud: RunningCloud) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL": cloud.endpoint_url,
        "AWS_ACCESS_KEY_ID": ACCOUNT,
        "AWS_SECRET_ACCESS_KEY": DUMMY_SECRET,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def _select(environment: Mapping[str, str], *, dry_run: bool) -> dict[str, Any]:
    given = json.dumps({"policy": "nightly", "dry_run": dry_run})
    command = [sys.executable, "-m", "benchmarks.select_once", given]
    done = subprocess.run(  # noqa: S603 -- ourselves
        command, env={**os.environ, **environment}, cwd=ROOT, check=True, capture_output=True, text=True
    )
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    if dry_run:
        figures["selected"] = figures["counts"].get("would_store", 0)
    return figures


def install_custodian() -> Path | None:
    """Cloud Custodian's command, in an environment of its own; None where no package registry answers."""
    command = CUSTODIAN / "bin" / "custodian"
    if not command.exists():
        venv.create(CUSTODIAN, with_pip=True)
        pip = [str(CUSTODIAN / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check"]
        done = subprocess.run([*pip, f"c7n=={CUSTODIAN_VERSION}"], check=False, capture_output=True)  # noqa: S603
        if done.returncode != 0:
            return None
    return command


def _custodian(command: Path, cloud: RunningCloud) -> dict[str, Any]:
    """A policy with the same tag, which only looks; its calls by the cloud's own log."""
    before = len(cloud.calls())
    with tempfile.TemporaryDirectory() as folder:
        policy = Path(folder) / "policy.json"
        policy.write_text(json.dumps(CUSTODIAN_POLICY))
        arguments = [str(command), "run", "--region", REGION, "-s", folder, "--cache-period", "0", str(policy)]
        begun = time.perf_counter()
        with subprocess.Popen(  # noqa: S603 -- installed above
            arguments, env={**os.environ, **_access(cloud)}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            peak = 0.0
            while (ended := os.wait4(process.pid, os.WNOHANG))[0] == 0:
                with contextlib.suppress(StopIteration, OSError):  # between its end and our noticing
                    peak = peak_mib(process.pid)
                time.sleep(0.02)
            _, status, usage = ended
            process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - begun
        if process.returncode != 0:
            raise RuntimeError(f"custodian ended with {process.returncode}")
        selected = len(json.loads((Path(folder) / "archive" / "resources.json").read_text()))
    calls = [call for call in cloud.calls()[before:] if call["service"] == "ec2"]
    return {
        "seconds": seconds,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "peak_mib": peak,
        "invocations": 1,
        "calls": {"ec2.all": len(calls)},
        "selected": selected,
    }
