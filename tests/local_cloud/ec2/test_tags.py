"""Tags on images and snapshots, and on moto's resources, in one call."""

from __future__ import annotations

from typing import Any

from .scenario import OTHER_ACCOUNT, Cloud, refusal


def tags(ec2: Any, *resource_ids: str) -> dict[tuple[str, str], str]:
    answer = ec2.describe_tags(Filters=[{"Name": "resource-id", "Values": list(resource_ids)}])
    return {(one["ResourceId"], one["Key"]): one["Value"] for one in answer["Tags"]}


def test_one_call_tags_images_snapshots_and_other_resources(cloud: Cloud, ec2: Any) -> None:
    image_id, snapshot_id = cloud.add_image().image_id, cloud.add_snapshot().snapshot_id
    vpc_id = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    resources = [image_id, snapshot_id, vpc_id]

    ec2.create_tags(Resources=resources, Tags=[{"Key": "Team", "Value": "web"}])

    assert tags(ec2, *resources) == {(one, "Team"): "web" for one in resources}
    assert ec2.describe_images()["Images"][0]["Tags"] == [{"Key": "Team", "Value": "web"}]
    kinds = ec2.describe_tags(Filters=[{"Name": "resource-type", "Values": ["image", "vpc"]}])["Tags"]
    assert {one["ResourceType"] for one in kinds} == {"image", "vpc"}


def test_one_unknown_resource_leaves_all_untagged(cloud: Cloud, ec2: Any) -> None:
    image_id = cloud.add_image().image_id
    for unknown, code in (
        ("snap-0123456789abcdef0", "InvalidSnapshot.NotFound"),
        ("i-0123456789abcdef0", "InvalidInstanceID.NotFound"),
        ("nonsense", "InvalidID"),
    ):
        assert refusal(ec2.create_tags, Resources=[image_id, unknown], Tags=[{"Key": "a", "Value": "b"}]) == code
    assert tags(ec2, image_id) == {}


def test_tag_is_deleted_by_key_or_only_if_it_has_the_value(cloud: Cloud, ec2: Any) -> None:
    image_id = cloud.add_image(tags={"a": "1", "b": "2", "c": "3"}).image_id

    ec2.delete_tags(Resources=[image_id], Tags=[{"Key": "a"}, {"Key": "b", "Value": "other"}])
    assert tags(ec2, image_id) == {(image_id, "b"): "2", (image_id, "c"): "3"}

    ec2.delete_tags(Resources=[image_id])
    assert tags(ec2, image_id) == {}


def test_resource_has_at_most_fifty_tags(cloud: Cloud, ec2: Any) -> None:
    image_id = cloud.add_image(tags={str(number): "" for number in range(50)}).image_id

    ec2.create_tags(Resources=[image_id], Tags=[{"Key": "7", "Value": "changed"}])
    assert refusal(ec2.create_tags, Resources=[image_id], Tags=[{"Key": "x", "Value": ""}]) == "TagLimitExceeded"


def test_tags_of_different_accounts_on_one_image_are_apart(cloud: Cloud, ec2: Any) -> None:
    image_id = cloud.add_image(tags={"Team": "web"}, launch_permissions=[{"UserId": OTHER_ACCOUNT}]).image_id
    other = cloud.client(OTHER_ACCOUNT)

    other.create_tags(Resources=[image_id], Tags=[{"Key": "Mine", "Value": "yes"}])

    assert tags(other, image_id) == {(image_id, "Mine"): "yes"}
    assert tags(ec2, image_id) == {(image_id, "Team"): "web"}
    assert len(other.describe_images(Filters=[{"Name": "tag:Mine", "Values": ["yes"]}])["Images"]) == 1


def test_tags_come_in_pages(cloud: Cloud, ec2: Any) -> None:
    for _ in range(12):
        cloud.add_image(tags={"Team": "web"})
    pages = list(ec2.get_paginator("describe_tags").paginate(PaginationConfig={"PageSize": 5}))

    assert [len(page["Tags"]) for page in pages] == [5, 5, 2]
