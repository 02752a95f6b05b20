"""The pieces of the benchmark of nights: real nights, what they cost, the rules beside them, and the bound."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.fleets import BELOW_BUDGET, BUDGET_GIB, KINDS, Model, sizes_gib, throughput
from benchmarks.lower_bound import lower_bound, run_seconds
from benchmarks.rules import aws_admits, in_order, simple_rules, sum_stays_below
from benchmarks.stage import Stage, stage_of
from benchmarks.tutorial import tutorial_night

PER_TASK = throughput("per-task")
TOLERANCE = 1e-6


@pytest.fixture(autouse=True)
def _(no_cloud: None) -> None:
    """A stage has a cloud of its own."""


@pytest.fixture
def stage() -> Iterator[Stage]:
    """One with twenty images."""
    with stage_of(sizes_gib("log-normal", 20), PER_TASK) as made:
        yield made


@given(st.lists(st.integers(4, 1500).map(float), min_size=1, max_size=5))
@settings(max_examples=200, deadline=None)
def test_no_order_of_a_small_fleet_is_shorter_than_the_bound(sizes: list[float]) -> None:
    shortest = min(in_order(order) for order in permutations(sizes))
    assert lower_bound(sizes) <= shortest + TOLERANCE


@given(st.lists(st.integers(4, 1500).map(float), min_size=10, max_size=60))
@settings(max_examples=100, deadline=None)
def test_no_order_of_a_larger_fleet_is_shorter_than_the_bound_in_either_model(sizes: list[float]) -> None:
    models: tuple[Model, ...] = ("per-task", "shared")
    for order in (sizes, sorted(sizes), sorted(sizes, reverse=True)):
        for model in models:
            assert lower_bound(sizes, model) <= in_order(order, aws_admits, model) + TOLERANCE


def test_bound_of_one_image_is_its_own_time() -> None:
    assert lower_bound([100]) == run_seconds(100)
    assert lower_bound([]) == 0


def test_images_above_the_budget_go_one_after_the_other() -> None:
    assert lower_bound([700, 800, 900]) == run_seconds(700) + run_seconds(800) + run_seconds(900)


def test_sum_below_the_budget_starts_an_oversize_image_alone() -> None:
    assert in_order([700, 100], sum_stays_below) == pytest.approx(run_seconds(700) + run_seconds(100))
    assert in_order([100, 700]) == pytest.approx(run_seconds(700))


def test_fleets_are_the_same_every_time_and_of_their_kind() -> None:
    assert sizes_gib("mixed", 200) == sizes_gib("mixed", 200)
    assert max(sizes_gib("mixed", 200)) > BUDGET_GIB > max(sizes_gib(BELOW_BUDGET, 2000))
    assert max(sizes_gib("all-small", 200)) < 16.001


@pytest.mark.parametrize("model", ["per-task", "shared"])
def test_a_real_night_takes_hardly_longer_than_its_order_without_any_waiting(model: Model) -> None:
    with stage_of(sizes_gib("log-normal", 25), throughput(model)) as stage:
        bill = stage.night()
        tasks = stage.cloud.service.store_image_tasks(stage.archive.account_id, stage.archive.region)
        order = [stage.sizes_gib[task.image_id] for task in sorted(tasks, key=lambda task: task.number)]
    assert bill.images_stored == len(order) == 25
    assert in_order(order, aws_admits, model) <= bill.night_seconds + TOLERANCE
    assert bill.night_seconds <= 1.02 * in_order(order, aws_admits, model)


@pytest.mark.parametrize("fleet", [*KINDS, BELOW_BUDGET])
def test_a_real_night_is_at_most_one_percent_behind_the_best_simple_rule(fleet: str) -> None:
    sizes = sizes_gib(fleet, 30)
    with stage_of(sizes, PER_TASK) as stage:
        assert stage.night().night_seconds <= 1.01 * min(simple_rules(sizes).values())


def test_transitions_of_a_night_go_by_its_length_and_not_by_the_fleet() -> None:
    transitions = []
    for images in (8, 40):
        with stage_of([1200 / images] * images, PER_TASK) as stage:
            transitions.append(stage.night().transitions)
    assert transitions[1] <= transitions[0]


def test_orchestration_is_a_small_part_of_what_ec2_charges_for_reading_the_blocks(stage: Stage) -> None:
    bill = stage.night()
    assert sum(bill.dollars.values()) < 0.001 * bill.block_dollars


def test_the_night_after_costs_a_page_and_a_handful_of_calls(stage: Stage) -> None:
    stage.night()
    bill = stage.night()
    assert bill.stored_gib == bill.night_seconds == 0
    assert bill.calls["ec2"] <= 2
    assert bill.transitions <= 12


def test_a_map_that_polls_stores_the_same_and_makes_many_more_transitions() -> None:
    sizes = sizes_gib("log-normal", 20)
    with stage_of(sizes, PER_TASK) as stage:
        theirs = tutorial_night(stage)
        assert theirs.images_stored == len(stage.archive.object_keys()) == 20
    with stage_of(sizes, PER_TASK) as stage:
        ours = stage.night()
    assert ours.stored_gib == theirs.stored_gib
    assert theirs.transitions > 5 * ours.transitions
