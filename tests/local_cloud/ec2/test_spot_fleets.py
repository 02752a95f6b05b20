"""Spot fleets: what they launch, and of which image or launch template."""

from __future__ import annotations

from typing import Any

from .scenario import OTHER_ACCOUNT, Cloud, refusal
from .test_launch_templates import make_template

ROLE = "arn:aws:iam::123456789012:role/fleet"


def request_fleet(ec2: Any, **config: Any) -> str:
    common = {"IamFleetRole": ROLE, "TargetCapacity": 1}
    fleet_id: str = ec2.request_spot_fleet(SpotFleetRequestConfig=common | config)["SpotFleetRequestId"]
    return fleet_id


def of_image(image_id: str) -> dict[str, Any]:
    return {"LaunchSpecifications": [{"ImageId": image_id, "InstanceType": "t3.micro"}]}


def of_template(**named: str) -> dict[str, Any]:
    overrides = [{"InstanceType": "t3.small"}]
    return {"LaunchTemplateConfigs": [{"LaunchTemplateSpecification": named, "Overrides": overrides}]}


def launched_images(ec2: Any) -> list[str]:
    reservations = ec2.describe_instances()["Reservations"]
    return [one["ImageId"] for reservation in reservations for one in reservation["Instances"]]


def test_fleet_names_the_image_it_launches(cloud: Cloud, ec2: Any) -> None:
    image_id = cloud.add_image().image_id
    fleet_id = request_fleet(ec2, **of_image(image_id))

    (fleet,) = ec2.describe_spot_fleet_requests()["SpotFleetRequestConfigs"]

    assert (fleet["SpotFleetRequestId"], fleet["SpotFleetRequestState"]) == (fleet_id, "active")
    assert fleet["CreateTime"] == cloud.clock.now()
    (launch,) = fleet["SpotFleetRequestConfig"]["LaunchSpecifications"]
    assert (launch["ImageId"], launch["InstanceType"]) == (image_id, "t3.micro")
    assert launched_images(ec2) == [image_id]


def test_fleet_names_the_version_of_the_launch_template_it_launches(cloud: Cloud, ec2: Any) -> None:
    first, second, third = (cloud.add_image().image_id for _ in range(3))
    template_id = make_template(ec2, "web", first, second, third)
    request_fleet(ec2, **of_template(LaunchTemplateId=template_id, Version="2"))
    assert launched_images(ec2) == [second]
    request_fleet(ec2, **of_template(LaunchTemplateName="web", Version="$Default"))
    assert sorted(launched_images(ec2)) == sorted([first, second])

    fleets = ec2.describe_spot_fleet_requests()["SpotFleetRequestConfigs"]

    named = [
        one["SpotFleetRequestConfig"]["LaunchTemplateConfigs"][0]["LaunchTemplateSpecification"]["Version"]
        for one in fleets
    ]
    assert sorted(named) == ["$Default", "2"]


def test_fleets_come_in_pages_for_their_account_alone(cloud: Cloud, ec2: Any) -> None:
    image_id = cloud.add_image(launch_permissions=[{"UserId": OTHER_ACCOUNT}]).image_id
    made = {request_fleet(ec2, **of_image(image_id)) for _ in range(3)}
    theirs = request_fleet(cloud.client(OTHER_ACCOUNT), **of_image(image_id))

    pages = ec2.get_paginator("describe_spot_fleet_requests").paginate(PaginationConfig={"PageSize": 2})
    found = [[one["SpotFleetRequestId"] for one in page["SpotFleetRequestConfigs"]] for page in pages]

    assert [len(page) for page in found] == [2, 1]
    assert {one for page in found for one in page} == made
    refused = refusal(ec2.describe_spot_fleet_requests, SpotFleetRequestIds=[theirs])
    assert refused == "InvalidSpotFleetRequestId.NotFound"


def test_cancelled_fleet_says_so(cloud: Cloud, ec2: Any) -> None:
    image_id = cloud.add_image().image_id
    ended, running = (request_fleet(ec2, **of_image(image_id)) for _ in range(2))
    ec2.cancel_spot_fleet_requests(SpotFleetRequestIds=[ended], TerminateInstances=True)
    ec2.cancel_spot_fleet_requests(SpotFleetRequestIds=[running], TerminateInstances=False)

    fleets = ec2.describe_spot_fleet_requests()["SpotFleetRequestConfigs"]

    states = {one["SpotFleetRequestId"]: one["SpotFleetRequestState"] for one in fleets}
    assert states == {ended: "cancelled_terminating", running: "cancelled_running"}


def test_instances_are_found_by_image_and_state_in_pages(cloud: Cloud, ec2: Any) -> None:
    image_id, other = cloud.add_image().image_id, cloud.add_image().image_id
    ids = [
        ec2.run_instances(ImageId=one, MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"]
        for one in [image_id] * 7 + [other]
    ]
    ec2.terminate_instances(InstanceIds=ids[:1])
    ec2.stop_instances(InstanceIds=ids[1:2])
    filters = [
        {"Name": "image-id", "Values": [image_id, *(f"ami-{number:017x}" for number in range(100, 290))]},
        {"Name": "instance-state-name", "Values": ["pending", "running", "shutting-down", "stopping", "stopped"]},
    ]

    pages = ec2.get_paginator("describe_instances").paginate(Filters=filters, PaginationConfig={"PageSize": 5})
    found = [[one["InstanceId"] for r in page["Reservations"] for one in r["Instances"]] for page in pages]

    assert [len(page) for page in found] == [5, 1]
    assert sorted(one for page in found for one in page) == sorted(ids[1:7])
    terminated = ec2.describe_instances(
        Filters=[{"Name": "image-id", "Values": [image_id]}, {"Name": "instance-state-name", "Values": ["terminated"]}]
    )
    assert [one["InstanceId"] for r in terminated["Reservations"] for one in r["Instances"]] == ids[:1]
