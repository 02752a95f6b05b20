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
    "ModifyLaunchTemplate": [
        ({}, "InvalidParameterCombination"),
        *_BAD_TEMPLATE,
        ({"LaunchTemplateName": TEMPLATE, "SetDefaultVersion": "2"}, "InvalidLaunchTemplateId.VersionNotFound"),
        ({"LaunchTemplateName": TEMPLATE, "SetDefaultVersion": "x"}, "InvalidParameterValue"),
    ],
}
