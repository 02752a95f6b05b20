"""What launches instances by itself, perhaps after having had none for long: it names an image or a template version.

DescribeImageReferences knows none of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ami_archiver.adapters.uses_found import Found

if TYPE_CHECKING:
    from mypy_boto3_autoscaling import AutoScalingClient
    from mypy_boto3_autoscaling.type_defs import AutoScalingGroupTypeDef
    from mypy_boto3_ec2 import EC2Client


PAGE_SIZE = 100
ENDED = ("cancelled", "failed")
"""How the state of a spot fleet that launches nothing any more begins."""

Launch = Mapping[str, Any]
"""What names an image or a launch template, under the same keys in Auto Scaling and EC2."""


def find_launchers(ec2: EC2Client, autoscaling: AutoScalingClient, found: Found) -> None:
    """Auto Scaling groups, launch configurations and spot fleets."""
    for groups in autoscaling.get_paginator("describe_auto_scaling_groups").paginate(
        PaginationConfig={"PageSize": PAGE_SIZE}
    ):
        for group in groups["AutoScalingGroups"]:
            for launch in _of_group(group):
                _note(found, launch, f"Auto Scaling group {group['AutoScalingGroupName']}")
    for configurations in autoscaling.get_paginator("describe_launch_configurations").paginate(
        PaginationConfig={"PageSize": PAGE_SIZE}
    ):
        for configuration in configurations["LaunchConfigurations"]:
            found.add(configuration["ImageId"], f"launch configuration {configuration['LaunchConfigurationName']}")
    for fleets in ec2.get_paginator("describe_spot_fleet_requests").paginate(PaginationConfig={"PageSize": PAGE_SIZE}):
        for fleet in fleets["SpotFleetRequestConfigs"]:
            if not fleet.get("SpotFleetRequestState", "").startswith(ENDED):
                for launch in _of_fleet(fleet.get("SpotFleetRequestConfig", {})):
                    _note(found, launch, f"spot fleet {fleet.get('SpotFleetRequestId')}")


def _of_group(group: AutoScalingGroupTypeDef) -> Iterator[Launch]:
    yield group.get("LaunchTemplate", {})
    mixed = group.get("MixedInstancesPolicy", {}).get("LaunchTemplate", {})
    yield mixed.get("LaunchTemplateSpecification", {})
    for override in mixed.get("Overrides", []):
        yield override
        yield override.get("LaunchTemplateSpecification", {})


def _of_fleet(config: Launch) -> Iterator[Launch]:
    yield from config.get("LaunchSpecifications", [])
    for one in config.get("LaunchTemplateConfigs", []):
        yield one.get("LaunchTemplateSpecification", {})


def _note(found: Found, launch: Launch, user: str) -> None:
    found.add(launch.get("ImageId", ""), user)
    template = launch.get("LaunchTemplateId") or launch.get("LaunchTemplateName")
    if template:
        found.pin(template, launch.get("Version", ""), user)
