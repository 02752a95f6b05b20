"""A step that is repeated, killed halfway or run by two workers at once stores no image twice and loses none."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from ami_archiver.app import App
from ami_archiver.errors import TemporarilyUnavailable
from ami_archiver.model import Decision, DecisionLine
from ami_archiver.ports import Sight
from ami_archiver.run_state import Next, RunState
from ami_archiver.steps.check import check_store_tasks
from ami_archiver.steps.start import SIGHT_SECONDS, start_store_tasks
from tests.support.answers import losing_answers
from tests.support.archive import Archive, client, full_id
from tests.support.queue import queued

Step = Callable[[App, RunState], object]


def fleet(archive: Archive) -> set[str]:
    return {archive.image(f"i{number}", gib=100 + number) for number in range(5)}


def after_the_first_two_have_ended(archive: Archive) -> RunState:
    """The state in which the look that found it hands over to the start."""
    state = archive.go_to(archive.select(archive.begin()), Next.WAIT)
    archive.cloud.advance(2 * 3600)
    state, _ = archive.step(state.then(Next.CHECK))
    assert state.next is Next.START
    return state


def on_the_lease(archive: Archive) -> set[str]:
    return set(archive.app.leases.read().in_flight)


def each_once(archive: Archive, image_ids: set[str]) -> None:
    assert archive.accepted() == dict.fromkeys(image_ids, 1)
    assert len(archive.object_keys()) == len(image_ids)
    assert {archive.status(image_id) for image_id in image_ids} == {"VERIFIED"}


def test_start_repeated_starts_nothing_twice(archive: Archive) -> None:
    image_ids = fleet(archive)
    state = archive.go_to(archive.select(archive.begin()), Next.START)
    start_store_tasks(archive.app, state)
    again, _ = start_store_tasks(archive.app, state)
    assert archive.go_on(again)["decisions"]["stored"] == 5
    each_once(archive, image_ids)


def test_start_repeated_after_a_look_that_left_what_ended_to_it_keeps_what_it_started_on_the_lease(
    archive: Archive,
) -> None:
    for number in range(4):
        archive.image(f"i{number}", gib=300)
    state = after_the_first_two_have_ended(archive)
    ended = on_the_lease(archive)
    started = {full_id(f"i{number}") for number in range(4)} - ended
    start_store_tasks(archive.app, state)
    assert on_the_lease(archive) == started
    again, _ = start_store_tasks(archive.app, state)
    assert on_the_lease(archive) == started
    assert archive.go_on(again)["decisions"]["stored"] == 4


def test_start_that_has_nothing_to_start_takes_what_ended_off_the_lease_all_the_same(archive: Archive) -> None:
    for number in range(4):
        archive.image(f"i{number}", gib=300)
    state = after_the_first_two_have_ended(archive)
    archive.occupy(600)
    archive.cloud.advance(SIGHT_SECONDS + 1)
    state, _ = start_store_tasks(archive.app, state)
    assert on_the_lease(archive) == set()
    assert archive.go_on(state)["decisions"]["stored"] == 4


def test_look_that_no_start_follows_takes_what_ended_off_the_lease_itself(archive: Archive) -> None:
    archive.image("small", gib=10)
    large = archive.image("large", gib=500)
    state = archive.go_to(archive.select(archive.begin()), Next.WAIT)
    archive.cloud.advance(600)
    state, _ = archive.step(state.then(Next.CHECK))
    assert state.next is Next.WAIT
    assert on_the_lease(archive) == {large}


def test_start_leaves_an_image_on_the_lease_that_is_under_way_again_though_a_look_has_listed_it(
    archive: Archive,
) -> None:
    for number in range(4):
        archive.image(f"i{number}", gib=300)
    state = archive.go_to(archive.select(archive.begin()), Next.WAIT)
    under_way = archive.app.leases.read().in_flight
    line = DecisionLine(min(under_way), "nightly", Decision.FAILED, "gone wrong", 300)
    sight = Sight(archive.cloud.clock.now(), (), under_way)
    archive.app.runs.put_page(state.run_id, "CHECK#0000001#early", [line], sight)
    start_store_tasks(archive.app, state.then(Next.START, look_page="CHECK#0000001#early"))
    assert on_the_lease(archive) == under_way


def test_check_repeated_counts_each_image_once(archive: Archive) -> None:
    image_ids = fleet(archive)
    state = archive.go_to(archive.select(archive.begin()), Next.WAIT)
    archive.cloud.advance(3600)
    state = state.then(Next.CHECK)
    check_store_tasks(archive.app, state)
    again, _ = check_store_tasks(archive.app, state)
    summary = archive.go_on(again)
    assert summary["decisions"]["stored"] == 5
    each_once(archive, image_ids)


@pytest.mark.parametrize("step", [start_store_tasks, check_store_tasks], ids=["start", "check"])
def test_step_run_by_two_workers_at_once_stores_each_image_once(archive: Archive, step: Step) -> None:
    image_ids = fleet(archive)
    state = archive.go_to(archive.select(archive.begin()), Next.START)
    if step is check_store_tasks:
        state = archive.go_to(state, Next.WAIT)
        archive.cloud.advance(1100)
    workers = [archive.worker(own_clients=True), archive.worker(own_clients=True)]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda worker: step(worker, state), workers))
    assert archive.go_on(state.then(Next.CHECK))["decisions"]["stored"] == 5
    each_once(archive, image_ids)


def test_check_that_is_repeated_later_hides_nothing_of_what_the_first_one_found(archive: Archive) -> None:
    image_ids = {archive.image("short", gib=10), archive.image("long", gib=200)}
    state = archive.go_to(archive.select(archive.begin()), Next.WAIT)
    archive.cloud.advance(200)
    state = state.then(Next.CHECK)
    check_store_tasks(archive.app, state)
    archive.cloud.advance(3600)
    again, _ = check_store_tasks(archive.app, state)
    assert archive.go_on(again)["decisions"]["stored"] == 2
    each_once(archive, image_ids)


def test_selection_run_by_two_workers_at_once_selects_each_image_once(archive: Archive) -> None:
    image_ids = fleet(archive)
    event = archive.begin()
    workers = [archive.worker(own_clients=True), archive.worker(own_clients=True)]
    with ThreadPoolExecutor(2) as pool:
        states = list(pool.map(lambda worker: archive.select(event, worker), workers))
    assert states[0].run_id == states[1].run_id
    assert set(archive.decisions(states[0].run_id)) == image_ids
    assert archive.go_on(states[0])["decisions"]["stored"] == 5
    each_once(archive, image_ids)


def test_intention_is_written_and_the_queue_left_before_ec2_is_asked(archive: Archive) -> None:
    image_ids = fleet(archive)
    state = archive.go_to(archive.select(archive.begin()), Next.START)
    seen = []

    def look(params: Any, **_: Any) -> None:
        image_id = params["body"]["ImageId"]
        waiting = {entry.image_id for entry in queued(archive.app.records)}
        in_flight = archive.app.leases.read().in_flight
        seen.append((archive.status(image_id), image_id in waiting, image_id in in_flight))

    events = client(archive.cloud, "ec2").meta.events
    events.register_first("before-call.ec2.CreateStoreImageTask", look)
    try:
        archive.step(state)
    finally:
        events.unregister("before-call.ec2.CreateStoreImageTask", look)
    assert seen == [("STORING", False, True)] * len(image_ids)


def test_ec2_is_not_asked_where_somebody_else_has_written_the_intention(archive: Archive) -> None:
    image_id = archive.image("one")
    state = archive.go_to(archive.select(archive.begin()), Next.START)
    worker = archive.worker(own_clients=True)
    raced: list[object] = []

    def other_first(**_: Any) -> None:
        if not raced:
            raced.append(1)
            archive.step(state)

    worker.records._dynamodb.meta.events.register_first("before-call.dynamodb.TransactWriteItems", other_first)
    archive.step(state, worker)
    assert [call.parameters["ImageId"] for call in archive.starts()] == [image_id]


LOST = [
    ("ec2", "CreateStoreImageTask"),
    ("dynamodb", "TransactWriteItems"),
    ("dynamodb", "UpdateItem"),
]


@pytest.mark.parametrize(("service", "operation"), LOST)
def test_start_whose_call_took_effect_unheard_is_repeated_without_a_second_store(
    archive: Archive, service: str, operation: str
) -> None:
    image_ids = fleet(archive)
    state = archive.go_to(archive.select(archive.begin()), Next.START)
    with losing_answers(client(archive.cloud, service), operation), pytest.raises(TemporarilyUnavailable):
        start_store_tasks(archive.app, state)
    assert archive.go_on(state)["decisions"]["stored"] == 5
    each_once(archive, image_ids)


@pytest.mark.parametrize("operation", ["UpdateItem", "PutItem"])
def test_check_whose_call_took_effect_unheard_is_repeated_without_losing_a_decision(
    archive: Archive, operation: str
) -> None:
    image_ids = fleet(archive)
    state = archive.go_to(archive.select(archive.begin()), Next.WAIT)
    archive.cloud.advance(3600)
    state = state.then(Next.CHECK)
    with losing_answers(client(archive.cloud, "dynamodb"), operation), pytest.raises(TemporarilyUnavailable):
        check_store_tasks(archive.app, state)
    assert archive.go_on(state)["decisions"]["stored"] == 5
    each_once(archive, image_ids)


@pytest.mark.parametrize("operation", ["TransactWriteItems", "PutItem", "UpdateItem"])
def test_selection_whose_call_took_effect_unheard_is_repeated(archive: Archive, operation: str) -> None:
    image_ids = fleet(archive)
    event = archive.begin()
    with losing_answers(client(archive.cloud, "dynamodb"), operation), pytest.raises(TemporarilyUnavailable):
        archive.select(event)
    assert archive.go_on(archive.select(event))["decisions"]["stored"] == 5
    each_once(archive, image_ids)


def test_adoption_whose_write_took_effect_unheard_keeps_its_decision(archive: Archive) -> None:
    image_id = archive.image("one")
    archive.put_object(f"nightly/{image_id}.bin")
    event = archive.begin()
    worker = archive.worker(own_clients=True)
    with losing_answers(worker.records._dynamodb, "UpdateItem"), pytest.raises(TemporarilyUnavailable):
        archive.select(event, worker)
    summary = archive.go_on(archive.select(event))
    assert summary["decisions"]["already_archived"] == 1


def test_run_that_dies_anywhere_is_ended_by_the_next_nights_run(archive: Archive) -> None:
    image_ids = fleet(archive)
    archive.go_to(archive.select(archive.begin()), Next.WAIT)
    archive.cloud.advance(22 * 3600)
    summary = archive.night()
    assert summary["decisions"]["stored"] == 5
    each_once(archive, image_ids)
