"""All that `make chaos` plays, and the parts of it that one process does at a time: importable by name."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from local_cloud.in_process import VirtualCloud
from tests.chaos import redeploys, sweep
from tests.chaos.faults import FAULTS
from tests.chaos.histories import Histories, RetireHistories, run_histories
from tests.chaos.interleavings import MEETINGS
from tests.chaos.restore_histories import RestoreHistories
from tests.chaos.restore_meetings import RESTORE_MEETINGS
from tests.chaos.restore_scenarios import RESTORES
from tests.chaos.retirement_meetings import RETIREMENT_MEETINGS
from tests.chaos.retirement_scenarios import RETIREMENT, SEVERAL
from tests.chaos.scenarios import SCENARIOS
from tests.chaos.sweep import Verdict
from tests.chaos.world import Theatre, theatre_of
from tests.support.assembly import ROOT, STACK, synthesized

T = TypeVar("T")
EVERY_SCENARIO = SCENARIOS | RETIREMENT | RESTORES
"""Each to be swept with every fault."""
EVERY_MEETING = MEETINGS | RETIREMENT_MEETINGS | RESTORE_MEETINGS
"""Each to be interleaved at every call."""
EVERY_REDEPLOY = {
    f"redeploy-{scenario.name}": scenario for scenario in (*SCENARIOS.values(), *RETIREMENT.values(), SEVERAL)
}
"""Each with every redeploy between any two steps."""
RANDOM = {
    "random-histories": Histories,
    "retire-random-histories": RetireHistories,
    "restore-random-histories": RestoreHistories,
}
HISTORIES = 200


@dataclass(frozen=True)
class Part:
    """A scenario with some of the faults or with redeploys, a meeting, or the random histories."""

    name: str
    faults: tuple[str, ...] = ()


def parts_of(name: str) -> list[Part]:
    """A scenario's faults in two halves, so that no process waits long for the other."""
    if name not in EVERY_SCENARIO:
        return [Part(name)]
    faults = tuple(FAULTS)
    return [Part(name, faults[i::2]) for i in range(2)]


def play(part: Part, template: Path) -> list[Verdict]:
    """In a cloud of its own."""
    if part.name in EVERY_MEETING:
        return in_theatre(template, EVERY_MEETING[part.name].interleave)
    if part.name in EVERY_REDEPLOY:
        return in_theatre(template, lambda theatre: redeploys.sweep(theatre, EVERY_REDEPLOY[part.name]))
    if part.name in RANDOM:
        return in_theatre(template, lambda theatre: _random_histories(theatre, part.name))
    return in_theatre(template, lambda theatre: sweep.sweep(theatre, EVERY_SCENARIO[part.name], part.faults))


def workflow() -> Path:
    """The template that is played: synthesized once, however long it takes and whatever is edited meanwhile."""
    return synthesized(ROOT / "archiver.toml").directory / f"{STACK}.template.json"


def in_theatre(template: Path, play: Callable[[Theatre], T]) -> T:
    """Give it a cloud and the template's workflows."""
    warnings.simplefilter("ignore")
    with VirtualCloud() as cloud:
        return play(theatre_of(cloud, template))


def _random_histories(theatre: Theatre, name: str) -> list[Verdict]:
    try:
        run_histories(theatre, HISTORIES, RANDOM[name])
    except Exception as error:  # whatever it is, it is reported with its history
        story = [note for note in getattr(error, "__notes__", []) if "state." in note]
        return [Verdict(name, "", "", (str(error), *story))]
    return [Verdict(name, str(number), "", ()) for number in range(HISTORIES)]
