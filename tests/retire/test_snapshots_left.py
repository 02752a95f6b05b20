"""Snapshots that EC2 could not delete are tried again by every run, and never forgotten."""

from __future__ import annotations

import pytest

from tests.retire.test_reasons_to_keep import delete_object, lock
from tests.support.retirement import Retiring


@pytest.mark.parametrize("code", ["internal-error", "missing-permissions", "client-error"])
def test_snapshot_that_could_not_be_deleted_goes_with_the_next_run(retiring: Retiring, code: str) -> None:
    (image_id,) = retiring.disabled("web")
    (snapshot_id,) = retiring.snapshots(image_id)
    retiring.cloud.service.faults.fail_snapshot_deletion(snapshot_id, code)  # type: ignore[arg-type]
    retiring.cloud.service.faults.deny("ec2:DeleteSnapshot", code="InternalFailureOfEbs")
    told = retiring.night()
    assert (retiring.status(image_id), told["snapshots_left"]) == ("RETIRED", 1)
    assert retiring.archive.record(image_id).retirement.snapshots[snapshot_id].startswith("not deleted yet: ")
    retiring.cloud.service.faults.clear()
    told = retiring.night()
    assert (told["snapshots_left"], retiring.snapshots(image_id)) == (0, [])
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
        told = retiring.night()
    assert told["snapshots_left"] == 2
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
