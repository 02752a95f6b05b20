"""How long a run waits before it looks again."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ami_archiver.model import Running
from ami_archiver.waiting import gib_per_second, in_flight_gib, seconds_to_wait, worth_of_a_look
from tests.support.domain import NOW, task


def running(gib: float, *, percent: int, minutes: float) -> Running:
    return Running(task(percent=percent, minutes_ago=minutes), gib)


def wait(
    *tasks: Running, more: bool = True, minimum: int = 30, maximum: int = 900, brisk: bool = True, worth: float = 0
) -> int:
    return seconds_to_wait(
        tasks,
        NOW,
        budget_gib=600,
        more_to_start=more,
        minimum=minimum,
        maximum=maximum,
        brisk=brisk,
        look_worth_seconds=worth,
    )


RUNNING = st.builds(
    running,
    st.floats(0, 5000, allow_nan=False),
    percent=st.integers(0, 100),
    minutes=st.floats(-10, 10_000, allow_nan=False),
)


@given(st.lists(RUNNING, max_size=10), st.booleans(), st.integers(1, 60), st.integers(60, 3600))
def test_wait_is_always_within_its_bounds(tasks: list[Running], more: bool, minimum: int, maximum: int) -> None:
    seconds = wait(*tasks, more=more, minimum=minimum, maximum=maximum, brisk=False)
    assert isinstance(seconds, int)
    assert minimum <= seconds <= maximum
    assert 1 <= wait(*tasks, more=more, minimum=minimum, maximum=maximum) <= seconds


def test_without_any_progress_the_run_looks_again_soon() -> None:
    assert wait(running(100, percent=0, minutes=1)) == 30
    assert wait() == 30


def test_the_longer_nothing_shows_any_progress_the_longer_is_the_wait() -> None:
    assert wait(running(100, percent=0, minutes=1), running(9, percent=0, minutes=20)) == 600


def test_waiting_images_are_served_as_soon_as_enough_tasks_have_ended() -> None:
    first_to_end = running(300, percent=50, minutes=5)
    last_to_end = running(400, percent=50, minutes=12)
    assert wait(first_to_end, last_to_end) == 300 - 20  # half of it is done, and 20 s may have been overhead


def test_overhead_is_left_out_of_account_where_it_does_not_matter() -> None:
    small_budget_moves_slowly = running(601, percent=50, minutes=60), running(1, percent=1, minutes=60)
    assert wait(*small_budget_moves_slowly, maximum=3600) == 3600 // 4


def test_at_most_half_of_a_young_task_is_overhead() -> None:
    assert wait(running(300, percent=50, minutes=0.5), running(400, percent=30, minutes=0.5), minimum=1) == 15


def test_run_waits_for_the_second_end_where_the_first_frees_too_little() -> None:
    small = running(50, percent=50, minutes=2)
    medium = running(250, percent=50, minutes=10)
    large = running(400, percent=30, minutes=14)
    assert wait(small, medium, large) == 600 - 20


def test_run_waits_no_longer_than_until_all_have_ended_if_they_share_a_rate() -> None:
    small, medium = running(50, percent=50, minutes=2), running(250, percent=50, minutes=10)
    large = running(400, percent=50, minutes=14)
    paces = [50 / 240, 250 / 1200, 400 / 1680]
    all_ended = (25 + 125 + 200) / sum(paces)
    assert all_ended < 600
    assert wait(small, medium, large) == round(all_ended * (600 - 20) / 600)


def test_run_waits_for_a_further_end_where_that_idles_less_than_a_look_is_worth() -> None:
    ends_soon = running(10, percent=50, minutes=2)
    ends_soon_after = running(10, percent=50, minutes=2.5)
    ends_late = [running(291, percent=50, minutes=30)] * 2
    tasks = (ends_soon, ends_soon_after, *ends_late)
    first, second = 120, 150
    assert wait(*tasks) == first
    assert wait(*tasks, worth=25) == first
    assert wait(*tasks, worth=26) == second  # a fifth of the budget stands idle for half a minute


def test_look_is_worth_two_seconds_of_an_idle_budget_late_in_a_long_night_and_next_to_nothing_in_a_short_one() -> None:
    assert worth_of_a_look(timedelta(hours=8), 300) == 2.0
    assert worth_of_a_look(timedelta(minutes=4), 20) == pytest.approx(240 / 400 / 30)
    assert worth_of_a_look(timedelta(minutes=-1), 0) == 0.0


def test_look_is_worth_the_less_the_more_images_a_night_stores() -> None:
    assert worth_of_a_look(timedelta(hours=6), 10_000) == pytest.approx(6 * 3600 / 10_000 / 30)


def test_end_that_leaves_the_budget_idle_is_approached_step_by_step() -> None:
    assert wait(running(700, percent=50, minutes=10)) == 150
    assert wait(running(700, percent=75, minutes=15)) == 75
    assert wait(running(700, percent=50, minutes=10), more=False) == 600


def test_run_does_not_look_for_every_small_task_that_ends() -> None:
    nearly_done = [running(10, percent=99, minutes=5)] * 2
    others = [running(10, percent=50, minutes=2.5)] * 59
    assert wait(*nearly_done, *others, minimum=1) == 3
    assert wait(*nearly_done, *others, minimum=1, more=False) == 150


def test_shortest_wait_gives_way_where_small_tasks_free_the_budget_faster() -> None:
    soon = [running(10, percent=90, minutes=1)] * 59
    assert wait(*soon, minimum=30) == 4  # when they end: 7 s, if a third of their minute was not overhead
    assert wait(*soon, minimum=30, brisk=False) == 30
    assert wait(running(700, percent=99, minutes=15), minimum=30) == 8  # of a pace that frees 1 % in 8 s


def test_when_nothing_waits_the_run_looks_when_the_last_task_has_ended() -> None:
    assert wait(running(10, percent=50, minutes=2), running(10, percent=50, minutes=8), more=False) == 480


def test_task_without_progress_is_taken_to_go_at_the_others_pace() -> None:
    seen = running(600, percent=50, minutes=5)
    unseen = running(290, percent=0, minutes=0)
    assert wait(seen, unseen, more=False, maximum=3600) == 300
    assert wait(running(600, percent=90, minutes=5), unseen, more=False, maximum=3600) == round(290 / 1.8)


def test_pace_is_trusted_for_no_longer_than_it_has_been_seen() -> None:
    seen = running(600, percent=50, minutes=5)
    unseen = running(600, percent=0, minutes=0)
    assert wait(seen, unseen, more=False, maximum=3600) == 300  # and not 600


def test_long_wait_is_cut_at_the_maximum() -> None:
    assert wait(running(700, percent=1, minutes=60)) == 900


def test_task_of_unknown_size_has_an_end_too() -> None:
    assert wait(running(0, percent=50, minutes=5), running(10, percent=50, minutes=1), more=False) == 300


def test_task_that_started_in_the_future_of_a_skewed_clock_has_no_pace() -> None:
    early = running(10, percent=5, minutes=-3)
    assert gib_per_second(early, NOW) is None
    assert wait(early, running(600, percent=50, minutes=5), more=False) == 300  # the other's, and not the shortest


def test_in_flight_is_the_sum_of_all_tasks() -> None:
    assert in_flight_gib([running(1.5, percent=0, minutes=0), running(2, percent=9, minutes=1)]) == 3.5
