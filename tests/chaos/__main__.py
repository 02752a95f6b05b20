"""All of it: every fault at every call of every scenario, everybody at every call of everybody else, other people's
redeploys between any two steps, random histories.

`make chaos` runs it on two processors; `ONLY=oversize` one scenario, `ONLY=oversize:dynamodb.PutItem#2:denied`
one fault, `ONLY=step-twice:dynamodb.PutItem#2:other` one interleaving,
`ONLY=redeploy-pages:archive.select#2:removed` one redeploy.
"""

# ruff: noqa: T201 - a command says what it found
from __future__ import annotations

import multiprocessing
import os
import sys
import time
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor

from tests.chaos import redeploys, sweep
from tests.chaos.parts import (
    EVERY_MEETING,
    EVERY_REDEPLOY,
    EVERY_SCENARIO,
    RANDOM,
    in_theatre,
    parts_of,
    play,
    workflow,
)
from tests.chaos.sweep import Verdict
from tests.chaos.world import Theatre

PROCESSES = 2
EVERYTHING = (*EVERY_SCENARIO, *EVERY_MEETING, *EVERY_REDEPLOY, *RANDOM)


def main(only: str) -> int:
    if only.count(":") == 2:
        return _one(*only.split(":"))
    names = [name for name in EVERYTHING if only in ("", name)]
    if not names:
        print(f"no scenario {only!r}; there are {', '.join(EVERYTHING)}")
        return 2
    return _report(names)


def _report(names: Iterable[str]) -> int:
    begun = time.monotonic()
    template = workflow()
    parts = {name: parts_of(name) for name in names}
    verdicts: dict[bool, list[Verdict]] = {True: [], False: []}
    with ProcessPoolExecutor(PROCESSES, multiprocessing.get_context("spawn")) as pool:
        results = {part: pool.submit(play, part, template) for some in parts.values() for part in some}
        for name, some in parts.items():
            done = [verdict for part in some for verdict in results[part].result()]
            failed = [verdict for verdict in done if verdict.breaches]
            print(f"{name:34} {len(done):5} {_kind(name)}, {len(done) - len(failed):5} survived", flush=True)
            for verdict in failed:
                print(f"  FAILED {verdict}", flush=True)
            verdicts[name in EVERY_SCENARIO] += done
    print(f"{time.monotonic() - begun:.0f} seconds")
    if verdicts[False]:
        print(f"{len(verdicts[False])} interleavings, redeploys and histories, {_survived(verdicts[False])} survived")
    faults, everything = verdicts[True], verdicts[True] + verdicts[False]
    lost = sum(verdict.lost for verdict in everything)
    twice = sum(verdict.stored_twice for verdict in everything)
    print(f"{len(faults)} faults injected, {_survived(faults)} survived, {lost} lost, {twice} stored twice")
    return 0 if _survived(everything) == len(everything) else 1


def _kind(name: str) -> str:
    if name in EVERY_SCENARIO:
        return "faults"
    return "interleavings" if name in EVERY_MEETING else "redeploys" if name in EVERY_REDEPLOY else "histories"


def _one(name: str, call: str, what: str) -> int:
    def disturbed(theatre: Theatre) -> Verdict:
        if name in EVERY_MEETING:
            return EVERY_MEETING[name].once(theatre, call)
        if name in EVERY_REDEPLOY:
            return redeploys.once(theatre, EVERY_REDEPLOY[name], call, what)
        return sweep.once(theatre, EVERY_SCENARIO[name], call, what)

    verdict = in_theatre(workflow(), disturbed)
    print(verdict if verdict.breaches else f"{verdict.name} survived")
    return 1 if verdict.breaches else 0


def _survived(verdicts: Iterable[Verdict]) -> int:
    return sum(not verdict.breaches for verdict in verdicts)


if __name__ == "__main__":
    sys.exit(main(os.environ.get("ONLY", "")))
