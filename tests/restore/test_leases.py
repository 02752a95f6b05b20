"""Who fills the restore budget, what is in flight, and what a step finds that another one left."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest

from ami_archiver.adapters.ec2_restores import Ec2Restores
from ami_archiver.errors import AccessDenied, TemporarilyUnavailable
from ami_archiver.model import ActiveRun
from ami_archiver.restore import lifecycle
from ami_archiver.restore.model import RestoredImage, RestoreRecord, RestoreStatus
from ami_archiver.restore.state import RestoreState
from ami_archiver.steps.lease import STEP_SECONDS
from local_cloud.in_process import VirtualCloud
from local_cloud.settings import ThroughputSettings
from tests.support.answers import losing_answers, refusing
from tests.support.archive import Archive, client
from tests.support.restore import Restores


def ready_to_start(restores: Restores, **given: Any) -> RestoreState:
    state = restores.plan(restores.begin(**given))
    while state.next != "restore":
        state = restores.step(state)  # type: ignore[assignment]  # it has not ended
    return state


def after_a_lost_answer(restores: Restores, image_id: str) -> RestoreState:
    """EC2 was asked, and the step died before it heard the answer."""
    state = ready_to_start(restores, image_ids=[image_id])
    with losing_answers(client(restores.cloud, "ec2"), "CreateRestoreImageTask"), pytest.raises(TemporarilyUnavailable):
        restores.step(state)
    return state


def intention(restores: Restores, image_id: str, run: str) -> RestoreRecord:
    """What a worker leaves that dies between the intention and the call."""
    state = ready_to_start(restores, image_ids=[image_id])
    (planned,) = restores.of_run(state.run_id)
    now = restores.cloud.clock.now()
    (entry,) = restores.app.restores.queue(state.run_id).largest(state.run_id, None, ())
    asked = lifecycle.move(planned, RestoreStatus.RESTORING, run, at=now, requested_at=now)
    leases = restores.app.restore_leases
    leases.take(ActiveRun(state.run_id, "restore", now), now, now + timedelta(hours=1))
    leases.renew(state.run_id, now + timedelta(hours=1), add=[planned.restore_id])
    assert leases.release(state.run_id, 1)
    assert restores.app.restores.save(planned, asked, leaving=entry)
    return asked


def test_while_another_run_has_the_lease_nothing_is_called(restores: Restores) -> None:
    restores.stored("ami-a", 10)
    with refusing(client(restores.cloud, "ec2"), "CreateRestoreImageTask", "RequestLimitExceeded", 503):
        state = restores.step(ready_to_start(restores, image_ids=["ami-a"]))
    now = restores.cloud.clock.now()
    assert restores.app.restore_leases.take(ActiveRun("other", "restore", now), now, now + timedelta(hours=1))
    assert isinstance(state, RestoreState)
    after = restores.step(state.then("restore"))  # type: ignore[arg-type]  # as the state machine hands it over
    assert restores.starts() == []
    assert isinstance(after, RestoreState)
    assert after.wait_seconds == restores.app.settings.wait_min_seconds


def test_run_that_meets_another_at_the_lease_looks_again_soon_and_keeps_its_turn(restores: Restores) -> None:
    """Its own restore would end only in an hour, and the other run leaves room long before."""
    for image_id in ("ami-a", "ami-b"):
        restores.stored(image_id, 350)
    state: Any = ready_to_start(restores, image_ids=["ami-a", "ami-b"])
    state = restores.step(state)
    (own,) = restores.app.restores.waiting_runs()
    restores.cloud.advance(600)
    now = restores.cloud.clock.now()
    assert restores.app.restore_leases.take(ActiveRun("other", "restore", now), now, now + timedelta(hours=1))
    after: Any = restores.step(state.then("restore"))
    assert after.wait_seconds == restores.app.settings.wait_min_seconds
    assert restores.app.restores.waiting_runs() == [own]


def test_step_that_hung_until_another_run_took_its_lease_calls_nothing_and_looks_again(restores: Restores) -> None:
    restores.stored("ami-a", 10)
    state = ready_to_start(restores, image_ids=["ami-a"])

    def hang(_: Ec2Restores) -> list[RestoredImage]:
        restores.cloud.advance(2 * STEP_SECONDS)
        now = restores.cloud.clock.now()
        assert restores.app.restore_leases.take(ActiveRun("other", "restore", now), now, now + timedelta(hours=1))
        return []

    with patch.object(Ec2Restores, "pending", hang):
        after = restores.step(state)
    assert restores.starts() == []
    assert isinstance(after, RestoreState)
    assert (after.next, after.wait_seconds) == ("wait", restores.app.settings.wait_min_seconds)


def test_restore_that_is_under_way_counts_once(restores: Restores) -> None:
    for image_id, gib in (("ami-a", 200), ("ami-b", 20)):
        restores.stored(image_id, gib)
        restores.step(ready_to_start(restores, image_ids=[image_id]))
    assert restores.in_flight_gib() == 220


def test_lease_is_given_back_after_each_fill(restores: Restores) -> None:
    restores.stored("ami-a", 10)
    restores.step(ready_to_start(restores, image_ids=["ami-a"]))
    assert len(restores.starts()) == 1
    assert restores.app.restore_leases.read().holder is None


def test_lease_is_given_back_where_a_fill_fails(restores: Restores) -> None:
    restores.stored("ami-a", 10)
    state = ready_to_start(restores, image_ids=["ami-a"])
    with (
        refusing(client(restores.cloud, "ec2"), "DescribeImages", "UnauthorizedOperation", 403),
        pytest.raises(AccessDenied),
    ):
        restores.step(state)
    assert restores.app.restore_leases.read().holder is None


def test_lease_lasts_as_long_as_a_step_may_take(restores: Restores) -> None:
    image_id = restores.stored("ami-a", 10)
    after_a_lost_answer(restores, image_id)  # the error gives it back, so look at what it was taken until
    state = ready_to_start(restores, image_ids=[restores.stored("ami-b", 10)])
    until = []
    take = restores.app.restore_leases.take

    def seen(*given: Any) -> Any:
        lease = take(*given)
        until.append(lease and lease.expires_at)
        return lease

    with patch.object(restores.app.restore_leases, "take", seen):
        now = restores.cloud.clock.now()
        restores.step(state)
    assert until[0] - now >= timedelta(seconds=STEP_SECONDS)


def test_what_has_ended_is_off_the_lease_after_the_next_look(cloud: VirtualCloud) -> None:
    restores = Restores(Archive(cloud, restore_budget_gib=50))
    state: Any = restores.plan(restores.begin(image_ids=[restores.stored(f"ami-{n}", 60) for n in range(3)]))
    while len(restores.starts()) < 3:
        state = restores.step(state)
    assert len(restores.app.restore_leases.read().in_flight) == 2
    restores.go_on(state)
    assert restores.app.restore_leases.read().in_flight == frozenset()


def test_restore_whose_step_died_after_its_call_is_adopted(restores: Restores) -> None:
    state = after_a_lost_answer(restores, restores.stored("ami-a", 100))
    state = restores.step(state)  # type: ignore[assignment]  # it has not ended
    (record,) = restores.of_run(state.run_id)
    assert record.reason.startswith(f"adopted image {record.restored_image_id}, ")
    assert len(restores.starts()) == 1


def test_image_of_the_same_name_is_not_taken_for_a_restore_whose_call_was_not_made(
    archive: Archive, restores: Restores
) -> None:
    image_id = restores.stored("ami-a", 10, name="web")
    left = intention(restores, image_id, "died")
    archive.image("ami-b", name="web")
    restores.run(image_ids=[restores.stored("ami-c", 5, name="other")])
    (record,) = restores.of_run(left.run_id)
    assert (record.status, record.restored_image_id) == ("RESTORING", None)


def test_image_that_ec2_does_not_show_for_a_moment_is_not_gone(restores: Restores) -> None:
    restores.stored("ami-a", 10)
    state = restores.step(ready_to_start(restores, image_ids=["ami-a"]))
    assert isinstance(state, RestoreState)
    with patch.multiple(restores.app.restore_tasks, _filtered=lambda *_: [], pending=list):
        restores.step(state.then("restore"))  # type: ignore[arg-type]  # as the state machine hands it over
        restores.step(state.then("finish"))  # type: ignore[arg-type]
    (record,) = restores.of_run(state.run_id)
    assert record.status == "RESTORING"
    assert restores.go_on(state)["restores"]["restored"] == 1


def test_what_another_run_is_about_to_start_counts_in_the_budget_for_a_while(restores: Restores) -> None:
    intention(restores, restores.stored("ami-large", 350), "died")
    state: Any = restores.step(ready_to_start(restores, image_ids=[restores.stored("ami-small", 5)]))
    assert restores.starts() == []
    begun = restores.cloud.clock.now()
    while not restores.starts():
        state = restores.step(state)
    assert restores.cloud.clock.now() - begun < timedelta(hours=1)


def test_nothing_is_called_for_a_restore_that_another_worker_has_moved(restores: Restores) -> None:
    restores.stored("ami-a", 10)
    state = ready_to_start(restores, image_ids=["ami-a"])
    (planned,) = restores.of_run(state.run_id)
    glance = restores.app.bucket.head

    def overtaken(key: str) -> Any:
        noted = lifecycle.noted(planned, "seen by another worker", at=restores.cloud.clock.now())
        restores.app.restores.save(planned, noted)
        return glance(key)

    with patch.object(restores.app.bucket, "head", overtaken):
        restores.step(state)
    assert restores.starts() == []


def test_image_that_an_earlier_call_made_is_adopted_by_its_name(restores: Restores) -> None:
    """EC2 lists images late, but finds the one that has the name."""
    image_id = restores.stored("ami-a", 10)
    state = after_a_lost_answer(restores, image_id)
    tasks = restores.app.restore_tasks
    looks: list[int] = []
    named = tasks.named

    def late(names: Any) -> Any:
        looks.append(1)
        return {} if len(looks) == 1 else named(names)

    with patch.object(tasks, "pending", list), patch.object(tasks, "named", late):
        restores.step(state)
    (record,) = restores.of_run(state.run_id)
    assert (record.status, record.attempts) == ("RESTORING", 0)
    assert record.restored_image_id is not None


def test_run_that_gives_up_leaves_the_turns(cloud: VirtualCloud) -> None:
    restores = Restores(Archive(cloud, run_limit_hours=2))
    theirs = restores.stored("ami-theirs", 350, name="theirs")
    restores.stored("ami-ours", 10)
    hand = {"by": "hand"}
    bucket = restores.archive.settings.bucket_name
    started: Any = restores.app.restore_tasks.start(bucket, f"nightly/{theirs}.bin", "theirs", hand, hand)
    cloud.service.faults.hang(started)
    assert restores.run(image_ids=["ami-ours"])["restores"]["failed"] == 1
    assert restores.app.restores.waiting_runs() == []


def test_run_that_gets_on_may_take_longer_than_its_limit(cloud_where: Callable[..., VirtualCloud]) -> None:
    """All begin at once and take 50 and 100 minutes: the end of the first is progress."""
    throughput = ThroughputSettings("per-task", restore_gib_per_second=0.1)
    cloud = cloud_where(restore_limit_gib=1000, throughput=throughput)
    restores = Restores(Archive(cloud, run_limit_hours=1, restore_budget_gib=1000))
    ids = [restores.stored(f"ami-{gib}", gib) for gib in (300, 600)]
    assert restores.run(image_ids=ids)["restores"]["restored"] == 2


def test_look_after_the_limit_without_progress_ends_the_run(cloud: VirtualCloud) -> None:
    restores = Restores(Archive(cloud, run_limit_hours=2))
    restores.stored("ami-a", 350)
    state: Any = restores.step(ready_to_start(restores, image_ids=["ami-a"]))
    (record,) = restores.of_run(state.run_id)
    cloud.service.faults.hang(str(record.restored_image_id))
    cloud.advance(3 * 3600)
    assert restores.step(replace(state, next="restore")).next == "report"  # type: ignore[union-attr]  # no summary yet


def test_request_that_is_made_again_after_its_run_died_finishes_what_that_one_had_asked_for(restores: Restores) -> None:
    """Its own image has the name by now."""
    restores.stored("ami-a", 10)
    died = after_a_lost_answer(restores, "ami-a")
    restores.cloud.advance(2 * STEP_SECONDS)
    summary = restores.run(image_ids=["ami-a"])
    assert summary["restores"]["restored"] == 1
    assert len(restores.starts()) == 1
    (first,) = restores.of_run(died.run_id)
    assert first.status is RestoreStatus.RESTORED
    assert restores.app.restore_leases.read().in_flight == frozenset()


def test_run_that_restores_nothing_still_finishes_what_a_dead_one_had_asked_for(restores: Restores) -> None:
    """But for its look, the first restore would stay under way for good."""
    restores.stored("ami-a", 10)
    died = after_a_lost_answer(restores, "ami-a")
    restores.cloud.advance(2 * STEP_SECONDS)
    assert restores.run(image_ids=["ami-0123456789abcdef0"])["restores"]["refused"] == 1
    (first,) = restores.of_run(died.run_id)
    assert first.status is RestoreStatus.RESTORED


def test_what_a_dead_step_was_about_to_ask_for_is_taken_off_the_lease_when_nobody_can_write_it_any_more(
    restores: Restores,
) -> None:
    restores.stored("ami-a", 10)
    restores.stored("ami-b", 10)
    died = ready_to_start(restores, image_ids=["ami-a"])
    denied = refusing(client(restores.cloud, "dynamodb"), "TransactWriteItems", "AccessDeniedException", 400)
    with denied, pytest.raises(AccessDenied):
        restores.step(died)
    (left,) = restores.app.restore_leases.read().in_flight
    restores.run(image_ids=["ami-b"])
    assert restores.app.restore_leases.read().in_flight == {left}  # so soon, its step may write it yet
    restores.cloud.advance(restores.app.settings.run_limit_hours * 3600)
    restores.run(image_ids=["ami-b"], name="{name}")
    assert restores.app.restore_leases.read().in_flight == frozenset()
