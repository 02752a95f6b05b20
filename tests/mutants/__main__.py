"""`make mutants`: play each deliberate bug against its tests, and print which noticed. A survivor is an error.

`ONLY=lease` plays the bugs whose name has that word.
"""

# ruff: noqa: T201 - a command says what it found
from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.mutants.bug import BROKEN, Bug
from tests.mutants.bugs import BUGS
from tests.mutants.plugin import NAME

ROOT = Path(__file__).resolve().parents[2]
PROCESSES = 2
SECONDS = 120
"""A bug may let a night never end: then it is the clock that notices."""


@dataclass(frozen=True)
class Result:
    bug: Bug
    noticed_by: str | None
    seconds: float


def main(only: str) -> int:
    bugs = [bug for bug in BUGS.values() if only in bug.name]
    if not bugs:
        print(f"no bug has {only!r} in its name; there are: {', '.join(BUGS)}")
        return 2
    begun = time.monotonic()
    with ThreadPoolExecutor(PROCESSES) as pool:
        if broken := [failed for failed in pool.map(_first_failure, _halves(bugs)) if failed]:
            print(f"the tests fail without any bug: {', '.join(broken)}")
            return 2
        print(f"the tests pass without any bug: {time.monotonic() - begun:.0f} seconds")
        results = _printed(pool.map(_play, bugs))
    survivors = [result.bug for result in results if result.noticed_by is None]
    print(f"{len(results)} bugs, {len(results) - len(survivors)} noticed, {time.monotonic() - begun:.0f} seconds")
    for bug in survivors:
        print(f"SURVIVED {bug.name} ({bug.target})")
    return 1 if survivors else 0


def _halves(bugs: Iterable[Bug]) -> list[list[str]]:
    """What pytest is asked to run without any bug: whole files, and of the others those tests that some bug names."""
    words: dict[str, set[str]] = {}
    for bug in bugs:
        words.setdefault(bug.file, set()).add(bug.some)
    whole = [file for file, some in words.items() if "" in some]
    parts = [file for file in words if file not in whole]
    return [
        half for half in (whole, [*parts, "-k", " or ".join(sorted(set().union(*(words[p] for p in parts))))]) if half
    ]


def _play(bug: Bug) -> Result:
    begun = time.monotonic()
    asked = [bug.file, "-k", bug.some] if bug.some else [bug.file]
    return Result(bug, _first_failure(asked, bug), time.monotonic() - begun)


def _first_failure(asked: Iterable[str], bug: Bug | None = None) -> str | None:
    """The first test that fails. Raises SystemExit where the tests could not be run: that is no failure of theirs."""
    plugin = ["-p", "tests.mutants.plugin"] if bug else []
    command = [sys.executable, "-m", "pytest", "-q", "-n0", "-x", "-p", "no:cacheprovider", "--tb=line", *plugin]
    try:
        done = subprocess.run(
            [*command, *asked],
            cwd=ROOT / "tests",
            env=os.environ | {"PYTHONPATH": f"{ROOT}/lambdas:{ROOT}"} | ({NAME: bug.name} if bug else {}),
            capture_output=True,
            text=True,
            timeout=SECONDS if bug else None,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"the clock, after {SECONDS} s"
    if done.returncode == 0:
        return None
    failed = re.search(r"^(?:FAILED|ERROR) (?:tests/)?(.+?)(?: - .*)?$", done.stdout, re.MULTILINE)
    if failed is None or done.returncode == BROKEN:
        name = bug.name if bug else " ".join(asked)
        raise SystemExit(f"{name} could not be played:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    if os.environ.get("WHY"):
        print("      ", *re.findall(r"^(?:/.*?:\d+: |E  +).*", done.stdout, re.MULTILINE)[:1])
    return failed[1]


def _printed(results: Iterable[Result]) -> list[Result]:
    """Each as soon as it is there, in order."""
    print(f"{'bug':64} {'seconds':>7}  noticed by")
    seen = []
    for result in results:
        print(f"{result.bug.name:64} {result.seconds:7.1f}  {result.noticed_by or 'NOBODY'}", flush=True)
        seen.append(result)
    return seen


if __name__ == "__main__":
    sys.exit(main(os.environ.get("ONLY", "")))
