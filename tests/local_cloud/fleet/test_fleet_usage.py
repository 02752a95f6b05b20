"""The uses of a fleet made real through boto3."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from local_cloud.fleet.fleet import Fleet, Use
from local_cloud.fleet.usage import apply_use
from local_cloud.model import Image

ACCOUNT, OTHER_ACCOUNT = "123456789012", "210987654321"


class Account:
    """Clients against moto, and a note of which account each was asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str | None]] = []
        self.image_id: str = self("ec2").register_image(Name="web")["ImageId"]
        self.asked.clear()

    def __call__(self, service: str, account_id: str | None = None) -> Any:
        self.asked.append((service, account_id))
        return boto3.client(service, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test")

    def use(self, kind: Any, architecture: str = "x86_64", **details: Any) -> None:
        image = Image(self.image_id, "web", ACCOUNT, datetime(2024, 3, 1, tzinfo=UTC), architecture=architecture)
        apply_use(Fleet([image], [], [Use(kind, self.image_id, **details)]), self)

    def instances(self) -> list[dict[str, Any]]:
        return [each for answer in self("ec2").describe_instances()["Reservations"] for each in answer["Instances"]]


@pytest.fixture
def account() -> Iterator[Account]:
    with mock_aws():
        yield Account()


@pytest.mark.parametrize("state", ["running", "stopped", "terminated"])
def test_instance_is_there_in_its_state(account: Account, state: Any) -> None:
    account.use("instance", instance_state=state)
    (instance,) = account.instances()
    assert (instance["ImageId"], instance["State"]["Name"]) == (account.image_id, state)


def test_instance_type_suits_the_architecture(account: Account) -> None:
    account.use("instance", architecture="arm64")
    assert account.instances()[0]["InstanceType"] == "t4g.micro"


def test_other_account_runs_its_own_instance(account: Account) -> None:
    account.use("other-account", account_id=OTHER_ACCOUNT)
    assert account.asked == [("ec2", OTHER_ACCOUNT)]
    assert account.instances()[0]["ImageId"] == account.image_id


def test_launch_template_has_the_image_in_its_oldest_version_only(account: Account) -> None:
    account.use("launch-template", name="web", newer_versions=2)
    versions = account("ec2").describe_launch_template_versions(LaunchTemplateName="web")["LaunchTemplateVersions"]
    images = {each["VersionNumber"]: each["LaunchTemplateData"].get("ImageId") for each in versions}
    assert images == {1: account.image_id, 2: None, 3: None}


def test_parameter_holds_the_image_id(account: Account) -> None:
    account.use("ssm-parameter", name="/images/web/current")
    account.use("ssm-parameter", name="/images/web/current")
    parameter = account("ssm").get_parameter(Name="/images/web/current")["Parameter"]
    assert (parameter["Value"], parameter["DataType"]) == (account.image_id, "aws:ec2:image")


def test_parameter_is_plain_text_where_its_data_type_is_refused() -> None:
    class Ssm:
        put: dict[str, Any] | None = None

        def put_parameter(self, **parameter: Any) -> None:
            if parameter["DataType"] != "text":
                raise ClientError({"Error": {"Code": "ValidationException"}}, "PutParameter")
            self.put = parameter

    ssm = Ssm()
    apply_use(Fleet([], [], [Use("ssm-parameter", "ami-12345678", "/images/web")]), lambda *_: ssm)
    assert ssm.put is not None
    assert (ssm.put["Name"], ssm.put["Value"]) == ("/images/web", "ami-12345678")
