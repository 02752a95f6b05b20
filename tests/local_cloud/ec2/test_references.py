"""DescribeImageReferences: instances, launch templates and parameters that refer to an image."""

from __future__ import annotations

from typing import Any

from .scenario import ACCOUNT, OTHER_ACCOUNT, Cloud, refusal


def references(ec2: Any, image_id: str, *types: str | dict[str, Any]) -> list[str]:
    """The ARNs' last parts; all resource types unless `types` are given."""
    chosen = [{"ResourceType": one} if isinstance(one, str) else one for one in types]
    arguments = {"ResourceTypes": chosen} if chosen else {"IncludeAllResourceTypes": True}
    answer = ec2.describe_image_references(ImageIds=[image_id], **arguments)
    return [one["Arn"].rpartition(":")[2] for one in answer["ImageReferences"]]


def option(kind: str, name: str, *values: str) -> dict[str, Any]:
    return {"ResourceType": kind, "ResourceTypeOptions": [{"OptionName": name, "OptionValues": list(values)}]}


def launch(ec2: Any, image_id: str) -> str:
    instance_id: str = ec2.run_instances(ImageId=image_id, MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"]
    return instance_id


def test_unused_image_has_no_references(cloud: Cloud, ec2: Any) -> None:
    launch(ec2, cloud.add_image().image_id)

    assert references(ec2, cloud.add_image().image_id) == []


def test_terminated_instances_count_unless_states_are_named(cloud: Cloud, ec2: Any) -> None:
    image_id = cloud.add_image().image_id
    running, terminated = launch(ec2, image_id), launch(ec2, image_id)
    ec2.terminate_instances(InstanceIds=[terminated])

    assert references(ec2, image_id) == sorted([f"instance/{running}", f"instance/{terminated}"])
    assert references(ec2, image_id, option("ec2:Instance", "state-name", "running", "stopped")) == [
        f"instance/{running}"
    ]


def test_references_to_a_deregistered_image_are_found(cloud: Cloud, ec2: Any) -> None:
    image_id = cloud.add_image().image_id
    instance_id = launch(ec2, image_id)
    ec2.deregister_image(ImageId=image_id)

    assert references(ec2, image_id) == [f"instance/{instance_id}"]


def test_launch_templates_are_looked_at_ten_versions_deep_by_default(cloud: Cloud, ec2: Any) -> None:
    old, new = cloud.add_image().image_id, cloud.add_image().image_id
    template = ec2.create_launch_template(LaunchTemplateName="web", LaunchTemplateData={"ImageId": old})
    template_id = template["LaunchTemplate"]["LaunchTemplateId"]
    for _ in range(9):
        ec2.create_launch_template_version(LaunchTemplateId=template_id, LaunchTemplateData={"ImageId": new})
    arn = f"launch-template/{template_id}"
    assert references(ec2, old) == [arn]

    ec2.create_launch_template_version(LaunchTemplateId=template_id, LaunchTemplateData={"ImageId": new})
    assert references(ec2, old) == []
    assert references(ec2, old, option("ec2:LaunchTemplate", "version-depth", "11")) == [arn]
    assert references(ec2, new) == [arn]


def test_parameters_of_the_image_data_type_count(cloud: Cloud, ec2: Any) -> None:
    image_id = cloud.add_image().image_id
    arn = f"arn:aws:ssm:us-east-1:{ACCOUNT}:parameter/golden"
    cloud.parameters.values = [
        (ACCOUNT, arn, "aws:ec2:image", image_id),
        (ACCOUNT, f"{arn}-text", "text", image_id),
        (OTHER_ACCOUNT, f"{arn}-other", "aws:ec2:image", image_id),
    ]

    assert references(ec2, image_id) == ["parameter/golden"]
    assert references(ec2, image_id, "ec2:Instance", "imagebuilder:ImageRecipe") == []


def test_only_the_callers_own_resources_are_told(cloud: Cloud, ec2: Any) -> None:
    image_id = cloud.add_image(launch_permissions=[{"UserId": OTHER_ACCOUNT}]).image_id
    launch(cloud.client(OTHER_ACCOUNT), image_id)

    assert references(ec2, image_id) == []
    assert len(references(cloud.client(OTHER_ACCOUNT), image_id)) == 1


def test_references_come_in_pages(cloud: Cloud, ec2: Any) -> None:
    image_id = cloud.add_image().image_id
    launched = {launch(ec2, image_id) for _ in range(7)}
    pages = ec2.get_paginator("describe_image_references").paginate(
        ImageIds=[image_id], IncludeAllResourceTypes=True, PaginationConfig={"PageSize": 5}
    )

    found = [[one["Arn"].rpartition("/")[2] for one in page["ImageReferences"]] for page in pages]
    assert [len(page) for page in found] == [5, 2]
    assert {one for page in found for one in page} == launched


def test_options_that_do_not_fit_are_refused(cloud: Cloud, ec2: Any) -> None:
    image_id = cloud.add_image().image_id

    def refused(**arguments: Any) -> str:
        return refusal(ec2.describe_image_references, ImageIds=[image_id], **arguments)

    for depth in ("0", "10001", "ten", "²"):
        options = option("ec2:LaunchTemplate", "version-depth", depth)
        assert refused(ResourceTypes=[options]) == "InvalidParameterValue"
    assert refused(ResourceTypes=[option("ec2:Instance", "version-depth", "1")]) == "InvalidParameterValue"
    assert refused(ResourceTypes=[option("ec2:Instance", "state-name", "asleep")]) == "InvalidParameterValue"
    assert refused(ResourceTypes=[option("ssm:Parameter", "state-name", "x")]) == "InvalidParameterCombination"
    assert refused() == "MissingParameter"
