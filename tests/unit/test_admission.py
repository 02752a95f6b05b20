"""The in-flight budget: AWS's rule and the strict one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ami_archiver.admission import admission, next_start
from ami_archiver.model import QueueEntry
from ami_archiver.settings import AdmissionRule

SIZES = st.lists(st.integers(1, 2_000_000).map(lambda thousandths: thousandths / 1000), max_size=25)
BUDGETS = st.integers(1, 1200).map(float)
IN_FLIGHT = st.integers(0, 1_500_000).map(lambda thousandths: thousandths / 1000)


class Waiting:
    """A queue of one night; what `largest` gave is taken off once it is started (see `fill`)."""

    def __init__(self, sizes: list[float]) -> None:
        self.entries = [QueueEntry("20260101", f"ami-{i}", "nightly", gib) for i, gib in enumerate(sizes)]

    def largest(self, below_gib: float | None, but: QueueEntry | None = None, /) -> QueueEntry | None:
        fitting = [e for e in self.entries if e is not but and (below_gib is None or e.snapshot_gib < below_gib)]
        return max(fitting, key=lambda e: e.snapshot_gib, default=None)


def fill(sizes: list[float], in_flight: float, budget: float, rule: AdmissionRule) -> list[tuple[float, float]]:
    """(in flight before, size) of every start that the rule makes at one moment."""
    queue = Waiting(sizes)
    starts = []
    while entry := next_start(in_flight, budget, rule, queue.largest):
        queue.entries.remove(entry)
        starts.append((in_flight, entry.snapshot_gib))
        in_flight += entry.snapshot_gib
    return starts


@given(SIZES, IN_FLIGHT, BUDGETS, st.sampled_from(["aws", "strict"]))
def test_nothing_ever_starts_at_or_above_the_budget(
    sizes: list[float], in_flight: float, budget: float, rule: AdmissionRule
) -> None:
    assert all(before < budget for before, _ in fill(sizes, in_flight, budget, rule))
    assert not admission(max(in_flight, budget), budget, rule, 1).admit


@given(SIZES, IN_FLIGHT, BUDGETS)
def test_strict_sum_never_exceeds_the_budget_but_for_one_oversize_image_alone(
    sizes: list[float], in_flight: float, budget: float
) -> None:
    for before, gib in fill(sizes, in_flight, budget, "strict"):
        assert before + gib <= budget + 1e-6 or before == 0


@given(SIZES, IN_FLIGHT, BUDGETS)
def test_aws_rule_fills_until_the_budget_is_reached_or_the_queue_is_empty(
    sizes: list[float], in_flight: float, budget: float
) -> None:
    starts = fill(sizes, in_flight, budget, "aws")
    end = in_flight + sum(gib for _, gib in starts)
    assert end >= budget or len(starts) == len(sizes)


@given(SIZES, BUDGETS)
def test_oversize_image_is_topped_onto_a_sliver_after_everything_that_fits(sizes: list[float], budget: float) -> None:
    over = [before for before, gib in fill([*sizes, budget + 1], 0, budget, "aws") if gib == budget + 1]
    fitting = [gib for gib in sizes if gib < budget]
    assert over or sum(fitting) >= budget or any(gib >= budget + 1 for gib in sizes)


def test_image_larger_than_the_budget_starts_while_a_sliver_is_free() -> None:
    assert admission(599.999, 600, "aws", 800) == admission(599.999, 600, "aws", 1)
    assert admission(599.999, 600, "aws", 800).admit


@pytest.mark.parametrize("rule", ["aws", "strict"])
def test_image_larger_than_the_budget_starts_alone(rule: AdmissionRule) -> None:
    assert fill([800], 0, 600, rule) == [(0, 800)]


def test_strict_refuses_what_would_exceed_the_budget_with_the_figures() -> None:
    assert admission(500, 600, "strict", 101).reason == (
        "500 of 600 GiB in flight, 101 GiB more would exceed it (rule 'strict')"
    )
    assert admission(500, 600, "strict", 100).admit
    assert admission(640, 600, "aws", 1).reason == "640 of 600 GiB in flight"


def test_strict_takes_what_exactly_fills_the_budget() -> None:
    assert fill([100, 101], 500, 600, "strict") == [(500, 100)]


def test_largest_is_started_last_onto_the_sliver_that_the_others_leave() -> None:
    assert fill([300, 299, 500], 0, 600, "aws") == [(0, 299), (299, 300), (599, 500)]
    assert fill([300, 299.5, 800], 0, 600, "aws") == [(0, 300), (300, 299.5), (599.5, 800)]


def test_room_is_divided_into_parts_that_end_together_where_such_images_wait() -> None:
    assert fill([280, 270, 195, 199, 198, 40], 0, 600, "aws") == [(0, 199), (199, 198), (397, 195), (592, 280)]


def test_room_is_filled_by_the_largest_where_no_equal_parts_wait() -> None:
    assert fill([470, 210, 160, 150, 110, 70, 8], 0, 600, "aws") == [
        (0, 210), (210, 160), (370, 150), (520, 70), (590, 8), (598, 470)
    ]  # fmt: skip


def test_images_of_one_size_fill_the_budget_one_like_the_other() -> None:
    assert fill([100] * 8, 0, 600, "aws") == [(gib, 100) for gib in range(0, 600, 100)]


def test_image_without_a_size_does_not_stop_the_others() -> None:
    assert sum(gib for _, gib in fill([0, 0, 5], 0, 600, "aws")) == 5


@given(SIZES, IN_FLIGHT, BUDGETS)
def test_largest_is_started_whenever_the_budget_is_filled_so_that_it_never_starves(
    sizes: list[float], in_flight: float, budget: float
) -> None:
    starts = [gib for _, gib in fill(sizes, in_flight, budget, "aws")]
    assert not starts or max(sizes) == starts[-1] or in_flight + sum(starts) > budget - 0.0005


@given(st.lists(st.integers(1, 2000), min_size=1, max_size=25))
def test_everything_above_the_budget_is_overshoot_by_the_largest(gib: list[int]) -> None:
    starts = fill([float(size) for size in gib], 0, 600, "aws")
    assert sum(size for _, size in starts[:-1]) < 600
    assert starts[-1][1] == max(gib)
