"""`make mutants`: play each deliberate bug against its tests, and print which noticed. A survivor is an error.

`ONLY=lease` plays the bugs whose name has that word.
"""

# ruff: noqa: T201 - a command says what it found
from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import hypothesis  # noqa: F401 - as the local cloud
import pytest

from local_cloud import in_process, server  # noqa: F401 - once for all: each bug's process is a copy of this one
from tests.mutants.bug import broken
from tests.mutants.bugs import BUGS

ROOT = Path(__file__).resolve().parents[2]
PROCESSES = 2
ASKED_FOR = ("-q", "-n0", "-x", "-p", "no:cacheprovider", "--tb=no", "--assert=plain")
SECONDS = 300
"""A bug may let a night never end: then it is the clock that notices."""


@dataclass(frozen=True)
class Result:
    name: str
    noticed_by: str | None
    seconds: float


class FirstFailure:
    """A plugin of pytest that remembers which test failed."""

    name: str | None = None

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and self.name is None:
            self.name = report.nodeid.removeprefix("tests/")


def main(only: str) -> int:
    names = [name for name in BUGS if only in name]
    if not names:
        print(f"no bug has {only!r} in its name; there are: {', '.join(BUGS)}")
        return 2
    begun = time.monotonic()
    os.chdir(ROOT)
    with get_context("fork").Pool(PROCESSES, maxtasksperchild=1) as pool:
        if failed := [one for one in pool.imap(_first_failure, _without_bugs(names)) if one]:
            print(f"the tests fail without any bug: {', '.join(failed)}")
            return 2
        print(f"the tests pass without any bug, {time.monotonic() - begun:.0f} seconds")
        results = _printed(pool.imap(_play, names))
    survivors = [result.name for result in results if result.noticed_by is None]
    print(f"{len(results)} bugs, {len(results) - len(survivors)} noticed, {time.monotonic() - begun:.0f} seconds")
    for name in survivors:
        print(f"SURVIVED {name} ({BUGS[name].target})")
    return 1 if survivors else 0


def _without_bugs(names: Iterable[str]) -> list[list[str]]:
    """What pytest is asked to run first, file by file: all of it, or those tests that some bug names."""
    words: dict[str, set[str]] = {}
    for name in names:
        words.setdefault(BUGS[name].file, set()).add(BUGS[name].some)
    return [[file] if "" in some else [file, "-k", " or ".join(sorted(some))] for file, some in words.items()]


def _play(name: str) -> Result:
    """In a process of its own, which ends then."""
    begun, bug = time.monotonic(), BUGS[name]
    bug.put_in()
    signal.signal(signal.SIGALRM, _time_is_over)
    signal.alarm(SECONDS)
    try:
        noticed_by = _first_failure([bug.file, "-k", bug.some] if bug.some else [bug.file])
    except TimeoutError:
        noticed_by = "the clock"
    return Result(name, noticed_by, time.monotonic() - begun)


def _time_is_over(*_: Any) -> None:
    raise TimeoutError(f"the bug was not noticed within {SECONDS} seconds")


def _first_failure(asked: Sequence[str]) -> str | None:
    """The first test that fails. Raises RuntimeError where the tests could not be run: that is no failure of theirs."""
    first, output = FirstFailure(), StringIO()
    tests = [f"tests/{one}" if one.endswith(".py") else one for one in asked]
    with redirect_stdout(output), redirect_stderr(output):
        code = pytest.main(
            ["-q", "-n0", "-x", "-p", "no:cacheprovider", "--tb=line", "--assert=plain", *tests], plugins=[first]
        )
    if broken or code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        raise RuntimeError(f"{' '.join(asked)} could not be run: {broken or output.getvalue()[-3000:]}")
    return first.name


def _printed(results: Iterable[Result]) -> list[Result]:
    """Each as soon as it is there, in order."""
    print(f"{'bug':64} {'seconds':>7}  noticed by")
    seen = []
    for result in results:
        print(f"{result.name:64} {result.seconds:7.1f}  {result.noticed_by or 'NOBODY'}", flush=True)
        seen.append(result)
    return seen


if __name__ == "__main__":
    sys.exit(main(os.environ.get("ONLY", "")))
