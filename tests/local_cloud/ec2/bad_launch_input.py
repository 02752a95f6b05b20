"""What EC2 would refuse about launch templates and spot fleets, for `test_bad_input`; the template is `TEMPLATE`."""

from __future__ import annotations

TEMPLATE = "web"
_UNKNOWN = "lt-0123456789abcdef0"

Case = tuple[dict[str, str], str]

_BAD_TEMPLATE: list[Case] = [
    ({"LaunchTemplateId": "lt-1"}, "InvalidLaunchTemplateId.Malformed"),
    ({"LaunchTemplateId": _UNKNOWN}, "InvalidLaunchTemplateId.NotFound"),
    ({"LaunchTemplateName": "nobodys"}, "InvalidLaunchTemplateName.NotFoundException"),
    ({"LaunchTemplateId": _UNKNOWN, "LaunchTemplateName": TEMPLATE}, "InvalidParameterCombination"),
]
_ALL_LATEST = {"LaunchTemplateVersion__1": "$Latest"}
_BAD_PAGE: list[Case] = [
    ({"NextToken": "nonsense"}, "InvalidNextToken"),
    ({"MaxResults": "0"}, "InvalidParameterValue"),
    ({"MaxResults": "201"}, "InvalidParameterValue"),
    ({"Filter__1__Name": "colour", "Filter__1__Value__1": "red"}, "InvalidParameterValue"),
]
_FLEET = "SpotFleetRequestConfig__"
_LAUNCHES = f"{_FLEET}LaunchSpecifications__1__"
_TEMPLATES = f"{_FLEET}LaunchTemplateConfigs__1__LaunchTemplateSpecification__"


def _with(good: dict[str, str], cases: list[Case]) -> list[Case]:
    return [(good | bad, code) for bad, code in cases]


CASES: dict[str, list[Case]] = {
    "CreateLaunchTemplateVersion": [
        ({"LaunchTemplateName": TEMPLATE}, "MissingParameter"),
        *_with({"LaunchTemplateData__KeyName": "ops"}, [({}, "InvalidParameterCombination"), *_BAD_TEMPLATE]),
        *_with(
            {"LaunchTemplateData__KeyName": "ops", "LaunchTemplateName": TEMPLATE},
            [
                ({"SourceVersion": "9"}, "InvalidLaunchTemplateId.VersionNotFound"),
                ({"SourceVersion": "newest"}, "InvalidParameterValue"),
                ({"DryRun": "true", "SourceVersion": "0"}, "InvalidLaunchTemplateId.VersionNotFound"),
            ],
        ),
    ],
    "DescribeLaunchTemplateVersions": [
        ({}, "MissingParameter"),
        *_BAD_TEMPLATE,
        *_with(_ALL_LATEST, _BAD_PAGE),
        ({"LaunchTemplateVersion__1": "1"}, "InvalidParameterValue"),
    ],
    "DescribeLaunchTemplates": [
        *_BAD_PAGE,
        ({"LaunchTemplateId__1": _UNKNOWN}, "InvalidLaunchTemplateId.NotFound"),
        ({"LaunchTemplateName__1": "nobodys"}, "InvalidLaunchTemplateName.NotFoundException"),
    ],
    "DescribeSpotFleetRequests": [
        ({"MaxResults": "1001"}, "InvalidParameterValue"),
        ({"NextToken": "nonsense"}, "InvalidNextToken"),
        ({"SpotFleetRequestId__1": "sfr-1"}, "InvalidSpotFleetRequestId.NotFound"),
    ],
    "ModifyLaunchTemplate": [
        ({}, "InvalidParameterCombination"),
        *_BAD_TEMPLATE,
        ({"LaunchTemplateName": TEMPLATE, "SetDefaultVersion": "2"}, "InvalidLaunchTemplateId.VersionNotFound"),
        ({"LaunchTemplateName": TEMPLATE, "SetDefaultVersion": "x"}, "InvalidParameterValue"),
    ],
    "RequestSpotFleet": [
        ({_FLEET + "TargetCapacity": "1"}, "MissingParameter"),
        *_with(
            {_FLEET + "TargetCapacity": "1", _FLEET + "IamFleetRole": "arn:aws:iam::123456789012:role/fleet"},
            [
                ({}, "InvalidSpotFleetRequestConfig"),
                ({_LAUNCHES + "InstanceType": "t3.micro"}, "InvalidSpotFleetRequestConfig"),
                ({_LAUNCHES + "InstanceType": "t3.micro", _LAUNCHES + "ImageId": "ami-1"}, "InvalidAMIID.Malformed"),
                ({_TEMPLATES + "LaunchTemplateId": _UNKNOWN}, "InvalidLaunchTemplateId.NotFound"),
                (
                    {_TEMPLATES + "LaunchTemplateName": TEMPLATE, _TEMPLATES + "Version": "7"},
                    "InvalidLaunchTemplateId.VersionNotFound",
                ),
            ],
        ),
    ],
}
