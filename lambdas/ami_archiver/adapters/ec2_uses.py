"""What in this account would miss an image: whatever runs of it, or would launch it the next time.

DescribeImageReferences knows instances, launch templates, SSM parameters and Image Builder recipes, but of a template
only its newest versions, and nothing of what launches by itself: that is looked for beside it, always. Where it cannot
be asked, other calls take its place, but for Image Builder's recipes: what cannot be asked is said, by kind.
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-ami-references.html
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from ami_archiver.adapters.aws_errors import translated
from ami_archiver.adapters.ec2_launchers import find_launchers
from ami_archiver.adapters.ec2_templates import Depth, Templates
from ami_archiver.adapters.services import names_of
from ami_archiver.adapters.uses_found import Found
from ami_archiver.batches import batches
from ami_archiver.errors import AccessDenied
from ami_archiver.policy import UseKind
from ami_archiver.retire.model import UsesFound

if TYPE_CHECKING:
    from mypy_boto3_autoscaling import AutoScalingClient
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_ec2.type_defs import ResourceTypeRequestTypeDef
    from mypy_boto3_ssm import SSMClient


logger = logging.getLogger(__name__)

IMAGES_PER_CALL = 10
"""DescribeImageReferences takes at most 10 images."""
MOST_VERSIONS = 10_000
STATES = ("pending", "running", "shutting-down", "stopping", "stopped")
"""Of instances: all but terminated."""
PARAMETERS_PER_LISTING = 50
PARAMETERS_PER_CALL = 10
IMAGE_TYPE = "aws:ec2:image"

_KINDS = {
    "ec2:Instance": "instance",
    "imagebuilder:ImageRecipe": "Image Builder recipe",
    "imagebuilder:ContainerRecipe": "Image Builder container recipe",
}


class Ec2Uses:
    """The clients of other services are made when they are first needed."""

    def __init__(self, ec2: EC2Client, autoscaling: AutoScalingClient, ssm: SSMClient) -> None:
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
            (UseKind.AUTO_SCALING, lambda: find_launchers(self._ec2, self._autoscaling, found)),
            (UseKind.LAUNCH_TEMPLATES, lambda: templates.find_versions(Depth(depth, looked_at=known))),
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
        kinds: list[ResourceTypeRequestTypeDef] = [
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
        pages = self._ec2.get_paginator("describe_image_references").paginate(
            ImageIds=sorted(found.image_ids), ResourceTypes=kinds
        )
        for page in pages:
            for raw in page.get("ImageReferences", []):
                image_id, kind, arn = raw.get("ImageId", ""), raw.get("ResourceType", ""), raw.get("Arn", "")
                if kind == "ec2:LaunchTemplate":
                    found.add_template(image_id, arn.rpartition("/")[2], None)
                else:
                    found.add(image_id, _in_words(kind, arn))

    def _find_instances(self, found: Found) -> None:
        pages = self._ec2.get_paginator("describe_instances").paginate(
            Filters=[
                {"Name": "image-id", "Values": sorted(found.image_ids)},
                {"Name": "instance-state-name", "Values": list(STATES)},
            ],
            PaginationConfig={"PageSize": 1000},
        )
        for page in pages:
            for reservation in page.get("Reservations", []):
                for raw in reservation.get("Instances", []):
                    found.add(raw.get("ImageId", ""), f"instance {raw.get('InstanceId')}")

    def _find_parameters(self, found: Found) -> None:
        """Those of image type: Systems Manager keeps no value of theirs that is no image."""
        ssm = self._ssm
        pages = ssm.get_paginator("describe_parameters").paginate(
            ParameterFilters=[{"Key": "DataType", "Option": "Equals", "Values": [IMAGE_TYPE]}],
            PaginationConfig={"PageSize": PARAMETERS_PER_LISTING},
        )
        for page in pages:
            for names in batches([raw["Name"] for raw in page["Parameters"]], PARAMETERS_PER_CALL):
                for parameter in ssm.get_parameters(Names=names)["Parameters"]:
                    found.add(parameter["Value"], _in_words("ssm:Parameter", parameter["ARN"]))


def _in_words(kind: str, arn: str) -> str:
    if kind == "ssm:Parameter":
        return f"SSM parameter {names_of(arn)[0]}"
    if kind == "ec2:Instance":
        return f"instance {arn.rpartition('/')[2]}"
    return f"{_KINDS[kind]} {arn.partition('/')[2]}" if kind in _KINDS else f"{kind} {arn}"
