"""The uses of a fleet made real through boto3."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from local_cloud.fleet.fleet import Fleet, Use
from local_cloud.in_process import VirtualCloud
from local_cloud.model import Image

ACCOUNT, OTHER_ACCOUNT = "123456789012", "210987654321"
IMAGE_ID = "ami-12345678"


class Account:
    """A cloud with one image, that two accounts may launch."""

    def __init__(self, cloud: VirtualCloud) -> None:
        self.cloud = cloud
        self.image = Image(IMAGE_ID, "web", ACCOUNT, datetime(2024, 3, 1, tzinfo=UTC))
        self.image.launch_permissions.append({"UserId": OTHER_ACCOUNT})

    def use(self, kind: Any, **details: Any) -> None:
        self.cloud.add_fleet(Fleet([self.image], [], [Use(kind, IMAGE_ID, **details)], ACCOUNT))

    def instances(self, account_id: str = ACCOUNT) -> list[dict[str, Any]]:
        answer = self.cloud.client("ec2", account_id).describe_instances()
        return [each for reservation in answer["Reservations"] for each in reservation["Instances"]]


@pytest.fixture
def account(virtual_cloud: VirtualCloud) -> Account:
    return Account(virtual_cloud)


@pytest.mark.parametrize("state", ["running", "stopped", "terminated"])
def test_instance_is_there_in_its_state(account: Account, state: Any) -> None:
    account.use("instance", instance_state=state)
    (instance,) = account.instances()
    assert (instance["ImageId"], instance["State"]["Name"]) == (IMAGE_ID, state)


def test_instance_type_suits_the_architecture(account: Account) -> None:
    account.image.architecture = "arm64"
    account.use("instance")
    assert account.instances()[0]["InstanceType"] == "t4g.micro"


def test_other_account_runs_an_instance_of_its_own(account: Account) -> None:
    account.use("other-account", account_id=OTHER_ACCOUNT)
    assert account.instances() == []
    assert [each["ImageId"] for each in account.instances(OTHER_ACCOUNT)] == [IMAGE_ID]


def test_launch_template_has_the_image_in_its_oldest_version_only(account: Account) -> None:
    account.use("launch-template", name="web", newer_versions=2)
    answer = account.cloud.client("ec2").describe_launch_template_versions(LaunchTemplateName="web")
    versions = answer["LaunchTemplateVersions"]
    images = {each["VersionNumber"]: each["LaunchTemplateData"].get("ImageId") for each in versions}
    assert images == {1: IMAGE_ID, 2: None, 3: None}


def test_parameter_holds_the_image_id(account: Account) -> None:
    account.use("ssm-parameter", name="/images/web/current")
    account.use("ssm-parameter", name="/images/web/current")
    parameter = account.cloud.client("ssm").get_parameter(Name="/images/web/current")["Parameter"]
    assert (parameter["Value"], parameter["DataType"]) == (IMAGE_ID, "aws:ec2:image")


def test_tags_on_an_image_of_somebody_else_are_our_own(account: Account) -> None:
    account.image.tags |= {"Archive": "true", "aws:reserved": "not for users to set"}
    account.cloud.add_fleet(Fleet([account.image], [], owner_id=OTHER_ACCOUNT))
    (image,) = account.cloud.client("ec2", OTHER_ACCOUNT).describe_images(ImageIds=[IMAGE_ID])["Images"]
    assert image["Tags"] == [{"Key": "Archive", "Value": "true"}]
