"""Which images a policy's run stores: pure decisions over one page of images at a time."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from ami_archiver.eligibility import image_gib, why_not_storable
from ami_archiver.model import Decision, Image, Snapshot, Verdict
from ami_archiver.policy import Policy
from ami_archiver.restore.tags import RESTORE_ID_TAG


def owner_of(image: Image, policies: Iterable[Policy]) -> Policy | None:
    """The policy that an image belongs to: the first one in the file whose tags and names match it, paused or not."""
    return next((policy for policy in policies if policy.selects(image)), None)


class NewestOfGroups:
    """The newest N images of every group of a policy. Memory grows with the groups, not with the fleet."""

    def __init__(self, policy: Policy, kept: int | None = None) -> None:
        """`kept` of each group; None: as many as the policy does not store."""
        self._policy = policy
        self._kept = policy.keep_newest if kept is None else kept
        self._heaps: dict[str, list[tuple[datetime, str]]] = {}

    def add(self, image: Image) -> None:
        """Count an image in. Only available ones count: a failed image must not push out a good one.

        Nor must a restored one, which is as old as its original, whenever it was restored.
        """
        group = self._policy.group_of(image)
        if group is None or image.state != "available" or not self._policy.selects(image) or _restored(image):
            return
        heap = self._heaps.setdefault(group, [])
        heapq.heappush(heap, (image.creation_date, image.image_id))
        if len(heap) > self._kept:
            heapq.heappop(heap)

    def __contains__(self, image: Image) -> bool:
        group = self._policy.group_of(image)
        return group is not None and (image.creation_date, image.image_id) in self._heaps.get(group, ())

    def newer_than(self, image: Image) -> list[str]:
        """The newest of its group, as far as they are newer than it."""
        group = self._policy.group_of(image)
        newest = self._heaps.get(group, ()) if group is not None else ()
        return sorted(
            image_id for created, image_id in newest if (created, image_id) > (image.creation_date, image.image_id)
        )


@dataclass(frozen=True, slots=True)
class Cap:
    """What the policy allows to be selected in one run, and what is taken already."""

    images: int
    gib: float

    def refusal(self, policy: Policy, gib: float) -> str | None:
        if policy.max_images_per_run is not None and self.images >= policy.max_images_per_run:
            return f"cap of {policy.max_images_per_run} images per run is reached; a later run takes it"
        if policy.max_gib_per_run is not None and self.images and self.gib + gib > policy.max_gib_per_run:
            return (
                f"{gib:g} GiB more than the cap of {policy.max_gib_per_run:g} GiB per run allows "
                f"({self.gib:g} GiB taken); a later run takes it"
            )
        return None

    def plus(self, gib: float) -> Cap:
        return Cap(self.images + 1, self.gib + gib)


@dataclass(frozen=True, slots=True)
class Selected:
    """An image to be stored, with its size in GiB."""

    gib: float


def leave_out(
    image: Image, policy: Policy, policies: Iterable[Policy], newest: NewestOfGroups, now: datetime
) -> Verdict | None:
    """Why the policy's run does not look further at an image that its tags match, or None."""
    owner = owner_of(image, policies)
    if owner is not None and owner.name != policy.name and policy.selects(image):
        return Verdict(Decision.EXCLUDED, f"belongs to policy {owner.name!r}, which comes first in the configuration")
    reason = _restored(image) or policy.exclusion(image, now, among_newest=image in newest)
    return Verdict(Decision.EXCLUDED, reason) if reason else None


def select(
    image: Image,
    snapshots: Mapping[str, Snapshot],
    policy: Policy,
    cap: Cap,
    account_id: str,
) -> Selected | Verdict:
    """Whether an image that has no archive yet (no record, or a FAILED one) is to be stored."""
    reason = why_not_storable(image, snapshots, account_id)
    if reason:
        return Verdict(Decision.INELIGIBLE, reason)
    gib = image_gib(image, snapshots)
    reason = cap.refusal(policy, gib)
    return Verdict(Decision.DEFERRED, reason) if reason else Selected(gib)


def _restored(image: Image) -> str | None:
    """Why an image that a restore has made is not archived anew, or None: it carries its original's tags."""
    if RESTORE_ID_TAG not in image.tags:
        return None
    return f"restored from the archive by {image.tags[RESTORE_ID_TAG]}; the archive still has it"
