"""Faults around the calls that take an original away; `make chaos` adds all other calls, and who comes along."""

from __future__ import annotations

from collections.abc import Collection

import pytest

from tests.chaos.faults import FAULTS
from tests.chaos.retirement_scenarios import RETIREMENT
from tests.chaos.sweep import sweep
from tests.chaos.world import Theatre


@pytest.mark.parametrize(
    ("name", "calls"),
    [("retire-disable", ["DisableImage"]), ("retire-deregister", ["DeregisterImage", "TransactWriteItems"])],
    ids=["disable", "deregister"],
)
def test_night_comes_right_whatever_hits_a_call_that_takes_an_original_away(
    name: str, calls: Collection[str], theatre: Theatre
) -> None:
    verdicts = sweep(theatre, RETIREMENT[name], FAULTS, calls)
    assert len(verdicts) >= len(calls) * len(FAULTS)
    assert [str(verdict) for verdict in verdicts if verdict.breaches] == []
