"""Deregistering, disabling, protecting and deprecating images."""

from __future__ import annotations

from typing import Any

import pytest

from local_cloud.engine.faults import SnapshotFailure

from .scenario import OTHER_ACCOUNT, REGION, Cloud, refusal


def results(answer: dict[str, Any]) -> dict[str, str]:
    return {one["SnapshotId"]: one["ReturnCode"] for one in answer["DeleteSnapshotResults"]}


def test_deregistering_keeps_the_snapshots_unless_told_otherwise(cloud: Cloud, ec2: Any) -> None:
    image = cloud.add_image()

    answer = ec2.deregister_image(ImageId=image.image_id)

    assert answer["Return"] is True
    assert "DeleteSnapshotResults" not in answer
    assert len(ec2.describe_snapshots()["Snapshots"]) == 1


def test_deregistering_with_its_snapshots_tells_the_fate_of_each(cloud: Cloud, ec2: Any) -> None:
    own, shared_with_another = cloud.add_snapshot(), cloud.add_snapshot()
    locked = cloud.add_snapshot(locked=True)
    foreign = cloud.add_snapshot(owner_id=OTHER_ACCOUNT)
    gone = cloud.add_snapshot()
    image = cloud.add_image([own, shared_with_another, locked, foreign, gone, own])
    cloud.add_image([shared_with_another])
    cloud.catalog.remove_snapshot(REGION, gone.snapshot_id)

    answer = ec2.deregister_image(ImageId=image.image_id, DeleteAssociatedSnapshots=True)

    assert results(answer) == {
        own.snapshot_id: "success",
        shared_with_another.snapshot_id: "skipped",
        locked.snapshot_id: "client-error",
        foreign.snapshot_id: "missing-permissions",
        gone.snapshot_id: "client-error",
    }
    left = {one["SnapshotId"] for one in ec2.describe_snapshots()["Snapshots"]}
    assert left == {shared_with_another.snapshot_id, locked.snapshot_id}


def test_deregistering_twice_says_unavailable(cloud: Cloud, ec2: Any) -> None:
    image = cloud.add_image()
    ec2.deregister_image(ImageId=image.image_id)

    assert refusal(ec2.deregister_image, ImageId=image.image_id) == "InvalidAMIID.Unavailable"


def test_only_the_owner_may_deregister_or_disable(cloud: Cloud) -> None:
    shared = cloud.add_image(launch_permissions=[{"UserId": OTHER_ACCOUNT}])
    private = cloud.add_image()
    other = cloud.client(OTHER_ACCOUNT)

    for call in (other.deregister_image, other.disable_image, other.enable_image):
        assert refusal(call, ImageId=shared.image_id) == "AuthFailure"
        assert refusal(call, ImageId=private.image_id) == "InvalidAMIID.NotFound"


def test_pending_image_can_not_be_disabled(cloud: Cloud, ec2: Any) -> None:
    image = cloud.add_image(state="pending")

    assert refusal(ec2.disable_image, ImageId=image.image_id) == "InvalidAMIID.Unavailable"


def test_protection_with_cooldown_lasts_a_day_longer(cloud: Cloud, ec2: Any) -> None:
    image = cloud.add_image()
    ec2.enable_image_deregistration_protection(ImageId=image.image_id, WithCooldown=True)
    assert ec2.describe_images()["Images"][0]["DeregistrationProtection"] == "enabled-with-cooldown"
    ec2.disable_image_deregistration_protection(ImageId=image.image_id)

    cloud.clock.advance(24 * 3600 - 1)
    assert refusal(ec2.deregister_image, ImageId=image.image_id) == "OperationNotPermitted"
    cloud.clock.advance(1)
    ec2.deregister_image(ImageId=image.image_id)


@pytest.mark.parametrize("code", ["internal-error", "missing-permissions", "client-error"])
def test_snapshot_that_could_not_be_deleted_with_its_image_is_deleted_by_hand(
    cloud: Cloud, ec2: Any, code: SnapshotFailure
) -> None:
    kept, deleted = cloud.add_snapshot(), cloud.add_snapshot()
    image = cloud.add_image([kept, deleted])
    cloud.service.faults.fail_snapshot_deletion(kept.snapshot_id, code)

    answer = ec2.deregister_image(ImageId=image.image_id, DeleteAssociatedSnapshots=True)

    assert results(answer) == {kept.snapshot_id: code, deleted.snapshot_id: "success"}
    ec2.delete_snapshot(SnapshotId=kept.snapshot_id)
    assert ec2.describe_snapshots()["Snapshots"] == []
    assert refusal(ec2.delete_snapshot, SnapshotId=kept.snapshot_id) == "InvalidSnapshot.NotFound"


def test_snapshot_fails_to_be_deleted_as_often_as_planned(cloud: Cloud, ec2: Any) -> None:
    snapshot = cloud.add_snapshot()
    cloud.service.faults.fail_snapshot_deletion(snapshot.snapshot_id, times=2)

    codes = []
    for _ in range(3):
        image = cloud.add_image([snapshot])
        codes += results(ec2.deregister_image(ImageId=image.image_id, DeleteAssociatedSnapshots=True)).values()

    assert codes == ["internal-error", "internal-error", "success"]


def test_image_is_found_by_its_snapshot_disabled_too(cloud: Cloud, ec2: Any) -> None:
    shared = cloud.add_snapshot()
    first, second = cloud.add_image([shared]), cloud.add_image([cloud.add_snapshot(), shared], state="disabled")
    cloud.add_image()

    def users(**arguments: Any) -> set[str]:
        by_snapshot = [{"Name": "block-device-mapping.snapshot-id", "Values": [shared.snapshot_id]}]
        return {one["ImageId"] for one in ec2.describe_images(Filters=by_snapshot, **arguments)["Images"]}

    assert users() == {first.image_id}
    assert users(IncludeDisabled=True) == {first.image_id, second.image_id}
    assert refusal(ec2.delete_snapshot, SnapshotId=shared.snapshot_id) == "InvalidSnapshot.InUse"


def test_disabled_image_is_tagged_shared_no_more_and_enabled_again_with_its_permissions(cloud: Cloud, ec2: Any) -> None:
    image_id = cloud.add_image(launch_permissions=[{"UserId": OTHER_ACCOUNT}]).image_id
    permissions = ec2.describe_image_attribute(ImageId=image_id, Attribute="launchPermission")["LaunchPermissions"]
    ec2.disable_image(ImageId=image_id)

    tags = [{"Key": "archiver:retire-on", "Value": "2026-02-01"}, {"Key": "archiver:hold", "Value": "true"}]
    ec2.create_tags(Resources=[image_id], Tags=tags)
    ec2.delete_tags(Resources=[image_id], Tags=[{"Key": "archiver:hold"}])
    (disabled,) = ec2.describe_images(ImageIds=[image_id], IncludeDisabled=True)["Images"]
    assert (disabled["State"], disabled["Tags"]) == ("disabled", tags[:1])
    attribute = ec2.describe_image_attribute(ImageId=image_id, Attribute="launchPermission")
    assert attribute["LaunchPermissions"] == []
    add = {"Add": permissions}
    refused = refusal(ec2.modify_image_attribute, ImageId=image_id, LaunchPermission=add)
    assert refused == "InvalidAMIID.Unavailable"

    ec2.enable_image(ImageId=image_id)
    ec2.modify_image_attribute(ImageId=image_id, LaunchPermission=add)
    assert [one["ImageId"] for one in cloud.client(OTHER_ACCOUNT).describe_images()["Images"]] == [image_id]
    ec2.modify_image_attribute(ImageId=image_id, LaunchPermission={"Remove": permissions})
    assert cloud.client(OTHER_ACCOUNT).describe_images()["Images"] == []
