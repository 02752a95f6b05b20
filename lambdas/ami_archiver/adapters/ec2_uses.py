"""What in this account would miss an image: whatever runs of it, or would launch it the next time.

DescribeImageReferences knows instances, launch templates, SSM parameters and Image Builder recipes, but of a template
only its newest versions, and nothing of what launches by itself: that is looked for beside it, always. Where it cannot
be asked, other calls take its place, but for Image Builder's recipes: what cannot be asked is said, by kind.
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-ami-references.html
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError

from ami_archiver.adapters.aws_errors import translated
from ami_archiver.adapters.clients import paged
from ami_archiver.adapters.ec2_templates import Found, Templates
from ami_archiver.adapters.services import names_of
from ami_archiver.batches import batches
from ami_archiver.errors import AccessDenied
from ami_archiver.policy import UseKind
from ami_archiver.retire.model import UsesFound

logger = logging.getLogger(__name__)

IMAGES_PER_CALL = 10
"""DescribeImageReferences takes at most 10 images."""
MOST_VERSIONS = 10_000
STATES = ("pending", "running", "shutting-down", "stopping", "stopped")
"""Of instances: all but terminated."""
PARAMETERS_PER_CALL = 10
ENDED = ("cancelled", "failed")
"""How the state of a spot fleet that launches nothing any more begins."""

Launch = Mapping[str, Any]
"""What names an image or a launch template, under the same keys in Auto Scaling and EC2."""

_KINDS = {
    "ec2:Instance": "instance",
    "imagebuilder:ImageRecipe": "Image Builder recipe",
    "imagebuilder:ContainerRecipe": "Image Builder container recipe",
}


class Ec2Uses:
    """The clients of other services are made when they are first needed."""

    def __init__(self, ec2: Any, autoscaling: Any, ssm: Any) -> None:
        self._ec2 = ec2
        self._autoscaling = autoscaling
        self._ssm = ssm

    def of(self, image_ids: Collection[str], template_versions: int) -> UsesFound:
        """By DescribeImageReferences, launch template versions, Auto Scaling groups, launch configurations and spot
        fleets. Where that first call is not there or not allowed, instances and SSM parameters of image type are
        asked instead, and Image Builder is not."""
        references: dict[str, tuple[str, ...]] = {}
        not_asked: set[UseKind] = set()
        depth = min(max(template_versions, 1), MOST_VERSIONS)
        for batch in batches(sorted(set(image_ids)), IMAGES_PER_CALL):
            found = Found(frozenset(batch))
            not_asked |= self._look(found, depth)
            references |= found.references()
        return UsesFound(references, frozenset(not_asked))

    def _look(self, found: Found, depth: int) -> set[UseKind]:
        """The kinds of use that could not be asked for."""
        templates = Templates(self._ec2, self._ssm, found)
        known = self._can(lambda: self._find_references(found, depth), "image references")
        looks: list[tuple[UseKind, Callable[[], None]]] = [
            (UseKind.LAUNCH_TEMPLATES, templates.find_default_and_latest),
            (UseKind.AUTO_SCALING, lambda: _find_launchers(self._ec2, self._autoscaling, found)),
            (UseKind.LAUNCH_TEMPLATES, lambda: templates.find_versions(depth, known=known)),
        ]
        if not known:
            looks += [
                (UseKind.INSTANCES, lambda: self._find_instances(found)),
                (UseKind.SSM_PARAMETERS, lambda: self._find_parameters(found)),
            ]
        not_asked = {kind for kind, look in looks if not self._can(look, kind)}
        not_asked |= set() if known else {UseKind.IMAGE_BUILDER}
        if UseKind.LAUNCH_TEMPLATES not in not_asked:
            templates.name_versions()
        return not_asked

    def _can(self, look: Callable[[], None], what: str) -> bool:
        try:
            with translated():
                look()
        except (ClientError, AccessDenied) as error:
            logger.warning("uses unknown", extra={"uses": what, "reason": str(error)})
            return False
        return True

    def _find_references(self, found: Found, depth: int) -> None:
        kinds: list[dict[str, Any]] = [
            {
                "ResourceType": "ec2:Instance",
                "ResourceTypeOptions": [{"OptionName": "state-name", "OptionValues": list(STATES)}],
            },
            {
                "ResourceType": "ec2:LaunchTemplate",
                "ResourceTypeOptions": [{"OptionName": "version-depth", "OptionValues": [str(depth)]}],
            },
            {"ResourceType": "ssm:Parameter"},
            {"ResourceType": "imagebuilder:ImageRecipe"},
            {"ResourceType": "imagebuilder:ContainerRecipe"},
        ]
        request: dict[str, Any] = {"ImageIds": sorted(found.image_ids), "ResourceTypes": kinds}
        for raw in paged(self._ec2, "describe_image_references", "ImageReferences", **request):
            image_id, kind, arn = raw.get("ImageId", ""), raw.get("ResourceType", ""), raw.get("Arn", "")
            if kind == "ec2:LaunchTemplate":
                found.add_template(image_id, arn.rpartition("/")[2], None)
            else:
                found.add(image_id, _in_words(kind, arn))

    def _find_instances(self, found: Found) -> None:
        filters: list[dict[str, Any]] = [
            {"Name": "image-id", "Values": sorted(found.image_ids)},
            {"Name": "instance-state-name", "Values": list(STATES)},
        ]
        request: dict[str, Any] = {"Filters": filters, "PaginationConfig": {"PageSize": 1000}}
        for reservation in paged(self._ec2, "describe_instances", "Reservations", **request):
            for raw in reservation.get("Instances", []):
                found.add(raw.get("ImageId", ""), f"instance {raw.get('InstanceId')}")

    def _find_parameters(self, found: Found) -> None:
        """Those of image type: Systems Manager keeps no value of theirs that is no image."""
        filters = [{"Key": "DataType", "Option": "Equals", "Values": ["aws:ec2:image"]}]
        request: dict[str, Any] = {"ParameterFilters": filters, "PaginationConfig": {"PageSize": 50}}
        listed = paged(self._ssm, "describe_parameters", "Parameters", **request)
        for names in batches((raw["Name"] for raw in listed), PARAMETERS_PER_CALL):
            for parameter in self._ssm.get_parameters(Names=names)["Parameters"]:
                found.add(parameter["Value"], _in_words("ssm:Parameter", parameter["ARN"]))


def _in_words(kind: str, arn: str) -> str:
    if kind == "ssm:Parameter":
        return f"SSM parameter {names_of(arn)[0]}"
    if kind == "ec2:Instance":
        return f"instance {arn.rpartition('/')[2]}"
    return f"{_KINDS[kind]} {arn.partition('/')[2]}" if kind in _KINDS else f"{kind} {arn}"


def _find_launchers(ec2: Any, autoscaling: Any, found: Found) -> None:
    """Auto Scaling groups, launch configurations and spot fleets: they launch by themselves, perhaps after having had
    no instance for long. DescribeImageReferences knows none of it."""
    pages = {"PageSize": 100}
    for group in paged(autoscaling, "describe_auto_scaling_groups", "AutoScalingGroups", PaginationConfig=pages):
        for launch in _of_group(group):
            _note(found, launch, f"Auto Scaling group {group['AutoScalingGroupName']}")
    operation, member = "describe_launch_configurations", "LaunchConfigurations"
    for configuration in paged(autoscaling, operation, member, PaginationConfig=pages):
        found.add(configuration["ImageId"], f"launch configuration {configuration['LaunchConfigurationName']}")
    for fleet in paged(ec2, "describe_spot_fleet_requests", "SpotFleetRequestConfigs", PaginationConfig=pages):
        if not fleet.get("SpotFleetRequestState", "").startswith(ENDED):
            for launch in _of_fleet(fleet.get("SpotFleetRequestConfig", {})):
                _note(found, launch, f"spot fleet {fleet.get('SpotFleetRequestId')}")


def _of_group(group: Launch) -> Iterator[Launch]:
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
