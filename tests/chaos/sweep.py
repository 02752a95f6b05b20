"""Every fault at every call of a scenario, one per run; in the end the archive must be as without the fault."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from typing import Any

from tests.chaos.evidence import Evidence, collect
from tests.chaos.faults import FAULTS
from tests.chaos.invariants import breaches
from tests.chaos.restored import restored, same
from tests.chaos.scenarios import Scenario
from tests.chaos.splitting import split
from tests.chaos.wire import Disturbance
from tests.chaos.world import Theatre, World

Archived = dict[str, tuple[Any, ...]]
"""By image: its status, and the keys of its current objects; by object: what was restored of it."""


@dataclass(frozen=True)
class Verdict:
    """What came of one disturbance at one call."""

    scenario: str
    call: str
    what: str
    breaches: tuple[str, ...]

    @property
    def name(self) -> str:
        """What `make chaos ONLY=…` takes."""
        return f"{self.scenario}:{self.call}:{self.what}"

    @property
    def lost(self) -> bool:
        return any("lost" in breach for breach in self.breaches)

    @property
    def stored_twice(self) -> bool:
        return any("stored twice" in breach for breach in self.breaches)

    def __str__(self) -> str:
        return "\n    ".join([self.name, *self.breaches])


def sweep(theatre: Theatre, scenario: Scenario, faults: Collection[str], at: Collection[str] = ()) -> list[Verdict]:
    """Inject each of the faults at each call that the scenario's play makes, or at those of the operations `at`."""
    expected = undisturbed(theatre, scenario)
    makers = {name: partial(_fault, name) for name in faults}
    verdicts = split(lambda disturbance, enter: play(theatre, scenario, disturbance, enter, expected), makers, at)
    return [Verdict(scenario.name, call, name, tuple(found)) for name, call, found in verdicts]


def undisturbed(theatre: Theatre, scenario: Scenario) -> Archived:
    """The archive at the end of a play without a fault. AssertionError if that breaks an invariant already."""
    ends: list[Evidence] = []
    found = play(theatre, scenario, Disturbance(), lambda world: None, None, ends.append)
    assert not found, f"{scenario.name} without any fault: {found}"
    return archived(ends[0])


def once(theatre: Theatre, scenario: Scenario, call: str, fault: str) -> Verdict:
    """One fault at one call, without forking: for a debugger."""
    expected = undisturbed(theatre, scenario)
    (number,) = [c.number for c in theatre.wire.calls if str(c) == call]
    found = play(theatre, scenario, FAULTS[fault](number), lambda world: None, expected)
    return Verdict(scenario.name, call, fault, tuple(found))


def play(
    theatre: Theatre,
    scenario: Scenario,
    disturbance: Disturbance,
    enter: Callable[[World], None],
    expected: Archived | None,
    leave: Callable[[Evidence], None] = lambda seen: None,
) -> list[str]:
    """What is wrong after a play and the quiet nights that follow it."""
    with scenario.world(theatre, disturbance) as world:
        enter(world)
        scenario.stage(world)
        scenario.play(world)
        before = collect(world)
        scenario.rest(world)
        seen = collect(world)
        leave(seen)
    found = breaches(before) + breaches(seen, at_rest=True, before=before)
    found += failed_executions(seen, allowed={"AccessDenied"})
    return found + ([] if expected is None else differences(archived(seen), expected))


def failed_executions(seen: Evidence, allowed: Collection[str]) -> list[str]:
    """Executions that ended in an error: AccessDenied is for a person, everything else must be overcome."""
    lasts = [run.execution.last for run in (*seen.runs, *seen.restore.runs)]
    return [f"an execution ended with {e.error}: {e.cause}" for e in lasts if e.error and e.error not in allowed]


def archived(seen: Evidence) -> Archived:
    """What the archive comes to."""
    return {
        image_id: (record["status"], tuple(sorted(o["key"] for o in seen.objects.get(image_id, []) if o["current"])))
        for image_id, record in seen.records.items()
    } | restored(seen)


def differences(now: Archived, expected: Archived) -> list[str]:
    """What is not as it would have been."""
    return [
        f"{image_id} lost: {now.get(image_id)}, without the fault {expected.get(image_id)}"
        for image_id in sorted(expected.keys() | now.keys())
        if not same(now.get(image_id), expected.get(image_id))
    ]


def _fault(name: str, _: World, number: int) -> Disturbance:
    return FAULTS[name](number)
