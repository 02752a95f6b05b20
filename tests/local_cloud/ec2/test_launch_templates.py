"""Launch templates: which versions are described, filtered and in pages."""

from __future__ import annotations

from typing import Any

import pytest

from .scenario import ACCOUNT, OTHER_ACCOUNT, Cloud, refusal


def make_template(ec2: Any, name: str, *image_ids: str) -> str:
    """A template with one version per image; its id."""
    first, *others = image_ids
    created = ec2.create_launch_template(
        LaunchTemplateName=name, LaunchTemplateData={"ImageId": first, "InstanceType": "t3.micro"}
    )
    template_id: str = created["LaunchTemplate"]["LaunchTemplateId"]
    for image_id in others:
        ec2.create_launch_template_version(LaunchTemplateId=template_id, LaunchTemplateData={"ImageId": image_id})
    return template_id


def described(ec2: Any, **arguments: Any) -> list[tuple[str, int]]:
    answer = ec2.describe_launch_template_versions(**arguments)
    return [(one["LaunchTemplateName"], one["VersionNumber"]) for one in answer["LaunchTemplateVersions"]]


def image_filter(*image_ids: str) -> list[dict[str, Any]]:
    return [{"Name": "image-id", "Values": list(image_ids)}]


def test_latest_and_default_versions_of_all_templates_are_described_without_naming_one(cloud: Cloud, ec2: Any) -> None:
    old, new = cloud.add_image().image_id, cloud.add_image().image_id
    make_template(ec2, "web", old, old, new)
    make_template(ec2, "api", new)
    make_template(cloud.client(OTHER_ACCOUNT), "foreign", old)

    assert sorted(described(ec2, Versions=["$Latest", "$Default"])) == [("api", 1), ("web", 1), ("web", 3)]
    assert sorted(described(ec2, Versions=["$Latest"])) == [("api", 1), ("web", 3)]
    assert described(ec2, Versions=["$Latest", "$Default"], Filters=image_filter(old)) == [("web", 1)]
    default = [{"Name": "is-default-version", "Values": ["true"]}]
    assert sorted(described(ec2, Versions=["$Latest", "$Default"], Filters=default)) == [("api", 1), ("web", 1)]


def test_versions_of_one_template_come_newest_first_all_or_some_of_them(cloud: Cloud, ec2: Any) -> None:
    image_ids = [cloud.add_image().image_id for _ in range(5)]
    template_id = make_template(ec2, "web", *image_ids)

    def numbers(**arguments: Any) -> list[int]:
        return [number for _, number in described(ec2, LaunchTemplateId=template_id, **arguments)]

    assert numbers() == [5, 4, 3, 2, 1]
    assert numbers(MinVersion="2", MaxVersion="4") == [4, 3, 2]
    assert numbers(MinVersion="4") == [5, 4]
    assert numbers(MaxVersion="1") == [1]
    assert numbers(Versions=["1", "$Latest", "$Default"]) == [5, 1]
    assert numbers(Filters=image_filter(image_ids[1], image_ids[3])) == [4, 2]
    assert described(ec2, LaunchTemplateName="web", Versions=["3"]) == [("web", 3)]


def test_version_says_what_it_launches(cloud: Cloud, ec2: Any) -> None:
    image_id = cloud.add_image().image_id
    template_id = make_template(ec2, "web", image_id)

    (version,) = ec2.describe_launch_template_versions(LaunchTemplateId=template_id)["LaunchTemplateVersions"]

    assert version["LaunchTemplateData"] == {"ImageId": image_id, "InstanceType": "t3.micro"}
    assert (version["DefaultVersion"], version["CreateTime"]) == (True, cloud.clock.now())


def test_versions_come_in_pages_that_a_filter_does_not_shorten(cloud: Cloud, ec2: Any) -> None:
    wanted, other = cloud.add_image().image_id, cloud.add_image().image_id
    made = {f"template-{number}": make_template(ec2, f"template-{number}", other, wanted) for number in range(5)}

    pages = ec2.get_paginator("describe_launch_template_versions").paginate(
        Versions=["$Latest", "$Default"], Filters=image_filter(wanted), PaginationConfig={"PageSize": 2}
    )
    found = [[one["LaunchTemplateName"] for one in page["LaunchTemplateVersions"]] for page in pages]

    assert [len(page) for page in found] == [2, 2, 1]
    assert {name for page in found for name in page} == made.keys()


def test_more_than_two_hundred_templates_need_a_second_page(cloud: Cloud, ec2: Any) -> None:
    image_id = cloud.add_image().image_id
    for number in range(201):
        make_template(ec2, f"template-{number}", image_id)

    for answer in (
        ec2.describe_launch_template_versions(Versions=["$Latest"]),
        ec2.describe_launch_template_versions(Versions=["$Latest"], MaxResults=200),
    ):
        assert len(answer["LaunchTemplateVersions"]) == 200
        assert answer["NextToken"]
    pages = ec2.get_paginator("describe_launch_templates").paginate()
    assert [len(page["LaunchTemplates"]) for page in pages] == [200, 1]


def test_default_version_is_moved(cloud: Cloud, ec2: Any) -> None:
    image_id = cloud.add_image().image_id
    template_id = make_template(ec2, "web", image_id, image_id, image_id)

    changed = ec2.modify_launch_template(LaunchTemplateId=template_id, DefaultVersion="2")["LaunchTemplate"]

    assert (changed["DefaultVersionNumber"], changed["LatestVersionNumber"]) == (2, 3)
    assert described(ec2, Versions=["$Default"]) == [("web", 2)]
    refused = refusal(ec2.modify_launch_template, LaunchTemplateId=template_id, DefaultVersion="4")
    assert refused == "InvalidLaunchTemplateId.VersionNotFound"


def test_version_has_what_its_source_has_and_it_does_not_say_otherwise(cloud: Cloud, ec2: Any) -> None:
    old, new = cloud.add_image().image_id, cloud.add_image().image_id
    template_id = make_template(ec2, "web", old)
    for source in ({"SourceVersion": "1"}, {}):
        ec2.create_launch_template_version(
            LaunchTemplateId=template_id, LaunchTemplateData={"KeyName": "ops"}, **source
        )
    ec2.create_launch_template_version(
        LaunchTemplateId=template_id, SourceVersion="$Latest", LaunchTemplateData={"ImageId": new}
    )

    versions = ec2.describe_launch_template_versions(LaunchTemplateId=template_id)["LaunchTemplateVersions"]

    assert [one["LaunchTemplateData"].get("ImageId") for one in versions] == [new, None, old, old]
    assert versions[0]["LaunchTemplateData"] == {"ImageId": new, "KeyName": "ops"}


def test_parameter_in_place_of_an_image_is_resolved_on_request(cloud: Cloud, ec2: Any) -> None:
    image_id = cloud.add_image().image_id
    arn = f"arn:aws:ssm:us-east-1:{ACCOUNT}:parameter/golden/web"
    cloud.parameters.values = [(ACCOUNT, arn, "aws:ec2:image", image_id)]
    make_template(ec2, "web", "resolve:ssm:/golden/web")

    def image(**arguments: Any) -> str:
        answer = ec2.describe_launch_template_versions(Versions=["$Latest"], **arguments)
        return str(answer["LaunchTemplateVersions"][0]["LaunchTemplateData"]["ImageId"])

    assert image() == "resolve:ssm:/golden/web"
    assert image(ResolveAlias=True) == image_id


def test_templates_are_found_by_name_and_tag(cloud: Cloud, ec2: Any) -> None:
    for name in ("web", "api"):
        ec2.create_launch_template(
            LaunchTemplateName=name,
            LaunchTemplateData={"InstanceType": "t3.micro"},
            TagSpecifications=[{"ResourceType": "launch-template", "Tags": [{"Key": "Of", "Value": name}]}],
        )

    def names(**arguments: Any) -> list[str]:
        return [one["LaunchTemplateName"] for one in ec2.describe_launch_templates(**arguments)["LaunchTemplates"]]

    assert sorted(names()) == ["api", "web"]
    assert names(LaunchTemplateNames=["web"]) == ["web"]
    assert names(Filters=[{"Name": "launch-template-name", "Values": ["a*"]}]) == ["api"]
    assert names(Filters=[{"Name": "tag:Of", "Values": ["web"]}]) == ["web"]
    unknown = ["lt-00000000000000001"]
    assert refusal(ec2.describe_launch_templates, LaunchTemplateIds=unknown) == "InvalidLaunchTemplateId.NotFound"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"Versions": ["$Latest"], "MinVersion": "1"}, "InvalidParameterValue"),
        ({"Versions": ["$Latest"], "Filters": image_filter(*["ami-1"] * 201)}, "FilterLimitExceeded"),
        ({"LaunchTemplateName": "web", "Versions": ["newest"]}, "InvalidParameterValue"),
        ({"LaunchTemplateName": "web", "MinVersion": "-1"}, "InvalidParameterValue"),
        ({"LaunchTemplateName": "web", "Versions": ["1"], "MaxVersion": "1"}, "InvalidParameterCombination"),
    ],
)
def test_what_names_no_version_is_refused(cloud: Cloud, ec2: Any, arguments: dict[str, Any], code: str) -> None:
    make_template(ec2, "web", cloud.add_image().image_id)

    assert refusal(ec2.describe_launch_template_versions, **arguments) == code
