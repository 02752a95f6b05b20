"""Faults around the calls that make an image, and two at once; `make chaos` adds all other calls and meetings."""

from __future__ import annotations

from collections.abc import Collection

import pytest

from tests.chaos.faults import FAULTS
from tests.chaos.restore_meetings import RESTORE_MEETINGS
from tests.chaos.restore_scenarios import RESTORES
from tests.chaos.sweep import sweep
from tests.chaos.world import Theatre


@pytest.mark.parametrize(
    ("name", "calls"),
    [
        ("restore-one", ["CreateRestoreImageTask", "ModifyImageAttribute", "PutParameter"]),
        ("restore-thaws", ["RestoreObject"]),
    ],
    ids=["one", "thaws"],
)
def test_restore_comes_right_whatever_hits_a_call_that_changes_something_at_aws(
    name: str, calls: Collection[str], theatre: Theatre
) -> None:
    verdicts = sweep(theatre, RESTORES[name], FAULTS, calls)
    assert len(verdicts) >= len(calls) * len(FAULTS)
    assert [str(verdict) for verdict in verdicts if verdict.breaches] == []


def test_restore_comes_right_whatever_call_its_function_dies_at(theatre: Theatre) -> None:
    verdicts = sweep(theatre, RESTORES["restore-by-key"], ["killed-without-answer"])
    assert len(verdicts) > 40
    assert [str(verdict) for verdict in verdicts if verdict.breaches] == []


def test_two_runs_at_once_never_restore_twice_what_was_asked_for_once(theatre: Theatre) -> None:
    verdicts = RESTORE_MEETINGS["restore-one-image-twice"].interleave(theatre)
    assert len(verdicts) > 40
    assert [str(verdict) for verdict in verdicts if verdict.breaches] == []
