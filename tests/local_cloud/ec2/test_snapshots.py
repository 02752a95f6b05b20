"""DescribeSnapshots, deletion, sharing, locks and the archive tier."""

from __future__ import annotations

from typing import Any

import pytest

from local_cloud.model import GIB

from .scenario import ACCOUNT, OTHER_ACCOUNT, Cloud, refusal


def ids(answer: dict[str, Any]) -> set[str]:
    return {one["SnapshotId"] for one in answer["Snapshots"]}


def test_snapshot_is_described_with_its_full_size(cloud: Cloud, ec2: Any) -> None:
    snapshot = cloud.add_snapshot(description="nightly", volume_id="vol-1", tags={"Team": "web"})

    (view,) = ec2.describe_snapshots()["Snapshots"]

    assert view.pop("StartTime") == snapshot.start_time
    assert view == {
        "SnapshotId": snapshot.snapshot_id,
        "OwnerId": ACCOUNT,
        "VolumeId": "vol-1",
        "VolumeSize": 10,
        "FullSnapshotSizeInBytes": 6 * GIB,
        "State": "completed",
        "Progress": "100%",
        "Description": "nightly",
        "Encrypted": False,
        "StorageTier": "standard",
        "Tags": [{"Key": "Team", "Value": "web"}],
    }


def test_full_size_may_be_missing_or_zero(cloud: Cloud, ec2: Any) -> None:
    cloud.add_snapshot(full_snapshot_size_bytes=None)
    cloud.add_snapshot(full_snapshot_size_bytes=0)

    assert sorted(one.get("FullSnapshotSizeInBytes", -1) for one in ec2.describe_snapshots()["Snapshots"]) == [-1, 0]


def test_snapshots_are_seen_by_owner_sharers_and_when_public_by_all(cloud: Cloud, ec2: Any) -> None:
    mine = cloud.add_snapshot()
    shared = cloud.add_snapshot(owner_id=OTHER_ACCOUNT, shared_with=(ACCOUNT,))
    public = cloud.add_snapshot(owner_id=OTHER_ACCOUNT, shared_with=("all",))
    private = cloud.add_snapshot(owner_id=OTHER_ACCOUNT)

    assert ids(ec2.describe_snapshots()) == {mine.snapshot_id, shared.snapshot_id, public.snapshot_id}
    assert ids(ec2.describe_snapshots(OwnerIds=["self"])) == {mine.snapshot_id}
    assert ids(ec2.describe_snapshots(RestorableByUserIds=["all"])) == {public.snapshot_id}
    assert refusal(ec2.describe_snapshots, SnapshotIds=[private.snapshot_id]) == "InvalidSnapshot.NotFound"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("description", "night*"),
        ("encrypted", "false"),
        ("owner-id", ACCOUNT),
        ("progress", "100%"),
        ("start-time", "2024-03-03T*"),
        ("status", "completed"),
        ("storage-tier", "standard"),
        ("tag:Team", "web"),
        ("tag-key", "Team"),
        ("volume-id", "vol-1"),
        ("volume-size", "10"),
    ],
)
def test_filter_finds_a_snapshot_by(cloud: Cloud, ec2: Any, name: str, value: str) -> None:
    snapshot = cloud.add_snapshot(description="nightly", volume_id="vol-1", tags={"Team": "web"})

    assert ids(ec2.describe_snapshots(Filters=[{"Name": name, "Values": [value]}])) == {snapshot.snapshot_id}
    assert ec2.describe_snapshots(Filters=[{"Name": name, "Values": ["other"]}])["Snapshots"] == []


def test_snapshot_in_use_is_not_deleted(cloud: Cloud, ec2: Any) -> None:
    image = cloud.add_image(state="disabled")
    (snapshot_id,) = image.snapshot_ids

    assert refusal(ec2.delete_snapshot, SnapshotId=snapshot_id) == "InvalidSnapshot.InUse"
    ec2.deregister_image(ImageId=image.image_id)
    ec2.delete_snapshot(SnapshotId=snapshot_id)
    assert refusal(ec2.delete_snapshot, SnapshotId=snapshot_id) == "InvalidSnapshot.NotFound"


def test_lock_expires(cloud: Cloud, ec2: Any) -> None:
    snapshot_id = cloud.add_snapshot().snapshot_id
    ec2.lock_snapshot(SnapshotId=snapshot_id, LockMode="compliance", LockDuration=7)
    cloud.clock.advance(7 * 86_400)

    assert ec2.describe_locked_snapshots()["Snapshots"][0]["LockState"] == "expired"
    ec2.delete_snapshot(SnapshotId=snapshot_id)


def test_snapshot_is_shared_and_unshared(cloud: Cloud, ec2: Any) -> None:
    snapshot_id = cloud.add_snapshot().snapshot_id
    other = cloud.client(OTHER_ACCOUNT)

    for change, seen in (("Add", {snapshot_id}), ("Remove", set())):
        ec2.modify_snapshot_attribute(
            SnapshotId=snapshot_id, CreateVolumePermission={change: [{"UserId": OTHER_ACCOUNT}]}
        )
        assert ids(other.describe_snapshots()) == seen


def test_locked_snapshot_is_kept(cloud: Cloud, ec2: Any) -> None:
    snapshot_id = cloud.add_snapshot().snapshot_id
    locked = ec2.lock_snapshot(SnapshotId=snapshot_id, LockMode="governance", LockDuration=7)
    assert locked["LockState"] == "governance"
    assert refusal(ec2.delete_snapshot, SnapshotId=snapshot_id) == "OperationNotPermitted"
    assert ids(ec2.describe_locked_snapshots()) == {snapshot_id}
