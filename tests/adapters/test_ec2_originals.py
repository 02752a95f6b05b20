"""EC2's images as something that can go: what is asked, and what becomes of each answer."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from ami_archiver.adapters.ec2_originals import Ec2Originals
from ami_archiver.errors import TemporarilyUnavailable
from ami_archiver.model import Refusal
from ami_archiver.retire.model import Deregistered, SnapshotEnd
from tests.support.answers import answering, refusing
from tests.support.archive import Archive, client

GONE = "ami-00000000000000009"
NO_SNAPSHOT = "snap-00000000000000009"
ASKED: dict[str, Callable[[Ec2Originals, str], Any]] = {
    "DisableImage": lambda originals, image_id: originals.disable(image_id),
    "EnableImage": lambda originals, image_id: originals.enable(image_id),
    "DeregisterImage": lambda originals, image_id: originals.deregister(image_id),
    "CreateTags": lambda originals, image_id: originals.tag([image_id], "k", "v"),
}
ALL = ASKED | {
    "DeleteTags": lambda originals, image_id: originals.untag([image_id], ["k"]),
    "DeleteSnapshot": lambda originals, _: originals.delete_snapshot(NO_SNAPSHOT),
    "DescribeLockedSnapshots": lambda originals, _: originals.locks([NO_SNAPSHOT]),
}


@pytest.fixture
def ec2(archive: Archive) -> Any:
    return client(archive.cloud, "ec2")


@pytest.fixture
def originals(ec2: Any) -> Ec2Originals:
    return Ec2Originals(ec2)


def snapshot_of(image_id: str) -> str:
    return image_id.replace("ami-", "snap-")


def on_same_snapshot(archive: Archive, name: str, image_id: str) -> str:
    """Another image on the snapshot of the first."""
    return archive.image(name, snapshot_id=snapshot_of(image_id))


def test_image_is_disabled_and_enabled_again(archive: Archive, originals: Ec2Originals) -> None:
    image_id = archive.image("one")
    assert originals.disable(image_id) is None
    assert originals.by_id([image_id])[image_id].state == "disabled"
    assert originals.disable(image_id) is None
    assert originals.enable(image_id) is None
    assert originals.by_id([image_id])[image_id].state == "available"


def test_image_is_deregistered_with_its_snapshots(archive: Archive, originals: Ec2Originals) -> None:
    image_id = archive.image("one")
    assert originals.deregister(image_id) == Deregistered({snapshot_of(image_id): (SnapshotEnd.DELETED, "")})
    assert originals.by_id([image_id]) == {}
    assert originals.snapshots([snapshot_of(image_id)]) == {}


def test_snapshot_that_another_image_uses_is_kept(archive: Archive, originals: Ec2Originals) -> None:
    image_id = archive.image("one")
    on_same_snapshot(archive, "two", image_id)
    assert originals.deregister(image_id) == Deregistered({snapshot_of(image_id): (SnapshotEnd.SHARED, "")})
    assert set(originals.snapshots([snapshot_of(image_id)])) == {snapshot_of(image_id)}


@pytest.mark.parametrize("code", ["internal-error", "missing-permissions", "client-error"])
def test_snapshot_that_ec2_could_not_delete_is_left_with_the_reason(
    archive: Archive, originals: Ec2Originals, code: Any
) -> None:
    image_id = archive.image("one")
    archive.cloud.service.faults.fail_snapshot_deletion(snapshot_of(image_id), code)
    assert originals.deregister(image_id) == Deregistered({snapshot_of(image_id): (SnapshotEnd.LEFT, code)})


@pytest.mark.parametrize(("raw", "why"), [({"ReturnCode": "warning-new"}, "warning-new"), ({}, "no return code")])
def test_return_code_that_nobody_knows_leaves_the_snapshot(
    originals: Ec2Originals, ec2: Any, raw: dict[str, str], why: str
) -> None:
    with answering(ec2, "DeregisterImage", {"DeleteSnapshotResults": [{"SnapshotId": "snap-1", **raw}]}):
        assert originals.deregister("ami-1") == Deregistered({"snap-1": (SnapshotEnd.LEFT, why)})


def test_deregistering_twice_is_refused_the_second_time(archive: Archive, originals: Ec2Originals) -> None:
    image_id = archive.image("one")
    originals.deregister(image_id)
    again = originals.deregister(image_id)
    assert isinstance(again, Refusal)
    assert again.code in ("InvalidAMIID.NotFound", "InvalidAMIID.Unavailable")


@pytest.mark.parametrize("operation", ASKED)
def test_refusal_is_an_answer_with_its_code(originals: Ec2Originals, ec2: Any, operation: str) -> None:
    with refusing(ec2, operation, "OperationNotPermitted"):
        assert ASKED[operation](originals, GONE) == Refusal("OperationNotPermitted", "injected")


@pytest.mark.parametrize("operation", ALL)
@pytest.mark.parametrize(("code", "status"), [("RequestLimitExceeded", 503), ("Unknown", 500)])
def test_trouble_inside_ec2_is_temporary(
    originals: Ec2Originals, ec2: Any, operation: str, code: str, status: int
) -> None:
    with refusing(ec2, operation, code, status), pytest.raises(TemporarilyUnavailable, match=code):
        ALL[operation](originals, GONE)


@pytest.mark.parametrize("operation", ASKED)
def test_denial_is_an_answer_about_the_image_and_always_the_same(
    archive: Archive, originals: Ec2Originals, operation: str
) -> None:
    """The role may be kept from an image by its tags, and EC2 words each denial anew."""
    image_id = archive.image("one")
    archive.cloud.service.faults.deny(f"ec2:{operation}")
    answer = ASKED[operation](originals, image_id)
    assert str(answer) == "UnauthorizedOperation: the function's role may not do it, or somebody denies it"
    assert originals.by_id([image_id])[image_id].state == "available"


def test_marks_are_set_on_all_or_none_and_taken_off_each_that_is_there(
    archive: Archive, originals: Ec2Originals
) -> None:
    image_id = archive.image("web")
    snapshot_id, gone = snapshot_of(image_id), "snap-0123456789abcdef0"
    refusal = originals.tag([image_id, gone], "archiver:deregister", "nightly")
    assert refusal is not None
    assert refusal.code == "InvalidSnapshot.NotFound"
    assert originals.tag([image_id, snapshot_id], "archiver:deregister", "nightly") is None
    assert originals.by_id([image_id])[image_id].tags["archiver:deregister"] == "nightly"
    assert originals.snapshots([snapshot_id])[snapshot_id].tags == {"archiver:deregister": "nightly"}
    originals.untag([gone, image_id, snapshot_id], ["archiver:deregister", "archiver:disable"])
    assert originals.by_id([image_id])[image_id].tags == {"Archive": "true"}
    assert originals.snapshots([snapshot_id])[snapshot_id].tags == {}


def test_image_is_shared_as_it_was(archive: Archive, originals: Ec2Originals) -> None:
    permissions = ("group:all", "organization:arn:aws:organizations::1:organization/o-1", "user:999999999999")
    image_id = archive.image("one")
    assert originals.share(image_id, permissions) is None
    assert originals.launch_permissions(image_id) == permissions


def test_sharing_that_ec2_refuses_says_why(originals: Ec2Originals, ec2: Any) -> None:
    with refusing(ec2, "ModifyImageAttribute", "InvalidAMIAttributeItemValue"):
        assert originals.share(GONE, ["user:1"]) == "InvalidAMIAttributeItemValue: injected"


def test_launch_permissions_that_may_not_be_read_are_unknown(archive: Archive, originals: Ec2Originals) -> None:
    image_id = archive.image("one")
    archive.cloud.service.faults.deny("DescribeImageAttribute")
    assert originals.launch_permissions(image_id) is None
    assert originals.launch_permissions(GONE) is None


def test_last_launch_is_told_and_none_where_there_was_none(archive: Archive, originals: Ec2Originals) -> None:
    launched_at = archive.cloud.clock.now() - timedelta(days=50)
    launched = archive.image("launched", last_launched_time=launched_at)
    never = archive.image("never")
    seen = originals.by_id([launched, never])
    assert seen[never].last_launched_at is None
    assert seen[launched].last_launched_at == launched_at


def test_launch_at_a_time_that_cannot_be_read_was_perhaps_just_now(originals: Ec2Originals, ec2: Any) -> None:
    with answering(ec2, "DescribeImages", {"Images": [{"ImageId": "ami-1", "LastLaunchedTime": "lately"}]}):
        (image,) = originals.by_id(["ami-1"]).values()
    assert image.last_launched_at is not None
    assert image.last_launched_at.year == 9999


# Counting


def test_images_are_counted_disabled_ones_too_and_those_of_others_not(
    archive: Archive, originals: Ec2Originals
) -> None:
    for number in range(4):
        archive.image(f"n{number}", state="disabled" if number else "available")
    archive.image("other", owner_id="999999999999", launch_permissions=[{"UserId": archive.account_id}])
    assert [originals.count(enough) for enough in (1, 4, 100)] == [1, 4, 4]


def test_counting_stops_when_there_are_enough(originals: Ec2Originals, ec2: Any) -> None:
    full = {"Images": [{"ImageId": "ami-1"}] * 1000, "NextToken": "t"}
    last = {"Images": [{"ImageId": "ami-1"}] * 10}
    with answering(ec2, "DescribeImages", full, full) as calls:
        assert originals.count(1500) == 1500
    assert len(calls) == 2
    with answering(ec2, "DescribeImages", full, last) as calls:
        assert originals.count(1500) == 1010
    assert [call.get("NextToken") for call in calls] == [None, "t"]


# Snapshot locks


def lock(archive: Archive, ec2: Any, image_id: str, days: int = 10) -> str:
    ec2.lock_snapshot(SnapshotId=snapshot_of(image_id), LockMode="governance", LockDuration=days)
    return snapshot_of(image_id)


def test_locks_that_hold_are_told_and_expired_ones_are_not(archive: Archive, originals: Ec2Originals, ec2: Any) -> None:
    short, long = (
        lock(archive, ec2, archive.image("short"), 1),
        lock(archive, ec2, archive.image("long"), 100),
    )
    free = snapshot_of(archive.image("free"))
    archive.cloud.advance(5 * 24 * 3600)
    assert originals.locks([short, long, free]) == {long: "governance"}
    assert originals.locks([]) == {}


def test_snapshot_that_is_gone_does_not_hide_the_locks_of_others(
    archive: Archive, originals: Ec2Originals, ec2: Any
) -> None:
    locked = lock(archive, ec2, archive.image("one"))
    assert originals.locks([NO_SNAPSHOT, locked]) == {locked: "governance"}
    assert originals.locks([NO_SNAPSHOT]) == {}


def test_lock_in_any_other_state_holds(originals: Ec2Originals, ec2: Any) -> None:
    first = {"Snapshots": [{"SnapshotId": "snap-1", "LockState": "compliance-cooloff"}]}
    second = {"Snapshots": [{"SnapshotId": "snap-2"}]}
    with answering(ec2, "DescribeLockedSnapshots", first, second):
        assert originals.locks(["snap-1", "snap-2"]) == {"snap-1": "compliance-cooloff", "snap-2": "unknown"}


@pytest.mark.parametrize("code", ["UnauthorizedOperation", "UnsupportedOperation", "InvalidAction"])
def test_locks_that_cannot_be_asked_for_are_unknown(archive: Archive, originals: Ec2Originals, code: str) -> None:
    archive.cloud.service.faults.deny("DescribeLockedSnapshots", code)
    assert originals.locks([NO_SNAPSHOT]) is None


# Snapshots that several images use, and those left behind


def test_other_images_on_a_snapshot_count_disabled_ones_too(archive: Archive, originals: Ec2Originals) -> None:
    image_id = archive.image("one")
    other = on_same_snapshot(archive, "two", image_id)
    ids = [snapshot_of(image_id), NO_SNAPSHOT]
    assert originals.others_on(ids, image_id) == {snapshot_of(image_id)}
    originals.disable(other)
    assert originals.others_on(ids, image_id) == {snapshot_of(image_id)}
    originals.deregister(other)
    assert originals.others_on(ids, image_id) == set()
    assert originals.others_on([], image_id) == set()


def test_left_snapshot_is_deleted_and_gone_the_second_time(archive: Archive, originals: Ec2Originals) -> None:
    image_id = archive.image("one")
    archive.deregister(image_id)
    assert originals.delete_snapshot(snapshot_of(image_id)) == (SnapshotEnd.DELETED, "")
    assert originals.delete_snapshot(snapshot_of(image_id)) == (SnapshotEnd.DELETED, "gone already")


def test_snapshot_in_use_is_kept_and_names_who_uses_it(archive: Archive, originals: Ec2Originals) -> None:
    image_id = archive.image("one")
    assert originals.delete_snapshot(snapshot_of(image_id)) == (SnapshotEnd.SHARED, image_id)


def test_snapshot_in_use_by_nothing_that_can_be_seen_is_left(originals: Ec2Originals, ec2: Any) -> None:
    with refusing(ec2, "DeleteSnapshot", "InvalidSnapshot.InUse"):
        assert originals.delete_snapshot(NO_SNAPSHOT) == (SnapshotEnd.LEFT, "InvalidSnapshot.InUse")


def test_locked_snapshot_is_left_with_the_code(archive: Archive, originals: Ec2Originals, ec2: Any) -> None:
    image_id = archive.image("one")
    snapshot_id = lock(archive, ec2, image_id)
    archive.deregister(image_id)
    assert originals.delete_snapshot(snapshot_id) == (SnapshotEnd.LEFT, "OperationNotPermitted")


def test_snapshot_that_may_not_be_deleted_is_left_with_the_code(archive: Archive, originals: Ec2Originals) -> None:
    archive.cloud.service.faults.deny("DeleteSnapshot")
    assert originals.delete_snapshot(NO_SNAPSHOT) == (SnapshotEnd.LEFT, "UnauthorizedOperation")
