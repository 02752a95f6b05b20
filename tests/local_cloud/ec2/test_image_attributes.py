"""Reading and changing attributes of images, launch permissions first."""

from __future__ import annotations

from typing import Any

import pytest

from .scenario import OTHER_ACCOUNT, Cloud, refusal

ORGANIZATION = "arn:aws:organizations::123456789012:organization/o-123example"


def permissions(ec2: Any, image_id: str) -> list[dict[str, str]]:
    answer = ec2.describe_image_attribute(ImageId=image_id, Attribute="launchPermission")
    permissions: list[dict[str, str]] = answer["LaunchPermissions"]
    return permissions


def test_launch_permissions_are_added_and_removed(cloud: Cloud, ec2: Any) -> None:
    image_id = cloud.add_image().image_id
    add = [{"UserId": OTHER_ACCOUNT}, {"Group": "all"}, {"OrganizationArn": ORGANIZATION}]
    ec2.modify_image_attribute(ImageId=image_id, LaunchPermission={"Add": add})
    assert permissions(ec2, image_id) == add
    assert ec2.describe_images()["Images"][0]["Public"] is True

    ec2.modify_image_attribute(ImageId=image_id, LaunchPermission={"Remove": [{"Group": "all"}]})
    assert permissions(ec2, image_id) == [add[0], add[2]]


def test_reset_makes_an_image_private(cloud: Cloud, ec2: Any) -> None:
    image = cloud.add_image(launch_permissions=[{"Group": "all"}])

    ec2.reset_image_attribute(ImageId=image.image_id, Attribute="launchPermission")

    assert permissions(ec2, image.image_id) == []


def test_description_and_imds_support_are_changed(cloud: Cloud, ec2: Any) -> None:
    image_id = cloud.add_image().image_id
    ec2.modify_image_attribute(ImageId=image_id, Description={"Value": "new"})
    ec2.modify_image_attribute(ImageId=image_id, ImdsSupport={"Value": "v2.0"})

    image = ec2.describe_images()["Images"][0]
    assert (image["Description"], image["ImdsSupport"]) == ("new", "v2.0")


@pytest.mark.parametrize(
    ("attribute", "key", "value"),
    [
        ("description", "Description", {"Value": "golden"}),
        ("bootMode", "BootMode", {"Value": "uefi"}),
        ("tpmSupport", "TpmSupport", {}),
        ("sriovNetSupport", "SriovNetSupport", {}),
        ("deregistrationProtection", "DeregistrationProtection", {"Value": "disabled"}),
        ("productCodes", "ProductCodes", [{"ProductCodeId": "abc", "ProductCodeType": "marketplace"}]),
    ],
)
def test_attribute_is_described(cloud: Cloud, ec2: Any, attribute: str, key: str, value: Any) -> None:
    image = cloud.add_image(description="golden", boot_mode="uefi", product_codes=(("abc", "marketplace"),))

    assert ec2.describe_image_attribute(ImageId=image.image_id, Attribute=attribute)[key] == value


def test_images_that_must_stay_private_can_not_be_made_public(cloud: Cloud, ec2: Any) -> None:
    marketplace = cloud.add_image(product_codes=(("abc", "marketplace"),))
    disabled = cloud.add_image(state="disabled")
    public = {"Add": [{"Group": "all"}]}

    def share(image_id: str) -> str:
        return refusal(ec2.modify_image_attribute, ImageId=image_id, LaunchPermission=public)

    assert share(marketplace.image_id) == "OperationNotPermitted"
    assert share(disabled.image_id) == "InvalidAMIID.Unavailable"


def test_only_the_owner_reads_launch_permissions(cloud: Cloud) -> None:
    image = cloud.add_image(launch_permissions=[{"UserId": OTHER_ACCOUNT}])
    describe = cloud.client(OTHER_ACCOUNT).describe_image_attribute

    assert refusal(describe, ImageId=image.image_id, Attribute="launchPermission") == "AuthFailure"
