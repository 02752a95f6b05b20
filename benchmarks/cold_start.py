"""Cold start: importing each handler and its first call, against `import boto3` and one client, in one run.

Every figure is the least of several fresh processes, ours and the yardstick by turns, on the asset as it is deployed
(its botocore has the models of the services that are called, and no others; boto3, which only the yardstick imports,
lies beside it). The first call is one with an input that the step refuses: it reads the settings, makes the clients
that every call needs, and ends.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
import s3transfer

from ami_archiver.policy import Policy
from ami_archiver.settings import Settings
from benchmarks.tables import ROOT, Goal, Result
from tests.support.assembly import synthesized

PROCESSES = 5
FAST_PROCESSES = 2
RATIO_GOAL = 1.3

YARDSTICK = """
import time
begun = time.process_time()
import boto3
imported = time.process_time()
boto3.client("dynamodb")
ended = time.process_time()
"""
HANDLER = """
import time
begun = time.process_time()
import importlib
handler = importlib.import_module({module!r}).handler
imported = time.process_time()
try:
    handler({{}}, Context())
except Exception as error:
    assert type(error).__name__ == "BadInput", repr(error)
ended = time.process_time()
"""
CONTEXT = """
class Context:
    function_name = "function"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:us-east-1:123456789012:function:function"
    aws_request_id = "request"
    def get_remaining_time_in_millis(self):
        return 900_000
"""
TELL = """
import json, sys
print(json.dumps({"import": imported - begun, "first": ended - imported, "modules": len(sys.modules)}))
"""


def run(fast: bool = False) -> list[Result]:
    asset = synthesized(ROOT / "archiver.toml").asset
    handlers = sorted(f"handlers.{path.stem}" for path in _handlers(asset))
    beside = _boto3()
    figures: dict[str, list[dict[str, Any]]] = {}
    for _ in range(FAST_PROCESSES if fast else PROCESSES):
        for name in ("import boto3 + one client", *handlers):
            if name in handlers:
                measured = _measured(asset, HANDLER.format(module=name))
            else:
                measured = _measured(asset, YARDSTICK, beside)
            figures.setdefault(name, []).append(measured)
    yardstick = min(one["import"] + one["first"] for one in figures["import boto3 + one client"])
    rows = []
    for name, runs in figures.items():
        best = min(runs, key=lambda one: one["import"] + one["first"])
        seconds = best["import"] + best["first"]
        rows.append(
            {
                "what": name,
                "import ms": round(1000 * best["import"]),
                "first call ms": round(1000 * best["first"]),
                "together ms": round(1000 * seconds),
                "modules": best["modules"],
                "ratio": round(seconds / yardstick, 2),
            }
        )
    worst = max(row["ratio"] for row in rows)
    return [
        Result(
            "cold_start",
            "Cold start of each function, on the deployed asset",
            rows,
            [Goal("the slowest against boto3 and one client", f"<= {RATIO_GOAL}", f"{worst}", worst <= RATIO_GOAL)],
            [f"least of {len(next(iter(figures.values())))} fresh processes each, ours and the yardstick by turns"],
        )
    ]


def _handlers(asset: Path) -> list[Path]:
    return [path for path in (asset / "handlers").glob("*.py") if "def handler(" in path.read_text()]


def _boto3() -> Path:
    """A folder with boto3 and what it needs beside botocore, as this environment has them."""
    folder = ROOT / ".build" / "bench" / "boto3"
    shutil.rmtree(folder, ignore_errors=True)
    for package in (boto3, s3transfer):
        source = Path(package.__path__[0])
        shutil.copytree(source, folder / source.name, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def function_environment() -> dict[str, str]:
    """What a function finds in its environment."""
    settings = Settings(
        table_name="table",
        bucket_name="bucket",
        bucket_key_arn="arn:aws:kms:us-east-1:123456789012:key/1",
        topic_arn="arn:aws:sns:us-east-1:123456789012:topic",
        account_id="123456789012",
        policies=(Policy(name="nightly", tags={"Archive": ("true",)}),),
    )
    return settings.to_env() | {
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "none",
        "AWS_SECRET_ACCESS_KEY": "none",
        "AWS_LAMBDA_FUNCTION_NAME": "function",
        "POWERTOOLS_SERVICE_NAME": "ami-archiver",
        "POWERTOOLS_METRICS_NAMESPACE": "AmiArchiver",
        "POWERTOOLS_DEV": "false",
    }


def _measured(asset: Path, text: str, beside: Path | None = None) -> dict[str, Any]:
    environment = function_environment() | {
        "PYTHONPATH": os.pathsep.join(map(str, (asset, beside) if beside else (asset,))),
        "PYTHONPYCACHEPREFIX": str(ROOT / ".build" / "bench" / "pycache"),
        "PATH": os.environ["PATH"],
    }
    done = subprocess.run(  # noqa: S603 -- ourselves
        [sys.executable, "-S", "-c", CONTEXT + text + TELL],
        env=environment,
        check=True,
        capture_output=True,
        text=True,
        cwd=asset,
    )
    measured: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return measured
