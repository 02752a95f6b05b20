"""Images and snapshots made from instances, volumes and each other."""

from __future__ import annotations

from typing import Any

import pytest

from .scenario import OTHER_ACCOUNT, Cloud, refusal


def launch(ec2: Any, image_id: str) -> dict[str, Any]:
    return dict(ec2.run_instances(ImageId=image_id, MinCount=1, MaxCount=1)["Instances"][0])


def tagged(*kinds: str) -> list[dict[str, Any]]:
    return [{"ResourceType": kind, "Tags": [{"Key": "Kind", "Value": kind}]} for kind in kinds]


def test_instance_has_the_volumes_of_its_image(cloud: Cloud, ec2: Any) -> None:
    image = cloud.add_image([cloud.add_snapshot(volume_size_gib=8), cloud.add_snapshot(volume_size_gib=100)])
    instance = launch(ec2, image.image_id)

    sizes = {one["Size"] for one in ec2.describe_volumes()["Volumes"]}

    assert sizes == {8, 100}
    assert [one["DeviceName"] for one in instance["BlockDeviceMappings"]] == ["/dev/xvda", "/dev/xvdb"]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"state": "disabled"}, "InvalidAMIID.Unavailable"),
        ({"state": "pending"}, "InvalidAMIID.Unavailable"),
        ({"owner_id": OTHER_ACCOUNT}, "InvalidAMIID.NotFound"),
    ],
)
@pytest.mark.parametrize("dry_run", [True, False])
def test_instance_is_not_launched_from_an_image_that_is(
    cloud: Cloud, ec2: Any, fields: dict[str, Any], code: str, dry_run: bool
) -> None:
    image_id = cloud.add_image(**fields).image_id

    assert refusal(ec2.run_instances, ImageId=image_id, MinCount=1, MaxCount=1, DryRun=dry_run) == code


def test_volume_is_snapshotted(cloud: Cloud, ec2: Any) -> None:
    image = cloud.add_image([cloud.add_snapshot(), cloud.add_snapshot()])
    instance = launch(ec2, image.image_id)
    root = instance["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]

    single = ec2.create_snapshot(VolumeId=root, Description="by hand", TagSpecifications=tagged("snapshot"))

    assert (single["VolumeId"], single["Description"], single["State"]) == (root, "by hand", "completed")


def test_volume_is_made_of_a_snapshot(cloud: Cloud, ec2: Any) -> None:
    snapshot = cloud.add_snapshot(volume_size_gib=33)

    volume = ec2.create_volume(SnapshotId=snapshot.snapshot_id, AvailabilityZone="us-east-1a")

    assert (volume["Size"], volume["SnapshotId"]) == (33, snapshot.snapshot_id)
    unknown = {"SnapshotId": "snap-0123456789abcdef0", "AvailabilityZone": "us-east-1a"}
    assert refusal(ec2.create_volume, **unknown) == "InvalidSnapshot.NotFound"
