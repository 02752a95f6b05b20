"""One run works at a time; others join it, or end and say whom they met; no selected image is left lying."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from ami_archiver.adapters.table_runs import SummaryKind
from ami_archiver.errors import LeaseLost, TemporarilyUnavailable
from ami_archiver.run_state import Next, RunState
from ami_archiver.steps.report import report_run
from ami_archiver.steps.store_images import store_images
from local_cloud.in_process import VirtualCloud
from tests.support.answers import losing_answers
from tests.support.archive import Archive, client, full_id
from tests.support.domain import policy

WEEKLY = policy("weekly", tags={"Weekly": ("*",)})


@pytest.fixture
def two(cloud: VirtualCloud) -> Archive:
    return Archive(cloud, policy("nightly"), WEEKLY)


def weekly(archive: Archive, name: str, gib: float = 10) -> str:
    return archive.image(name, gib=gib, tags={"Weekly": ""})


def test_policy_that_starts_at_the_same_minute_joins_and_both_summaries_are_right(two: Archive) -> None:
    two.image("a", gib=10)
    both = two.image("both", gib=30, tags={"Archive": "true", "Weekly": ""})
    weekly(two, "b", gib=20)
    working = two.select(two.begin("nightly"))
    joining = two.select(two.begin("weekly"))
    assert (joining.outcome, joining.working_run, joining.next) == ("joined", working.run_id, Next.REPORT)

    joined = two.go_on(joining)
    assert (joined["outcome"], joined["working_run"]) == ("joined", working.run_id)
    assert (joined["decisions"]["deferred"], joined["decisions"]["excluded"]) == (1, 1)

    own = two.go_on(working)
    assert (own["policy"], own["decisions"]["stored"], own["stored_gib"]) == ("nightly", 2, 40)
    assert own["joined_runs"] == [joining.run_id]
    theirs = two.app.runs.summary(SummaryKind.RUNS, joining.run_id)
    assert theirs is not None
    assert (theirs["outcome"], theirs["policy"], theirs["working_run"]) == ("worked", "weekly", working.run_id)
    assert (theirs["decisions"]["stored"], theirs["decisions"]["excluded"], theirs["stored_gib"]) == (1, 1, 20)
    assert (two.record("both").policy, two.accepted()[both]) == ("nightly", 1)
    assert two.app.leases.read().holder is None


def test_policy_that_joins_when_the_queue_was_just_found_empty_is_worked_off(two: Archive) -> None:
    two.image("a")
    weekly(two, "b")
    working = two.go_to(two.select(two.begin("nightly")), Next.REPORT)
    joining = two.select(two.begin("weekly"))
    assert joining.outcome == "joined"

    state, summary = two.step(working)
    assert (state.next, summary) == (Next.STORE, {})
    own = two.go_on(state)
    assert own["decisions"]["stored"] == 1
    assert two.status("b") == "VERIFIED"
    theirs = two.app.runs.summary(SummaryKind.RUNS, joining.run_id)
    assert theirs is not None
    assert theirs["decisions"]["stored"] == 1


def test_policy_that_joins_between_the_reports_look_and_the_giving_back_is_worked_off(two: Archive) -> None:
    two.image("a")
    weekly(two, "b")
    state = two.go_to(two.select(two.begin("nightly")), Next.REPORT)
    worker = two.worker(own_clients=True)
    joined: list[RunState] = []

    def join_before_the_release(params: dict[str, str], **_: object) -> None:
        if "REMOVE" in str(params["body"]) and not joined:
            joined.append(two.select(two.begin("weekly")))

    worker.client("dynamodb").meta.events.register_first("before-call.dynamodb.UpdateItem", join_before_the_release)
    state, summary = two.step(state, worker)
    assert (joined[0].outcome, state.next, summary) == ("joined", Next.STORE, {})
    assert two.go_on(state)["decisions"]["stored"] == 1
    assert two.status("b") == "VERIFIED"


def test_joined_run_that_reports_after_it_was_worked_off_keeps_the_summary_of_that(two: Archive) -> None:
    weekly(two, "b")
    working = two.select(two.begin("nightly"))
    joining = two.select(two.begin("weekly"))
    two.go_on(working)
    late = two.go_on(joining)
    assert (late["outcome"], late["decisions"]["stored"]) == ("worked", 1)
    assert two.app.runs.summary(SummaryKind.RUNS, joining.run_id) == late


def test_policy_whose_working_run_ends_during_its_selection_works_itself(two: Archive) -> None:
    two.image("a")
    weekly(two, "b")
    working = two.select(two.begin("nightly"))
    worker = two.worker(own_clients=True)
    ended = []

    def end_the_other(**_: object) -> None:
        if not ended:
            ended.append(two.go_on(working))

    worker.images._ec2.meta.events.register_first("before-call.ec2.DescribeImages", end_the_other)
    state = two.select(two.begin("weekly"), worker)
    assert (state.outcome, state.next) == ("worked", Next.STORE)
    assert two.go_on(state)["decisions"]["stored"] == 1


def test_policy_that_cannot_join_any_more_tries_again_and_works(two: Archive) -> None:
    weekly(two, "b")
    working = two.select(two.begin("nightly"))
    worker = two.worker(own_clients=True)
    joins: list[object] = []

    def end_before_the_join(params: dict[str, str], **_: object) -> None:  # which puts a run into the map of runs
        if ".#" in str(params["body"]) and not joins:
            joins.append(two.go_on(working))

    worker.client("dynamodb").meta.events.register_first("before-call.dynamodb.UpdateItem", end_before_the_join)
    event = two.begin("weekly")
    with pytest.raises(TemporarilyUnavailable, match="ended just now; the step is tried again"):
        two.select(event, worker)
    state = two.select(event, worker)
    assert state.outcome == "worked"
    assert two.go_on(state)["decisions"]["already_archived"] == 1
    assert two.status("b") == "VERIFIED"


def test_second_run_of_the_same_policy_ends_as_met_and_names_the_run(two: Archive) -> None:
    two.image("a")
    working = two.select(two.begin("nightly"))
    met = two.night("nightly")
    assert (met["outcome"], met["working_run"]) == ("met", working.run_id)
    assert sum(met["decisions"].values()) == 0
    assert two.app.runs.summary(SummaryKind.RUNS, met["run_id"]) == met
    assert two.go_on(working)["decisions"]["stored"] == 1


def test_second_run_of_a_policy_that_joined_is_met_too(two: Archive) -> None:
    working = two.select(two.begin("nightly"))
    two.select(two.begin("weekly"))
    met = two.night("weekly")
    assert (met["outcome"], met["working_run"]) == ("met", working.run_id)


def test_what_a_paused_policy_left_in_the_queue_waits_until_somebody_starts_a_run_of_it(cloud: VirtualCloud) -> None:
    archive = Archive(cloud, policy("nightly"), WEEKLY)
    weekly(archive, "b")
    archive.select(archive.begin("weekly"))
    archive.cloud.advance(3 * 3600)
    archive.image("a")
    archive.configure(policies=(policy("nightly"), replace(WEEKLY, paused=True)))
    summary = archive.night("nightly")
    assert (summary["decisions"]["stored"], summary["backlog"]) == (1, {})
    assert archive.status("b") == "SELECTED"
    assert archive.night("weekly")["decisions"]["stored"] == 1


def test_run_of_a_paused_policy_that_a_person_starts_selects_and_stores(cloud: VirtualCloud) -> None:
    archive = Archive(cloud, policy("nightly", paused=True))
    archive.image("a")
    summary = archive.night("nightly")
    assert (summary["outcome"], summary["decisions"]["stored"]) == ("worked", 1)


def test_run_of_a_paused_policy_that_joins_is_worked_off(cloud: VirtualCloud) -> None:
    archive = Archive(cloud, policy("nightly"), replace(WEEKLY, paused=True))
    weekly(archive, "b")
    working = archive.select(archive.begin("nightly"))
    joining = archive.select(archive.begin("weekly"))
    archive.go_on(working)
    assert archive.go_on(joining)["decisions"]["stored"] == 1


def test_dry_run_of_a_paused_policy_says_what_a_run_would_store(cloud: VirtualCloud) -> None:
    archive = Archive(cloud, policy("nightly", paused=True))
    archive.image("a", gib=20)
    summary = archive.night("nightly", dry_run=True)
    assert (summary["outcome"], summary["would_store"], archive.starts()) == ("dry_run", 1, [])


def test_backlog_of_a_policy_without_a_run_tonight_is_drained_along_and_counted_apart(two: Archive) -> None:
    weekly(two, "b")
    two.select(two.begin("weekly"))
    two.cloud.advance(3 * 3600)
    summary = two.night("nightly")
    assert summary["backlog"] == {"weekly": {"stored": 1}}
    assert summary["decisions"]["stored"] == 0
    assert two.status("b") == "VERIFIED"


def test_run_whose_lease_was_taken_over_stops_and_the_other_one_ends_the_night(two: Archive) -> None:
    image_id = two.image("a", gib=50)
    first = two.go_to(two.select(two.begin("nightly")), Next.WAIT)
    two.cloud.advance(2 * 3600)
    second = two.select(two.begin("nightly"))
    assert second.outcome == "worked"
    with pytest.raises(LeaseLost, match=f"run {first.run_id} does not hold the lease: another run took it"):
        store_images(two.app, first.then(Next.STORE))
    with pytest.raises(LeaseLost, match="goes on with the next run"):
        report_run(two.app, first.then(Next.REPORT))
    assert two.go_on(second)["decisions"]["stored"] == 1
    assert two.accepted() == {image_id: 1}


def test_clock_five_minutes_ahead_does_not_take_what_another_still_holds(two: Archive) -> None:
    two.image("a", gib=500)
    working = two.go_to(two.select(two.begin("nightly")), Next.WAIT)
    ahead = two.worker(skew=timedelta(minutes=5))
    two.cloud.advance(working.wait_seconds)
    assert two.select(two.begin("nightly"), ahead).outcome == "met"


@pytest.mark.parametrize("minutes", [-5, 5])
def test_night_comes_right_with_a_workers_clock_off_by_minutes(two: Archive, minutes: int) -> None:
    two.image("a")
    fails = two.image("b", gib=50)
    two.cloud.service.faults.fail_store(fails)
    skewed = two.worker(skew=timedelta(minutes=minutes))
    summary = two.go_on(two.select(two.begin("nightly"), skewed), app=skewed)
    assert summary["decisions"]["stored"] == 2
    assert two.record("b").attempts == 2


def test_report_that_died_after_giving_the_lease_back_tells_its_summaries_again(two: Archive) -> None:
    two.image("a")
    weekly(two, "b")
    working = two.select(two.begin("nightly"))
    two.select(two.begin("weekly"))
    state = two.go_to(working, Next.REPORT)
    with losing_answers(client(two.cloud, "dynamodb"), "UpdateItem"), pytest.raises(TemporarilyUnavailable):
        report_run(two.app, state)
    published = len(two.cloud.calls.filter(service="sns", operation="Publish"))
    end, _, summary = report_run(two.app, state)
    assert (end.next, summary["decisions"]["stored"]) == (Next.END, 1)
    assert len(two.cloud.calls.filter(service="sns", operation="Publish")) == published + 2


def test_report_that_died_before_giving_the_lease_back_is_simply_repeated(two: Archive) -> None:
    two.image("a")
    state: RunState = two.go_to(two.select(two.begin("nightly")), Next.REPORT)
    with losing_answers(client(two.cloud, "dynamodb"), "PutItem"), pytest.raises(TemporarilyUnavailable):
        report_run(two.app, state)
    assert two.go_on(state)["decisions"]["stored"] == 1
    assert full_id("a") in two.decisions(state.run_id)
