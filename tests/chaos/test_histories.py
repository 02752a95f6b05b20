"""Random histories: a few here, many more in `make chaos`."""

from __future__ import annotations

from tests.chaos.histories import run_histories
from tests.chaos.restore_histories import RestoreHistories
from tests.chaos.world import Theatre


def test_the_invariants_hold_after_every_step_of_random_histories(theatre: Theatre) -> None:
    run_histories(theatre, 12)


def test_the_invariants_hold_after_every_step_of_random_histories_of_restores(theatre: Theatre) -> None:
    run_histories(theatre, 8, RestoreHistories)
