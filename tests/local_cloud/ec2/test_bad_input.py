"""For every operation, what EC2 would refuse: each with AWS's code and HTTP status 400."""

from __future__ import annotations

import pytest

from local_cloud.ec2.app import find_operation
from local_cloud.ec2.query import operation_model, service_model
from local_cloud.settings import CloudSettings

from . import bad_launch_input
from .scenario import BUCKET, OTHER_ACCOUNT, Cloud

SERVED = sorted(filter(find_operation, service_model().operation_names))
IMAGE, SNAPSHOT = "ami-00000000000000002", "snap-00000000000000001"
"""An image of the account and the snapshot it is on."""
THEIRS, THEIR_SNAPSHOT = "ami-00000000000000004", "snap-00000000000000003"
"""A public image of another account, and its public snapshot."""
UNKNOWN, UNKNOWN_SNAPSHOT = "ami-0123456789abcdef0", "snap-0123456789abcdef0"
LONG = "x" * 300

_BAD_IMAGE = [
    ({}, "MissingParameter"),
    ({"ImageId": ""}, "MissingParameter"),
    ({"ImageId": "ami-1"}, "InvalidAMIID.Malformed"),
    ({"ImageId": "snap-00000000000000001"}, "InvalidAMIID.Malformed"),
    ({"ImageId": UNKNOWN}, "InvalidAMIID.NotFound"),
]
_BAD_OWN_IMAGE = [*_BAD_IMAGE, ({"ImageId": THEIRS}, "AuthFailure")]
_BAD_SNAPSHOT = [
    ({}, "MissingParameter"),
    ({"SnapshotId": "disk"}, "InvalidParameterValue"),
    ({"SnapshotId": "snap-1"}, "InvalidSnapshotID.Malformed"),
    ({"SnapshotId": UNKNOWN_SNAPSHOT}, "InvalidSnapshot.NotFound"),
    ({"SnapshotId": THEIR_SNAPSHOT}, "AuthFailure"),
]
_BAD_LISTING = [
    ({"NextToken": "nonsense"}, "InvalidNextToken"),
    ({"NextToken": "WyJPdGhlciJd"}, "InvalidNextToken"),
    ({"MaxResults": "0"}, "InvalidParameterValue"),
    ({"MaxResults": "many"}, "InvalidParameterValue"),
]
_BAD_FILTERS = [
    ({"Filter__1__Name": "colour", "Filter__1__Value__1": "red"}, "InvalidParameterValue"),
    ({"Filter__1__Name": "", "Filter__1__Value__1": "red"}, "InvalidParameterValue"),
    ({"Filter__1__Value__1": "red"}, "InvalidParameterValue"),
    ({"Filter__1__Name": "state"}, "InvalidParameterValue"),
    ({"Filter__1__Colour": "red"}, "UnknownParameter"),
    ({"Filter__one__Name": "state"}, "UnknownParameter"),
    ({"Filter__1": "state"}, "InvalidParameterValue"),
]
_BAD_TAGS = [
    ({"TagSpecification__1__ResourceType": "volume", "TagSpecification__1__Tag__1__Key": "a"}, "InvalidParameterValue"),
    ({"TagSpecification__1__ResourceType": "spoon"}, "InvalidParameterValue"),
    ({"TagSpecification__1__Tag__1__Key": "a"}, "InvalidParameterValue"),
]

Case = tuple[dict[str, str], str]


def _with(good: dict[str, str], cases: list[Case]) -> list[Case]:
    return [(good | bad, code) for bad, code in cases]


_MANIFEST = {"ImageLocation": "bucket/image.manifest.xml"}
_LOCK = {"SnapshotId": SNAPSHOT, "LockMode": "governance"}
_REPORT = {"ImageId": IMAGE, "ResourceType__1__ResourceType": "ec2:LaunchTemplate"}
_REPORT_OPTION = "ResourceType__1__ResourceTypeOption__1__"

CASES: dict[str, list[Case]] = {
    **bad_launch_input.CASES,
    "CreateImageUsageReport": [
        *_with({"ResourceType__1__ResourceType": "ec2:Instance"}, _BAD_OWN_IMAGE),
        *_with(_REPORT, _BAD_TAGS),
        ({"ImageId": IMAGE}, "MissingParameter"),
        ({"ImageId": IMAGE, "ResourceType__1__ResourceType": "ssm:Parameter"}, "InvalidParameterValue"),
        (_REPORT | {"AccountId__1": "me"}, "InvalidParameterValue"),
        (
            _REPORT | {f"{_REPORT_OPTION}OptionName": "version-depth", f"{_REPORT_OPTION}OptionValue__1": "0"},
            "InvalidParameterValue",
        ),
    ],
    "CreateRestoreImageTask": [
        ({"Bucket": BUCKET}, "MissingParameter"),
        ({"ObjectKey": "a.bin"}, "MissingParameter"),
        ({"Bucket": BUCKET, "ObjectKey": "a.bin"}, "NoSuchKey"),
        ({"Bucket": "nowhere", "ObjectKey": "a.bin"}, "NoSuchBucket"),
        ({"Bucket": BUCKET, "ObjectKey": "a.bin", "Name": "x"}, "InvalidAMIName.Malformed"),
        ({"Bucket": BUCKET, "ObjectKey": "a.bin", "Name": "taken"}, "InvalidAMIName.Duplicate"),
        *_with({"Bucket": BUCKET, "ObjectKey": "a.bin"}, _BAD_TAGS),
    ],
    "CreateSnapshot": [
        ({}, "MissingParameter"),
        ({"VolumeId": "vol-0123456789abcdef0"}, "InvalidVolume.NotFound"),
        ({"VolumeId": "vol-0123456789abcdef0"} | _BAD_TAGS[0][0], "InvalidParameterValue"),
    ],
    "CreateStoreImageTask": [
        *_with({"Bucket": BUCKET}, _BAD_IMAGE[:4]),
        ({"ImageId": UNKNOWN, "Bucket": BUCKET}, "InvalidAMIID.NotFound"),
        ({"ImageId": THEIRS, "Bucket": BUCKET}, "AuthFailure"),
        ({"ImageId": IMAGE}, "MissingParameter"),
        ({"ImageId": IMAGE, "Bucket": ""}, "MissingParameter"),
        ({"ImageId": IMAGE, "Bucket": "nowhere"}, "NoSuchBucket"),
        (
            {"ImageId": IMAGE, "Bucket": BUCKET, "S3ObjectTag__1__Key": "aws:x", "S3ObjectTag__1__Value": "y"},
            "InvalidParameterValue",
        ),
        ({"ImageId": IMAGE, "Bucket": BUCKET, "S3ObjectTag__1__Key": LONG}, "InvalidParameterValue"),
        (
            {"ImageId": IMAGE, "Bucket": BUCKET, "S3ObjectTag__1__Key": "a", "S3ObjectTag__2__Key": "a"},
            "InvalidParameterValue",
        ),
        ({"ImageId": IMAGE, "Bucket": BUCKET, "Priority": "1"}, "UnknownParameter"),
    ],
    "CreateTags": [
        ({"ResourceId__1": IMAGE}, "MissingParameter"),
        ({"Tag__1__Key": "a"}, "MissingParameter"),
        ({"ResourceId__1": UNKNOWN, "Tag__1__Key": "a"}, "InvalidAMIID.NotFound"),
        ({"ResourceId__1": "spoon", "Tag__1__Key": "a"}, "InvalidID"),
        ({"ResourceId__1": IMAGE, "Tag__1__Value": "a"}, "InvalidParameterValue"),
        ({"ResourceId__1": IMAGE, "Tag__1__Key": "aws:a"}, "InvalidParameterValue"),
        ({"ResourceId__1": IMAGE, "Tag__1__Key": LONG}, "InvalidParameterValue"),
        ({"ResourceId__1": IMAGE, "Tag__1__Key": "a", "Tag__1__Value": LONG}, "InvalidParameterValue"),
        ({"ResourceId__1": IMAGE, "Tag__1__Key": "a", "Tag__2__Key": "a"}, "InvalidParameterValue"),
    ],
    "DeleteSnapshot": [*_BAD_SNAPSHOT, ({"SnapshotId": SNAPSHOT}, "InvalidSnapshot.InUse")],
    "DeleteTags": [
        ({}, "MissingParameter"),
        ({"ResourceId__1": UNKNOWN}, "InvalidAMIID.NotFound"),
        ({"ResourceId__1": IMAGE, "Tag__1__Key": "aws:a"}, "InvalidParameterValue"),
    ],
    "DeregisterImage": [*_BAD_OWN_IMAGE, ({"ImageId": IMAGE, "DryRun": "perhaps"}, "InvalidParameterValue")],
    "DescribeImageAttribute": [
        *_with({"Attribute": "description"}, _BAD_OWN_IMAGE),
        ({"ImageId": IMAGE}, "MissingParameter"),
        ({"ImageId": IMAGE, "Attribute": "colour"}, "InvalidParameterValue"),
        ({"ImageId": IMAGE, "Attribute": "blockDeviceMapping"}, "AuthFailure"),
    ],
    "DescribeImageReferences": [
        *_with({"ImageId__1": IMAGE, "IncludeAllResourceTypes": "true"}, _BAD_LISTING),
        ({"IncludeAllResourceTypes": "true"}, "MissingParameter"),
        ({"ImageId__1": IMAGE}, "MissingParameter"),
        ({"ImageId__1": "ami-1", "IncludeAllResourceTypes": "true"}, "InvalidAMIID.Malformed"),
        ({f"ImageId__{number}": IMAGE for number in range(1, 12)}, "InvalidParameterValue"),
        ({"ImageId__1": IMAGE, "ResourceType__1__ResourceType": "s3:Bucket"}, "InvalidParameterValue"),
    ],
    "DescribeImageUsageReportEntries": [
        *_BAD_LISTING,
        *_BAD_FILTERS,
        ({"ReportId__1": "amiur-0"}, "InvalidImageUsageReportId.NotFound"),
    ],
    "DescribeImageUsageReports": [*_BAD_LISTING, *_BAD_FILTERS[:3], ({"ImageId__1": "x"}, "InvalidAMIID.Malformed")],
    "DescribeImages": [
        *_BAD_LISTING,
        *_BAD_FILTERS,
        ({"MaxResults": "1001"}, "InvalidParameterValue"),
        ({"ImageId__1": "ami-1"}, "InvalidAMIID.Malformed"),
        ({"ImageId__1": IMAGE, "ImageId__2": UNKNOWN}, "InvalidAMIID.NotFound"),
        ({"Owner__1": "nobody"}, "InvalidUserID.Malformed"),
        ({"ExecutableBy__1": "nobody"}, "InvalidUserID.Malformed"),
        ({"IncludeDisabled": "perhaps"}, "InvalidParameterValue"),
        ({"Colour": "red"}, "UnknownParameter"),
        (
            {"Filter__1__Name": "name"} | {f"Filter__1__Value__{number}": "x" for number in range(1, 202)},
            "FilterLimitExceeded",
        ),
    ],
    "DescribeLockedSnapshots": [*_BAD_LISTING, *_BAD_FILTERS, ({"SnapshotId__1": "x"}, "InvalidParameterValue")],
    "DescribeSnapshots": [
        *_BAD_LISTING,
        *_BAD_FILTERS,
        ({"MaxResults": "4"}, "InvalidParameterValue"),
        ({"MaxResults": "1001"}, "InvalidParameterValue"),
        ({"SnapshotId__1": UNKNOWN_SNAPSHOT}, "InvalidSnapshot.NotFound"),
        ({"SnapshotId__1": "snap-1"}, "InvalidSnapshotID.Malformed"),
        ({"SnapshotId__1": SNAPSHOT, "MaxResults": "5"}, "InvalidParameterCombination"),
        ({"Owner__1": "nobody"}, "InvalidUserID.Malformed"),
    ],
    "DescribeStoreImageTasks": [
        *_BAD_LISTING,
        *_BAD_FILTERS,
        ({"MaxResults": "201"}, "InvalidParameterValue"),
        ({"ImageId__1": "ami-1"}, "InvalidAMIID.Malformed"),
        ({"ImageId__1": IMAGE, "MaxResults": "5"}, "InvalidParameterCombination"),
        ({f"ImageId__{number}": IMAGE for number in range(1, 22)}, "InvalidParameterValue"),
    ],
    "DescribeTags": [*_BAD_LISTING, *_BAD_FILTERS, ({"MaxResults": "1001"}, "InvalidParameterValue")],
    "DisableEbsEncryptionByDefault": [({"Force": "true"}, "UnknownParameter")],
    "DisableImage": _BAD_OWN_IMAGE,
    "DisableImageDeregistrationProtection": _BAD_OWN_IMAGE,
    "EnableEbsEncryptionByDefault": [({"DryRun": "2"}, "InvalidParameterValue")],
    "EnableImage": _BAD_OWN_IMAGE,
    "EnableImageDeregistrationProtection": _BAD_OWN_IMAGE,
    "GetEbsEncryptionByDefault": [({"Region": "mars-1"}, "UnknownParameter")],
    "LockSnapshot": [
        *_with({"LockMode": "governance", "LockDuration": "1"}, _BAD_SNAPSHOT),
        (_LOCK, "InvalidParameterCombination"),
        (_LOCK | {"LockDuration": "0"}, "InvalidParameterValue"),
        (_LOCK | {"LockMode": "soft", "LockDuration": "1"}, "InvalidParameterValue"),
        (_LOCK | {"ExpirationDate": "2020-01-01T00:00:00Z"}, "InvalidParameterValue"),
        (_LOCK | {"LockDuration": "1", "CoolOffPeriod": "1"}, "InvalidParameterCombination"),
    ],
    "ModifyImageAttribute": [
        *_with({"Description__Value": "x"}, _BAD_OWN_IMAGE),
        ({"ImageId": IMAGE}, "MissingParameter"),
        ({"ImageId": IMAGE, "ImdsSupport__Value": "v3"}, "InvalidParameterValue"),
        (
            {"ImageId": IMAGE, "Description__Value": "x", "ImdsSupport__Value": "v2.0"},
            "InvalidParameterCombination",
        ),
        ({"ImageId": IMAGE, "LaunchPermission__Add__1__UserId": "me"}, "InvalidAMIAttributeItemValue"),
        ({"ImageId": IMAGE, "LaunchPermission__Add__1__Group": "some"}, "InvalidParameterValue"),
    ],
    "ModifySnapshotAttribute": [
        *_BAD_SNAPSHOT,
        ({"SnapshotId": SNAPSHOT}, "InvalidParameterCombination"),
        ({"SnapshotId": SNAPSHOT, "CreateVolumePermission__Add__1__UserId": "me"}, "InvalidParameterValue"),
    ],
    "RegisterImage": [
        (_MANIFEST, "MissingParameter"),
        *_with(
            _MANIFEST, [({"Name": "x"}, "InvalidAMIName.Malformed"), ({"Name": "a<b>c"}, "InvalidAMIName.Malformed")]
        ),
        *_with(_MANIFEST, [({"Name": "taken"}, "InvalidAMIName.Duplicate")]),
        *_with(_MANIFEST | {"Name": "new"}, _BAD_TAGS),
        ({"Name": "new"}, "MissingParameter"),
        ({"Name": "new", "Architecture": "vax"} | _MANIFEST, "InvalidParameterValue"),
        ({"Name": "new", "VirtualizationType": "dream"} | _MANIFEST, "InvalidParameterValue"),
        ({"Name": "new", "RootDeviceName": "/dev/sda1"}, "InvalidBlockDeviceMapping"),
    ],
    "ResetImageAttribute": [
        *_with({"Attribute": "launchPermission"}, _BAD_OWN_IMAGE),
        ({"ImageId": IMAGE, "Attribute": "description"}, "InvalidParameterValue"),
    ],
}


@pytest.fixture(scope="module")
def filled_cloud() -> Cloud:
    cloud = Cloud(CloudSettings())
    assert cloud.add_image(name="taken").image_id == IMAGE
    theirs = cloud.add_snapshot(owner_id=OTHER_ACCOUNT, shared_with=("all",))
    public = [{"Group": "all"}]
    assert cloud.add_image([theirs], owner_id=OTHER_ACCOUNT, launch_permissions=public).image_id == THEIRS
    template = {"LaunchTemplateName": bad_launch_input.TEMPLATE, "LaunchTemplateData": {"ImageId": IMAGE}}
    cloud.client().create_launch_template(**template)
    return cloud


def test_every_operation_has_its_bad_inputs() -> None:
    assert sorted(CASES) == SERVED


@pytest.mark.parametrize("action", SERVED)
def test_bad_input_gets_the_code_of_aws(filled_cloud: Cloud, action: str) -> None:
    for parameters, code in CASES[action]:
        assert (parameters, *filled_cloud.raw(action, **parameters)) == (parameters, 400, code)


@pytest.mark.parametrize("action", SERVED)
def test_every_required_parameter_is_required(filled_cloud: Cloud, action: str) -> None:
    model = operation_model(action)
    assert model is not None
    if model.input_shape and model.input_shape.required_members:
        assert filled_cloud.raw(action) == (400, "MissingParameter")
    assert filled_cloud.raw(action, NoSuchParameter="1") == (400, "UnknownParameter")
