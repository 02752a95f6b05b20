"""RegisterImage: what goes in comes out of DescribeImages; what EC2 would not register is refused."""

from __future__ import annotations

from typing import Any

from .scenario import ACCOUNT, OTHER_ACCOUNT, Cloud, refusal


def test_registered_image_is_described_as_it_was_registered(cloud: Cloud, ec2: Any) -> None:
    root, data = cloud.add_snapshot(volume_size_gib=8), cloud.add_snapshot(encrypted=True, kms_key_id="arn:key")
    given = {
        "Name": "web (1.2)",
        "Description": "golden",
        "Architecture": "arm64",
        "BootMode": "uefi",
        "TpmSupport": "v2.0",
        "ImdsSupport": "v2.0",
        "EnaSupport": True,
        "SriovNetSupport": "simple",
        "VirtualizationType": "hvm",
        "RootDeviceName": "/dev/xvda",
    }
    image_id = ec2.register_image(
        **given,
        BillingProducts=["bp-63a5400a"],
        BlockDeviceMappings=[
            {
                "DeviceName": "/dev/xvda",
                "Ebs": {
                    "SnapshotId": root.snapshot_id,
                    "VolumeSize": 20,
                    "VolumeType": "gp3",
                    "Iops": 4000,
                    "Throughput": 200,
                    "DeleteOnTermination": False,
                },
            },
            {"DeviceName": "/dev/xvdb", "Ebs": {"SnapshotId": data.snapshot_id}},
            {"DeviceName": "/dev/xvdc", "Ebs": {"VolumeSize": 5, "Encrypted": True}},
            {"DeviceName": "/dev/xvdd", "VirtualName": "ephemeral0"},
            {"DeviceName": "/dev/xvde", "NoDevice": ""},
        ],
        TagSpecifications=[{"ResourceType": "image", "Tags": [{"Key": "Team", "Value": "web"}]}],
    )["ImageId"]

    (image,) = ec2.describe_images(ImageIds=[image_id])["Images"]

    assert image == given | {
        "ImageId": image_id,
        "ImageLocation": f"{ACCOUNT}/web (1.2)",
        "ImageType": "machine",
        "OwnerId": ACCOUNT,
        "State": "available",
        "Public": False,
        "CreationDate": "2026-01-01T02:00:00.000Z",
        "Hypervisor": "xen",
        "RootDeviceType": "ebs",
        "PlatformDetails": "Linux/UNIX",
        "UsageOperation": "RunInstances",
        "DeregistrationProtection": "disabled",
        "ProductCodes": [{"ProductCodeId": "bp-63a5400a", "ProductCodeType": "marketplace"}],
        "Tags": [{"Key": "Team", "Value": "web"}],
        "BlockDeviceMappings": [
            {
                "DeviceName": "/dev/xvda",
                "Ebs": {
                    "SnapshotId": root.snapshot_id,
                    "VolumeSize": 20,
                    "VolumeType": "gp3",
                    "Iops": 4000,
                    "Throughput": 200,
                    "DeleteOnTermination": False,
                    "Encrypted": False,
                },
            },
            {
                "DeviceName": "/dev/xvdb",
                "Ebs": {
                    "SnapshotId": data.snapshot_id,
                    "VolumeSize": 10,
                    "VolumeType": "gp2",
                    "DeleteOnTermination": True,
                    "Encrypted": True,
                    "KmsKeyId": "arn:key",
                },
            },
            {
                "DeviceName": "/dev/xvdc",
                "Ebs": {"VolumeSize": 5, "VolumeType": "gp2", "DeleteOnTermination": True, "Encrypted": True},
            },
            {"DeviceName": "/dev/xvdd", "VirtualName": "ephemeral0"},
        ],
    }


def test_defaults_are_old_ones_of_aws(cloud: Cloud, ec2: Any) -> None:
    snapshot = cloud.add_snapshot()
    mapping = {"DeviceName": "/dev/sda1", "Ebs": {"SnapshotId": snapshot.snapshot_id}}
    ec2.register_image(Name="old", RootDeviceName="/dev/sda1", BlockDeviceMappings=[mapping])

    (image,) = ec2.describe_images()["Images"]

    assert (image["Architecture"], image["VirtualizationType"], image["EnaSupport"]) == (
        "i386",
        "paravirtual",
        False,
    )


def test_image_with_a_location_is_instance_store_backed(ec2: Any) -> None:
    ec2.register_image(Name="bundle", ImageLocation="bucket/image.manifest.xml")

    (image,) = ec2.describe_images()["Images"]

    assert (image["RootDeviceType"], image["ImageLocation"]) == ("instance-store", "bucket/image.manifest.xml")


def test_name_is_unique_in_account_and_region_only(cloud: Cloud, ec2: Any) -> None:
    cloud.add_image(name="taken")
    location = "bucket/image.manifest.xml"

    assert refusal(ec2.register_image, Name="taken", ImageLocation=location) == "InvalidAMIName.Duplicate"
    cloud.client(OTHER_ACCOUNT).register_image(Name="taken", ImageLocation=location)
    cloud.client(region="eu-west-1").register_image(Name="taken", ImageLocation=location)


def register(ec2: Any, *mappings: dict[str, Any]) -> str:
    return refusal(ec2.register_image, Name="web", RootDeviceName="/dev/xvda", BlockDeviceMappings=list(mappings))


def test_block_devices_that_ec2_would_not_map_are_refused(cloud: Cloud, ec2: Any) -> None:
    snapshot, pending = cloud.add_snapshot(volume_size_gib=8), cloud.add_snapshot(state="pending")
    foreign = cloud.add_snapshot(owner_id=OTHER_ACCOUNT)
    good = {"DeviceName": "/dev/xvda", "Ebs": {"SnapshotId": snapshot.snapshot_id}}

    def root(**ebs: Any) -> dict[str, Any]:
        return {"DeviceName": "/dev/xvda", "Ebs": {"SnapshotId": snapshot.snapshot_id} | ebs}

    assert register(ec2) == "InvalidBlockDeviceMapping"
    assert register(ec2, good, good) == "InvalidBlockDeviceMapping"
    assert register(ec2, {"DeviceName": "/dev/xvdb"} | {"Ebs": good["Ebs"]}) == "InvalidBlockDeviceMapping"
    assert register(ec2, {"Ebs": good["Ebs"]}) == "MissingParameter"
    assert register(ec2, {"DeviceName": "/dev/xvda", "Ebs": {}}) == "MissingParameter"
    assert register(ec2, root(VolumeSize=7)) == "InvalidBlockDeviceMapping"
    assert register(ec2, root(Encrypted=True)) == "InvalidBlockDeviceMapping"
    assert register(ec2, root(VolumeType="gp9")) == "InvalidParameterValue"
    assert register(ec2, {"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 0}}) == "InvalidParameterValue"
    assert register(ec2, root(SnapshotId=pending.snapshot_id)) == "IncorrectState"
    assert register(ec2, root(SnapshotId=foreign.snapshot_id)) == "InvalidSnapshot.NotFound"
