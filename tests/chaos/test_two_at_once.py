"""Two at once, at every call; `make chaos` adds larger nights, other moments and clocks that are wrong."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ami_archiver.adapters.table_runs import SummaryKind
from tests.chaos.interleavings import MEETINGS, Meeting
from tests.chaos.scenarios import WEEKLY, oversize, two_policies
from tests.chaos.world import Theatre
from tests.support.archive import NIGHTLY

HERE = [
    replace(MEETINGS["step-twice"], stage=oversize),
    replace(MEETINGS["stale-lease-taken-over"], stage=oversize),
    MEETINGS["another-policy-joins"],
    MEETINGS["joining-a-run-9-states-old"],
]


@pytest.mark.parametrize("meeting", HERE, ids=lambda meeting: meeting.name)
def test_two_at_once_lose_nothing_and_store_nothing_twice(meeting: Meeting, theatre: Theatre) -> None:
    verdicts = meeting.interleave(theatre)
    assert verdicts
    assert [str(verdict) for verdict in verdicts if verdict.breaches] == []


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
