"""DescribeImages: what is seen by whom, filters, pages."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from .scenario import ACCOUNT, OTHER_ACCOUNT, Cloud, refusal


def ids(answer: dict[str, Any]) -> set[str]:
    return {image["ImageId"] for image in answer["Images"]}


def named(name: str, *values: str) -> list[dict[str, Any]]:
    return [{"Name": name, "Values": list(values)}]


def test_an_account_sees_its_own_images_those_shared_with_it_and_public_ones(cloud: Cloud) -> None:
    own = cloud.add_image(owner_id=OTHER_ACCOUNT)
    shared = cloud.add_image(launch_permissions=[{"UserId": OTHER_ACCOUNT}])
    public = cloud.add_image(launch_permissions=[{"Group": "all"}])
    private = cloud.add_image()

    seen = ids(cloud.client(OTHER_ACCOUNT).describe_images())

    assert seen == {own.image_id, shared.image_id, public.image_id}
    assert refusal(cloud.client(OTHER_ACCOUNT).describe_images, ImageIds=[private.image_id]) == "InvalidAMIID.NotFound"


def test_tags_are_not_shown_to_accounts_that_an_image_is_shared_with(cloud: Cloud) -> None:
    cloud.add_image(tags={"Team": "web"}, launch_permissions=[{"UserId": OTHER_ACCOUNT}])
    other = cloud.client(OTHER_ACCOUNT)

    assert "Tags" not in other.describe_images()["Images"][0]
    assert other.describe_images(Filters=named("tag:Team", "web"))["Images"] == []


def test_owners_can_be_self_an_account_or_an_alias(cloud: Cloud, ec2: Any) -> None:
    mine = cloud.add_image()
    theirs = cloud.add_image(owner_id=OTHER_ACCOUNT, launch_permissions=[{"Group": "all"}])
    amazons = cloud.add_image(owner_id="137112412989", owner_alias="amazon", launch_permissions=[{"Group": "all"}])

    assert ids(ec2.describe_images(Owners=["self"])) == {mine.image_id}
    assert ids(ec2.describe_images(Owners=[ACCOUNT, OTHER_ACCOUNT])) == {mine.image_id, theirs.image_id}
    assert ids(ec2.describe_images(Owners=["amazon"])) == {amazons.image_id}


def test_executable_users_selects_by_launch_permission(cloud: Cloud, ec2: Any) -> None:
    cloud.add_image()
    shared = cloud.add_image(launch_permissions=[{"UserId": OTHER_ACCOUNT}])
    public = cloud.add_image(launch_permissions=[{"Group": "all"}])

    assert ids(ec2.describe_images(ExecutableUsers=[OTHER_ACCOUNT])) == {shared.image_id}
    assert ids(cloud.client(OTHER_ACCOUNT).describe_images(ExecutableUsers=["self"])) == {shared.image_id}
    assert ids(ec2.describe_images(ExecutableUsers=["all"])) == {public.image_id}


def test_disabled_images_are_shown_only_with_include_disabled(cloud: Cloud, ec2: Any) -> None:
    image = cloud.add_image(state="disabled")

    assert ec2.describe_images(ImageIds=[image.image_id])["Images"] == []
    assert ids(ec2.describe_images(ImageIds=[image.image_id], IncludeDisabled=True)) == {image.image_id}
    assert ids(ec2.describe_images(IncludeDisabled=True)) == {image.image_id}


def test_deprecated_images_of_others_are_shown_only_with_include_deprecated(cloud: Cloud) -> None:
    past = cloud.clock.now() - timedelta(days=1)
    image = cloud.add_image(deprecation_time=past, launch_permissions=[{"Group": "all"}])
    other = cloud.client(OTHER_ACCOUNT)

    assert other.describe_images()["Images"] == []
    assert ids(other.describe_images(IncludeDeprecated=True)) == {image.image_id}
    assert ids(cloud.client().describe_images()) == {image.image_id}


def test_deregistered_image_is_left_out_and_an_unknown_one_is_an_error(cloud: Cloud, ec2: Any) -> None:
    image = cloud.add_image()
    ec2.deregister_image(ImageId=image.image_id)

    assert ec2.describe_images(ImageIds=[image.image_id])["Images"] == []
    assert refusal(ec2.describe_images, ImageIds=["ami-0123456789abcdef0"]) == "InvalidAMIID.NotFound"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("architecture", "arm64"),
        ("block-device-mapping.delete-on-termination", "true"),
        ("block-device-mapping.device-name", "/dev/xvda"),
        ("block-device-mapping.encrypted", "false"),
        ("block-device-mapping.volume-size", "77"),
        ("block-device-mapping.volume-type", "gp?"),
        ("boot-mode", "uefi"),
        ("creation-date", "2024-03-03T*"),
        ("description", "*golden*"),
        ("ena-support", "true"),
        ("hypervisor", "xen"),
        ("image-type", "machine"),
        ("is-public", "false"),
        ("kernel-id", "aki-1"),
        ("name", "gold\\*?"),
        ("owner-id", ACCOUNT),
        ("platform", "windows"),
        ("product-code", "abc"),
        ("product-code.type", "marketplace"),
        ("root-device-name", "/dev/xvda"),
        ("root-device-type", "ebs"),
        ("source-image-id", "ami-1"),
        ("source-image-region", "eu-*"),
        ("source-instance-id", "i-1"),
        ("sriov-net-support", "simple"),
        ("state", "available"),
        ("state-reason-message", "because"),
        ("tag:Team", "w*"),
        ("tag-key", "Team"),
        ("tag-value", "web"),
        ("virtualization-type", "hvm"),
    ],
)
def test_filter_finds_an_image_by(cloud: Cloud, ec2: Any, name: str, value: str) -> None:
    image = cloud.add_image(
        [cloud.add_snapshot(volume_size_gib=77)],
        architecture="arm64",
        boot_mode="uefi",
        description="the golden one",
        kernel_id="aki-1",
        name="gold*1",
        platform="windows",
        product_codes=(("abc", "marketplace"),),
        source_image_id="ami-1",
        source_image_region="eu-west-1",
        source_instance_id="i-1",
        sriov_net_support="simple",
        state_reason="because",
        tags={"Team": "web"},
    )

    assert ids(ec2.describe_images(Filters=named(name, "something-else", value))) == {image.image_id}
    assert ec2.describe_images(Filters=named(name, "something-else"))["Images"] == []


def test_filters_are_anded_and_their_values_ored(cloud: Cloud, ec2: Any) -> None:
    first = cloud.add_image(name="one", tags={"Team": "web"})
    second = cloud.add_image(name="two", tags={"Team": "web"})
    cloud.add_image(name="three", tags={"Team": "db"})

    assert ids(ec2.describe_images(Filters=named("name", "one", "two", "three") + named("tag:Team", "web"))) == {
        first.image_id,
        second.image_id,
    }


def test_pages_neither_skip_nor_repeat_while_images_come_and_go(cloud: Cloud, ec2: Any) -> None:
    images = sorted(cloud.add_image().image_id for _ in range(9))
    first = ec2.describe_images(MaxResults=4)
    read = [image["ImageId"] for image in first["Images"]]
    for image_id in (read[0], read[-1]):
        cloud.catalog.remove_image("us-east-1", image_id)
    cloud.add_image()

    rest = ec2.describe_images(NextToken=first["NextToken"])

    assert [image["ImageId"] for image in rest["Images"]][:5] == images[4:]


def test_page_is_full_although_a_filter_drops_most_images(cloud: Cloud, ec2: Any) -> None:
    wanted = {cloud.add_image(tags={"Archive": "true"} if number % 5 == 0 else {}).image_id for number in range(20)}
    found = ec2.describe_images(Filters=named("tag:Archive", "true"), MaxResults=3)
    rest = ec2.describe_images(Filters=named("tag:Archive", "true"), MaxResults=3, NextToken=found["NextToken"])

    assert (len(found["Images"]), len(rest["Images"]), "NextToken" in rest) == (3, 1, False)
    assert ids(found) | ids(rest) < wanted


def test_text_comes_out_as_it_went_in(cloud: Cloud, ec2: Any) -> None:
    odd = "a < b & c > \"d\" 'e'\r\n\tä 🗄"
    cloud.add_image(description=odd, tags={"odd": odd})

    image = ec2.describe_images()["Images"][0]

    assert (image["Description"], image["Tags"]) == (odd, [{"Key": "odd", "Value": odd}])


def test_fields_of_an_export_come_out_as_they_went_in(cloud: Cloud, ec2: Any) -> None:
    extra = {"FreeTierEligible": True, "PublicSsmParameterName": "/aws/service/x", "NotInTheSdk": 1}
    cloud.add_image(extra=extra, deprecation_time=datetime(2030, 1, 1, tzinfo=UTC))

    image = ec2.describe_images()["Images"][0]

    assert image["FreeTierEligible"] is True
    assert image["PublicSsmParameterName"] == "/aws/service/x"
    assert image["DeprecationTime"] == "2030-01-01T00:00:00.000Z"
