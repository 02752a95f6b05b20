"""Which images a policy's run stores: pure decisions over one page of images at a time."""

from __future__ import annotations

import heapq
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from ami_archiver.eligibility import image_gib, why_not_storable
from ami_archiver.model import RESTORE_ID_TAG, Decision, Image, ImagePage, Snapshot, Verdict
from ami_archiver.policy import Policy


def owner_of(image: Image, policies: Iterable[Policy]) -> Policy | None:
    """The policy that an image belongs to: the first one in the file whose tags and names match it, paused or not."""
    return next((policy for policy in policies if policy.selects(image)), None)


class NewestOfGroups:
    """The newest of every group, so many of each. Memory grows with the groups, not with what is added."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._heaps: dict[Hashable, list[tuple[datetime, str]]] = {}

    def add(self, group: Hashable, created_at: datetime, image_id: str) -> None:
        heap = self._heaps.setdefault(group, [])
        heapq.heappush(heap, (created_at, image_id))
        if len(heap) > self._count:
            heapq.heappop(heap)

    def of(self, group: Hashable) -> list[tuple[datetime, str]]:
        return self._heaps.get(group, [])

    def image_ids(self) -> list[str]:
        return [image_id for heap in self._heaps.values() for _, image_id in heap]


def newest_images(policy: Policy, count: int, pages: Iterable[ImagePage]) -> NewestOfGroups:
    """The newest images of every group of a policy. Only available ones count: a failed image must not push out a good
    one. Nor must a restored one, which is as old as its original, whenever it was restored."""
    newest = NewestOfGroups(count)
    for image in (image for page in pages for image in page.images) if count else ():
        group = policy.group_of(image)
        if group is not None and image.state == "available" and policy.selects(image) and not _restored(image):
            newest.add(group, image.creation_date, image.image_id)
    return newest


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
    among_newest = (image.creation_date, image.image_id) in newest.of(policy.group_of(image))
    reason = _restored(image) or policy.exclusion(image, now, among_newest=among_newest)
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
