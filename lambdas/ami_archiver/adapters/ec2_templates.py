"""Versions of launch templates that name an image, themselves or by an SSM parameter; and what was found to do so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from ami_archiver.adapters.clients import paged
from ami_archiver.batches import batches
from ami_archiver.errors import AccessDenied

PAGES = {"PageSize": 200}
"""The most that the calls on launch templates return in one page."""
ALIAS = "resolve:ssm:"
"""Before the name of a parameter, in the place of an image id; its data type need not be that of images."""
PARAMETERS_PER_CALL = 10
NAMED = 5
"""Of so many templates of an image the version is looked up: more are not shown."""

Template = str
"""A launch template's id or, where that is not known, its name."""


@dataclass
class Found:
    """Of these images only: what is added for another one is dropped."""

    image_ids: frozenset[str]
    words: dict[str, set[str]] = field(default_factory=dict)
    versions: dict[tuple[str, str], int] = field(default_factory=dict)
    """The newest version of a launch template that is known to use an image, by (image id, template id)."""
    unnamed: set[tuple[str, str]] = field(default_factory=set)
    """(image id, template id) where some version of the template uses the image, not known which."""
    pinned: dict[Template, dict[int, set[str]]] = field(default_factory=dict)
    """Who launches from that version of a launch template, other than its default and latest one."""

    def add(self, image_id: str, user: str) -> None:
        if image_id in self.image_ids:
            self.words.setdefault(image_id, set()).add(user)

    def add_template(self, image_id: str, template_id: str, version: int | None) -> None:
        if image_id not in self.image_ids:
            return
        key = (image_id, template_id)
        if version is None:
            self.unnamed.add(key)
        else:
            self.versions[key] = max(version, self.versions.get(key, 0))

    def pin(self, template: Template, version: str, user: str) -> None:
        """Somebody launches from a version that has a number; the others are looked at anyway."""
        if version.isdecimal():
            self.pinned.setdefault(template, {}).setdefault(int(version), set()).add(user)

    def references(self) -> dict[str, tuple[str, ...]]:
        """Of each image that has any, in words."""
        for image_id, template_id in self.unnamed | self.versions.keys():
            version = self.versions.get((image_id, template_id))
            known = f" version {version}" if version is not None else ""
            self.add(image_id, f"launch template {template_id}{known}")
        return {image_id: tuple(sorted(words)) for image_id, words in self.words.items()}


@dataclass(frozen=True, slots=True)
class _Version:
    template_id: str
    number: int
    image: str
    """An image id or an alias."""


class Templates:
    """Looks for versions of launch templates, and notes them in `found`."""

    def __init__(self, ec2: Any, ssm: Any, found: Found) -> None:
        self._ec2 = ec2
        self._ssm = ssm
        self._found = found

    def find_default_and_latest(self) -> None:
        """A template's default version may be older than any depth."""
        for image_id, version in self._resolved(self._versions(Versions=["$Default", "$Latest"])):
            self._found.add_template(image_id, version.template_id, version.number)

    def find_versions(self, depth: int, *, known: bool) -> None:
        """So many newest versions, unless they are known already, and those that somebody launches from."""
        if known and not self._found.pinned:
            return
        for raw in paged(self._ec2, "describe_launch_templates", "LaunchTemplates", PaginationConfig=PAGES):
            self._find_versions_of(raw, depth, known=known)

    def name_versions(self) -> None:
        """Which version it is that DescribeImageReferences has only named the template of."""
        for image_id in sorted(self._found.image_ids):
            templates = sorted(template for image, template in self._found.unnamed if image == image_id)
            for template_id in templates[:NAMED]:
                try:
                    newest = next(self._versions([image_id], LaunchTemplateId=template_id), None)
                except (ClientError, AccessDenied):  # gone by now, or not to be seen: it is named without a version
                    continue
                if newest is not None:
                    self._found.add_template(image_id, template_id, newest.number)

    def _find_versions_of(self, raw: Mapping[str, Any], depth: int, *, known: bool) -> None:
        template_id, latest = raw.get("LaunchTemplateId", ""), raw.get("LatestVersionNumber", 1)
        pinned = self._found.pinned.get(template_id) or self._found.pinned.get(raw.get("LaunchTemplateName", "")) or {}
        seen = {latest, raw.get("DefaultVersionNumber", 1)}
        newest = set(range(max(1, latest - depth + 1), latest + 1))
        older = pinned.keys() - newest - seen
        wanted = older if known else older | (newest - seen)
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
        request: dict[str, Any] = {
            "Filters": [{"Name": "image-id", "Values": values}],
            "PaginationConfig": PAGES,
            **which,
        }
        for raw in paged(self._ec2, "describe_launch_template_versions", "LaunchTemplateVersions", **request):
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
