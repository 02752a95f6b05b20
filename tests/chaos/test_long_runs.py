"""Runs of more looks than an execution's history can hold."""

from __future__ import annotations

from tests.chaos.evidence import collect
from tests.chaos.invariants import breaches
from tests.chaos.world import Theatre
from tests.support.state_machine import Execution

HISTORY_LIMIT = 25_000
"""https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html"""


def test_a_run_of_more_than_a_thousand_looks_hands_over_and_is_seen_as_one_run(theatre: Theatre) -> None:
    with theatre.world(wait_min_seconds=5, wait_max_seconds=5, run_limit_hours=200) as world:
        world.archive.image("large", gib=560)  # 5,600 seconds: 1,100 looks
        world.archive.image("small", gib=1)
        first = world.night()
        chain = _chain(first)
        seen = collect(world)
        assert len(chain) > 1
        assert chain[-1].output["decisions"]["stored"] == 2
        assert all(execution.history_events < HISTORY_LIMIT for execution in chain)
        assert (
            {execution.input["run_id"] for execution in chain[1:]}
            == {chain[-1].output["run_id"]}
            == set(seen.summaries)
        )
        assert set(seen.turns) == set(seen.summaries)
        assert breaches(seen, at_rest=True) == []


def _chain(execution: Execution) -> list[Execution]:
    return [execution, *(later for started in execution.started for later in _chain(started))]
