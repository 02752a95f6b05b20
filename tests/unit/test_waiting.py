"""How long a run waits before it looks again."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from ami_archiver.model import InFlight
from ami_archiver.waiting import TRUSTED_SHARE, gib_per_second, in_flight_gib, seconds_to_wait
from tests.support.domain import NOW


def task(gib: float, *, percent: int, minutes: float) -> InFlight:
    return InFlight("a-task", "ami-1", "bucket", gib, NOW - timedelta(minutes=minutes), percent)


def wait(*tasks: InFlight, more: bool = True, shortest: int = 30, longest: int = 900, refused: int = 0) -> int:
    return seconds_to_wait(
        tasks,
        NOW,
        budget_gib=600,
        more_to_start=more,
        shortest=shortest,
        longest=longest,
        refused_looks=refused,
    )


TASKS = st.builds(
    task,
    st.floats(0, 5000, allow_nan=False),
    percent=st.integers(0, 100),
    minutes=st.floats(-10, 10_000, allow_nan=False),
)


@given(st.lists(TASKS, max_size=10), st.booleans(), st.integers(1, 60), st.integers(60, 3600))
def test_wait_is_always_within_its_bounds(tasks: list[InFlight], more: bool, shortest: int, longest: int) -> None:
    seconds = wait(*tasks, more=more, shortest=shortest, longest=longest)
    assert isinstance(seconds, int)
    assert (1 if more else shortest) <= seconds <= longest


def test_without_any_progress_the_run_looks_again_soon() -> None:
    assert wait(task(100, percent=0, minutes=1)) == 30
    assert wait() == 30


def test_the_longer_nothing_shows_any_progress_the_longer_is_the_wait() -> None:
    assert wait(task(100, percent=0, minutes=20), task(9, percent=0, minutes=60)) == 120
    assert wait(task(100, percent=0, minutes=20), task(9, percent=0, minutes=1)) == 30


def test_run_looks_several_times_before_the_estimated_end_that_waiting_images_have_room_by() -> None:
    first_to_end, last_to_end = task(300, percent=50, minutes=50), task(400, percent=50, minutes=120)
    assert wait(first_to_end, last_to_end) == 3000 * TRUSTED_SHARE


def test_run_waits_for_the_second_end_where_the_first_frees_too_little() -> None:
    small, medium = task(50, percent=50, minutes=20), task(250, percent=50, minutes=100)
    assert wait(small, medium, task(400, percent=30, minutes=140)) == 6000 * TRUSTED_SHARE


def test_run_looks_soon_while_there_is_room_that_could_not_be_filled() -> None:
    assert wait(task(600, percent=50, minutes=600)) == 900
    assert wait(task(100, percent=50, minutes=60)) == round(3600 * TRUSTED_SHARE)


def test_short_tasks_are_looked_at_often_while_images_wait() -> None:
    assert wait(*[task(10, percent=50, minutes=1)] * 59) == 9  # a usual one takes two minutes
    assert wait(*[task(10, percent=50, minutes=1)] * 59, more=False) == 60


def test_shortest_wait_doubles_with_each_look_of_which_ec2_took_nothing() -> None:
    short = task(10, percent=50, minutes=0.1)
    assert [wait(short, refused=refused) for refused in range(1, 7)] == [60, 120, 240, 480, 900, 900]
    assert wait(short, refused=10_000) == 900


def test_when_nothing_waits_the_run_looks_when_the_last_task_has_ended() -> None:
    assert wait(task(10, percent=50, minutes=2), task(10, percent=50, minutes=8), more=False) == 480


def test_task_without_progress_is_taken_to_go_at_the_others_pace() -> None:
    unseen = task(290, percent=0, minutes=0)
    assert wait(task(600, percent=90, minutes=5), unseen, more=False, longest=3600) == round(290 / 1.8)


def test_the_longer_something_stands_still_the_seldomer_it_is_looked_at() -> None:
    moves = task(280, percent=50, minutes=12)
    assert wait(moves, task(60, percent=0, minutes=600), more=False, longest=7200) == 3600
    assert wait(task(1, percent=90, minutes=600), task(60, percent=0, minutes=100), more=False) == 900


def test_long_wait_is_cut_at_the_longest() -> None:
    assert wait(task(700, percent=1, minutes=60)) == 900


def test_task_of_unknown_size_has_an_end_too() -> None:
    assert wait(task(0, percent=50, minutes=5), task(10, percent=50, minutes=1), more=False) == 300


def test_task_that_started_in_the_future_of_a_skewed_clock_has_no_pace() -> None:
    early = task(10, percent=5, minutes=-3)
    assert gib_per_second(early, NOW) is None
    assert wait(early, task(600, percent=50, minutes=5), more=False) == 300  # the other's, and not the shortest


def test_in_flight_is_the_sum_of_all_tasks() -> None:
    assert in_flight_gib([task(1.5, percent=0, minutes=0), task(2, percent=9, minutes=1)]) == 3.5
