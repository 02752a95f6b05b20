"""Runs SelectImages as Lambda does, in this process, until it is done; prints what it took as one line of JSON.

    python -m benchmarks.select_once '{"policy": "nightly", "dry_run": true}'

A process of its own, so that its peak memory is the function's. Its environment is that of the function, with
AWS_ENDPOINT_URL.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import sys
import time
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from tests.support.handlers import Context

SELECT = "handlers.archive.select"


def main(given: dict[str, Any]) -> dict[str, Any]:
    """Select to the end; seconds, peak memory and how many images would be stored."""
    module, _, function = SELECT.rpartition(".")
    handler = getattr(importlib.import_module(module), function)  # importing it is part of what is measured
    state: dict[str, Any] = {
        "input": given,
        "execution_name": f"select-{time.time_ns()}",
        "execution_started_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }
    begun = time.perf_counter()
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
        while True:
            result: dict[str, Any] = handler(state, Context())
            if result["next"] != "select_more":
                break
            state = {"input": result}
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "seconds": time.perf_counter() - begun,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "peak_mib": peak_mib(os.getpid()),
        "would_store": result["counts"].get("would_store", 0),
    }


def peak_mib(pid: int) -> float:
    """The most memory that a process has had so far; getrusage would count its parent's before the exec along."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM:"))


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.argv[1]))))  # noqa: T201 -- the parent process reads it
