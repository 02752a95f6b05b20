"""Whole nights in virtual time: the definition out of the template that `cdk synth` writes, and the real handlers."""

from __future__ import annotations

from typing import Any

import pytest

from local_cloud.settings import ThroughputSettings
from tests.chaos.scenarios import SCENARIOS, Scenario
from tests.chaos.sweep import undisturbed
from tests.chaos.world import Theatre, World
from tests.support.archive import NIGHTLY

FAST = {"throughput": ThroughputSettings(store_gib_per_second=1)}


def summary_of(world: World, policy: str = "nightly", **given: Any) -> dict[str, Any]:
    """The output of a night's execution, which must have succeeded."""
    running = world.begin(policy)
    running.state_input |= given
    execution = world.go_on(running)
    assert execution.status == "SUCCEEDED", (execution.error, execution.cause)
    output: dict[str, Any] = execution.last.output
    return output


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS.keys())
def test_this_night_keeps_every_invariant_without_any_fault(theatre: Theatre, scenario: Scenario) -> None:
    assert undisturbed(theatre, scenario)


def test_an_empty_account_ends_with_an_empty_summary(theatre: Theatre) -> None:
    with theatre.world(NIGHTLY) as world:
        summary = summary_of(world)
    assert (summary["outcome"], set(summary["decisions"].values())) == ("worked", {0})


def test_the_same_run_again_stores_nothing(theatre: Theatre) -> None:
    with theatre.world(NIGHTLY, engine=FAST) as world:
        for number in range(5):
            world.archive.image(f"i{number}", gib=20)
        first = summary_of(world)
        second = summary_of(world)
    assert (first["decisions"]["stored"], second["decisions"]["stored"]) == (5, 0)
    assert second["decisions"]["already_archived"] == 5


def test_a_dry_run_decides_and_records_nothing_but_its_summary(theatre: Theatre) -> None:
    with theatre.world(NIGHTLY) as world:
        world.archive.image("one", gib=20)
        summary = summary_of(world, dry_run=True)
        items = world.cloud_client("dynamodb").scan(TableName=world.archive.settings.table_name)["Items"]
        starts = world.archive.starts()
    assert (summary["outcome"], summary["would_store"], starts) == ("dry_run", 1, [])
    assert [item["pk"]["S"] for item in items] == ["RUNS"]


def test_more_images_than_a_query_returns_are_stored_in_one_night(theatre: Theatre) -> None:
    with theatre.world(NIGHTLY, engine=FAST) as world:
        for number in range(100):
            world.archive.image(f"i{number:04}", gib=10 + number % 90)
        summary = summary_of(world)
        refused = [call for call in world.archive.starts() if call.error_code or call.in_flight_gib >= 600]
    assert summary["decisions"]["stored"] == 100
    assert refused == []
