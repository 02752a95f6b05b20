"""A sample of `make chaos`: faults and meetings at the calls that change something, every fault at least once."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import pytest

from ami_archiver.adapters.table_runs import SummaryKind
from tests.chaos.faults import FAULTS
from tests.chaos.interleavings import MEETINGS, Meeting
from tests.chaos.parts import EVERY_SCENARIO
from tests.chaos.restore_meetings import RESTORE_MEETINGS
from tests.chaos.scenarios import WEEKLY, oversize, two_policies
from tests.chaos.sweep import Verdict, sweep
from tests.chaos.world import Theatre
from tests.support.archive import NIGHTLY

CHANGES = ("CreateStoreImageTask", "CreateRestoreImageTask", "PutItem", "TransactWriteItems", "UpdateItem")
ABOUT_ONE_IMAGE = ("CreateStoreImageTask", "DescribeImageAttribute", "HeadObject", "GetObjectTagging")
SWEPT: dict[str, tuple[str, Collection[str], Collection[str], int]] = {
    "a function that dies at any call": ("oversize", ["killed-without-answer"], (), 40),
    "answers that are lost": ("oversize", ["effect-then-silence"], CHANGES, 15),
    "a change that is denied": ("oversize", ["denied"], CHANGES, 15),
    "one image denied all night": ("oversize", ["denied-for-image", "denied-for-role"], ABOUT_ONE_IMAGE, 14),
    "whether a stopped run still works": ("stopped", FAULTS, ["DescribeExecution"], len(FAULTS) - 1),
    "disabling": ("retire-disable", FAULTS, ["DisableImage"], len(FAULTS)),
    "deregistering": ("retire-deregister", FAULTS, ["DeregisterImage"], len(FAULTS)),
    "retiring's record": ("retire-deregister", ["killed-without-answer", "denied"], ["TransactWriteItems"], 2),
    "restoring": ("restore-one", FAULTS, ["CreateRestoreImageTask"], len(FAULTS)),
    "sharing and pointing": ("restore-one", FAULTS, ["ModifyImageAttribute", "PutParameter"], 2 * len(FAULTS)),
    "thawing": ("restore-thaws", FAULTS, ["RestoreObject"], len(FAULTS)),
    "a restore's function that dies": ("restore-by-key", ["killed-without-answer"], (), 40),
}
"""By what is tried: a scene, faults, at the calls of which operations (all if none), and how many that must be."""
MET = [
    replace(MEETINGS["step-twice"], stage=oversize),
    replace(MEETINGS["stale-lease-taken-over"], stage=oversize),
    MEETINGS["another-policy-joins"],
    MEETINGS["joining-a-run-9-states-old"],
    RESTORE_MEETINGS["restore-one-image-twice"],
]


@pytest.mark.parametrize("what", SWEPT)
def test_nothing_is_lost_and_nothing_done_twice_whatever_is_hit(what: str, theatre: Theatre) -> None:
    name, faults, calls, least = SWEPT[what]
    verdicts = sweep(theatre, EVERY_SCENARIO[name], faults, calls)
    assert len(verdicts) >= least
    assert failed(verdicts) == []


@pytest.mark.parametrize("meeting", MET, ids=lambda meeting: meeting.name)
def test_two_at_once_lose_nothing_and_do_nothing_twice(meeting: Meeting, theatre: Theatre) -> None:
    verdicts = meeting.interleave(theatre, CHANGES)
    assert len(verdicts) > 5
    assert failed(verdicts) == []


def test_a_second_run_of_the_same_policy_ends_at_once_and_says_whose_run_it_met(theatre: Theatre) -> None:
    with theatre.world(wait_min_seconds=600) as world:
        oversize(world)
        first = world.begin()
        for _ in range(4):
            world.step(first)
        second = world.night()
        assert second.output["outcome"] == "met"
        assert second.output["working_run"] == world.go_on(first).output["run_id"]


def test_a_run_that_joins_says_which_run_works_off_its_selection_and_both_are_reported(theatre: Theatre) -> None:
    with theatre.world(NIGHTLY, WEEKLY) as world:
        two_policies(world)
        first = world.begin()
        for _ in range(4):
            world.step(first)
        second = world.night("weekly")
        own = world.go_on(first).output
        assert (second.output["outcome"], second.output["working_run"]) == ("joined", own["run_id"])
        assert own["joined_runs"] == [second.output["run_id"]]
        assert own["decisions"]["stored"] == 1
        weekly = world.archive.app.runs.summary(SummaryKind.RUNS, second.output["run_id"])
        assert weekly is not None
        assert (weekly["outcome"], weekly["decisions"]["stored"]) == ("worked", 2)


def failed(verdicts: list[Verdict]) -> list[str]:
    return [str(verdict) for verdict in verdicts if verdict.breaches]
