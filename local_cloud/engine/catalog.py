"""All accounts' images and snapshots, per Region, with the indexes that keep every look-up O(1)."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from local_cloud.engine.blocks import Lineages, Run
from local_cloud.model import Image, Snapshot

_RECIPE_ARN = re.compile(
    r"arn:aws:imagebuilder:(?P<region>[a-z0-9-]+):[0-9]{12}:(?:image|container)-recipe/[^/]+/[0-9.]+"
)


@dataclass(slots=True)
class _Region:
    images: dict[str, Image] = field(default_factory=dict)
    snapshots: dict[str, Snapshot] = field(default_factory=dict)
    deregistered: set[str] = field(default_factory=set)
    users: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Image ids by snapshot id; a tuple, since a set per snapshot would weigh more than the snapshot."""
    names: dict[tuple[str, str], int] = field(default_factory=dict)
    """How many images an owner has of a name: an export may hold two, though EC2 would not make them."""
    lineages: Lineages = field(init=False)
    recipes: dict[str, str] = field(default_factory=dict)
    """Image ids by the ARN of the Image Builder recipe that is based on them."""

    def __post_init__(self) -> None:
        self.lineages = Lineages(self.snapshots)


class Catalog:
    """The images and snapshots there are. Whoever reads or changes more than one thing holds `lock`."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._regions: dict[str, _Region] = {}
        self._watchers: list[Callable[[str, str], None]] = []

    def _region(self, region: str) -> _Region:
        found = self._regions.get(region)
        if found is None:
            with self.lock:
                found = self._regions.setdefault(region, _Region())
        return found

    def images(self, region: str) -> dict[str, Image]:
        """The live images by id, in the order they were added; hold `lock` while iterating."""
        return self._region(region).images

    def snapshots(self, region: str) -> dict[str, Snapshot]:
        """The live snapshots by id, in the order they were added; hold `lock` while iterating."""
        return self._region(region).snapshots

    def add_image(self, region: str, image: Image) -> None:
        with self.lock:
            if image.image_id in self._region(region).images:
                self.remove_image(region, image.image_id)
            here = self._region(region)
            here.images[image.image_id] = image
            here.deregistered.discard(image.image_id)
            name = (image.owner_id, image.name)
            here.names[name] = here.names.get(name, 0) + 1
            for snapshot_id in dict.fromkeys(image.snapshot_ids):
                here.users[snapshot_id] = (*here.users.get(snapshot_id, ()), image.image_id)

    def remove_image(self, region: str, image_id: str) -> None:
        """Deregister: the id is remembered, since EC2 answers differently for it than for one that never was."""
        with self.lock:
            here = self._region(region)
            image = here.images.pop(image_id)
            here.deregistered.add(image_id)
            name = (image.owner_id, image.name)
            here.names[name] -= 1
            if not here.names[name]:
                del here.names[name]
            for snapshot_id in dict.fromkeys(image.snapshot_ids):
                left = tuple(user for user in here.users[snapshot_id] if user != image_id)
                if left:
                    here.users[snapshot_id] = left
                else:
                    del here.users[snapshot_id]

    def was_deregistered(self, region: str, image_id: str) -> bool:
        return image_id in self._region(region).deregistered

    def add_snapshot(self, region: str, snapshot: Snapshot) -> None:
        with self.lock:
            here = self._region(region)
            known = here.snapshots.get(snapshot.snapshot_id)
            here.snapshots[snapshot.snapshot_id] = snapshot
            here.lineages.added(snapshot, instead_of=known)

    def remove_snapshot(self, region: str, snapshot_id: str) -> None:
        """Delete; whoever watches (the image service: a task may be reading it) hears of it."""
        with self.lock:
            here = self._region(region)
            here.lineages.removed(here.snapshots.pop(snapshot_id))
            for watcher in self._watchers:
                watcher(region, snapshot_id)

    def block_maps(self, region: str, snapshot: Snapshot) -> dict[str, list[Run]]:
        """Which blocks each snapshot of the same volume holds, or held before it was deleted, by its id."""
        with self.lock:
            return self._region(region).lineages.maps(snapshot)

    def freed_bytes(self, region: str, snapshot_ids: Iterable[str]) -> int:
        """How much room deleting these snapshots, and no others, would give back. KeyError for one there is not."""
        with self.lock:
            here = self._region(region)
            return here.lineages.freed_bytes([here.snapshots[one] for one in snapshot_ids])

    def watch_removed_snapshots(self, watcher: Callable[[str, str], None]) -> None:
        """Have `watcher(region, snapshot_id)` called, under the lock, whenever a snapshot is removed."""
        self._watchers.append(watcher)

    def images_on_snapshot(self, region: str, snapshot_id: str) -> set[str]:
        """The ids of the images that map this snapshot."""
        return set(self._region(region).users.get(snapshot_id, ()))

    def recipes(self, region: str) -> dict[str, str]:
        """The image that each Image Builder recipe is based on, by the recipe's ARN; hold `lock` while iterating."""
        return self._region(region).recipes

    def add_recipe(self, arn: str, image_id: str) -> None:
        """Have an Image Builder recipe based on the image. There is no Image Builder here that would know more of it.

        ValueError unless the ARN is `arn:aws:imagebuilder:REGION:ACCOUNT:image-recipe/NAME/VERSION` or that of a
        container recipe.
        """
        match = _RECIPE_ARN.fullmatch(arn)
        if match is None:
            raise ValueError(
                f"a recipe's ARN is arn:aws:imagebuilder:REGION:ACCOUNT:image-recipe/NAME/VERSION, not {arn!r}"
            )
        with self.lock:
            self.recipes(match["region"])[arn] = image_id

    def has_image_named(self, region: str, owner_id: str, name: str) -> bool:
        """Whether the account already has an image of this name in the Region, whatever its state."""
        return (owner_id, name) in self._region(region).names


def is_shared_directly(image: Image, account_id: str) -> bool:
    """Whether a launch permission names the account itself; being public is not that."""
    return {"UserId": account_id} in image.launch_permissions


def can_use(image: Image, account_id: str) -> bool:
    """Whether the account may launch the image: it owns it, has it shared with it, or everybody has."""
    return image.owner_id == account_id or image.public or is_shared_directly(image, account_id)


def can_read(snapshot: Snapshot, account_id: str) -> bool:
    """Whether the account owns the snapshot or has it shared with it directly (public is not enough to store it)."""
    return snapshot.owner_id == account_id or account_id in snapshot.shared_with


def can_create_volume(snapshot: Snapshot, account_id: str) -> bool:
    """Whether the account owns the snapshot, or it is shared with it, or it is public."""
    return snapshot.owner_id == account_id or account_id in snapshot.shared_with or "all" in snapshot.shared_with
