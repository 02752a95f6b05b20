"""Stores that fail, images that EC2 refuses, tasks that hang: each has its end and its reason, and stops no other."""

from __future__ import annotations

import pytest

from ami_archiver.policy import Policy
from ami_archiver.run_state import Next
from local_cloud.in_process import VirtualCloud
from tests.support.answers import refusing
from tests.support.archive import Archive, client
from tests.support.domain import policy
from tests.support.queue import queued


def test_store_that_fails_once_is_started_again_in_the_same_night(archive: Archive) -> None:
    image_id = archive.image("one")
    archive.cloud.service.faults.fail_store(image_id, "disk on fire")
    summary = archive.night()
    assert summary["decisions"]["stored"] == 1
    record = archive.record("one")
    assert (record.status, record.attempts) == ("VERIFIED", 2)
    assert "StoreFailed: attempt 1 of 3 failed: disk on fire; it is tried again" in [
        move.why for move in record.history
    ]


def test_store_that_always_fails_ends_failed_with_reasons_and_the_next_run_tries_again(cloud: VirtualCloud) -> None:
    archive = Archive(cloud, policy(attempts=2))
    image_id = archive.image("bad")
    archive.image("good")
    cloud.service.faults.fail_store(image_id, "disk on fire", times=None)
    summary = archive.night()
    assert (summary["decisions"]["failed"], summary["decisions"]["stored"]) == (1, 1)
    reason = (
        "StoreFailed: attempt 2 of 2 failed: disk on fire; "
        "look at the image and its snapshots in EC2; the next run tries again"
    )
    assert summary["failures"] == [{"image_id": image_id, "reason": reason}]
    record = archive.record("bad")
    assert (record.status, record.decision, record.attempts) == ("FAILED", "failed", 2)
    assert archive.accepted()[image_id] == 2

    cloud.service.faults.clear()
    assert archive.night()["decisions"]["stored"] == 1
    record = archive.record("bad")
    assert (record.status, record.attempts) == ("VERIFIED", 1)
    assert [move.to_status for move in record.history].count("FAILED") == 1
    assert archive.accepted()[image_id] == 3


def test_image_deregistered_while_it_waits_ends_failed_in_ec2s_words(archive: Archive) -> None:
    image_id = archive.image("one")
    archive.image("two")
    state = archive.select(archive.begin())
    archive.deregister("one")
    summary = archive.go_on(state)
    assert (summary["decisions"]["failed"], summary["decisions"]["stored"]) == (1, 1)
    (failure,) = summary["failures"]
    assert failure["image_id"] == image_id
    assert "EC2 refused the store: InvalidAMIID.Unavailable: The image ID" in failure["reason"]


def test_snapshot_deleted_under_a_running_task_fails_the_image_and_no_other(archive: Archive) -> None:
    image_id = archive.image("one", gib=100)
    archive.image("two", gib=100)
    state = archive.select(archive.begin())
    state = archive.go_to(state, Next.WAIT)
    archive.cloud.service.faults.delete_snapshot(archive.region, image_id.replace("ami-", "snap-"))
    summary = archive.go_on(state)
    assert (summary["decisions"]["failed"], summary["decisions"]["stored"]) == (1, 1)
    record = archive.record("one")
    assert record.status == "FAILED"
    assert "InvalidSnapshot.NotFound" in record.reason


def test_image_that_ec2_always_refuses_for_its_own_sake_ends_failed_in_ec2s_words(archive: Archive) -> None:
    bad = archive.image("bad", gib=50, snapshot={"storage_tier": "archive"})
    for number in range(3):
        archive.image(f"good{number}", gib=10)
    summary = archive.night()
    assert (summary["decisions"]["failed"], summary["decisions"]["stored"]) == (1, 3)
    (failure,) = summary["failures"]
    assert failure["image_id"] == bad
    assert "EC2 refused the store: IncorrectState: The snapshot" in failure["reason"]
    assert "archive tier" in failure["reason"]


def test_many_images_that_ec2_always_refuses_do_not_stop_the_others_while_somebody_elses_task_never_ends(
    cloud: VirtualCloud,
) -> None:
    archive = Archive(cloud, run_limit_hours=3, wait_min_seconds=600)
    (foreign,) = archive.occupy(10)
    cloud.service.faults.hang(foreign)
    for number in range(4):
        archive.image(f"bad{number}", gib=100, snapshot={"storage_tier": "archive"})
    for number in range(4):
        archive.image(f"good{number}", gib=10)
    summary = archive.night()
    assert summary["decisions"]["stored"] == 4
    assert summary["seconds"] <= 3 * 3600 + 900


def test_hung_task_ends_the_run_at_its_limit_and_the_next_run_takes_it_up(cloud: VirtualCloud) -> None:
    archive = Archive(cloud, run_limit_hours=2, wait_min_seconds=300)
    image_id = archive.image("hung", gib=50)
    archive.image("good")
    cloud.service.faults.hang(image_id)
    summary = archive.night()
    assert (summary["decisions"]["deferred"], summary["decisions"]["stored"]) == (1, 1)
    assert 2 * 3600 <= summary["seconds"] <= 2 * 3600 + 900
    assert archive.status("hung") == "STORING"

    cloud.service.faults.clear()
    summary = archive.night()
    assert (summary["decisions"]["stored"], summary["decisions"]["already_archived"]) == (1, 1)
    assert archive.accepted()[image_id] == 1


def test_record_that_cannot_be_read_fails_its_image_is_left_as_it_is_and_ends_the_run(archive: Archive) -> None:
    image_id = archive.image("one")
    archive.image("two")
    state = archive.select(archive.begin())
    archive.put_item((archive.item(f"IMAGE#{image_id}", "RECORD") or {}) | {"bucket": {"N": "5"}})
    damaged = archive.item(f"IMAGE#{image_id}", "RECORD")
    summary = archive.go_on(state)
    assert summary["decisions"]["stored"] == 1
    assert summary["seconds"] < 3600
    assert archive.item(f"IMAGE#{image_id}", "RECORD") == damaged
    summary = archive.night()
    assert summary["failures"] == [
        {
            "image_id": image_id,
            "reason": f"BadRecord: record of {image_id} cannot be read: bucket is 5, must be a text; "
            "repair it by its history",
        }
    ]
    assert archive.starts()[-1].parameters["ImageId"] != image_id


def test_large_unreadable_records_do_not_take_the_budget_from_the_others(archive: Archive) -> None:
    damaged = [archive.image(f"bad{number}", gib=400) for number in range(3)]
    archive.image("good", gib=10)
    state = archive.select(archive.begin())
    for image_id in damaged:
        archive.put_item((archive.item(f"IMAGE#{image_id}", "RECORD") or {}) | {"schema": {"N": "3"}})
    assert archive.go_on(state)["decisions"]["stored"] == 1
    for image_id in damaged:
        archive.put_item((archive.item(f"IMAGE#{image_id}", "RECORD") or {}) | {"schema": {"N": "1"}})
    assert archive.night()["decisions"]["stored"] == 3


def test_record_unreadable_while_its_store_runs_is_reported_failed_and_the_run_ends(archive: Archive) -> None:
    image_id = archive.image("one", gib=50)
    state = archive.go_to(archive.select(archive.begin()), Next.WAIT)
    archive.put_item((archive.item(f"IMAGE#{image_id}", "RECORD") or {}) | {"status": {"S": "LOST"}})
    summary = archive.go_on(state)
    assert summary["decisions"]["failed"] == 1
    assert "status is 'LOST', must be one of" in summary["failures"][0]["reason"]


def test_queue_entry_whose_image_waits_no_more_is_dropped_and_the_run_ends(archive: Archive) -> None:
    image_id = archive.image("one")
    state = archive.select(archive.begin())
    archive.put_item((archive.item(f"IMAGE#{image_id}", "RECORD") or {}) | {"status": {"S": "FAILED"}})
    summary = archive.go_on(state)
    assert summary["seconds"] < 3600
    assert queued(archive.app.records) == []
    assert archive.night()["decisions"]["stored"] == 1


def test_task_that_failed_is_counted_once_however_often_it_is_looked_at(archive: Archive) -> None:
    image_id = archive.image("one")
    archive.cloud.service.faults.fail_store(image_id)
    state = archive.go_to(archive.select(archive.begin()), Next.WAIT)
    archive.cloud.advance(3600)
    with refusing(client(archive.cloud, "ec2"), "CreateStoreImageTask", "RequestLimitExceeded", 503):
        for _ in range(4):
            state, _ = archive.step(state.then(Next.STORE))
            assert archive.record("one").attempts == 1
    assert archive.go_on(state)["decisions"]["stored"] == 1


def test_throttled_look_ends_the_step_and_the_step_is_tried_again(archive: Archive) -> None:
    archive.image("one")
    state = archive.select(archive.begin())
    with (
        refusing(client(archive.cloud, "ec2"), "DescribeStoreImageTasks", "RequestLimitExceeded", 503),
        pytest.raises(Exception, match="RequestLimitExceeded"),
    ):
        archive.step(state)
    assert archive.go_on(state)["decisions"]["stored"] == 1


def test_throttled_store_waits_ever_longer_and_counts_no_attempt(archive: Archive) -> None:
    archive.image("one")
    archive.image("two")
    state = archive.select(archive.begin())
    waits = []
    with refusing(client(archive.cloud, "ec2"), "CreateStoreImageTask", "RequestLimitExceeded", 503):
        for _ in range(7):
            state, _ = archive.step(state)
            waits.append(state.wait_seconds)
            state = archive.go_to(state, Next.STORE)
    assert waits == [60, 120, 240, 480, 900, 900, 900]
    assert archive.go_on(state)["decisions"]["stored"] == 2
    assert archive.record("one").attempts == 1


def test_what_a_policy_selected_is_stored_though_it_is_not_configured_any_more(archive: Archive) -> None:
    image_id = archive.image("one")
    archive.select(archive.begin())
    archive.cloud.advance(86400)
    archive.configure(policies=(Policy(name="renamed", tags={"Other": ("true",)}),))
    summary = archive.night("renamed")
    assert archive.status(image_id) == "VERIFIED"
    assert summary["backlog"] == {"nightly": {"stored": 1}}
