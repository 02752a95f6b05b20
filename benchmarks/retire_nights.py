"""Plays whole nights of the archiver, in this process, against the cloud of its environment; prints what they took.

    python -m benchmarks.retire_nights TEMPLATE NIGHTS SPEED

The functions' handlers under the definition out of the synthesized template. The cloud is SPEED times as fast as the
wall, so the state machine waits so much shorter. A process of its own, as the functions are.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from contextlib import redirect_stdout
from datetime import UTC, datetime
from os import devnull
from pathlib import Path
from typing import Any

from benchmarks.select_once import Context
from tests.support.state_machine import Function, StateMachine, definition_of, handlers_in


def main(template: Path, nights: int, speed: float) -> dict[str, Any]:
    """Seconds that the state machine waited, and the summary of each night."""
    waited, summaries = 0.0, []

    def wait(seconds: float) -> None:
        nonlocal waited
        time.sleep(seconds / speed)
        waited += seconds / speed

    definition = definition_of(template, "ArchiveWorkflow")
    functions = {name: _function(name) for name in handlers_in(definition)}
    machine = StateMachine(definition, functions, wait, lambda: datetime.now(UTC))
    with Path(devnull).open("w") as nowhere, redirect_stdout(nowhere):
        for _ in range(nights):
            last = machine.start({"policy": "nightly"}, f"night-{time.time_ns()}").last
            if last.status != "SUCCEEDED":
                raise RuntimeError(f"the night ended with {last.error}: {last.cause}")
            summaries.append(last.output)
    return {"waited_seconds": waited, "summaries": summaries}


def _function(name: str) -> Function:
    """Imported when it is first called: most of a night's functions are not needed for another."""
    return lambda event: importlib.import_module(name.rpartition(".")[0]).handler(event, Context())


if __name__ == "__main__":
    took = main(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
    print(json.dumps(took, default=str))  # noqa: T201 -- the parent process reads it
