"""A fleet in a running cloud, as boto3 sees it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from local_cloud.fleet.export import load_fleet
from local_cloud.fleet.fleet import Fleet
from local_cloud.fleet.generator import generate_fleet
from local_cloud.in_process import VirtualCloud

ACCOUNT = "123456789012"


@pytest.fixture
def fleet() -> Fleet:
    now = datetime(2026, 1, 1, 2, tzinfo=UTC)
    return generate_fleet(40, 1, now=now, owner_id=ACCOUNT, region="us-east-1")


def described(cloud: VirtualCloud) -> dict[str, list[dict[str, Any]]]:
    """What the AWS CLI would print, as JSON does."""
    ec2 = cloud.client("ec2")
    answers = {
        "Images": ec2.describe_images(IncludeDisabled=True)["Images"],
        "Snapshots": ec2.describe_snapshots()["Snapshots"],
    }
    return json.loads(json.dumps(answers, default=datetime.isoformat))  # type: ignore[no-any-return]


def test_generated_fleet_is_described_by_ec2(virtual_cloud: VirtualCloud, fleet: Fleet) -> None:
    virtual_cloud.add_fleet(fleet)
    images = {each["ImageId"]: each for each in described(virtual_cloud)["Images"]}
    assert images.keys() == {image.image_id for image in fleet.images}
    for image in fleet.images:
        assert {each["Key"]: each["Value"] for each in images[image.image_id]["Tags"]} == image.tags


def test_uses_of_a_fleet_are_found_by_ec2(virtual_cloud: VirtualCloud, fleet: Fleet) -> None:
    virtual_cloud.add_fleet(fleet)
    resource_types = {
        "instance": "ec2:Instance",
        "launch-template": "ec2:LaunchTemplate",
        "ssm-parameter": "ssm:Parameter",
    }
    expected = {
        (use.image_id, resource_types[use.kind])
        for use in fleet.in_use
        if use.kind in resource_types and use.newer_versions < 10
    }
    answer = virtual_cloud.client("ec2").describe_image_references(
        ImageIds=sorted({use.image_id for use in fleet.in_use}), IncludeAllResourceTypes=True
    )
    assert {(each["ImageId"], each["ResourceType"]) for each in answer["ImageReferences"]} == expected


def test_export_of_a_cloud_is_the_same_fleet_in_another(
    virtual_cloud: VirtualCloud, fleet: Fleet, tmp_path: Path
) -> None:
    virtual_cloud.add_fleet(fleet)
    before = described(virtual_cloud)
    path = tmp_path / "export.json"
    path.write_text(json.dumps(before, indent=4), encoding="utf-8")
    virtual_cloud.reset()
    virtual_cloud.add_fleet(load_fleet(path, owner_id=ACCOUNT))
    after = described(virtual_cloud)
    assert after["Images"] == before["Images"]
    snapshots = {each["SnapshotId"]: each for each in after["Snapshots"]}
    assert [snapshots[each["SnapshotId"]] for each in before["Snapshots"]] == before["Snapshots"]
