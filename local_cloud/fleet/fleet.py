"""A fleet: the images of one account and Region, their snapshots, and who uses them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from local_cloud.engine.catalog import Catalog
    from local_cloud.model import Image, Snapshot

UseKind = Literal["instance", "launch-template", "ssm-parameter", "other-account"]
InstanceState = Literal["running", "stopped", "terminated"]


class FleetError(ValueError):
    """A fleet that cannot be loaded or made; the message names the file and the entry."""


@dataclass(frozen=True, slots=True)
class Use:
    """One thing that refers to an image; `usage.apply_use` makes it real in a running cloud."""

    kind: UseKind
    """other-account: an instance that another account runs from the image."""
    image_id: str
    name: str = ""
    """Of the launch template or the parameter."""
    account_id: str | None = None
    """Who uses it; None: the account whose fleet it is."""
    instance_state: InstanceState = "running"
    newer_versions: int = 0
    """Versions of the launch template after the one that names the image, and that name none. EC2 looks only
    at the 10 newest by default (DescribeImageReferences), so 10 or more hide the reference."""


@dataclass(slots=True)
class Fleet:
    """What a local cloud starts with."""

    images: list[Image]
    snapshots: list[Snapshot]
    in_use: list[Use] = field(default_factory=list)
    owner_id: str = ""
    """The account whose fleet it is. Tags on what others own are this account's: EC2 shows nobody else's."""

    def add_to(self, catalog: Catalog, region: str) -> None:
        """Put snapshots and images into the catalog of `region`; the uses need a running cloud (`apply_use`)."""
        with catalog.lock:
            for snapshot in self.snapshots:
                catalog.add_snapshot(region, snapshot)
            for image in self.images:
                catalog.add_image(region, image)
