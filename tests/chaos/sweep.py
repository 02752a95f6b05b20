"""Every fault at every call of a scenario, one per run; in the end the archive must be as without the fault."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from tests.chaos.evidence import Evidence, collect
from tests.chaos.faults import FAULTS, Denied, DeniedForImage, DeniedForRole
from tests.chaos.invariants import breaches
from tests.chaos.restored import restored, same
from tests.chaos.scenarios import Scenario
from tests.chaos.splitting import split
from tests.chaos.wire import Disturbance
from tests.chaos.world import Theatre, World

Archived = dict[str, tuple[Any, ...]]
"""By image: its status, and the keys of its current objects; by object: what was restored of it."""


class Expected(NamedTuple):
    """The archive without a fault."""

    before: Archived
    """When the play is over, before the quiet nights."""
    at_rest: Archived


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


def undisturbed(theatre: Theatre, scenario: Scenario) -> Expected:
    """What comes of a play without a fault. AssertionError if that breaks an invariant already."""
    moments: list[Evidence] = []
    found = play(theatre, scenario, Disturbance(), lambda world: None, None, moments.append)
    assert not found, f"{scenario.name} without any fault: {found}"
    return Expected(*map(archived, moments))


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
    expected: Expected | None,
    leave: Callable[[Evidence], None] = lambda seen: None,
) -> list[str]:
    """What is wrong after a play and the quiet nights that follow it."""
    with scenario.world(theatre, disturbance) as world:
        enter(world)
        scenario.stage(world)
        scenario.play(world)
        before = collect(world)
        leave(before)
        scenario.rest(world)
        seen = collect(world)
        leave(seen)
    found = breaches(before) + breaches(seen, at_rest=True, before=before)
    found += failed_executions(seen, allowed={"AccessDenied"})
    if expected is None:
        return found
    fault = disturbance.struck
    if isinstance(fault, Denied | DeniedForImage | DeniedForRole) and fault.first and fault.first.image:
        found += unreported(seen)
    if isinstance(fault, DeniedForImage) and fault.first and fault.first.image:
        found += differences(_others(archived(before), fault.first.image), _others(expected.before, fault.first.image))
    return found + differences(archived(seen), expected.at_rest)


def failed_executions(seen: Evidence, allowed: Collection[str]) -> list[str]:
    """Executions that ended in an error: AccessDenied is for a person, everything else must be overcome."""
    lasts = [run.execution.last for run in (*seen.runs, *seen.restore.runs)]
    return [f"an execution ended with {e.error}: {e.cause}" for e in lasts if e.error and e.error not in allowed]


def unreported(seen: Evidence) -> list[str]:
    """Runs that ended by a denied call about one image: whether that was the role's fault is for a report to say."""
    told = {summary.get("problem") for summary in seen.summaries.values()}
    lasts = [run.execution.last for run in (*seen.runs, *seen.restore.runs)]
    return [f"an execution ended without a report: {e.cause}" for e in lasts if e.error and e.cause not in told]


def _others(found: Archived, image: str) -> Archived:
    return {name: what for name, what in found.items() if image not in name}


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
