"""Snapshots that EC2 could not delete are tried again by every run, and never forgotten."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ami_archiver.model import Retirement, Status
from ami_archiver.retire.steps.step import retire_images
from ami_archiver.run_state import Next
from local_cloud.model import BlockDevice
from tests.retire.test_races import planned
from tests.retire.test_reasons_to_keep import delete_object, lock
from tests.support.archive import TABLE, client
from tests.support.retirement import Retiring


@pytest.mark.parametrize("code", ["internal-error", "missing-permissions", "client-error"])
def test_snapshot_that_could_not_be_deleted_goes_with_the_next_run(retiring: Retiring, code: str) -> None:
    (image_id,) = retiring.disabled("web")
    (snapshot_id,) = retiring.snapshots(image_id)
    retiring.cloud.service.faults.fail_snapshot_deletion(snapshot_id, code)  # type: ignore[arg-type]
    retiring.cloud.service.faults.deny("ec2:DeleteSnapshot", code="InternalFailureOfEbs")
    originals = retiring.night()
    assert (retiring.status(image_id), originals["snapshots_left"]) == ("RETIRED", 1)
    assert retiring.archive.record(image_id).retirement.snapshots[snapshot_id].startswith("not deleted yet: ")
    retiring.cloud.service.faults.clear()
    originals = retiring.night()
    assert (originals["snapshots_left"], retiring.snapshots(image_id)) == (0, [])
    assert retiring.archive.record(image_id).retirement.snapshots[snapshot_id].startswith("deleted")
    assert list(retiring.archive.retirer().retirements.left_snapshots()) == []


def test_snapshot_that_is_left_stays_while_it_is_locked_or_its_object_is_not_whole(retiring: Retiring) -> None:
    locked, bare = retiring.disabled("locked", "bare")
    for image_id in (locked, bare):
        retiring.cloud.service.faults.fail_snapshot_deletion(retiring.snapshots(image_id)[0], "internal-error")
    retiring.cloud.service.faults.deny("ec2:DeleteSnapshot", code="InternalFailureOfEbs")
    retiring.night()
    retiring.cloud.service.faults.clear()
    lock(retiring, locked)
    delete_object(retiring, bare)
    with retiring.no_power_used():
        originals = retiring.night()
    assert originals["snapshots_left"] == 2
    ends = {i: next(iter(retiring.archive.record(i).retirement.snapshots.values())) for i in (locked, bare)}
    assert "SnapshotLocked" in ends[locked]
    assert "ObjectNotWhole" in ends[bare]


def test_same_news_of_a_snapshot_is_written_once(retiring: Retiring) -> None:
    (image_id,) = retiring.disabled("web")
    (snapshot_id,) = retiring.snapshots(image_id)
    retiring.cloud.service.faults.fail_snapshot_deletion(snapshot_id, "internal-error")
    retiring.cloud.service.faults.deny("ec2:DeleteSnapshot", code="InternalFailureOfEbs")
    retiring.night()
    retiring.night()
    before = retiring.archive.record(image_id)
    retiring.night()
    assert retiring.archive.record(image_id) == before


def left_over(retiring: Retiring, *names: str) -> list[str]:
    """The snapshots of retired images that EC2 could not delete, and could now."""
    images = retiring.disabled(*names)
    snapshots = [one for image_id in images for one in retiring.snapshots(image_id)]
    for one in snapshots:
        retiring.cloud.service.faults.fail_snapshot_deletion(one, "internal-error")
    retiring.cloud.service.faults.deny("ec2:DeleteSnapshot", code="InternalFailureOfEbs")
    retiring.night()
    retiring.cloud.service.faults.clear()
    return snapshots


def put_on_the_list(retiring: Retiring, image_id: str, snapshot_id: str) -> None:
    item = {"pk": "SNAPSHOTS", "sk": f"{image_id}#{snapshot_id}", "image_id": image_id, "snapshot_id": snapshot_id}
    retiring.archive.put_item({name: {"S": value} for name, value in item.items()})


def test_snapshot_that_its_image_s_record_does_not_list_is_not_deleted(retiring: Retiring) -> None:
    """Somebody, or a bug, has put another image's snapshot on the list."""
    (retired,) = retiring.disabled("web")
    retiring.night()
    retiring.archive.image("other", tags={})
    stranger = f"snap-{b'other'.hex():0<17}"
    retiring.archive.deregister("other")
    retiring.ec2.create_tags(Resources=[stranger], Tags=[{"Key": "archiver:deregister", "Value": "nightly"}])
    put_on_the_list(retiring, retired, stranger)
    with retiring.no_power_used():
        originals = retiring.night()
    assert originals["snapshots_left"] == 1
    (left,) = originals["snapshots_left_listed"]
    assert (left["snapshot_id"], "does not list it" in left["reason"]) == (stranger, True)


def test_snapshot_without_the_mark_is_not_deleted_whatever_the_table_says(retiring: Retiring) -> None:
    (snapshot_id,) = left_over(retiring, "web")
    retiring.ec2.delete_tags(Resources=[snapshot_id], Tags=[{"Key": "archiver:deregister"}])
    with retiring.no_power_used():
        originals = retiring.night()
    (left,) = originals["snapshots_left_listed"]
    assert (originals["snapshots_left"], left["snapshot_id"]) == (1, snapshot_id)
    assert "NotMarked: it has no tag archiver:deregister; if it may go, delete it by hand" in left["reason"]


def test_forged_record_gets_no_snapshot_deleted_that_no_plan_has_marked(retiring: Retiring) -> None:
    image_id = retiring.archived("web")
    (snapshot_id,) = retiring.snapshots(image_id)
    app, record = retiring.archive.retirer(), retiring.archive.record(image_id)
    forged = replace(record, status=Status.RETIRED, retirement=Retirement(snapshots={snapshot_id: "left"}))
    assert app.retirements.save(record, forged)
    put_on_the_list(retiring, image_id, snapshot_id)
    retiring.archive.deregister(image_id)
    with retiring.no_power_used():
        assert retiring.night()["snapshots_left"] == 1


@pytest.mark.parametrize("change", [{"original": "disable"}, {"original": "keep"}, {"paused": True}], ids=str)
def test_snapshot_that_is_left_stays_while_its_policy_lets_nothing_be_deregistered(
    retiring: Retiring, change: dict[str, Any]
) -> None:
    left_over(retiring, "web")
    state = planned(retiring)
    (policy,) = retiring.archive.settings.policies
    retiring.archive.configure(policies=(replace(policy, **change),))
    with retiring.no_power_used():
        originals = retiring.archive.go_on(state)["retirement"]
    assert "NotAllowed: " in originals["snapshots_left_listed"][0]["reason"]


@pytest.mark.parametrize("lost", ["missing", "unreadable"])
def test_snapshot_whose_image_s_record_cannot_be_read_is_counted_and_said(retiring: Retiring, lost: str) -> None:
    (snapshot_id,) = left_over(retiring, "web")
    (left,) = retiring.archive.retirer().retirements.left_snapshots()
    item = retiring.archive.item(f"IMAGE#{left.image_id}", "RECORD") or {}
    item = item | {"status": {"S": "SOLD"}} if lost == "unreadable" else item | {"sk": {"S": "ELSEWHERE"}}
    key = {"pk": {"S": f"IMAGE#{left.image_id}"}, "sk": {"S": "RECORD"}}
    client(retiring.cloud, "dynamodb").delete_item(TableName=TABLE, Key=key)
    retiring.archive.put_item(item)
    with retiring.no_power_used():
        originals = retiring.night()
    assert originals["snapshots_left"] == 1
    assert originals["snapshots_left_listed"] == [
        {
            "snapshot_id": snapshot_id,
            "reason": f"of {left.image_id}: NotVerified: its image's record cannot be read; repair the record; "
            "if it may go, delete it by hand",
        }
    ]


def test_long_list_is_gone_through_over_several_turns_each_snapshot_once(retiring: Retiring) -> None:
    snapshots = left_over(retiring, "one", "two", "three")
    retiring.cloud.service.faults.deny("ec2:DeleteSnapshot", code="InternalFailureOfEbs")
    state, turns = planned(retiring), 0
    before = len(retiring.power())
    while state.next is Next.RETIRE and turns < 10:
        state, _ = retire_images(retiring.archive.retirer(), state, lambda: 30.0)
        turns += 1
    assert turns == len(snapshots) + 1
    assert sorted(retiring.power()[before:]) == sorted(("DeleteSnapshot", one) for one in snapshots)
    assert retiring.archive.go_on(state)["retirement"]["snapshots_left"] == len(snapshots)


def test_snapshot_that_another_image_uses_by_now_is_off_the_list_and_bears_no_mark_any_more(retiring: Retiring) -> None:
    (snapshot_id,) = left_over(retiring, "web")
    device = BlockDevice("/dev/xvda", snapshot_id, 10)
    retiring.archive.image("sibling", tags={}, block_devices=(device,))
    with retiring.no_power_used():
        assert retiring.night()["snapshots_left"] == 0
    assert retiring.cloud.catalog.snapshots(retiring.archive.region)[snapshot_id].tags == {}
    assert list(retiring.archive.retirer().retirements.left_snapshots()) == []
