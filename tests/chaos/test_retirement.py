"""Faults while originals go, at the calls that change something; `make chaos` adds all others, and who comes along."""

from __future__ import annotations

import pytest

from tests.chaos.faults import FAULTS
from tests.chaos.retirement_scenarios import RETIREMENT
from tests.chaos.sweep import sweep
from tests.chaos.world import Theatre

CHANGING = {"DisableImage", "DeregisterImage", "DeleteSnapshot", "UpdateItem", "TransactWriteItems"}


@pytest.mark.parametrize("name", ["retire-disable", "retire-deregister"])
def test_night_comes_right_whatever_hits_a_call_that_takes_an_original_away(name: str, theatre: Theatre) -> None:
    verdicts = sweep(theatre, RETIREMENT[name], FAULTS, CHANGING)
    assert len(verdicts) >= 3 * len(FAULTS)
    assert [str(verdict) for verdict in verdicts if verdict.breaches] == []
