"""Accounts, Regions, throttling, dry runs, and that nothing which callers send makes the service fall over."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local_cloud.ec2.app import Throttle, find_operation
from local_cloud.ec2.query import operation_model, service_model, wire_names
from local_cloud.ec2.request import Caller
from local_cloud.errors import AwsError
from local_cloud.settings import CloudSettings

from .scenario import ACCOUNT, BUCKET, OTHER_ACCOUNT, REGION, Cloud, refusal

SERVED = sorted(filter(find_operation, service_model().operation_names))


def test_access_key_of_twelve_digits_is_the_account_any_other_the_default(cloud: Cloud) -> None:
    cloud.add_image(owner_id=OTHER_ACCOUNT)
    cloud.add_image()

    assert [one["OwnerId"] for one in cloud.client(OTHER_ACCOUNT).describe_images()["Images"]] == [OTHER_ACCOUNT]
    assert [one["OwnerId"] for one in cloud.client("AKIAIOSFODNN7EXAMPLE").describe_images()["Images"]] == [ACCOUNT]


def test_accounts_and_regions_have_instances_of_their_own(cloud: Cloud, ec2: Any) -> None:
    ec2.run_instances(ImageId=cloud.add_image().image_id, MinCount=1, MaxCount=1)

    assert len(ec2.describe_instances()["Reservations"]) == 1
    assert cloud.client(OTHER_ACCOUNT).describe_instances()["Reservations"] == []
    assert cloud.client(region="eu-west-1").describe_instances()["Reservations"] == []


def test_two_clouds_in_one_process_share_nothing(make_cloud: Callable[..., Cloud]) -> None:
    first, second = make_cloud(), make_cloud()
    first.client().run_instances(ImageId=first.add_image().image_id, MinCount=1, MaxCount=1)

    assert second.client().describe_instances()["Reservations"] == []


def test_moto_answers_what_is_not_about_images(ec2: Any) -> None:
    assert len(ec2.describe_vpcs()["Vpcs"]) == 1
    group = ec2.create_security_group(GroupName="web", Description="web")["GroupId"]
    assert ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["GroupName"] == "web"
    assert refusal(ec2.describe_instances, InstanceIds=["i-0123456789abcdef0"]) == "InvalidInstanceID.NotFound"


def test_request_without_a_signature_is_the_default_account_s(cloud: Cloud) -> None:
    cloud.add_image()

    status, _, document = cloud.ec2.handle("GET", "http://127.0.0.1:4566/?Action=DescribeImages", {}, b"")

    assert status == 200
    assert b"<imageOwnerId>123456789012</imageOwnerId>" in document


@pytest.mark.parametrize(
    ("action", "code"),
    [
        ("MakeCoffee", "InvalidAction"),
        ("", "MissingAction"),
        ("GetImageAncestry", "MissingParameter"),
        ("CopyImage", "MissingParameter"),
    ],
)
def test_unknown_action_is_refused(cloud: Cloud, action: str, code: str) -> None:
    assert cloud.raw(action) == (400, code)


@pytest.mark.parametrize("action", ["GetImageBlockPublicAccessState", "DescribeSnapshotTierStatus"])
def test_operation_that_neither_side_has_is_unsupported(cloud: Cloud, action: str) -> None:
    assert cloud.raw(action) == (400, "UnsupportedOperation")


def test_calls_above_the_rate_are_throttled(make_cloud: Callable[..., Cloud]) -> None:
    slow = make_cloud(ec2_calls_per_second=2)
    answers = [slow.raw("DescribeImages") for _ in range(4)]

    assert answers[:2] == [(200, ""), (200, "")]
    assert (503, "RequestLimitExceeded") in answers
    assert slow.raw("DescribeImages", OTHER_ACCOUNT) == (200, "")


def test_bucket_of_calls_fills_again_with_time() -> None:
    now = 0.0
    throttle = Throttle(2, lambda: now)
    caller = Caller(ACCOUNT, REGION)

    def admitted() -> int:
        count = 0
        try:
            while True:
                throttle.admit(caller)
                count += 1
        except AwsError:
            return count

    assert admitted() == 2
    now = 0.5
    assert admitted() == 1
    now = 100
    assert admitted() == 2


def good_parameters(cloud: Cloud) -> dict[str, dict[str, str]]:
    """For each operation, parameters with which it would succeed."""
    image = cloud.add_image(tags={"a": "b"}).image_id
    disabled = cloud.add_image(state="disabled").image_id
    free = cloud.add_snapshot().snapshot_id
    stored = cloud.add_image().image_id
    ec2 = cloud.client()
    ec2.create_store_image_task(ImageId=stored, Bucket=BUCKET)
    cloud.clock.advance(3600)
    instance = ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1)["Instances"][0]
    volume = instance["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]
    ec2.create_launch_template(LaunchTemplateName=f"of-{image}", LaunchTemplateData={"ImageId": image})
    template = {"LaunchTemplateName": f"of-{image}"}
    fleet = {"SpotFleetRequestConfig__IamFleetRole": "arn:aws:iam::123456789012:role/fleet"}
    fleet |= {"SpotFleetRequestConfig__TargetCapacity": "1"}
    fleet_launches = "SpotFleetRequestConfig__LaunchSpecifications__1__"
    fleet |= {f"{fleet_launches}ImageId": stored, f"{fleet_launches}InstanceType": "t3.micro"}
    return {
        "CreateImageUsageReport": {"ImageId": image, "ResourceType__1__ResourceType": "ec2:Instance"},
        "CreateLaunchTemplateVersion": {**template, "LaunchTemplateData__KeyName": "ops"},
        "CreateRestoreImageTask": {"Bucket": BUCKET, "ObjectKey": f"{stored}.bin", "Name": "again"},
        "CreateSnapshot": {"VolumeId": volume},
        "CreateStoreImageTask": {"ImageId": image, "Bucket": BUCKET},
        "CreateTags": {"ResourceId__1": image, "Tag__1__Key": "x", "Tag__1__Value": "y"},
        "DeleteSnapshot": {"SnapshotId": free},
        "DeleteTags": {"ResourceId__1": image},
        "DeregisterImage": {"ImageId": image, "DeleteAssociatedSnapshots": "true"},
        "DescribeImageAttribute": {"ImageId": image, "Attribute": "description"},
        "DescribeImageReferences": {"ImageId__1": image, "IncludeAllResourceTypes": "true"},
        "DescribeImageUsageReportEntries": {},
        "DescribeImageUsageReports": {},
        "DescribeImages": {},
        "DescribeLaunchTemplateVersions": template,
        "DescribeLaunchTemplates": {},
        "DescribeLockedSnapshots": {},
        "DescribeSnapshots": {},
        "DescribeSpotFleetRequests": {},
        "DescribeStoreImageTasks": {},
        "DescribeTags": {},
        "DisableEbsEncryptionByDefault": {},
        "DisableImage": {"ImageId": image},
        "DisableImageDeregistrationProtection": {"ImageId": image},
        "EnableEbsEncryptionByDefault": {},
        "EnableImage": {"ImageId": disabled},
        "EnableImageDeregistrationProtection": {"ImageId": image},
        "GetEbsEncryptionByDefault": {},
        "LockSnapshot": {"SnapshotId": free, "LockMode": "governance", "LockDuration": "3"},
        "ModifyImageAttribute": {"ImageId": image, "Description__Value": "new"},
        "ModifyLaunchTemplate": {**template, "SetDefaultVersion": "1"},
        "ModifySnapshotAttribute": {"SnapshotId": free, "CreateVolumePermission__Add__1__UserId": OTHER_ACCOUNT},
        "RegisterImage": {"Name": "bundle", "ImageLocation": "bucket/image.manifest.xml"},
        "RequestSpotFleet": fleet,
        "ResetImageAttribute": {"ImageId": image, "Attribute": "launchPermission"},
    }


def test_dry_run_of_every_operation_succeeds_as_an_error_and_changes_nothing(cloud: Cloud) -> None:
    requests = good_parameters(cloud)
    assert sorted(requests) == SERVED

    def everything() -> Any:
        world = cloud.ec2.world
        state = [
            cloud.catalog.images(REGION),
            cloud.catalog.snapshots(REGION),
            world.encryption_by_default,
            world.foreign_tags,
            world.locks,
            world.protection_ends,
            world.reports,
            [task.image_id for task in cloud.service.store_image_tasks(ACCOUNT, REGION)],
        ]
        return copy.deepcopy(state)

    before = everything()
    for action, parameters in requests.items():
        assert (action, *cloud.raw(action, DryRun="true", **parameters)) == (action, 412, "DryRunOperation")
        assert (action, everything() == before) == (action, True)
    for action, parameters in good_parameters(cloud).items():
        if action not in ("DeregisterImage", "DeleteSnapshot"):
            assert (action, *cloud.raw(action, **parameters)) == (action, 200, "")


def test_every_operation_of_the_sdk_answers_an_empty_request_without_failing(cloud: Cloud) -> None:
    answers = {action: cloud.raw(action, DryRun="true") for action in service_model().operation_names}

    assert [action for action, (status, _) in answers.items() if status not in (200, 400, 412)] == []


_VALUES = st.sampled_from(
    [
        *("", "x", "0", "-1", "7", "99999999999", "true", "self", "all", "add", "a/b/c", "*?\\", "²", "\x00\ud7ff"),
        *("ami-0123456789abcdef0", "snap-0123456789abcdef0", "launchPermission", "ec2:Instance"),
        "2027-01-01T00:00:00Z",
    ]
)
_SUFFIXES = st.sampled_from(["", ".1", ".1.Key", ".1.Name", ".1.Value.1", ".2.Value", ".Value", ".Add.1.UserId", ".x"])


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_no_parameters_make_an_operation_fail(data: st.DataObject) -> None:
    cloud = _FUZZED
    action = data.draw(st.sampled_from(SERVED))
    model = operation_model(action)
    assert model is not None
    names = st.sampled_from(sorted(wire_names(model.input_shape)) if model.input_shape else ["DryRun"])
    chosen = data.draw(st.dictionaries(st.tuples(names, _SUFFIXES).map("".join), _VALUES, max_size=6))

    status, code = cloud.raw(action, **chosen)

    assert (status, bool(code)) in ((200, False), (400, True), (412, True))


_FUZZED = Cloud(CloudSettings())
