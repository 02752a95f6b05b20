"""Random histories: a few here, many more in `make chaos`."""

from __future__ import annotations

import pytest

from tests.chaos.histories import Histories, RetireHistories, run_histories
from tests.chaos.restore_histories import RestoreHistories
from tests.chaos.runs import Runs
from tests.chaos.world import Theatre


@pytest.mark.parametrize(("histories", "number"), [(Histories, 8), (RetireHistories, 3), (RestoreHistories, 6)])
def test_the_invariants_hold_after_every_step_of_random_histories(
    theatre: Theatre, histories: type[Runs], number: int
) -> None:
    run_histories(theatre, number, histories)
