"""A run whose execution somebody has stopped holds up nobody, and what its last step still does is harmless."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ami_archiver.app import App
from ami_archiver.errors import ArchiverError, LeaseLost, TemporarilyUnavailable
from ami_archiver.run_state import Next, RunState
from ami_archiver.steps.report import report_run
from local_cloud.in_process import VirtualCloud
from tests.support.answers import counting, refusing
from tests.support.archive import Archive, client, full_id
from tests.support.domain import policy
from tests.support.queue import queued

WEEKLY = policy("weekly", tags={"Weekly": ("*",)})


@pytest.fixture
def two(cloud: VirtualCloud) -> Archive:
    return Archive(cloud, policy("nightly"), WEEKLY)


@pytest.fixture
def at_work(two: Archive) -> RunState:
    """A nightly run that has started a store."""
    two.image("a", gib=100)
    return two.go_to(two.select(two.begin()), Next.WAIT)


def stop(archive: Archive, state: RunState, status: str = "ABORTED") -> None:
    assert state.execution_arn is not None
    archive.executions.end(state.execution_arn, status)


@pytest.mark.parametrize("status", ["ABORTED", "FAILED", "TIMED_OUT", "SUCCEEDED"])
def test_run_that_is_started_again_after_a_stop_works_at_once_and_stores_nothing_twice(
    two: Archive, at_work: RunState, status: str
) -> None:
    stop(two, at_work, status)
    second = two.night()
    assert (second["outcome"], two.status("a")) == ("worked", "VERIFIED")
    assert sum(two.accepted().values()) == 1


def test_another_policys_run_works_itself_instead_of_joining_a_run_that_was_stopped(
    two: Archive, at_work: RunState
) -> None:
    two.image("b", tags={"Weekly": ""})
    stop(two, at_work)
    summary = two.night("weekly")
    assert (summary["outcome"], summary["decisions"]["stored"]) == ("worked", 1)
    assert two.status("a") == "VERIFIED"


def test_run_whose_working_run_is_stopped_during_its_selection_works_itself(two: Archive, at_work: RunState) -> None:
    two.image("b", tags={"Weekly": ""})
    worker = two.worker(own_clients=True)
    worker.images._ec2.meta.events.register_first(  # type: ignore[attr-defined]  # the adapter's own client
        "before-call.ec2.DescribeImages", lambda **_: stop(two, at_work)
    )
    state = two.select(two.begin("weekly"), worker)
    assert (state.outcome, state.next) == ("worked", Next.STORE)
    assert two.go_on(state)["decisions"]["stored"] == 1


def test_run_that_was_handed_over_is_met_until_its_last_execution_ends(two: Archive, at_work: RunState) -> None:
    assert at_work.execution_arn is not None
    two.executions.end(at_work.execution_arn, "SUCCEEDED", ExecutionArn="arn:execution:handed-over")
    assert two.night()["outcome"] == "met"
    two.executions.end("arn:execution:handed-over")
    assert two.night()["outcome"] == "worked"


def test_repeated_selection_of_a_run_that_was_handed_over_is_its_own_and_asks_nobody(two: Archive) -> None:
    event = two.begin()
    state = two.select(event)
    two.executions.end(event["execution_arn"], "SUCCEEDED", ExecutionArn="arn:execution:handed-over")
    with counting(client(two.cloud, "stepfunctions"), "DescribeExecution") as calls:
        assert two.select(event) == state
    assert calls == []


@pytest.mark.parametrize(
    ("code", "status"), [("AccessDeniedException", 400), ("ThrottlingException", 400), ("InvalidArn", 400)]
)
def test_run_of_which_step_functions_says_nothing_is_taken_for_alive(
    two: Archive, at_work: RunState, code: str, status: int
) -> None:
    stop(two, at_work)
    with refusing(client(two.cloud, "stepfunctions"), "DescribeExecution", code, status):
        assert two.night()["outcome"] == "met"
    assert two.night()["outcome"] == "worked"


def test_execution_that_is_not_known_a_minute_after_its_start_is_alive_and_one_from_long_ago_is_not(
    two: Archive,
) -> None:
    two.image("a")
    state = two.select(two.begin())
    assert state.execution_arn is not None
    two.executions.described[state.execution_arn] = None
    two.cloud.advance(60)
    assert two.night()["outcome"] == "met"
    two.cloud.advance(301)
    assert two.night()["outcome"] == "worked"


def test_lease_of_a_release_that_noted_no_execution_is_taken_when_it_expires(two: Archive) -> None:
    two.image("a", gib=100)
    event = two.begin()
    del event["execution_arn"]
    two.go_to(two.select(event), Next.WAIT)
    (run,) = two.app.leases.read().runs
    item = two.item("LEASE", "LEASE") or {}
    del item["runs"]["M"][run]["M"]["execution_arn"]
    two.put_item(item)
    with counting(client(two.cloud, "stepfunctions"), "DescribeExecution") as calls:
        assert two.night()["outcome"] == "met"
    assert calls == []
    two.cloud.advance(2 * 3600)
    assert two.night()["outcome"] == "worked"


def test_of_two_runs_that_find_a_stopped_one_only_the_first_takes_its_lease(two: Archive, at_work: RunState) -> None:
    stop(two, at_work)
    faster: list[RunState] = []

    class Slow:
        def has_ended(self, execution_arn: str) -> bool | None:
            ended = two.app.executions.has_ended(execution_arn)
            faster.append(two.select(two.begin("weekly")))
            return ended

    event, worker = two.begin(), two.worker()
    worker.executions = Slow()  # type: ignore[assignment]
    with pytest.raises(TemporarilyUnavailable, match="taken by another run just now; the step is tried again"):
        two.select(event, worker)
    assert two.select(event).working_run == faster[0].run_id == two.app.leases.read().holder


# A stopped execution's function goes on to its end: 15 minutes at most.


def stopped_at(archive: Archive, state: RunState, event: str, then: Callable[[], object]) -> App:
    """A worker during whose next such call the execution is stopped, and somebody else does something."""
    worker = archive.worker(own_clients=True)
    done: list[bool] = []

    def stop_and_act(**_: object) -> None:
        if not done:
            done.append(True)
            stop(archive, state)
            then()

    service = event.split(".")[1]
    clients: dict[str, Any] = {
        "ec2": lambda: worker.images._ec2,  # type: ignore[attr-defined]  # the adapters' own clients
        "dynamodb": lambda: worker.client("dynamodb"),
    }
    clients[service]().meta.events.register_first(event, stop_and_act)
    return worker


def test_start_that_goes_on_after_the_stop_starts_only_what_it_had_announced_and_nothing_twice(
    cloud_where: Callable[..., VirtualCloud],
) -> None:
    archive = Archive(cloud_where(store_limit_gib=5000), policy("nightly"), in_flight_budget_gib=300)
    for number in range(12):
        archive.image(f"i{number:02}", gib=100)
    first = archive.select(archive.begin())
    second: list[RunState] = []
    announced: list[frozenset[str]] = []

    def start_again() -> None:
        announced.append(archive.app.leases.read().in_flight)
        archive.image("new", gib=400)  # goes before all that wait, so that the two start different images
        second.append(archive.go_to(archive.select(archive.begin()), Next.WAIT))

    archive.step(first, stopped_at(archive, first, "before-call.ec2.CreateStoreImageTask", start_again))
    late = archive.starts()[-1]
    assert set(archive.accepted()) - {full_id("new")} <= announced[0]
    assert late.in_flight_gib < 300 + 400
    summary = archive.go_on(second[0])
    assert set(archive.accepted().values()) == {1}
    assert len(archive.object_keys()) == 13
    assert queued(archive.app.records) == []
    assert summary["decisions"]["failed"] == 0


def test_start_that_had_announced_nothing_when_its_run_was_stopped_starts_nothing(two: Archive) -> None:
    two.image("a")
    first = two.select(two.begin())
    second: list[RunState] = []
    worker = stopped_at(
        two, first, "before-call.dynamodb.UpdateItem", lambda: second.append(two.select(two.begin("weekly")))
    )
    with pytest.raises(LeaseLost):
        two.step(first, worker)
    assert two.starts() == []
    two.go_on(second[0])
    assert set(two.accepted().values()) == {1}


def test_check_that_goes_on_after_the_stop_takes_nothing_off_the_lease_of_the_run_that_works_now(two: Archive) -> None:
    two.image("a", gib=10)
    two.image("b", gib=400)
    first = two.go_to(two.select(two.begin()), Next.WAIT)
    two.cloud.advance(600)
    second: list[RunState] = []
    worker = stopped_at(
        two, first, "before-call.ec2.DescribeStoreImageTasks", lambda: second.append(two.select(two.begin()))
    )
    with pytest.raises(LeaseLost):
        two.step(first.then(Next.STORE), worker)
    assert len(two.app.leases.read().in_flight) == 2
    assert two.go_on(second[0])["outcome"] == "worked"
    assert (two.status("a"), two.status("b"), two.app.leases.read().in_flight) == ("VERIFIED", "VERIFIED", frozenset())


def test_report_that_goes_on_after_the_stop_gives_nobody_elses_lease_back(two: Archive) -> None:
    two.image("a")
    first = two.go_to(two.select(two.begin()), Next.REPORT)
    stop(two, first)
    second = two.select(two.begin())
    with pytest.raises(ArchiverError):
        report_run(two.app, first)
    assert two.app.leases.read().holder == second.run_id
