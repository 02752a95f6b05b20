"""Two at once: at each call of the one, the other one gets its turn, up to its end."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from ami_archiver.errors import ArchiverError
from ami_archiver.policy import Policy
from tests.chaos.evidence import collect
from tests.chaos.invariants import breaches
from tests.chaos.scenarios import BRISK, HOUR, WEEKLY, Act, more_than_the_budget, one_night, two_policies
from tests.chaos.splitting import split
from tests.chaos.sweep import Verdict, failed_executions
from tests.chaos.wire import Call, Disturbance
from tests.chaos.world import Theatre, World
from tests.support.archive import NIGHTLY
from tests.support.state_machine import Running

SKEW = timedelta(minutes=4)


@dataclass
class Interruption(Disturbance):
    """Just before the call with this number, somebody else acts."""

    number: int
    act: Callable[[], object]
    hits: int = field(default=0, init=False)

    def before(self, call: Call) -> None:
        if call.number == self.number:
            self.hits += 1
            self.act()


@dataclass(frozen=True)
class Meeting:
    """Who is at work (`play`), who comes along at each of its calls (`other`), and what errors that may give."""

    name: str
    play: Act
    other: Act
    stage: Act = two_policies
    skewed: bool = False
    policies: tuple[Policy, ...] = (NIGHTLY, WEEKLY)
    settings: Mapping[str, Any] = field(default_factory=dict)
    errors: frozenset[str] = frozenset()
    engine: Mapping[str, Any] = field(default_factory=dict)

    def interleave(self, theatre: Theatre, at: Collection[str] = ()) -> list[Verdict]:
        """At every call of the play, or at those of the operations `at`."""
        verdicts = split(
            lambda disturbance, enter: self._played(theatre, disturbance, enter),
            {"other": lambda world, number: Interruption(number, lambda: self.other(world))},
            at,
        )
        return [Verdict(self.name, call, what, tuple(found)) for what, call, found in verdicts]

    def once(self, theatre: Theatre, call: str) -> Verdict:
        """At one call, without forking: for a debugger."""
        self._played(theatre, Disturbance(), lambda world: None)
        (number,) = [c.number for c in theatre.wire.calls if str(c) == call]
        worlds: list[World] = []
        interruption = Interruption(number, lambda: self.other(worlds[0]))
        return Verdict(self.name, call, "other", tuple(self._played(theatre, interruption, worlds.append)))

    def _played(self, theatre: Theatre, disturbance: Disturbance, enter: Callable[[World], None]) -> list[str]:
        """What is wrong as soon as all executions have ended: nobody may count on a next night."""
        engine = {"throughput": BRISK, **self.engine}
        with theatre.world(*self.policies, engine=engine, disturbance=disturbance, **self.settings) as world:
            enter(world)
            if self.skewed:
                world.skews = [SKEW, -SKEW]
            self.stage(world)
            self.play(world)
            seen = collect(world)
        weekly_ran = any(run.policy == "weekly" for run in world.runs)
        found = breaches(seen, at_rest=True) + failed_executions(seen, self.errors)
        for run in seen.runs:
            for image_id in run.images - seen.records.keys() if run.policy != "weekly" or weekly_ran else ():
                found.append(f"{image_id} lost: selected by nobody")
        return found


def the_same_step(world: World) -> None:
    """Lambda may run a function twice for one event."""
    with contextlib.suppress(ArchiverError):  # nobody waits for this answer
        world.repeat_step()


def another_night(world: World) -> None:
    world.night()


def a_night_after_two_hours(world: World) -> None:
    """The step under way hangs until its lease is stale; another run takes over, and then it wakes up."""
    world.cloud.advance(2 * HOUR)
    world.night()


def a_person_stops_it_and_starts_another(world: World) -> None:
    """The function under way goes on to its end, while the new run works and after it."""
    for run in world.runs:
        world.stop(run.execution)
    world.night()


def a_night_and_those_after_it(world: World) -> None:
    """What a stopped run's last step still put into the queue waits for the next night."""
    world.night()
    world.come_to_rest()


def the_weekly_run(world: World) -> None:
    world.night("weekly")


def _nightly_after(states: int) -> Act:
    """The weekly run while the nightly one is between two states; what that one has left is the other's part."""

    def play(world: World) -> None:
        world.waiting = world.begin()
        world.undisturbed = True
        for _ in range(states):
            world.step(world.waiting)
        world.undisturbed = False
        world.night("weekly")
        world.undisturbed = True
        world.go_on(world.waiting)

    return play


def the_rest_of_the_nightly_run(world: World) -> None:
    running: Running | None = world.waiting
    assert running is not None
    world.go_on(running)


STALE = frozenset({"LeaseLost"})
MEETINGS = {
    meeting.name: meeting
    for meeting in (
        Meeting("step-twice", one_night, the_same_step, more_than_the_budget),
        Meeting("two-nights-together", one_night, another_night),
        Meeting("two-nights-together-skewed", one_night, another_night, skewed=True),
        Meeting("stale-lease-taken-over", one_night, a_night_after_two_hours, more_than_the_budget, errors=STALE),
        Meeting("stale-lease-skewed", one_night, a_night_after_two_hours, skewed=True, errors=STALE),
        Meeting("stopped-and-started-again", a_night_and_those_after_it, a_person_stops_it_and_starts_another),
        Meeting("another-policy-joins", one_night, the_weekly_run),
        Meeting("another-policy-joins-skewed", one_night, the_weekly_run, skewed=True),
        *(
            Meeting(f"joining-a-run-{states}-states-old", _nightly_after(states), the_rest_of_the_nightly_run)
            for states in (2, 5, 7, 8, 9, 10, 11)
        ),
    )
}
"""Each to be interleaved at every call."""
