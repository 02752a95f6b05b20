"""Auto Scaling groups and launch configurations: what they launch, and of which image."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from local_cloud.in_process import VirtualCloud
from local_cloud.server import LocalCloud
from tests.local_cloud.endpoint.scenes import add_image, unique

SIZES: dict[str, Any] = {"MinSize": 0, "MaxSize": 3, "AvailabilityZones": ["us-east-1a"]}


def make_template(cloud: VirtualCloud | LocalCloud, *image_ids: str) -> str:
    """A launch template with one version per image; its id."""
    ec2, name = cloud.client("ec2"), unique("template")
    data = [{"ImageId": image_id, "InstanceType": "t3.micro"} for image_id in image_ids]
    created = ec2.create_launch_template(LaunchTemplateName=name, LaunchTemplateData=data[0])
    for one in data[1:]:
        ec2.create_launch_template_version(LaunchTemplateName=name, LaunchTemplateData=one)
    return str(created["LaunchTemplate"]["LaunchTemplateId"])


def launched_images(cloud: VirtualCloud | LocalCloud, image_ids: list[str]) -> list[str]:
    """The images that instances run from, of these."""
    running = [{"Name": "image-id", "Values": image_ids}, {"Name": "instance-state-name", "Values": ["running"]}]
    reservations = cloud.client("ec2").describe_instances(Filters=running)["Reservations"]
    return [one["ImageId"] for reservation in reservations for one in reservation["Instances"]]


def code_of(call: Any, **parameters: Any) -> str:
    with pytest.raises(ClientError) as refused:
        call(**parameters)
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    return str(refused.value.response["Error"]["Code"])


def test_group_names_the_version_of_its_template_and_runs_it(local_cloud: LocalCloud) -> None:
    scaling, name = local_cloud.client("autoscaling"), unique("group")
    images = [add_image(local_cloud.catalog) for _ in range(2)]
    template_id = make_template(local_cloud, *images)
    template = {"LaunchTemplateId": template_id, "Version": "1"}
    scaling.create_auto_scaling_group(AutoScalingGroupName=name, LaunchTemplate=template, DesiredCapacity=2, **SIZES)

    (group,) = scaling.describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"]

    assert {key: group["LaunchTemplate"][key] for key in template} == template
    assert launched_images(local_cloud, images) == [images[0], images[0]]
    references = local_cloud.client("ec2").describe_image_references(
        ImageIds=images[:1], ResourceTypes=[{"ResourceType": "ec2:Instance"}]
    )["ImageReferences"]
    assert {one["Arn"].rpartition("/")[2] for one in references} == {one["InstanceId"] for one in group["Instances"]}


def test_group_without_a_version_has_the_templates_default(virtual_cloud: VirtualCloud) -> None:
    scaling = virtual_cloud.client("autoscaling")
    images = [add_image(virtual_cloud.catalog) for _ in range(2)]
    template_id = make_template(virtual_cloud, *images)
    scaling.create_auto_scaling_group(
        AutoScalingGroupName="web", LaunchTemplate={"LaunchTemplateId": template_id}, DesiredCapacity=1, **SIZES
    )

    (group,) = scaling.describe_auto_scaling_groups()["AutoScalingGroups"]

    assert group["LaunchTemplate"]["LaunchTemplateId"] == template_id
    assert "Version" not in group["LaunchTemplate"]
    assert launched_images(virtual_cloud, images) == images[:1]


def test_mixed_instances_policy_comes_back_with_the_templates_of_its_overrides(virtual_cloud: VirtualCloud) -> None:
    scaling = virtual_cloud.client("autoscaling")
    first, second = (make_template(virtual_cloud, add_image(virtual_cloud.catalog)) for _ in range(2))
    override = {"InstanceType": "t3.small", "LaunchTemplateSpecification": {"LaunchTemplateId": second, "Version": "1"}}
    policy = {
        "LaunchTemplate": {
            "LaunchTemplateSpecification": {"LaunchTemplateId": first, "Version": "$Latest"},
            "Overrides": [override],
        }
    }
    scaling.create_auto_scaling_group(AutoScalingGroupName="mixed", MixedInstancesPolicy=policy, **SIZES)

    (group,) = scaling.describe_auto_scaling_groups()["AutoScalingGroups"]

    assert "LaunchTemplate" not in group
    named = group["MixedInstancesPolicy"]["LaunchTemplate"]["LaunchTemplateSpecification"]
    assert (named["LaunchTemplateId"], named["Version"]) == (first, "$Latest")
    assert group["MixedInstancesPolicy"]["LaunchTemplate"]["Overrides"] == [override]


def test_launch_configuration_names_its_image_and_the_group_the_configuration(virtual_cloud: VirtualCloud) -> None:
    scaling, image_id = virtual_cloud.client("autoscaling"), add_image(virtual_cloud.catalog)
    scaling.create_launch_configuration(LaunchConfigurationName="old", ImageId=image_id, InstanceType="t3.micro")
    scaling.create_auto_scaling_group(
        AutoScalingGroupName="web", LaunchConfigurationName="old", DesiredCapacity=1, **SIZES
    )

    (configuration,) = scaling.describe_launch_configurations()["LaunchConfigurations"]
    (group,) = scaling.describe_auto_scaling_groups()["AutoScalingGroups"]

    assert (configuration["LaunchConfigurationName"], configuration["ImageId"]) == ("old", image_id)
    assert (group["LaunchConfigurationName"], len(group["Instances"])) == ("old", 1)
    assert launched_images(virtual_cloud, [image_id]) == [image_id]


def test_groups_and_configurations_come_in_pages_for_their_account_alone(virtual_cloud: VirtualCloud) -> None:
    scaling, image_id = virtual_cloud.client("autoscaling"), add_image(virtual_cloud.catalog)
    names = [f"web-{number:03}" for number in range(55)]
    for name in names:
        scaling.create_launch_configuration(LaunchConfigurationName=name, ImageId=image_id, InstanceType="t3.micro")
        scaling.create_auto_scaling_group(AutoScalingGroupName=name, LaunchConfigurationName=name, **SIZES)

    def pages(call: str, key: str, **arguments: Any) -> list[list[str]]:
        found = scaling.get_paginator(call).paginate(**arguments)
        name = "AutoScalingGroupName" if key == "AutoScalingGroups" else "LaunchConfigurationName"
        return [[one[name] for one in page[key]] for page in found]

    for call, key in (
        ("describe_auto_scaling_groups", "AutoScalingGroups"),
        ("describe_launch_configurations", "LaunchConfigurations"),
    ):
        by_default = pages(call, key)
        assert [len(page) for page in by_default] == [50, 5]
        assert [name for page in by_default for name in page] == names
        assert [len(page) for page in pages(call, key, PaginationConfig={"PageSize": 20})] == [20, 20, 15]
        assert code_of(getattr(scaling, call), MaxRecords=101) == "ValidationError"
        assert code_of(getattr(scaling, call), NextToken="nonsense") == "InvalidNextToken"
        assert getattr(virtual_cloud.client("autoscaling", "999988887777"), call)()[key] == []


def test_deleted_group_ends_its_instances(virtual_cloud: VirtualCloud) -> None:
    scaling, image_id = virtual_cloud.client("autoscaling"), add_image(virtual_cloud.catalog)
    template = {"LaunchTemplateId": make_template(virtual_cloud, image_id)}
    scaling.create_auto_scaling_group(AutoScalingGroupName="web", LaunchTemplate=template, DesiredCapacity=2, **SIZES)
    scaling.delete_auto_scaling_group(AutoScalingGroupName="web", ForceDelete=True)

    assert scaling.describe_auto_scaling_groups()["AutoScalingGroups"] == []
    assert launched_images(virtual_cloud, [image_id]) == []


def test_group_of_what_is_not_there_is_refused(virtual_cloud: VirtualCloud) -> None:
    scaling, image_id = virtual_cloud.client("autoscaling"), add_image(virtual_cloud.catalog)
    template = {"LaunchTemplateId": make_template(virtual_cloud, image_id)}
    create = scaling.create_auto_scaling_group
    create(AutoScalingGroupName="there", LaunchTemplate=template, **SIZES)
    unknown = {"LaunchTemplateId": "lt-0123456789abcdef0"}

    assert code_of(create, AutoScalingGroupName="there", LaunchTemplate=template, **SIZES) == "AlreadyExists"
    assert code_of(create, AutoScalingGroupName="a", LaunchTemplate=unknown, **SIZES) == "ValidationError"
    assert code_of(create, AutoScalingGroupName="b", LaunchConfigurationName="none", **SIZES) == "ValidationError"
    virtual_cloud.client("ec2").disable_image(ImageId=image_id)
    disabled = {"LaunchTemplate": template, "DesiredCapacity": 1}
    assert code_of(create, AutoScalingGroupName="c", **disabled, **SIZES) == "ValidationError"
    assert len(scaling.describe_auto_scaling_groups()["AutoScalingGroups"]) == 1
