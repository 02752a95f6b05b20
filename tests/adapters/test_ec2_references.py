"""DescribeImageReferences, and what takes its place where it cannot be asked."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ami_archiver.errors import TemporarilyUnavailable
from ami_archiver.policy import UseKind
from ami_archiver.retire.model import UsesFound
from local_cloud.object_store import EC2_CALLER
from tests.support.account import REFERENCES, Account
from tests.support.answers import answering, refusing
from tests.support.archive import Archive

INSTEAD = {
    "ec2:DescribeInstances": "instances",
    "ec2:DescribeLaunchTemplates": "launch-templates",
    "ssm:DescribeParameters": "ssm-parameters",
}


@pytest.fixture
def asking(archive: Archive) -> Account:
    """An account in which DescribeImageReferences can be asked."""
    return Account(archive)


@pytest.fixture
def warnings(caplog: pytest.LogCaptureFixture) -> Iterator[Callable[[], list[Any]]]:
    with caplog.at_level(logging.WARNING, logger="ami_archiver.adapters.ec2_uses"):
        yield lambda: [vars(one)["uses"] for one in caplog.records]


def test_image_builder_recipes_are_uses(asking: Account) -> None:
    image_id = asking.image()
    arn = "arn:aws:imagebuilder:us-east-1:123456789012:"
    for resource in ("image-recipe/web/1.0.0", "container-recipe/app/2.1.0"):
        asking.archive.cloud.catalog.add_recipe(arn + resource, image_id)
    assert asking.users(image_id) == ("Image Builder container recipe app/2.1.0", "Image Builder recipe web/1.0.0")


def test_kind_of_use_that_nobody_knows_is_named_as_ec2_does(asking: Account) -> None:
    image_id = asking.image()
    reference = {"ImageId": image_id, "ResourceType": "new:Thing", "Arn": "arn:aws:new:thing/1"}
    with answering(asking.ec2, "DescribeImageReferences", {"ImageReferences": [reference]}):
        assert asking.users(image_id) == ("new:Thing arn:aws:new:thing/1",)


def test_references_come_in_pages(asking: Account) -> None:
    image_id = asking.image()

    def page(number: int, **more: Any) -> dict[str, Any]:
        arn = f"arn:aws:ec2:us-east-1:1:instance/i-{number}"
        return {"ImageReferences": [{"ImageId": image_id, "ResourceType": "ec2:Instance", "Arn": arn}], **more}

    with answering(asking.ec2, "DescribeImageReferences", page(1, NextToken="t"), page(2)):
        assert asking.users(image_id) == ("instance i-1", "instance i-2")


def test_depth_that_ec2_would_not_take_is_cut_to_what_it_takes(
    asking: Account, warnings: Callable[[], list[Any]]
) -> None:
    image_id, other = asking.image(), asking.image("other")
    template_id = asking.template(other, image_id, other)
    assert asking.users(image_id, depth=50_000) == (f"launch template {template_id} version 2",)
    assert asking.users(image_id, depth=0) == ()
    assert warnings() == []


def test_few_calls_are_made_for_ten_images_and_none_in_place_of_references(asking: Account) -> None:
    images = [asking.image(f"n{number}") for number in range(10)]
    asking.template(images[0])
    before = len(asking.archive.cloud.calls.filter())
    asking.uses.of(images, 3)
    calls = asking.archive.cloud.calls.filter()[before:]
    asked = [call.operation for call in calls if call.caller != EC2_CALLER]
    assert asked == [
        "DescribeImageReferences",
        "DescribeLaunchTemplateVersions",
        "DescribeAutoScalingGroups",
        "DescribeLaunchConfigurations",
        "DescribeSpotFleetRequests",
        "DescribeLaunchTemplateVersions",
    ]


def test_versions_of_a_few_templates_are_looked_up_and_the_others_named_without(asking: Account) -> None:
    image_id = asking.image()
    templates = sorted(asking.template(image_id, name=f"web-{number}") for number in range(7))
    with answering(asking.ec2, "DescribeLaunchTemplateVersions", {}) as calls:
        users = asking.users(image_id)
    assert len(calls) == 6
    assert users == (
        *(f"launch template {one} version 1" for one in templates[:5]),
        *(f"launch template {one}" for one in templates[5:]),
    )


@pytest.mark.parametrize("code", ["InvalidLaunchTemplateId.NotFound", "UnauthorizedOperation"])
def test_template_whose_versions_cannot_be_looked_up_is_named_without(asking: Account, code: str) -> None:
    image_id, other = asking.image(), asking.image("other")
    template_id = asking.template(other, image_id, other)

    def of_one_template(params: Any) -> bool:
        return "LaunchTemplateId" in params["body"]

    with refusing(asking.ec2, "DescribeLaunchTemplateVersions", code, 400, only=of_one_template):
        assert asking.users(image_id) == (f"launch template {template_id}",)


@pytest.mark.parametrize(
    "code",
    [
        *("UnauthorizedOperation", "UnsupportedOperation", "InvalidAction", "InvalidAMIID.NotFound"),
        *("InvalidParameterValue", "ValidationError"),
    ],
    ids=lambda code: f"{code}",
)
def test_other_calls_take_the_place_of_references_but_for_image_builder(
    asking: Account, code: str, warnings: Callable[[], list[Any]]
) -> None:
    image_id = asking.image()
    instance_id = asking.instance(image_id)
    asking.deny(REFERENCES, code=code)
    found = asking.uses.of([image_id], 3)
    assert found == UsesFound({image_id: (f"instance {instance_id}",)}, frozenset({UseKind.IMAGE_BUILDER}))
    assert warnings() == ["image references"]


def test_kind_that_some_of_many_images_could_not_be_asked_about_is_named(asking: Account) -> None:
    images = sorted(asking.image(f"n{number:02}") for number in range(11))

    def first_ten(params: Any) -> bool:
        return images[0] in str(params["body"])

    with refusing(asking.ec2, "DescribeImageReferences", "UnauthorizedOperation", 403, only=first_ten):
        assert asking.uses.of(images, 3).not_asked == {UseKind.IMAGE_BUILDER}


@pytest.mark.parametrize(("denied", "kind"), INSTEAD.items())
def test_what_takes_the_place_of_references_and_is_denied_too_is_named(
    asking: Account, denied: str, kind: str, warnings: Callable[[], list[Any]]
) -> None:
    asking.deny(REFERENCES, denied)
    assert asking.not_asked() == {kind, "image-builder"}
    assert warnings() == ["image references", kind]


def test_throttled_references_are_not_taken_for_denied(asking: Account) -> None:
    with (
        refusing(asking.ec2, "DescribeImageReferences", "RequestLimitExceeded", 503),
        pytest.raises(TemporarilyUnavailable),
    ):
        asking.users(asking.image())


def test_parameter_of_a_template_that_may_not_be_read_makes_the_uses_of_templates_unknown(asking: Account) -> None:
    asking.template("resolve:ssm:/current")
    asking.deny("ssm:GetParameters")
    assert asking.not_asked() == {"launch-templates"}
