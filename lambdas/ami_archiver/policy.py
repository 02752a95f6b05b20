"""A policy: which images, when, where to. Matching is pure; ages and groups come from the caller."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Literal

from ami_archiver.model import Image

ANY = "*"
"""A tag value that matches every value of its key."""

Original = Literal["keep", "disable", "retire"]
"""What happens to an original whose archive is verified; `retire` disables it first."""
Approval = Literal["none", "notify", "explicit"]


class UseKind(StrEnum):
    """What in this account may use an image, as `retire.ignore_unknown_uses` names it."""

    INSTANCES = "instances"
    LAUNCH_TEMPLATES = "launch-templates"
    AUTO_SCALING = "auto-scaling"
    """Auto Scaling groups, launch configurations and spot fleets."""
    SSM_PARAMETERS = "ssm-parameters"
    IMAGE_BUILDER = "image-builder"


@dataclass(frozen=True, slots=True)
class RetireRules:
    """When an original may go, beside what no policy can allow: `retire.reasons` has the whole list."""

    after_verified_days: float = 30
    """Grace between VERIFIED and DisableImage."""
    after_disabled_days: float = 30
    """Grace between DisableImage and DeregisterImage."""
    keep_newest: int = 1
    """This many newest available images of every group stay."""
    not_launched_days: float = 30
    """An image that was launched within so many days stays; 0: that does not matter."""
    template_versions: int = 10
    """So many newest versions of every launch template count, and its default version always."""
    ignore_unknown_uses: tuple[UseKind, ...] = ()
    """An image may go although it could not be asked whether these use it."""
    allow_shared: bool = False
    """Whether an image that is shared with other accounts may go, as long as none of them uses it."""
    approval: Approval = "notify"
    notify_days: float = 7
    """With `notify`: an image is announced so long before it goes."""
    approval_hours: int = 20
    """With `explicit`: how long a run waits for an answer; without one, everything stays."""
    max_images_per_run: int = 100
    max_gib_per_run: float | None = None
    recycle_bin_days: int | None = None
    """So long EC2's Recycle Bin keeps a deregistered image and its deleted snapshots; None: no rule is made."""

    def has_room(self, images: int, gib: float, more_gib: float = 0.0) -> bool:
        """Whether one more may go in a run that has let so many go: the first may be of any size."""
        if images >= self.max_images_per_run:
            return False
        return self.max_gib_per_run is None or images == 0 or gib + more_gib <= self.max_gib_per_run


@dataclass(frozen=True, slots=True)
class Policy:
    """One `[[policy]]` of archiver.toml, as the functions need it."""

    name: str
    tags: dict[str, tuple[str, ...]]
    """Every key must be on the image, with one of the values (`*`: any value)."""
    exclude_tags: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Any of these keys with one of the values excludes the image."""
    name_patterns: tuple[str, ...] = ()
    """Shell patterns; none: every name."""
    min_age_days: float = 0
    keep_newest: int = 0
    """This many newest images of every group are not stored."""
    group_by_tag: str | None = None
    group_by_name: str | None = None
    """A regular expression with one group: its capture in the image's name is the group."""
    window_hours: float | None = None
    """No new store this long after the run's start; None: no window."""
    max_images_per_run: int | None = None
    max_gib_per_run: float | None = None
    attempts: int = 3
    object_prefix: str = "{policy}"
    object_tags: dict[str, str] = field(default_factory=dict)
    storage_class: str | None = None
    """Where S3 moves its objects in the end; None: they stay in STANDARD."""
    paused: bool = False
    original: Original = "keep"
    retire: RetireRules = field(default_factory=RetireRules)

    @property
    def retires(self) -> bool:
        """Whether the originals of this policy ever go."""
        return self.original != "keep" and not self.paused

    def selects(self, image: Image) -> bool:
        """Whether the policy is about this image at all: its tags and its name match."""
        return _has_tags(image, self.tags) and (not self.name_patterns or self._names(image))

    def exclusion(self, image: Image, now: datetime, *, among_newest: bool) -> str | None:
        """Why the policy leaves out an image that its tags match, or None."""
        if self.name_patterns and not self._names(image):
            return f"name {image.name!r} matches none of {', '.join(self.name_patterns)}"
        if reason := self.excluding_tag(image):
            return reason
        age = now - image.creation_date
        if age < timedelta(days=self.min_age_days):
            return f"{age / timedelta(days=1):.1f} days old, the policy needs at least {self.min_age_days:g}"
        if among_newest:
            return f"among the newest {self.keep_newest} of group {self.group_of(image)!r}"
        return None

    def excluding_tag(self, image: Image) -> str | None:
        """Which of the image's tags excludes it, or None."""
        for key, values in self.exclude_tags.items():
            value = image.tags.get(key)
            if value is not None and (ANY in values or value in values):
                return f"tag {key}={value} excludes it"
        return None

    def _names(self, image: Image) -> bool:
        return any(fnmatchcase(image.name, pattern) for pattern in self.name_patterns)

    def group_of(self, image: Image) -> str | None:
        """The group within which the newest are kept; None: the image is in no group, and is not kept back."""
        if self.group_by_tag is not None:
            return image.tags.get(self.group_by_tag)
        if self.group_by_name is not None:
            match = re.search(self.group_by_name, image.name)
            return match.group(1) if match else None
        return self.name

    def prefix_for(self, now: datetime, account_id: str, region: str) -> str:
        """Where in the bucket an image stored now goes, without a trailing slash."""
        return self.object_prefix.format(
            policy=self.name,
            account=account_id,
            region=region,
            year=f"{now:%Y}",
            month=f"{now:%m}",
            day=f"{now:%d}",
        ).strip("/")


PREFIX_FIELDS = ("policy", "account", "region", "year", "month", "day")
"""What an object prefix may name in braces."""


def _has_tags(image: Image, wanted: dict[str, tuple[str, ...]]) -> bool:
    return all(key in image.tags and (ANY in values or image.tags[key] in values) for key, values in wanted.items())
