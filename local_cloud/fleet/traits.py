"""Which images of a realistic fleet are out of the ordinary: about so many of each, and at least one."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Literal, get_args

Fate = Literal[
    "instance-store",
    "paravirtual",
    "pending",
    "failed",
    "missing-snapshot",
    "shared-by-other",
    "shared-without-snapshots",
    "public-only",
    "over-5000-gib",
    "disabled",
]
"""What decides alone whether an image can be stored; an image has at most one."""
FATES: tuple[Fate, ...] = get_args(Fate)

FEWEST_IMAGES_WITH_TRAITS = 20
"""A smaller fleet is plain."""

_FATE_SHARE = 0.008
_SHARES = {
    "above-budget": 0.002,
    "product-code": 0.02,
    "launch-permission": 0.04,
    "public": 0.004,
    "protected": 0.03,
    "deprecated": 0.1,
    "size-unknown": 0.05,
    "shared-snapshot": 0.02,
}
"""What an image can have any number of. shared-snapshot: uses the root snapshot of the version before it."""

_FEWEST = {"above-budget": 2}


@dataclass(frozen=True, slots=True)
class Traits:
    """Indexes of images by trait."""

    fates: dict[int, Fate] = field(default_factory=dict)
    others: dict[str, set[int]] = field(default_factory=lambda: {trait: set() for trait in _SHARES})

    def has(self, trait: str, index: int) -> bool:
        return index in self.others[trait]


def draw_traits(images: int, followers: list[int], rng: Random) -> Traits:
    """Traits of `images` images; `followers` are those that have a version before them."""
    traits = Traits()
    if images < FEWEST_IMAGES_WITH_TRAITS:
        return traits
    each = _count(images, _FATE_SHARE)
    chosen = rng.sample(range(images), each * len(FATES))
    for number, index in enumerate(chosen):
        traits.fates[index] = FATES[number % len(FATES)]
    plain = [index for index in range(images) if index not in traits.fates]
    for trait, share in _SHARES.items():
        candidates = plain
        if trait == "shared-snapshot":
            candidates = [index for index in followers if not {index, index - 1} & traits.fates.keys()]
        count = min(max(_count(images, share), _FEWEST.get(trait, 1)), len(candidates))
        traits.others[trait].update(rng.sample(candidates, count))
    return traits


def _count(images: int, share: float) -> int:
    return max(1, round(images * share))
