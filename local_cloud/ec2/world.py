"""What EC2's operations share: the catalog and the services around it, and the few things EC2 alone remembers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from local_cloud.clock import Clock
from local_cloud.ec2.paging import SortedIds
from local_cloud.ec2.request import Caller, Request
from local_cloud.engine.catalog import Catalog
from local_cloud.engine.service import ImageService
from local_cloud.model import Image, Snapshot
from local_cloud.settings import CloudSettings


class ParameterSource(Protocol):
    """Systems Manager's parameters, where they are kept."""

    def parameters(self, account_id: str, region: str) -> Iterable[tuple[str, str, str]]:
        """(ARN, data type, value) of each parameter of the account in the Region."""
        ...


@dataclass(frozen=True, slots=True)
class UsageReport:
    """One image usage report: how often other accounts used the image when the report was made."""

    caller: Caller
    ready_seconds: float
    """When, in the clock's seconds, it turns from pending to available."""
    failure: str
    """Why it ends in an error instead; '' if it does not."""
    entries: list[dict[str, Any]]
    view: dict[str, Any]
    """The report and its entries are the SDK's."""


@dataclass(frozen=True, slots=True)
class SpotFleet:
    """A spot fleet as it was asked for; its instances are moto's."""

    caller: Caller
    config: dict[str, Any]
    """The SDK's SpotFleetRequestConfigData."""
    created_at: datetime
    tags: dict[str, str]


@dataclass
class World:
    """Everything an operation may look at or change. Guarded by `catalog.lock`."""

    service: ImageService
    catalog: Catalog
    clock: Clock
    settings: CloudSettings
    parameters: ParameterSource
    instances: Any
    """moto's instances, launch templates and volumes (`MotoInstances`)."""
    encryption_by_default: dict[Caller, bool] = field(default_factory=dict)
    foreign_tags: dict[tuple[Caller, str], dict[str, str]] = field(default_factory=dict)
    """Tags that an account put on another account's image or snapshot; nobody else sees them."""
    protection_ends: dict[tuple[str, str], float] = field(default_factory=dict)
    """(Region, image id) of images in the cooldown of their deregistration protection: until when, in seconds."""
    locks: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    """The terms of a snapshot lock, by (Region, snapshot id); that there is one at all says `Snapshot.locked`."""
    reports: dict[str, UsageReport] = field(default_factory=dict)
    spot_fleets: dict[str, SpotFleet] = field(default_factory=dict)
    _image_ids: dict[str, SortedIds] = field(default_factory=dict)
    _snapshot_ids: dict[str, SortedIds] = field(default_factory=dict)

    def image_ids(self, region: str) -> list[str]:
        return self._image_ids.setdefault(region, SortedIds()).of(self.catalog.images(region))

    def snapshot_ids(self, region: str) -> list[str]:
        return self._snapshot_ids.setdefault(region, SortedIds()).of(self.catalog.snapshots(region))

    def encrypts_by_default(self, caller: Caller) -> bool:
        """The account's EBS encryption by default in the Region."""
        return self.encryption_by_default.get(caller, self.settings.ebs_encryption_by_default)

    def is_locked(self, region: str, snapshot: Snapshot) -> bool:
        """Whether a snapshot lock that has not expired forbids deletion."""
        lock = self.locks.get((region, snapshot.snapshot_id))
        return snapshot.locked and (lock is None or self.clock.now() < lock["LockExpiresOn"])

    def tags_of(self, request: Request, resource: Image | Snapshot) -> Mapping[str, str]:
        """The tags that the caller sees: an owner's tags are not shown to those it shares with."""
        if resource.owner_id == request.account_id:
            return resource.tags
        return self.foreign_tags.get((request.caller, resource_id(resource)), {})


def resource_id(resource: Image | Snapshot) -> str:
    return resource.image_id if isinstance(resource, Image) else resource.snapshot_id


Operation = Callable[[World, Request], dict[str, Any]]
"""A function of the world and the request that returns its result under the SDK's names."""
SUCCEEDED: dict[str, Any] = {"Return": True}
"""What operations answer that have nothing else to say."""
