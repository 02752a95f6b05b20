"""Cloud Custodian, which the archiver is compared with: installed into an environment of its own, run on one policy."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import tempfile
import time
import venv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.select_once import peak_mib
from benchmarks.tables import ROOT
from local_cloud.environment import DUMMY_SECRET
from local_cloud.settings import CloudSettings

VERSION = "0.9.53"
NOT_INSTALLED = "Cloud Custodian could not be installed (no package registry)"
_FOLDER = ROOT / ".build" / "c7n"
_COMMAND = _FOLDER / "bin" / "custodian"

Filters = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class CustodianRun:
    """What one run of a policy on `aws.ami` took, and which images its filters found."""

    seconds: float
    cpu_seconds: float
    peak_mib: float
    found: int


def is_installed() -> bool:
    """Install it unless it is there already; False where no package registry answers."""
    if not _COMMAND.exists():
        venv.create(_FOLDER, with_pip=True)
        pip = [str(_FOLDER / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", f"c7n=={VERSION}"]
        return subprocess.run(pip, check=False, capture_output=True).returncode == 0  # noqa: S603 -- our own arguments
    return True


def run_policy(endpoint_url: str, filters: Filters, actions: Filters = ()) -> CustodianRun:
    """Run one policy to its end. Raises RuntimeError if it fails."""
    policy = {"name": "policy", "resource": "aws.ami", "filters": list(filters), "actions": list(actions)}
    with tempfile.TemporaryDirectory() as folder, (Path(folder) / "log").open("w+") as log:
        file = Path(folder) / "policy.json"
        file.write_text(json.dumps({"policies": [policy]}))
        options = ["--region", CloudSettings().region, "-s", folder, "--cache-period", "0"]
        begun = time.perf_counter()
        with subprocess.Popen(  # noqa: S603 -- installed above
            [_COMMAND, "run", *options, file], env=access(endpoint_url), stdout=log, stderr=log
        ) as process:
            peak = 0.0
            while (ended := os.wait4(process.pid, os.WNOHANG))[0] == 0:
                with contextlib.suppress(StopIteration, OSError):  # between its end and our noticing
                    peak = peak_mib(process.pid)
                time.sleep(0.02)
            process.returncode = os.waitstatus_to_exitcode(ended[1])
        seconds = time.perf_counter() - begun
        if process.returncode != 0:
            log.seek(0)
            raise RuntimeError(f"custodian ended with {process.returncode}: {log.read()[-2000:]}")
        found = len(json.loads((Path(folder) / "policy" / "resources.json").read_text()))
    return CustodianRun(seconds, ended[2].ru_utime + ended[2].ru_stime, peak, found)


def access(endpoint_url: str) -> dict[str, str]:
    """The environment of a process whose SDK talks to the cloud and to nothing else."""
    region = CloudSettings().region
    return {name: value for name, value in os.environ.items() if not name.startswith("AWS_")} | {
        "AWS_ENDPOINT_URL": endpoint_url,
        "AWS_ACCESS_KEY_ID": CloudSettings().account_id,
        "AWS_SECRET_ACCESS_KEY": DUMMY_SECRET,
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "127.0.0.1",
    }
