"""Runs that wait for the budget at the same time: none starves another, and what stands still is looked at seldom."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ami_archiver.restore.model import WaitingRun
from ami_archiver.restore.state import RestoreState
from ami_archiver.restore.steps.lease import goes_before
from ami_archiver.run_state import Next
from local_cloud.in_process import VirtualCloud
from tests.support.archive import Archive
from tests.support.restore import Restores

HAND = {"by": "hand"}
NOW = datetime(2026, 1, 1, 2, tzinfo=UTC)


def waiting(run_id: str, turn: float, looks: float) -> WaitingRun:
    """Times in minutes from now."""
    return WaitingRun(run_id, NOW + timedelta(minutes=turn), NOW + timedelta(minutes=looks))


def test_run_that_had_no_turn_for_longest_goes_first() -> None:
    a, b = waiting("a", -10, 3), waiting("b", -5, 1)
    assert goes_before(a, [a, b], NOW) is None
    assert goes_before(b, [a, b], NOW) == a


def test_run_that_does_not_come_any_more_is_not_waited_for() -> None:
    dead, b = waiting("dead", -60, -6), waiting("b", -5, 1)
    assert goes_before(b, [dead, b], NOW) is None


def test_run_that_waits_alone_waits_for_nobody() -> None:
    assert goes_before(waiting("a", 0, 0), [], NOW) is None


@given(st.lists(st.tuples(st.integers(-99, 0), st.integers(-9, 9)), min_size=1, max_size=6))
def test_of_those_that_come_exactly_one_goes_first(times: list[tuple[int, int]]) -> None:
    runs = [waiting(f"run-{number}", turn, looks) for number, (turn, looks) in enumerate(times)]
    come = [run for run in runs if run.looks_at >= NOW]
    first = [run for run in come if goes_before(run, come, NOW) is None]
    assert len(first) == min(1, len(come))


def together(restores: Restores, *runs: list[str]) -> list[Any]:
    """The summaries of runs at the same time; of those that wake up together, the first one looks first."""
    clock = restores.cloud.clock
    going: list[Any] = [restores.plan(restores.begin(image_ids=ids)) for ids in runs]
    wakes = [clock.now()] * len(going)
    while awake := [number for number, state in enumerate(going) if isinstance(state, RestoreState)]:
        number = min(awake, key=lambda one: (wakes[one], one))
        restores.cloud.advance(max(0.0, (wakes[number] - clock.now()).total_seconds()))
        while isinstance(state := going[number], RestoreState):
            if state.next is Next.WAIT:
                wakes[number] = clock.now() + timedelta(seconds=state.wait_seconds)
                going[number] = state.then(Next.RESTORE)
                break
            going[number] = restores.step(state)
    return going


def test_large_run_does_not_starve_a_small_one_that_looks_after_it(restores: Restores) -> None:
    large = [restores.stored(f"ami-{number:02}", 150 + number) for number in range(12)]
    small = [restores.stored(f"ami-{number:02}", 20) for number in range(20, 22)]
    first, second = together(restores, large, small)
    assert (first["restores"]["restored"], second["restores"]["restored"]) == (12, 2)
    assert second["ended_at"] < first["ended_at"]
    starts = [start.parameters["ObjectKey"] for start in restores.starts() if start.status == 200]
    before = [key for key in starts[: starts.index(f"nightly/{small[0]}.bin")] if small[1] not in key]
    assert len(before) <= 5, "at most the other's turn before it and the one after that"


def test_run_that_was_stopped_while_it_waited_keeps_nobody_waiting_for_long(
    archive: Archive, restores: Restores
) -> None:
    large = [restores.stored(f"ami-{number:02}", 160) for number in range(4)]
    restores.stored("ami-small", 20)
    going = restores.plan(restores.begin(image_ids=["ami-small"]))
    stopped = restores.plan(restores.begin(image_ids=large))
    while len(restores.starts()) < 2:
        stopped = restores.step(stopped)  # type: ignore[assignment]  # it does not end
    assert restores.app.restores.waiting_runs()
    restores.cloud.advance(3600)
    summary = restores.go_on(going)
    assert summary["restores"]["restored"] == 1


def test_image_that_hangs_is_looked_at_seldom(cloud: VirtualCloud) -> None:
    restores = Restores(Archive(cloud))
    theirs = restores.stored("ami-theirs", 350, name="theirs")
    restores.stored("ami-ours", 10)
    started = restores.app.restore_tasks.start(
        restores.archive.settings.bucket_name, f"nightly/{theirs}.bin", "theirs", HAND, HAND
    )
    cloud.service.faults.hang(started)  # type: ignore[union-attr]  # it was started
    summary = restores.run(image_ids=["ami-ours"])
    assert summary["seconds"] > 20 * 3600
    assert summary["looks"] < 130


def test_a_run_waits_for_the_end_of_its_own_and_not_of_others(archive: Archive, restores: Restores) -> None:
    theirs = restores.stored("ami-theirs", 280, name="theirs")
    restores.stored("ami-ours", 10)
    restores.app.restore_tasks.start(archive.settings.bucket_name, f"nightly/{theirs}.bin", "theirs", HAND, HAND)
    restores.cloud.advance(1000)  # until its pace is known
    assert restores.run(image_ids=["ami-ours"])["seconds"] < 280 / 0.1 / 4
