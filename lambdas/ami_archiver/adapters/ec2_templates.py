"""Versions of launch templates that name an image, themselves or by an SSM parameter."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from ami_archiver.adapters.aws_errors import translated
from ami_archiver.adapters.uses_found import Found
from ami_archiver.batches import batches
from ami_archiver.errors import AccessDenied

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_ec2.type_defs import LaunchTemplateTypeDef
    from mypy_boto3_ssm import SSMClient


PAGE_SIZE = 200
"""The most that the calls on launch templates return in one page."""
ALIAS = "resolve:ssm:"
"""Before the name of a parameter, in the place of an image id; its data type need not be that of images."""
PARAMETERS_PER_CALL = 10
NAMED = 5
"""Of so many templates of an image the version is looked up: more are not shown."""


@dataclass(frozen=True, slots=True)
class Depth:
    """So many newest versions of each template count."""

    versions: int
    looked_at: bool
    """DescribeImageReferences has done so."""


@dataclass(frozen=True, slots=True)
class _Version:
    template_id: str
    number: int
    image: str
    """An image id or an alias."""


class Templates:
    def __init__(self, ec2: EC2Client, ssm: SSMClient, found: Found) -> None:
        self._ec2 = ec2
        self._ssm = ssm
        self._found = found

    def find_default_and_latest(self) -> None:
        """A template's default version may be older than any depth."""
        for image_id, version in self._resolved(self._versions(Versions=["$Default", "$Latest"])):
            self._found.add_template(image_id, version.template_id, version.number)

    def find_versions(self, depth: Depth) -> None:
        """The newest versions, unless they are known already, and those that somebody launches from."""
        if depth.looked_at and not self._found.pinned:
            return
        pages = self._ec2.get_paginator("describe_launch_templates").paginate(PaginationConfig={"PageSize": PAGE_SIZE})
        for page in pages:
            for raw in page.get("LaunchTemplates", []):
                self._find_versions_of(raw, depth)

    def name_versions(self) -> None:
        """Which version it is that DescribeImageReferences has only named the template of."""
        for image_id in sorted(self._found.image_ids):
            templates = sorted(template for image, template in self._found.unnamed if image == image_id)
            for template_id in templates[:NAMED]:
                try:
                    with translated(template_id):
                        newest = next(self._versions([image_id], LaunchTemplateId=template_id), None)
                except (ClientError, AccessDenied):  # gone by now, or not to be seen: it is named without a version
                    continue
                if newest is not None:
                    self._found.add_template(image_id, template_id, newest.number)

    def _find_versions_of(self, raw: LaunchTemplateTypeDef, depth: Depth) -> None:
        template_id, latest = raw.get("LaunchTemplateId", ""), raw.get("LatestVersionNumber", 1)
        pinned = self._found.pinned.get(template_id) or self._found.pinned.get(raw.get("LaunchTemplateName", "")) or {}
        newest = set(range(max(1, latest - depth.versions + 1), latest + 1))
        known = {latest, raw.get("DefaultVersionNumber", 1)}
        older = pinned.keys() - newest - known
        wanted = older if depth.looked_at else older | (newest - known)
        if not wanted:
            return
        # EC2's reference calls MinVersion the number 'after which' versions are described: with or without itself.
        least: Any = {"MinVersion": str(min(wanted) - 1)} if min(wanted) > 1 else {}
        for image_id, version in self._resolved(self._versions(LaunchTemplateId=template_id, **least)):
            if version.number in older:
                for user in pinned[version.number]:
                    self._found.add(image_id, f"{user} (launch template {template_id} version {version.number})")
            elif version.number in wanted:
                self._found.add_template(image_id, template_id, version.number)

    def _versions(self, images: list[str] | None = None, **which: Any) -> Iterator[_Version]:
        """Newest first, of one template; those that name one of the images, or an alias."""
        values = images or [*sorted(self._found.image_ids), f"{ALIAS}*"]
        pages = self._ec2.get_paginator("describe_launch_template_versions").paginate(
            Filters=[{"Name": "image-id", "Values": values}], PaginationConfig={"PageSize": PAGE_SIZE}, **which
        )
        for page in pages:
            for raw in page.get("LaunchTemplateVersions", []):
                image = raw.get("LaunchTemplateData", {}).get("ImageId", "")
                yield _Version(raw.get("LaunchTemplateId", ""), raw.get("VersionNumber", 0), image)

    def _resolved(self, versions: Iterator[_Version]) -> Iterator[tuple[str, _Version]]:
        """Each version with its image's id, also where a parameter of Systems Manager says which that is."""
        by_name: dict[str, list[_Version]] = {}
        for version in versions:
            if version.image.startswith(ALIAS):
                by_name.setdefault(version.image.removeprefix(ALIAS), []).append(version)
            else:
                yield version.image, version
        for names in batches(by_name, PARAMETERS_PER_CALL):
            for raw in self._ssm.get_parameters(Names=names)["Parameters"]:
                for name in (raw["Name"], raw["ARN"]):
                    for version in by_name.get(f"{name}{raw.get('Selector', '')}", []):
                        yield raw["Value"], version
