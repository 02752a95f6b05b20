"""A step that is repeated, killed halfway or run by two workers at once stores no image twice and loses none."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from ami_archiver.errors import TemporarilyUnavailable
from ami_archiver.run_state import Next, RunState
from ami_archiver.steps.store_images import store_images
from tests.support.answers import losing_answers
from tests.support.archive import Archive, client
from tests.support.queue import queued


def fleet(archive: Archive) -> set[str]:
    return {archive.image(f"i{number}", gib=100 + number) for number in range(5)}


def on_the_lease(archive: Archive) -> set[str]:
    return set(archive.app.leases.read().in_flight)


def each_once(archive: Archive, image_ids: set[str]) -> None:
    assert archive.accepted() == dict.fromkeys(image_ids, 1)
    assert len(archive.object_keys()) == len(image_ids)
    assert {archive.status(image_id) for image_id in image_ids} == {"VERIFIED"}


def after(archive: Archive, seconds: float) -> RunState:
    """The state before a look so long after the first one."""
    state = archive.go_to(archive.select(archive.begin()), Next.WAIT)
    archive.cloud.advance(seconds)
    return state.then(Next.STORE)


def test_first_look_repeated_starts_nothing_twice(archive: Archive) -> None:
    image_ids = fleet(archive)
    state = archive.select(archive.begin())
    store_images(archive.app, state)
    again, _ = store_images(archive.app, state)
    assert archive.go_on(again)["decisions"]["stored"] == 5
    each_once(archive, image_ids)


def test_look_takes_what_has_ended_off_the_lease_and_puts_on_it_what_it_starts(archive: Archive) -> None:
    ids = {archive.image(f"i{number}", gib=300) for number in range(4)}
    state = after(archive, 2 * 3600)
    first = on_the_lease(archive)
    state, _ = store_images(archive.app, state)
    assert on_the_lease(archive) == ids - first
    again, _ = store_images(archive.app, state)
    assert on_the_lease(archive) == ids - first
    assert archive.go_on(again)["decisions"]["stored"] == 4


def test_look_that_can_start_nothing_takes_what_has_ended_off_the_lease_all_the_same(archive: Archive) -> None:
    archive.image("small", gib=10)
    large = archive.image("large", gib=500)
    state, _ = store_images(archive.app, after(archive, 600))
    assert state.next is Next.WAIT
    assert on_the_lease(archive) == {large}


def test_look_repeated_counts_each_image_once(archive: Archive) -> None:
    image_ids = fleet(archive)
    state = after(archive, 3600)
    store_images(archive.app, state)
    again, _ = store_images(archive.app, state)
    assert archive.go_on(again)["decisions"]["stored"] == 5
    each_once(archive, image_ids)


@pytest.mark.parametrize("seconds", [0, 1100], ids=["at first", "when some have ended"])
def test_look_by_two_workers_at_once_stores_each_image_once(archive: Archive, seconds: float) -> None:
    image_ids = fleet(archive)
    state = after(archive, seconds) if seconds else archive.select(archive.begin())
    workers = [archive.worker(own_clients=True), archive.worker(own_clients=True)]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda worker: store_images(worker, state), workers))
    assert archive.go_on(state)["decisions"]["stored"] == 5
    each_once(archive, image_ids)


def test_look_that_is_repeated_later_hides_nothing_of_what_the_first_one_found(archive: Archive) -> None:
    image_ids = {archive.image("short", gib=10), archive.image("long", gib=200)}
    state = after(archive, 200)
    store_images(archive.app, state)
    archive.cloud.advance(3600)
    again, _ = store_images(archive.app, state)
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
    state = archive.select(archive.begin())
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
    state = archive.select(archive.begin())
    worker = archive.worker(own_clients=True)
    raced: list[object] = []

    def other_first(**_: Any) -> None:
        if not raced:
            raced.append(1)
            archive.step(state)

    worker.client("dynamodb").meta.events.register_first("before-call.dynamodb.TransactWriteItems", other_first)
    archive.step(state, worker)
    assert [call.parameters["ImageId"] for call in archive.starts()] == [image_id]


LOST = [
    ("ec2", "CreateStoreImageTask"),
    ("dynamodb", "TransactWriteItems"),
    ("dynamodb", "UpdateItem"),
]


@pytest.mark.parametrize(("service", "operation"), LOST)
def test_first_look_whose_call_took_effect_unheard_is_repeated_without_a_second_store(
    archive: Archive, service: str, operation: str
) -> None:
    image_ids = fleet(archive)
    state = archive.select(archive.begin())
    with losing_answers(client(archive.cloud, service), operation), pytest.raises(TemporarilyUnavailable):
        store_images(archive.app, state)
    assert archive.go_on(state)["decisions"]["stored"] == 5
    each_once(archive, image_ids)


@pytest.mark.parametrize("operation", ["UpdateItem", "PutItem"])
def test_look_whose_call_took_effect_unheard_is_repeated_without_losing_a_decision(
    archive: Archive, operation: str
) -> None:
    image_ids = fleet(archive)
    state = after(archive, 3600)
    with losing_answers(client(archive.cloud, "dynamodb"), operation), pytest.raises(TemporarilyUnavailable):
        store_images(archive.app, state)
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
    with losing_answers(worker.client("dynamodb"), "UpdateItem"), pytest.raises(TemporarilyUnavailable):
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
