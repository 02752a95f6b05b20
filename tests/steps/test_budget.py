"""The account's in-flight budget: filled, never knowingly exceeded, and a rejection is only back-pressure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ami_archiver.run_state import Next
from ami_archiver.steps.store_work import StoreWork
from local_cloud.in_process import VirtualCloud
from tests.support.answers import answering
from tests.support.archive import Archive, client


def test_oversize_image_among_small_ones_is_stored_and_starves_nobody(archive: Archive) -> None:
    for number in range(5):
        archive.image(f"i{number}", gib=150)
    archive.image("large", gib=800)
    summary = archive.night()
    assert summary["decisions"]["stored"] == 6
    assert all(call.in_flight_gib < 600 for call in archive.starts())


def test_nothing_is_asked_while_foreign_tasks_hold_the_whole_budget(archive: Archive) -> None:
    archive.occupy(350, 250)
    archive.image("one")
    summary = archive.night()
    assert summary["decisions"]["stored"] == 1
    (start,) = archive.starts()
    assert start.in_flight_gib < 600
    assert start.at > archive.cloud.clock.at(250 / 0.1)


def test_size_that_could_not_be_seen_is_asked_for_again_at_the_next_look(archive: Archive) -> None:
    archive.occupy(500)
    state = archive.select(archive.begin())
    nothing: dict[str, Any] = {"Images": []}
    with answering(client(archive.cloud, "ec2"), "DescribeImages", nothing):
        assert [task.gib for task in StoreWork(archive.app, state, {}).in_flight()] == [0]
    assert [task.gib for task in StoreWork(archive.app, state, {}).in_flight()] == [500]


def test_foreign_tasks_are_counted_together_with_ours(archive: Archive) -> None:
    archive.occupy(500)
    for number in range(4):
        archive.image(f"i{number}", gib=99)
    archive.image("last", gib=50)
    archive.night()
    assert [call.in_flight_gib for call in archive.starts()][:2] == [500, 599]
    assert all(call.in_flight_gib < 600 and call.error_code is None for call in archive.starts())


def test_foreign_task_of_an_image_that_is_gone_counts_nothing_and_stops_nothing(archive: Archive) -> None:
    (foreign,) = archive.occupy(400)
    archive.deregister(foreign)
    archive.image("one", gib=500)
    archive.image("two", gib=200)
    assert archive.night()["decisions"]["stored"] == 2


def test_strict_rule_never_exceeds_the_budget_but_for_an_oversize_image_alone(cloud: VirtualCloud) -> None:
    archive = Archive(cloud, admission_rule="strict")
    sizes = {archive.image(f"i{gib}", gib=gib): gib for gib in (250, 240, 230, 120, 110, 90, 700)}
    assert archive.night()["decisions"]["stored"] == 7
    for call in archive.starts():
        gib = sizes[call.parameters["ImageId"]]
        assert call.in_flight_gib + gib <= 600 or call.in_flight_gib == 0


@pytest.mark.parametrize("rule", ["aws", "strict"])
def test_budget_is_filled_as_well_as_the_rule_allows(cloud: VirtualCloud, rule: Any) -> None:
    archive = Archive(cloud, admission_rule=rule)
    for number in range(6):
        archive.image(f"i{number}", gib=200)
    state = archive.select(archive.begin())
    archive.go_to(state, Next.WAIT)
    assert cloud.service.in_flight_gib(archive.account_id, archive.region) == 600


REJECTIONS = ["InvalidRequest", "Client.X", "ResourceLimitExceeded"]


@pytest.mark.parametrize("code", REJECTIONS)
def test_lower_real_limit_than_configured_is_back_pressure_under_whatever_code(
    cloud_where: Callable[..., VirtualCloud], code: str
) -> None:
    archive = Archive(cloud_where(store_limit_gib=300, rejection_code=code))
    for number in range(5):
        archive.image(f"i{number}", gib=150)
    summary = archive.night()
    assert summary["decisions"]["stored"] == 5
    assert {archive.record(f"i{number}").attempts for number in range(5)} == {1}
    assert not any("attempt" in move.why for number in range(5) for move in archive.record(f"i{number}").history)
    assert set(archive.accepted().values()) == {1}
    rejected = [call for call in archive.starts() if call.error_code is not None]
    assert rejected
    assert len(rejected) <= 3 * archive.loops


def test_foreign_tasks_at_a_lower_real_limit_are_back_pressure_too(cloud_where: Callable[..., VirtualCloud]) -> None:
    archive = Archive(cloud_where(store_limit_gib=300))
    archive.occupy(300)
    archive.image("one", gib=50)
    archive.image("two", gib=40)
    assert archive.night()["decisions"]["stored"] == 2
    assert archive.record("one").attempts == archive.record("two").attempts == 1


def test_rejection_counts_no_attempt_where_a_task_ends_before_the_next_one_is_asked(
    cloud_where: Callable[..., VirtualCloud],
) -> None:
    archive = Archive(cloud_where(store_limit_gib=300))
    archive.occupy(300)
    for number in range(2):
        archive.image(f"i{number}", gib=100)
    asked = []

    def time_passes(**_: Any) -> None:
        asked.append(1)
        if len(asked) == 2:
            archive.cloud.advance(3100)

    events = client(archive.cloud, "ec2").meta.events
    events.register_first("before-call.ec2.CreateStoreImageTask", time_passes)
    try:
        state = archive.select(archive.begin())
        archive.go_to(state, Next.WAIT)
    finally:
        events.unregister("before-call.ec2.CreateStoreImageTask", time_passes)
    assert [call.error_code for call in archive.starts()] == ["InvalidRequest", None]
    assert {archive.record(f"i{number}").attempts for number in range(2)} == {0}


def test_nothing_more_is_asked_once_a_rejection_shows_that_others_have_filled_the_budget(archive: Archive) -> None:
    for number in range(3):
        archive.image(f"i{number}", gib=100)
    others = [[590.0, 100.0]]

    def others_start(**_: Any) -> None:
        if others:
            archive.occupy(*others.pop())

    events = client(archive.cloud, "ec2").meta.events
    events.register_first("before-call.ec2.CreateStoreImageTask", others_start)
    try:
        archive.go_to(archive.select(archive.begin()), Next.WAIT)
    finally:
        events.unregister("before-call.ec2.CreateStoreImageTask", others_start)
    (rejected,) = archive.starts()
    assert (rejected.error_code, rejected.in_flight_gib) == ("InvalidRequest", 690)


def test_old_failed_task_is_not_counted_when_a_later_nights_start_is_rejected(
    cloud_where: Callable[..., VirtualCloud],
) -> None:
    archive = Archive(cloud_where(store_limit_gib=300))
    image_id = archive.image("one", gib=50)
    archive.cloud.service.faults.fail_store(image_id, times=3)
    assert archive.night()["decisions"]["failed"] == 1
    archive.occupy(300)
    assert archive.night()["decisions"]["stored"] == 1
    assert archive.record("one").attempts == 1


def test_old_completed_task_is_not_counted_when_its_object_was_deleted(
    cloud_where: Callable[..., VirtualCloud],
) -> None:
    archive = Archive(cloud_where(store_limit_gib=300))
    image_id = archive.image("one", gib=50)
    archive.app.store_tasks.start(image_id, archive.settings.bucket_name, "nightly", {})
    archive.cloud.advance(3600)
    client(archive.cloud, "s3").delete_object(Bucket=archive.settings.bucket_name, Key=f"nightly/{image_id}.bin")
    archive.occupy(300)
    assert archive.night()["decisions"]["stored"] == 1
    assert archive.record("one").attempts == 1
