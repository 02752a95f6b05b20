"""Who in the account would miss an image: the same is found whether DescribeImageReferences can be asked or not."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ami_archiver.errors import TemporarilyUnavailable
from ami_archiver.retire.model import UsesFound
from tests.support.account import REFERENCES, Account
from tests.support.answers import answering, refusing
from tests.support.archive import Archive

ALWAYS = {
    "ec2:DescribeLaunchTemplateVersions": "launch-templates",
    "autoscaling:DescribeAutoScalingGroups": "auto-scaling",
    "autoscaling:DescribeLaunchConfigurations": "auto-scaling",
    "ec2:DescribeSpotFleetRequests": "auto-scaling",
}


@pytest.fixture(params=["with references", "without references"])
def account(archive: Archive, request: pytest.FixtureRequest) -> Account:
    """Each test twice: what is found must not depend on who can be asked."""
    account = Account(archive)
    if request.param == "without references":
        account.deny(REFERENCES)
    return account


@pytest.fixture
def warnings(caplog: pytest.LogCaptureFixture) -> Iterator[Callable[[], list[Any]]]:
    with caplog.at_level(logging.WARNING, logger="ami_archiver.adapters.ec2_uses"):
        yield lambda: [vars(one)["uses"] for one in caplog.records]


def test_image_that_nothing_uses_has_no_reference(account: Account) -> None:
    account.image("other")
    assert account.uses.of([account.image(), "ami-00000000000000009"], 3).references == {}
    assert account.uses.of([], 3) == UsesFound({}, frozenset())


def test_instance_is_named_until_it_is_terminated(account: Account) -> None:
    image_id = account.image()
    instance_id = account.instance(image_id)
    assert account.users(image_id) == (f"instance {instance_id}",)
    account.ec2.stop_instances(InstanceIds=[instance_id])
    assert account.users(image_id) == (f"instance {instance_id}",)
    account.ec2.terminate_instances(InstanceIds=[instance_id])
    account.archive.cloud.advance(3600)
    assert account.users(image_id) == ()


def test_launch_template_is_named_with_the_newest_version_that_has_the_image(account: Account) -> None:
    image_id, other = account.image(), account.image("other")
    template_id = account.template(other, image_id, image_id, other)
    assert account.users(image_id) == (f"launch template {template_id} version 3",)


def test_version_that_is_older_than_the_depth_is_no_use(account: Account) -> None:
    image_id, other = account.image(), account.image("other")
    template_id = account.template(other, image_id, other, other, default=4)
    assert account.users(image_id, depth=2) == ()
    assert account.users(image_id, depth=3) == (f"launch template {template_id} version 2",)


def test_default_version_is_a_use_however_old(account: Account) -> None:
    image_id, other = account.image(), account.image("other")
    template_id = account.template(image_id, *[other] * 5)
    assert account.users(image_id, depth=1) == (f"launch template {template_id} version 1",)


def test_latest_version_is_a_use(account: Account) -> None:
    image_id, other = account.image(), account.image("other")
    template_id = account.template(other, image_id)
    assert account.users(image_id, depth=1) == (f"launch template {template_id} version 2",)


def test_parameter_of_image_type_is_a_use(account: Account) -> None:
    image_id = account.image()
    for name, data_type in (("/golden/web", "aws:ec2:image"), ("/text/web", "text")):
        account.ssm.put_parameter(Name=name, Value=image_id, Type="String", DataType=data_type)
    assert account.users(image_id) == ("SSM parameter /golden/web",)


def test_parameters_are_found_beyond_the_pages_that_systems_manager_takes(account: Account) -> None:
    image_id, other = account.image(), account.image("other")
    for number in range(63):
        value = image_id if number in (0, 31, 62) else other
        account.ssm.put_parameter(Name=f"/g/{number:02}", Value=value, Type="String", DataType="aws:ec2:image")
    assert account.users(image_id) == tuple(f"SSM parameter /g/{number}" for number in ("00", "31", "62"))


@pytest.mark.parametrize("data_type", ["aws:ec2:image", "text"])
def test_template_that_names_a_parameter_uses_the_image_that_it_has(account: Account, data_type: str) -> None:
    image_id = account.image()
    account.ssm.put_parameter(Name="/current", Value=image_id, Type="String", DataType=data_type)
    template_id = account.template("resolve:ssm:/current", "resolve:ssm:/nowhere")
    assert f"launch template {template_id} version 1" in account.users(image_id)


def test_template_that_names_a_version_of_a_parameter_uses_the_image_of_that_version(account: Account) -> None:
    old, new = account.image("old"), account.image("new")
    for value in (old, new):
        account.ssm.put_parameter(Name="/current", Value=value, Type="String", Overwrite=True)
    template_id = account.template("resolve:ssm:/current:1")
    assert (account.users(old), account.users(new)) == ((f"launch template {template_id} version 1",), ())


def test_group_that_launches_from_a_version_older_than_the_depth_is_a_use(account: Account) -> None:
    image_id, other = account.image(), account.image("other")
    template_id = account.template(other, image_id, *[other] * 5)
    account.group("web", LaunchTemplate={"LaunchTemplateId": template_id, "Version": "2"})
    assert account.users(image_id, depth=1) == (f"Auto Scaling group web (launch template {template_id} version 2)",)
    assert account.users(image_id, depth=6) == (f"launch template {template_id} version 2",)


def test_group_without_instances_on_the_default_version_is_seen_by_its_template(account: Account) -> None:
    image_id = account.image()
    template_id = account.template(image_id, account.image("other"))
    account.group("web", LaunchTemplate={"LaunchTemplateName": "web", "Version": "$Default"})
    assert account.users(image_id, depth=1) == (f"launch template {template_id} version 1",)


def test_overrides_of_mixed_instances_are_uses(account: Account) -> None:
    image_id, other = account.image(), account.image("other")
    first = account.template(image_id, other, default=2, name="first")
    second = account.template(image_id, other, default=2, name="second")
    override = {"InstanceType": "t3.small", "LaunchTemplateSpecification": {"LaunchTemplateId": second, "Version": "1"}}
    mixed = {
        "LaunchTemplateSpecification": {"LaunchTemplateId": first, "Version": "1"},
        "Overrides": [override],
    }
    account.group("mixed", MixedInstancesPolicy={"LaunchTemplate": mixed})
    assert account.users(image_id, depth=1) == tuple(
        sorted(f"Auto Scaling group mixed (launch template {one} version 1)" for one in (first, second))
    )


def test_override_that_names_the_image_itself_is_a_use(account: Account) -> None:
    image_id = account.image()
    overrides = [{"InstanceType": "t3.small", "ImageId": image_id}]
    group = {"AutoScalingGroupName": "web", "MixedInstancesPolicy": {"LaunchTemplate": {"Overrides": overrides}}}
    with answering(account.scaling, "DescribeAutoScalingGroups", {"AutoScalingGroups": [group]}):
        assert account.users(image_id) == ("Auto Scaling group web",)


def test_launch_configuration_is_a_use_whether_or_not_a_group_has_it(account: Account) -> None:
    image_id = account.image()
    account.scaling.create_launch_configuration(
        LaunchConfigurationName="old", ImageId=image_id, InstanceType="t3.micro"
    )
    assert account.users(image_id) == ("launch configuration old",)


def test_groups_and_configurations_beyond_the_first_page_are_seen(account: Account) -> None:
    image_id, other = account.image(), account.image("other")
    template_id = account.template(image_id, other, default=2)
    for number in range(105):
        of = image_id if number == 104 else other
        account.scaling.create_launch_configuration(
            LaunchConfigurationName=f"old-{number:03}", ImageId=of, InstanceType="t3.micro"
        )
        version = "1" if number == 104 else "2"
        account.group(f"web-{number:03}", LaunchTemplate={"LaunchTemplateId": template_id, "Version": version})
    assert account.users(image_id, depth=1) == (
        f"Auto Scaling group web-104 (launch template {template_id} version 1)",
        "launch configuration old-104",
    )


def _without_instances(users: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(one for one in users if not one.startswith("instance "))


def test_spot_fleet_is_a_use_until_it_is_cancelled(account: Account) -> None:
    image_id = account.image()
    fleet_id = account.fleet(LaunchSpecifications=[{"ImageId": image_id, "InstanceType": "t3.micro"}])
    assert _without_instances(account.users(image_id)) == (f"spot fleet {fleet_id}",)
    account.ec2.cancel_spot_fleet_requests(SpotFleetRequestIds=[fleet_id], TerminateInstances=True)
    assert _without_instances(account.users(image_id)) == ()


def test_spot_fleet_that_launches_from_an_old_version_is_a_use(account: Account) -> None:
    image_id, other = account.image(), account.image("other")
    template_id = account.template(image_id, other, default=2)
    specification = {"LaunchTemplateId": template_id, "Version": "1"}
    fleet_id = account.fleet(LaunchTemplateConfigs=[{"LaunchTemplateSpecification": specification}])
    assert _without_instances(account.users(image_id, depth=1)) == (
        f"spot fleet {fleet_id} (launch template {template_id} version 1)",
    )


def test_group_whose_template_is_gone_is_no_use(account: Account) -> None:
    group = {"AutoScalingGroupName": "web", "LaunchTemplate": {"LaunchTemplateId": "lt-gone", "Version": "1"}}
    with answering(account.scaling, "DescribeAutoScalingGroups", {"AutoScalingGroups": [group]}):
        assert account.users(account.image()) == ()


def test_users_of_many_images_are_told_apart(account: Account) -> None:
    images = [account.image(f"n{number:02}") for number in range(23)]
    instances = {one: account.instance(one) for one in (images[0], images[10], images[22])}
    assert account.uses.of(images, 3).references == {one: (f"instance {by}",) for one, by in instances.items()}


def test_use_in_another_account_is_not_looked_for_here(account: Account) -> None:
    image_id = account.archive.image("one", launch_permissions=[{"UserId": "999999999999"}])
    other = account.archive.cloud.client("ec2", "999999999999")
    other.run_instances(ImageId=image_id, MinCount=1, MaxCount=1, InstanceType="t3.micro")
    assert account.users(image_id) == ()


def test_throttle_is_temporary(account: Account) -> None:
    with (
        refusing(account.ec2, "DescribeLaunchTemplateVersions", "RequestLimitExceeded", 503),
        pytest.raises(TemporarilyUnavailable),
    ):
        account.users(account.image())


@pytest.mark.parametrize(("denied", "kind"), ALWAYS.items())
def test_what_is_always_asked_and_denied_is_named(
    account: Account, denied: str, kind: str, warnings: Callable[[], list[Any]]
) -> None:
    before = account.not_asked()
    account.deny(denied)
    assert account.not_asked() == before | {kind}
    assert kind in warnings()


def test_uses_that_can_be_asked_for_are_found_beside_those_that_cannot(account: Account) -> None:
    image_id = account.image()
    instance_id = account.instance(image_id)
    account.deny("autoscaling:DescribeAutoScalingGroups")
    found = account.uses.of([image_id], 3)
    assert (found.references, "auto-scaling" in found.not_asked) == ({image_id: (f"instance {instance_id}",)}, True)
