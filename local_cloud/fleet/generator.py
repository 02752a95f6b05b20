"""Fleets from a seed: a realistic one, and plain ones of given size distributions, to measure with.

The same arguments give the same fleet on every machine: all randomness comes from one `Random(seed)`, all times from
`now`.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random

from local_cloud.fleet.builder import FleetBuilder
from local_cloud.fleet.families import families
from local_cloud.fleet.fleet import Fleet, FleetError, InstanceState, Use
from local_cloud.fleet.sizes import FLEET_KINDS, FleetKind, above_budget_gib, benchmark_gib, log_normal_gib
from local_cloud.fleet.traits import OTHER_ACCOUNT, Traits, draw_traits, meet
from local_cloud.model import Image

_FEWEST_USES, _MOST_USES, _USE_SHARE = 6, 60, 0.02
_INSTANCE_STATES: tuple[InstanceState, ...] = ("running", "stopped", "terminated")
_NEWER_VERSIONS = (0, 12, 3)
"""12: more than the 10 that EC2 looks at by default."""


def generate_fleet(
    images: int,
    seed: int,
    *,
    now: datetime,
    owner_id: str,
    region: str,
    kind: FleetKind = "realistic",
) -> Fleet:
    """A fleet of `images` images of `owner_id` at the time `now` (timezone-aware).

    realistic: name families with versions over some years, log-normal sizes from 4 GiB to a few above 600 GiB, and from
    20 images on at least one of everything that decides what may be done with an image (`traits`, uses). The other
    kinds are plain: every image can be stored and carries Archive=true; see `sizes.benchmark_gib`.
    Raises FleetError for arguments that make no fleet.
    """
    if images < 0:
        raise FleetError(f"a fleet cannot have {images} images")
    if kind not in FLEET_KINDS:
        raise FleetError(f"no such kind of fleet: {kind!r}; expected one of {', '.join(FLEET_KINDS)}")
    if now.tzinfo is None:
        raise FleetError("`now` must be timezone-aware")
    rng = Random(seed)  # noqa: S311 -- made up images, not secrets
    builder = FleetBuilder(rng, now.replace(microsecond=0), owner_id)
    if kind == "realistic":
        return _realistic(images, builder, region)
    return _for_benchmarks(images, builder, kind, region)


def _for_benchmarks(images: int, builder: FleetBuilder, kind: FleetKind, region: str) -> Fleet:
    rng = builder.rng
    index = 0
    for family, versions in families(images, rng, now=builder.now, owner_id=builder.owner_id, region=region):
        for version in reversed(range(versions)):
            created = family.version(version)
            image = builder.image(family, created, archive="true")
            builder.volumes(image, benchmark_gib(kind, rng, index), 1, family.kms_key_id)
            index += 1
    return builder.fleet()


def _realistic(images: int, builder: FleetBuilder, region: str) -> Fleet:
    rng = builder.rng
    drawn = list(families(images, rng, now=builder.now, owner_id=builder.owner_id, region=region))
    followers: list[int] = []
    first = 0
    for _, versions in drawn:
        followers.extend(range(first + 1, first + versions))
        first += versions
    traits = draw_traits(images, followers, rng)
    index = 0
    for family, versions in drawn:
        for version in reversed(range(versions)):
            above_budget = traits.has("above-budget", index)
            archive = "true" if family.archived or above_budget else rng.choice((None, None, "false"))
            image = builder.image(family, family.version(version), archive=archive)
            size_gib = log_normal_gib(rng, family.median_gib, spread=0.35)
            if above_budget:
                size_gib = above_budget_gib(rng)
            builder.volumes(
                image,
                size_gib,
                family.volumes,
                family.kms_key_id,
                size_known=not traits.has("size-unknown", index),
            )
            _apply_traits(image, index, traits, builder)
            index += 1
    if traits.fates:
        _add_uses(builder, traits)
    return builder.fleet()


def _apply_traits(image: Image, index: int, traits: Traits, builder: FleetBuilder) -> None:
    rng, now = builder.rng, builder.now
    if index in traits.fates:
        meet(traits.fates[index], image, builder)
        return
    if traits.has("shared-snapshot", index):
        builder.use_snapshot_of(image, builder.images[index - 1])
    if traits.has("product-code", index):
        image.product_codes = ((f"{rng.getrandbits(120):025x}"[-25:], "marketplace"),)
    if traits.has("launch-permission", index):
        image.launch_permissions.append({"UserId": OTHER_ACCOUNT})
    if traits.has("public", index):
        image.launch_permissions.append({"Group": "all"})
    if traits.has("protected", index):
        image.deregistration_protection = rng.choice(("enabled-without-cooldown", "enabled-with-cooldown"))
    if traits.has("deprecated", index):
        image.deprecation_time = image.creation_date + timedelta(days=730)
    if rng.random() < 0.6:
        age_seconds = int((now - image.creation_date).total_seconds())
        image.last_launched_time = now - timedelta(seconds=rng.randrange(age_seconds))


def _add_uses(builder: FleetBuilder, traits: Traits) -> None:
    """Some images in use, by every kind of use in turn, as the fleet's size allows."""
    rng = builder.rng
    usable = [image for index, image in enumerate(builder.images) if index not in traits.fates]
    wanted = min(max(_FEWEST_USES, round(len(usable) * _USE_SHARE)), _MOST_USES, len(usable))
    for number, image in enumerate(rng.sample(usable, wanted)):
        name = f"{image.tags['Application']}-{number}"
        if number % 4 == 0:
            use = Use("instance", image.image_id, instance_state=_INSTANCE_STATES[number // 4 % 3])
        elif number % 4 == 1:
            use = Use("launch-template", image.image_id, name, newer_versions=_NEWER_VERSIONS[number // 4 % 3])
        elif number % 4 == 2:
            use = Use("ssm-parameter", image.image_id, f"/images/{name}/current")
        else:
            use = Use("other-account", image.image_id, account_id=OTHER_ACCOUNT)
            if {"UserId": OTHER_ACCOUNT} not in image.launch_permissions:
                image.launch_permissions.append({"UserId": OTHER_ACCOUNT})
        builder.in_use.append(use)
