"""What a real account's export becomes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import botocore.session
import pytest

from local_cloud.fleet.export import load_fleet
from local_cloud.fleet.fleet import Fleet

REAL_ACCOUNT, OTHER_ACCOUNT, LOCAL_ACCOUNT = "111122223333", "444455556666", "123456789012"

IMAGE: dict[str, Any] = {
    "PlatformDetails": "Windows",
    "UsageOperation": "RunInstances:0002",
    "BlockDeviceMappings": [
        {
            "Ebs": {
                "DeleteOnTermination": False,
                "Iops": 3000,
                "SnapshotId": "snap-0aaaaaaaaaaaaaaaa",
                "VolumeSize": 30,
                "VolumeType": "gp3",
                "Throughput": 125,
                "Encrypted": True,
            },
            "DeviceName": "/dev/sda1",
        },
        {"DeviceName": "/dev/sdb", "VirtualName": "ephemeral0"},
        {"DeviceName": "/dev/sdc", "NoDevice": ""},
    ],
    "Description": "Größe: 30 GiB 🗄",
    "EnaSupport": True,
    "Hypervisor": "xen",
    "Name": "web-2024.03.01",
    "RootDeviceName": "/dev/sda1",
    "RootDeviceType": "ebs",
    "SriovNetSupport": "simple",
    "StateReason": {"Code": "Client.X", "Message": "it was so"},
    "Tags": [{"Key": "Archive", "Value": "true"}, {"Key": "Empty", "Value": ""}],
    "VirtualizationType": "hvm",
    "BootMode": "uefi-preferred",
    "TpmSupport": "v2.0",
    "DeprecationTime": "2026-03-01T12:00:00.000Z",
    "ImdsSupport": "v2.0",
    "SourceInstanceId": "i-0123456789abcdef0",
    "DeregistrationProtection": "enabled-without-cooldown",
    "LastLaunchedTime": "2025-01-01T00:00:00Z",
    "ImageAllowed": True,
    "SourceImageId": "ami-0fffffffffffffff0",
    "SourceImageRegion": "eu-west-1",
    "FreeTierEligible": False,
    "ImageId": "ami-0123456789abcdef0",
    "ImageLocation": f"{REAL_ACCOUNT}/web-2024.03.01",
    "State": "available",
    "OwnerId": REAL_ACCOUNT,
    "CreationDate": "2024-03-01T12:00:00.000Z",
    "Public": False,
    "ProductCodes": [{"ProductCodeId": "abc", "ProductCodeType": "marketplace"}],
    "Architecture": "x86_64",
    "ImageType": "machine",
    "Platform": "windows",
    "FieldOfTomorrow": {"Deep": [1, 2]},
}
SNAPSHOT: dict[str, Any] = {
    "StorageTier": "archive",
    "TransferType": "standard",
    "CompletionTime": "2024-03-01T12:10:00.000000+00:00",
    "FullSnapshotSizeInBytes": 21474836480,
    "SnapshotId": "snap-0aaaaaaaaaaaaaaaa",
    "VolumeId": "vol-0123456789abcdef0",
    "State": "completed",
    "StartTime": "2024-03-01T13:00:00.123000+01:00",
    "Progress": "100%",
    "OwnerId": REAL_ACCOUNT,
    "Description": "Created by CreateImage",
    "VolumeSize": 30,
    "Encrypted": True,
    "KmsKeyId": f"arn:aws:kms:us-east-1:{REAL_ACCOUNT}:key/1",
    "Tags": [{"Key": "Name", "Value": "root"}],
}


@pytest.fixture
def load(tmp_path: Path) -> Any:
    """Writes each document to a file of its own and loads them together."""

    def load(*documents: Any, **options: Any) -> Fleet:
        paths = []
        for number, document in enumerate(documents):
            paths.append(tmp_path / f"export-{number}.json")
            paths[-1].write_text(json.dumps(document, indent=4, ensure_ascii=False), encoding="utf-8")
        return load_fleet(*paths, **options)

    return load


def image(number: int, owner: str = REAL_ACCOUNT, **fields: Any) -> dict[str, Any]:
    snapshot_id = fields.pop("snapshot_id", f"snap-{number:017x}")
    mapping = {"DeviceName": "/dev/xvda", "Ebs": {"SnapshotId": snapshot_id, "VolumeSize": 8}}
    return {
        "ImageId": f"ami-{number:017x}",
        "Name": f"image-{number}",
        "OwnerId": owner,
        "CreationDate": "2024-03-01T12:00:00.000Z",
        "ImageLocation": f"{owner}/image-{number}",
        "BlockDeviceMappings": [mapping],
        **fields,
    }


def snapshot(number: int, owner: str = REAL_ACCOUNT, **fields: Any) -> dict[str, Any]:
    return {
        "SnapshotId": f"snap-{number:017x}",
        "OwnerId": owner,
        "VolumeSize": 8,
        "StartTime": "2024-03-01T12:00:00.000Z",
        **fields,
    }


def test_unknown_fields_are_kept_under_their_own_names(load: Any) -> None:
    fleet = load({"Images": [IMAGE], "Snapshots": [SNAPSHOT]})
    assert fleet.images[0].extra == {
        "StateReason": {"Code": "Client.X"},
        "ImageAllowed": True,
        "FreeTierEligible": False,
        "FieldOfTomorrow": {"Deep": [1, 2]},
    }
    assert fleet.snapshots[0].extra == {
        "TransferType": "standard",
        "CompletionTime": "2024-03-01T12:10:00.000000+00:00",
    }


@pytest.mark.parametrize(("shape", "entry"), [("Image", IMAGE), ("Snapshot", SNAPSHOT)])
def test_no_field_of_the_sdk_model_is_lost_or_refused(load: Any, shape: str, entry: dict[str, Any]) -> None:
    members = botocore.session.get_session().get_service_model("ec2").shape_for(shape).members
    samples = {"string": "text", "boolean": True, "integer": 7, "timestamp": "2024-03-01T12:00:00Z", "list": []}
    others = {
        name: samples.get(member.type_name, {"Unknown": 1}) for name, member in members.items() if name not in entry
    }
    fleet = load([entry | others])
    found = (fleet.images + fleet.snapshots)[0]
    for name, value in others.items():
        attribute = {"ImageOwnerAlias": "owner_alias"}.get(name, re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower())
        assert value == (getattr(found, attribute) if hasattr(found, attribute) else found.extra[name])


@pytest.mark.parametrize(
    "documents",
    [
        [{"Images": [image(1)], "Snapshots": [snapshot(1)]}],
        [{"Images": [image(1)]}, {"Snapshots": [snapshot(1)]}],
        [[image(1)], [snapshot(1)]],
        [[snapshot(1), image(1)]],
        [{"NextToken": None, "ResponseMetadata": {"a": [1]}, "Snapshots": [snapshot(1)], "Images": [image(1)]}],
    ],
    ids=["one file", "two files", "bare lists", "one bare list", "with other keys"],
)
def test_one_file_two_files_and_bare_lists_are_the_same(load: Any, documents: list[Any]) -> None:
    fleet = load(*documents)
    assert [each.image_id for each in fleet.images] == ["ami-00000000000000001"]
    assert [each.snapshot_id for each in fleet.snapshots] == ["snap-00000000000000001"]


def test_a_bare_minimum_is_enough(load: Any) -> None:
    fleet = load([{"ImageId": "ami-12345678"}, {"SnapshotId": "snap-12345678", "VolumeSize": 1}])
    found = fleet.images[0]
    assert (found.owner_id, found.name, found.state) == (LOCAL_ACCOUNT, "", "available")
    assert found.creation_date.year == 2006
    assert fleet.snapshots[0].full_snapshot_size_bytes is None


def test_null_is_the_same_as_missing(load: Any) -> None:
    fleet = load([{"ImageId": "ami-12345678"} | dict.fromkeys(set(IMAGE) - {"ImageId", "FieldOfTomorrow"})])
    assert fleet.images == load([{"ImageId": "ami-12345678"}]).images


def test_empty_lists_are_an_empty_fleet(load: Any) -> None:
    assert load({"Images": [], "Snapshots": []}) == load([]) == Fleet([], [], [], LOCAL_ACCOUNT)


def test_byte_order_mark_is_no_trouble(tmp_path: Path) -> None:
    path = tmp_path / "images.json"
    path.write_text(json.dumps([image(1)]), encoding="utf-8-sig")
    assert len(load_fleet(path).images) == 1


def test_kernels_and_ramdisks_are_passed_over(load: Any) -> None:
    fleet = load([{"ImageId": "aki-12345678", "ImageType": "kernel"}, image(1, ImageType="machine")])
    assert [each.image_id for each in fleet.images] == ["ami-00000000000000001"]


def test_snapshot_that_no_file_has_is_made_from_the_smallest_mapping(load: Any) -> None:
    first, second = image(1, snapshot_id="snap-11111111"), image(2, snapshot_id="snap-11111111")
    second["BlockDeviceMappings"][0]["Ebs"]["VolumeSize"] = 5
    made = load({"Images": [first, second]}).snapshots
    assert [(each.snapshot_id, each.volume_size_gib) for each in made] == [("snap-11111111", 5)]
    assert made[0].owner_id == REAL_ACCOUNT
    assert made[0].state == "completed"
    assert made[0].full_snapshot_size_bytes is None
    assert made[0].shared_with == ()


def test_snapshot_that_is_named_as_missing_stays_missing(load: Any) -> None:
    document = {"Images": [image(1), image(2)], "MissingSnapshots": ["snap-00000000000000001"]}
    assert [each.snapshot_id for each in load(document).snapshots] == ["snap-00000000000000002"]


def test_main_owner_becomes_the_local_account_and_others_stay_foreign(load: Any) -> None:
    images = [image(1), image(2), image(3, OTHER_ACCOUNT, LaunchPermissions=[{"UserId": REAL_ACCOUNT}])]
    snapshots = [
        snapshot(1, CreateVolumePermissions=[{"UserId": OTHER_ACCOUNT}]),
        snapshot(2),
        snapshot(3, OTHER_ACCOUNT, CreateVolumePermissions=[{"UserId": REAL_ACCOUNT}]),
    ]
    fleet = load(images, snapshots, owner_id=LOCAL_ACCOUNT)
    assert [each.owner_id for each in fleet.images] == [LOCAL_ACCOUNT, LOCAL_ACCOUNT, OTHER_ACCOUNT]
    assert [each.owner_id for each in fleet.snapshots] == [LOCAL_ACCOUNT, LOCAL_ACCOUNT, OTHER_ACCOUNT]
    assert fleet.images[0].image_location == f"{LOCAL_ACCOUNT}/image-1"
    assert fleet.images[2].image_location == f"{OTHER_ACCOUNT}/image-3"
    assert fleet.images[2].launch_permissions == [{"UserId": LOCAL_ACCOUNT}]
    assert [each.shared_with for each in fleet.snapshots] == [(OTHER_ACCOUNT,), (), (LOCAL_ACCOUNT,)]


def test_nobody_is_renamed_when_the_local_account_owns_something(load: Any) -> None:
    fleet = load([image(1), image(2), image(3, LOCAL_ACCOUNT)], owner_id=LOCAL_ACCOUNT)
    assert [each.owner_id for each in fleet.images] == [REAL_ACCOUNT, REAL_ACCOUNT, LOCAL_ACCOUNT]


def test_private_image_of_somebody_else_must_have_been_shared(load: Any) -> None:
    images = [image(1), image(2), image(3, OTHER_ACCOUNT, Public=False), image(4, OTHER_ACCOUNT, Public=True)]
    fleet = load(images, [snapshot(3, OTHER_ACCOUNT)], owner_id=LOCAL_ACCOUNT)
    assert [each.launch_permissions for each in fleet.images] == [
        [],
        [],
        [{"UserId": LOCAL_ACCOUNT}],
        [{"Group": "all"}],
    ]
    shared_with = {each.snapshot_id[-1]: each.shared_with for each in fleet.snapshots}
    assert shared_with == {"1": (), "2": (), "3": (LOCAL_ACCOUNT,), "4": ()}


def test_permissions_and_locks_of_other_calls_are_understood(load: Any) -> None:
    permissions = [{"Group": "all"}, {"OrganizationArn": "arn:aws:organizations::1:organization/o-1"}]
    fleet = load(
        [image(1, LaunchPermissions=permissions, Public=True)],
        [snapshot(1, LockState="compliance", CreateVolumePermissions=[{"Group": "all"}])],
    )
    assert fleet.images[0].launch_permissions == permissions
    assert fleet.snapshots[0].locked
    assert fleet.snapshots[0].shared_with == ("all",)
