"""Redeploys between any two steps of small nights; `make chaos` plays them in all scenes. And what judges them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.chaos.policies_in_force import PoliciesInForce
from tests.chaos.redeploys import REDEPLOYS, sweep
from tests.chaos.retirement_scenarios import RETIREMENT, SEVERAL
from tests.chaos.scenarios import SCENARIOS, SMALL, Scenario
from tests.chaos.world import Theatre

HERE = [
    (SMALL, ("paused", "store-caps")),
    (SCENARIOS["pages"], ("removed",)),
    (RETIREMENT["retire-disable"], ("keep", "removed")),
    (SEVERAL, ("retire-caps",)),
]


@pytest.mark.parametrize(("scenario", "redeploys"), HERE, ids=[scenario.name for scenario, _ in HERE])
def test_night_does_nothing_against_the_policy_in_force_whenever_somebody_deploys(
    theatre: Theatre, scenario: Scenario, redeploys: tuple[str, ...]
) -> None:
    verdicts = sweep(theatre, scenario, redeploys)
    assert len(verdicts) >= 4 * len(redeploys)
    assert [str(verdict) for verdict in verdicts if verdict.breaches] == []


@pytest.mark.parametrize(
    ("scenario", "redeploy", "breach"),
    [
        (SEVERAL, "keep", "disable is not what policy nightly says: original = 'keep'"),
        (SEVERAL, "paused", "policy nightly is paused"),
        (SEVERAL, "removed", "there is no policy nightly"),
        (SEVERAL, "disable", "no run has said before what original = 'disable' would do"),
        (SEVERAL, "retire-caps", "has let 1 go, at most 1 may"),
        (SEVERAL, "retire-gib", "has let 3 GiB go, at most 1 may"),
        (RETIREMENT["retire-deregister"], "disable", "deregister is not what policy nightly says"),
        (SMALL, "window-closed", "the window of policy nightly has closed"),
        (SCENARIOS["more-than-the-budget"], "store-caps", "of 100 GiB are in flight"),
    ],
    ids=lambda value: getattr(value, "name", value),
)
def test_call_that_the_settings_in_force_forbid_is_noticed(
    theatre: Theatre, scenario: Scenario, redeploy: str, breach: str
) -> None:
    with scenario.world(theatre) as world:
        scenario.stage(world)
        settings = REDEPLOYS[redeploy](world.archive.settings)
        archive: Any = SimpleNamespace(
            settings=settings, account_id=world.archive.account_id, region=world.archive.region
        )
        seen_otherwise = cast("Any", SimpleNamespace(archive=archive, cloud=world.cloud))
        world.witness.policies = PoliciesInForce(seen_otherwise, world.witness.record)
        scenario.play(world)
        assert [text for text in world.witness.breaches if breach in text]
