"""`make mutants`: apply each bug to a copy, run its tests, and print which one noticed. One that survives is an error.

`ONLY=lease` plays the bugs whose name has that word.
"""

# ruff: noqa: T201 - a command says what it found
from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

from tests.mutants.bug import Bug
from tests.mutants.bugs import BUGS

ROOT = Path(__file__).resolve().parents[2]
NEEDED = ("lambdas", "tests", "local_cloud", "infra", "operate", "pyproject.toml")
PROCESSES = 2
SECONDS = 300
"""A bug may let a night never end: then it is the clock that notices."""


@dataclass(frozen=True)
class Result:
    bug: Bug
    killed_by: str | None
    seconds: float


def main(only: str) -> int:
    bugs = [bug for bug in BUGS if only in bug.name]
    if not bugs:
        print(f"no bug has {only!r} in its name; there are: {', '.join(bug.name for bug in BUGS)}")
        return 2
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as scratch, ThreadPoolExecutor(PROCESSES) as pool:
        copies: SimpleQueue[Path] = SimpleQueue()
        for number in range(PROCESSES):
            copies.put(_copy(Path(scratch) / str(number)))
        asleep = list(pool.map(lambda tests: _failing(copies, tests), _halves({bug.tests for bug in bugs})))
        if broken := [failed for failed in asleep if failed]:
            print(f"the tests fail without any bug: {', '.join(broken)}")
            return 2
        results = _printed(pool.map(lambda bug: _play(copies, bug), bugs))
    survivors = [result.bug.name for result in results if result.killed_by is None]
    print(f"{len(results)} bugs, {len(results) - len(survivors)} noticed, {time.monotonic() - begun:.0f} seconds")
    for name in survivors:
        print(f"SURVIVED {name}")
    return 1 if survivors else 0


def _copy(to: Path) -> Path:
    """What the tests need, without compiled files: those tell a change by its second and its size."""
    to.mkdir()
    for name in NEEDED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, to / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, to / name)
    return to


def _halves(tests: set[str]) -> list[list[str]]:
    ordered = sorted(tests)
    return [half for half in (ordered[::2], ordered[1::2]) if half]


def _failing(copies: SimpleQueue[Path], tests: list[str]) -> str | None:
    """The first test that fails in a copy as it is."""
    with _borrowed(copies) as copy:
        return _first_failure(copy, tests)


def _play(copies: SimpleQueue[Path], bug: Bug) -> Result:
    begun = time.monotonic()
    with _borrowed(copies) as copy:
        file = copy / "lambdas" / "ami_archiver" / bug.file
        whole = file.read_text()
        if whole.count(bug.text) != 1:
            raise SystemExit(f"{bug.name}: {bug.file} has {whole.count(bug.text)} times {bug.text!r}, must be once")
        file.write_text(whole.replace(bug.text, bug.instead))
        try:
            return Result(bug, _first_failure(copy, [bug.tests]), time.monotonic() - begun)
        finally:
            file.write_text(whole)


def _first_failure(copy: Path, tests: Iterable[str]) -> str | None:
    """Raises SystemExit where the tests could not be run: that is no failure of theirs."""
    command = [sys.executable, "-m", "pytest", "-q", "-n0", "-x", "-p", "no:cacheprovider", "--tb=no"]
    environment = os.environ | {"PYTHONPATH": "lambdas:.", "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(
            [*command, *(f"tests/{test}" for test in tests)],
            cwd=copy,
            env=environment,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"the clock, after {SECONDS} s"
    if done.returncode == 0:
        return None
    failed = re.search(r"^FAILED tests/(.+?)(?: - .*)?$", done.stdout, re.MULTILINE)
    if failed is None:
        raise SystemExit(f"{' '.join(tests)} could not be run:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return failed[1]


@contextmanager
def _borrowed(copies: SimpleQueue[Path]) -> Iterator[Path]:
    copy = copies.get()
    try:
        yield copy
    finally:
        copies.put(copy)


def _printed(results: Iterable[Result]) -> list[Result]:
    """Each as soon as it is there, in order."""
    print(f"{'bug':54} {'seconds':>7}  noticed by")
    seen = []
    for result in results:
        print(f"{result.bug.name:54} {result.seconds:7.1f}  {result.killed_by or 'NOBODY'}", flush=True)
        seen.append(result)
    return seen


if __name__ == "__main__":
    sys.exit(main(os.environ.get("ONLY", "")))
