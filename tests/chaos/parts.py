"""What one process does at a time; importable by name, so that other processes can be told to do it."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from local_cloud.in_process import VirtualCloud
from tests.chaos import sweep
from tests.chaos.faults import FAULTS
from tests.chaos.interleavings import MEETINGS
from tests.chaos.scenarios import SCENARIOS
from tests.chaos.sweep import Verdict
from tests.chaos.world import Theatre
from tests.support.assembly import ROOT, STACK, synthesized
from tests.support.state_machine import definition_of

T = TypeVar("T")


@dataclass(frozen=True)
class Part:
    """A scenario with some of the faults, or a meeting."""

    name: str
    faults: tuple[str, ...] = ()


def parts_of(name: str) -> list[Part]:
    """Of a scenario or a meeting."""
    if name in MEETINGS:
        return [Part(name)]
    faults = tuple(FAULTS)
    return [Part(name, faults[i::2]) for i in range(2)]


def play(part: Part) -> list[Verdict]:
    """In a cloud of its own."""
    if part.name in MEETINGS:
        return in_theatre(MEETINGS[part.name].interleave)
    return in_theatre(lambda theatre: sweep.sweep(theatre, SCENARIOS[part.name], part.faults))


def in_theatre(play: Callable[[Theatre], T]) -> T:
    """Give it a cloud and the synthesized workflow."""
    warnings.simplefilter("ignore")
    template = synthesized(ROOT / "archiver.toml").directory / f"{STACK}.template.json"
    with VirtualCloud() as cloud:
        return play(Theatre(cloud, definition_of(template, "ArchiveWorkflow")))
