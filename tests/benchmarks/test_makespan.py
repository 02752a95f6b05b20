"""The makespan benchmark's own pieces: the bound is one, the search finds orders, and the harness plays real nights."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.fleets import BELOW_BUDGET, BUDGET_GIB, KINDS, OTHERS, sizes_gib
from benchmarks.makespan_bound import lower_bound, run_seconds
from benchmarks.makespan_night import night
from benchmarks.makespan_search import best_order, makespan_of
from benchmarks.rules import aws_admits, in_order, map_that_polls, others, sum_stays_below

SIZES = st.lists(st.integers(4, 1500).map(float), min_size=1, max_size=5)
TOLERANCE = 1e-6


@given(SIZES)
@settings(max_examples=200, deadline=None)
def test_no_order_of_a_small_fleet_is_shorter_than_the_bound(sizes: list[float]) -> None:
    shortest = min(makespan_of(order) for order in permutations(sizes))
    assert lower_bound(sizes) <= shortest + TOLERANCE


@given(st.lists(st.integers(4, 1500).map(float), min_size=10, max_size=60))
@settings(max_examples=100, deadline=None)
def test_no_order_of_a_larger_fleet_is_shorter_than_the_bound_in_either_model(sizes: list[float]) -> None:
    for order in (sizes, sorted(sizes), sorted(sizes, reverse=True)):
        for model in ("per-task", "shared"):
            assert lower_bound(sizes, model) <= in_order(order, aws_admits, model) + TOLERANCE


@given(st.lists(st.integers(4, 900).map(float), min_size=5, max_size=30))
@settings(max_examples=50, deadline=None)
def test_bound_holds_beside_the_tasks_of_others(sizes: list[float]) -> None:
    for order in (sizes, sorted(sizes), sorted(sizes, reverse=True)):
        assert lower_bound(sizes, "per-task", OTHERS) <= in_order(order, aws_admits, "per-task", OTHERS) + TOLERANCE


def test_bound_of_one_image_is_its_own_time() -> None:
    assert lower_bound([100]) == run_seconds(100)
    assert lower_bound([]) == 0


def test_images_above_the_budget_go_one_after_the_other() -> None:
    assert lower_bound([700, 800, 900]) == run_seconds(700) + run_seconds(800) + run_seconds(900)


def test_three_images_of_half_the_budget_never_run_at_once() -> None:
    """299 GiB twice leave a sliver for a third; 301 GiB twice do not."""
    assert lower_bound([299.0] * 3) == run_seconds(299)
    assert lower_bound([301.0] * 3) == pytest.approx(1.5 * run_seconds(301))


@given(st.lists(st.integers(4, 900).map(float), min_size=2, max_size=20))
@settings(max_examples=20, deadline=None)
def test_search_is_never_below_the_bound_nor_worse_than_what_it_began_with(sizes: list[float]) -> None:
    best = best_order([sizes, sorted(sizes)], steps=50)
    assert sorted(best) == sorted(sizes)
    assert lower_bound(sizes) - TOLERANCE <= makespan_of(best) <= min(makespan_of(sizes), makespan_of(sorted(sizes)))


@pytest.mark.parametrize("fleet", [*KINDS, BELOW_BUDGET])
def test_search_counts_an_orders_makespan_as_the_engine_does(fleet: str) -> None:
    sizes = sizes_gib(fleet, 80)
    assert makespan_of(sizes) == pytest.approx(in_order(sizes))


@pytest.mark.parametrize("model", ["per-task", "shared"])
def test_night_of_the_real_steps_takes_as_long_as_its_order_on_the_engine_alone(model: str) -> None:
    sizes = sizes_gib("log-normal", 40)
    refilled = night(sizes, model, refill_at_once=True)
    assert sorted(refilled.order_gib) == sorted(sizes)
    assert refilled.makespan == pytest.approx(in_order(refilled.order_gib, aws_admits, model), abs=0.01)
    assert refilled.refused == 0


def test_night_waits_and_is_hardly_longer_for_it() -> None:
    sizes = sizes_gib("log-normal", 120)
    refilled, waited = night(sizes, refill_at_once=True), night(sizes)
    assert refilled.makespan <= waited.makespan <= 1.02 * refilled.makespan
    assert waited.looks <= 0.6 * len(sizes)
    assert waited.describes == waited.looks + 1  # the first look has no page on which the start could read what it saw


def test_night_beside_others_stores_everything_and_is_refused_nothing() -> None:
    played = night(sizes_gib("mixed", 30), "per-task", OTHERS)
    assert len(played.order_gib) == 30
    assert played.refused == 0


@pytest.mark.parametrize("fleet", [*KINDS, BELOW_BUDGET])
def test_night_is_at_most_one_percent_behind_any_other_way(fleet: str) -> None:
    sizes = sizes_gib(fleet, 100)
    ours = night(sizes, refill_at_once=True).makespan
    assert ours <= 1.01 * min(others(sizes).values())


def test_sum_below_the_budget_starts_an_oversize_image_alone() -> None:
    assert in_order([700, 100], sum_stays_below) == run_seconds(700) + run_seconds(100)
    assert in_order([700, 100]) == run_seconds(700) + run_seconds(100)
    assert in_order([100, 700]) == run_seconds(700)


def test_map_notices_an_end_at_its_next_poll_only() -> None:
    """100 GiB take 1,020 s, its 17th poll; 101 GiB take 1,030 s and are noticed after 1,080 s."""
    assert map_that_polls([100, 100], 1) == 2 * run_seconds(100)
    assert map_that_polls([101, 100], 1) == 1080 + run_seconds(100)
    assert map_that_polls([100, 100], 2) == run_seconds(100)


def test_fleets_are_the_same_every_time_and_of_their_kind() -> None:
    assert sizes_gib("mixed", 200) == sizes_gib("mixed", 200)
    assert max(sizes_gib("mixed", 200)) > BUDGET_GIB > max(sizes_gib(BELOW_BUDGET, 2000))
    assert max(sizes_gib("all-small", 200)) < 16.001
