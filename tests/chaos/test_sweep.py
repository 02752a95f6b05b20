"""The sweep on a small scenario; `make chaos` runs all of them."""

from __future__ import annotations

import pytest

from tests.chaos.faults import FAULTS
from tests.chaos.scenarios import SCENARIOS, SMALL
from tests.chaos.sweep import sweep
from tests.chaos.world import Theatre

CALLS = 40
"""A night of two images makes more calls than this: the sweep is not empty."""
OF_EACH_SORT = ("killed-without-answer", "effect-then-silence", "denied")
"""One fault of each sort: the function dies, an answer is lost, AWS refuses."""


@pytest.mark.parametrize("fault", OF_EACH_SORT)
def test_a_night_comes_right_whatever_call_is_hit_by(fault: str, theatre: Theatre) -> None:
    verdicts = sweep(theatre, SMALL, [fault])
    assert len(verdicts) > CALLS
    assert [str(verdict) for verdict in verdicts if verdict.breaches] == []


@pytest.mark.parametrize("fault", ["denied-for-image", "denied-for-role"])
def test_a_call_about_one_image_that_is_denied_all_night_stops_no_other_image_and_no_report(
    fault: str, theatre: Theatre
) -> None:
    calls = ("CreateStoreImageTask", "DescribeImageAttribute", "HeadObject", "GetObjectTagging")
    verdicts = sweep(theatre, SMALL, [fault], at=calls)
    assert len(verdicts) == 8
    assert [str(verdict) for verdict in verdicts if verdict.breaches] == []


def test_a_night_comes_right_whatever_hits_the_question_whether_a_stopped_run_still_works(theatre: Theatre) -> None:
    verdicts = sweep(theatre, SCENARIOS["stopped"], FAULTS, ["DescribeExecution"])
    assert len(verdicts) == len(FAULTS) - 1  # the question is about no image, so it cannot be denied for one
    assert [str(verdict) for verdict in verdicts if verdict.breaches] == []
