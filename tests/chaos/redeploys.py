"""Other people's redeploys: between any two steps, all that follow see other settings; the next night has the old ones.

What is called in between is judged by the settings in force at the call: for stores and originals by `Witness`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from ami_archiver.policy import Policy
from ami_archiver.settings import Settings
from tests.chaos.evidence import Evidence, collect
from tests.chaos.invariants import breaches
from tests.chaos.scenarios import Scenario
from tests.chaos.splitting import split
from tests.chaos.sweep import Archived, Verdict, archived, differences, failed_executions, undisturbed
from tests.chaos.wire import Disturbance, Step
from tests.chaos.world import Theatre, World

Change = Callable[[Settings], Settings]
FIRST_STEP = 2
"""The transitions of an execution that has ended with its selection's first step: it has changed nothing."""


def _policies(**changes: Any) -> Change:
    def change(settings: Settings) -> Settings:
        return replace(settings, policies=tuple(replace(policy, **changes) for policy in settings.policies))

    return change


def _rules(**changes: Any) -> Change:
    def change(settings: Settings) -> Settings:
        rules = [replace(policy.retire, **changes) for policy in settings.policies]
        both = zip(settings.policies, rules, strict=True)
        return replace(settings, policies=tuple(replace(policy, retire=own) for policy, own in both))

    return change


REDEPLOYS: dict[str, Change] = {
    "keep": _policies(original="keep"),
    "disable": _policies(original="disable"),
    "retire": _policies(original="retire"),
    "paused": _policies(paused=True),
    "removed": lambda settings: replace(settings, policies=(Policy("other", {"Other": ("*",)}),)),
    "other-tags": _policies(tags={"Other": ("*",)}),
    "window-closed": _policies(window_hours=0.0),
    "store-caps": lambda settings: replace(_policies(max_images_per_run=1)(settings), in_flight_budget_gib=100.0),
    "retire-caps": _rules(max_images_per_run=1),
    "retire-gib": _rules(max_gib_per_run=1.0),
    "explicit": _rules(approval="explicit"),
    "longer-grace": _rules(after_verified_days=30, after_disabled_days=30),
    "stop-percent": lambda settings: replace(settings, retire_stop_percent=0.1),
}

OF_STORES = ("retire", "paused", "removed", "other-tags", "window-closed", "store-caps")
OF_ORIGINALS = tuple(name for name in REDEPLOYS if name not in ("window-closed", "store-caps"))


@dataclass
class Redeploy(Disturbance):
    """Just before the step with this number, somebody deploys other settings."""

    number: int
    act: Callable[[], object]
    hits: int = field(default=0, init=False)

    def between(self, step: Step) -> None:
        if step.number == self.number:
            self.hits += 1
            self.act()


def sweep(theatre: Theatre, scenario: Scenario, names: Collection[str] = ()) -> list[Verdict]:
    """Each of the redeploys, or every one that concerns the scenario, before every step of its play."""
    expected = undisturbed(theatre, scenario).at_rest
    names = names or (OF_ORIGINALS if scenario.name.startswith("retire-") else OF_STORES)
    makers = {name: partial(_redeploy, REDEPLOYS[name]) for name in names}
    verdicts = split(
        lambda disturbance, enter: _play(theatre, scenario, disturbance, enter, expected), makers, between_steps=True
    )
    return [Verdict(f"redeploy-{scenario.name}", step, name, tuple(found)) for name, step, found in verdicts]


def once(theatre: Theatre, scenario: Scenario, step: str, what: str) -> Verdict:
    """One redeploy before one step, without forking: for a debugger."""
    expected = undisturbed(theatre, scenario).at_rest
    (number,) = [s.number for s in theatre.wire.steps if str(s) == step]
    worlds: list[World] = []
    redeploy = Redeploy(number, lambda: deploy(worlds[0], REDEPLOYS[what]))
    found = _play(theatre, scenario, redeploy, worlds.append, expected)
    return Verdict(f"redeploy-{scenario.name}", step, what, tuple(found))


def deploy(world: World, change: Change) -> None:
    """All steps from now on see the changed settings."""
    world.archive.settings = change(world.archive.settings)
    world.restart()
    for run in world.runs:
        if run.execution.status == "RUNNING":  # it owes a decision on what its policy selects then and now
            run.images &= world.found_by(run.policy)


def _redeploy(change: Change, world: World, number: int) -> Redeploy:
    return Redeploy(number, lambda: deploy(world, change))


def _play(
    theatre: Theatre,
    scenario: Scenario,
    disturbance: Disturbance,
    enter: Callable[[World], None],
    expected: Archived,
) -> list[str]:
    """What is wrong after a play; with the old settings again, the archive comes to the same rest."""
    with scenario.world(theatre, disturbance) as world:
        settings = world.archive.settings
        enter(world)
        scenario.stage(world)
        scenario.play(world)
        deploy(world, lambda _: settings)
        before = collect(world)
        scenario.rest(world)
        seen = collect(world)
    found = breaches(before) + breaches(seen, at_rest=True, before=before)
    found += failed_executions(_without_refused(seen), allowed={"AccessDenied"})
    return found + differences(archived(seen), expected)


def _without_refused(seen: Evidence) -> Evidence:
    """An execution that is started of a policy that is not there (any more) is refused at once, and changes nothing."""
    runs = [r for r in seen.runs if r.execution.error != "BadInput" or r.execution.transitions > FIRST_STEP]
    return replace(seen, runs=runs)
