"""Generated fleets: the same for the same seed, and with everything in them that decides about an image."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import cache
from statistics import median
from typing import Any

import pytest

from local_cloud.engine.catalog import can_read, can_use
from local_cloud.fleet.fleet import Fleet, FleetError
from local_cloud.fleet.generator import generate_fleet
from local_cloud.fleet.sizes import FLEET_KINDS
from local_cloud.model import GIB, Image

NOW = datetime(2026, 1, 1, 2, tzinfo=UTC)
ACCOUNT = "123456789012"


def generate(images: int, seed: int = 1, **options: Any) -> Fleet:
    arguments = {"now": NOW, "owner_id": ACCOUNT, "region": "us-east-1"} | options
    return generate_fleet(images, seed, **arguments)


@cache
def realistic() -> Fleet:
    return generate(2000)


@cache
def small_fleets() -> list[Fleet]:
    return [generate(40, seed) for seed in range(20)]


def written_gib(fleet: Fleet) -> dict[str, float]:
    """Written blocks by image id, of the images whose snapshots all exist and say how large they are."""
    known = {each.snapshot_id: each.full_snapshot_size_bytes for each in fleet.snapshots}
    sizes = {image.image_id: [known.get(each) for each in image.snapshot_ids] for image in fleet.images}
    return {image_id: sum(found) / GIB for image_id, found in sizes.items() if found and all(found)}  # type: ignore[arg-type]


def digest(fleet: Fleet) -> str:
    return hashlib.sha256(repr(fleet).encode()).hexdigest()


@pytest.mark.parametrize("kind", FLEET_KINDS)
def test_same_seed_gives_the_same_fleet(kind: str) -> None:
    assert generate(200, 5, kind=kind) == generate(200, 5, kind=kind)
    assert generate(200, 5, kind=kind) != generate(200, 6, kind=kind)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("realistic", "a5f94d13ff760e89"),
        ("log-normal", "b3e46a7623b47ef2"),
        ("heavy-tail", "e6f19235de5bae6f"),
        ("all-small", "db3c3b07dfa12dd6"),
        ("mixed", "fca35f9b73b47fbb"),
    ],
)
def test_fleet_of_a_seed_is_the_one_it_always_was(kind: str, expected: str) -> None:
    """A changed digest means that numbers measured on these fleets are no longer comparable: change it knowingly."""
    assert digest(generate(300, 7, kind=kind))[:16] == expected


@pytest.mark.parametrize("images", [0, 1, 2, 19, 20, 21, 40, 150])
def test_fleet_has_as_many_images_as_asked_for(images: int) -> None:
    fleet = generate(images)
    assert len(fleet.images) == images
    assert len({image.image_id for image in fleet.images}) == images
    assert len({(image.owner_id, image.name) for image in fleet.images}) == images


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"images": -1}, "cannot have -1 images"),
        ({"images": 1, "kind": "huge"}, "no such kind of fleet: 'huge'; expected one of realistic, log-normal,"),
        ({"images": 1, "now": NOW.replace(tzinfo=None)}, "must be timezone-aware"),
    ],
)
def test_arguments_that_make_no_fleet_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(FleetError, match=message):
        generate(**options)


def test_sizes_are_log_normal_from_4_gib_to_a_few_above_600() -> None:
    sizes = sorted(written_gib(realistic()).values())
    assert sizes[0] >= 4
    assert 20 < median(sizes) < 45
    assert 3 <= sum(600 < size <= 5000 for size in sizes) <= 40


def test_ages_go_over_some_years_and_never_into_the_future() -> None:
    ages = [NOW - image.creation_date for image in realistic().images]
    assert min(ages) > timedelta(0)
    assert max(ages) > timedelta(days=3 * 365)


def test_names_come_in_families_of_versions() -> None:
    own = [image for image in realistic().images if image.owner_id == ACCOUNT]
    families = Counter(image.tags["Application"] for image in own)
    assert max(families.values()) > 10
    for image in own:
        assert re.fullmatch(r"[a-z0-9-]+-\d{4}\.\d\d\.\d\d-(x86_64|arm64)", image.name)
        assert image.tags["Name"] == image.name
        assert image.tags["Environment"] in ("production", "staging", "development")


def test_most_images_are_to_be_archived() -> None:
    archive = Counter(image.tags.get("Archive") for image in realistic().images)
    assert archive["true"] > 0.7 * len(realistic().images)
    assert archive["false"]
    assert archive[None]


PRESENT = {
    "instance store": lambda image, fleet: image.root_device_type == "instance-store" and not image.snapshot_ids,
    "paravirtual": lambda image, fleet: image.virtualization_type == "paravirtual",
    "pending": lambda image, fleet: image.state == "pending",
    "failed": lambda image, fleet: image.state == "failed" and image.state_reason,
    "disabled": lambda image, fleet: image.state == "disabled",
    "snapshot missing": lambda image, fleet: any(each not in fleet for each in image.snapshot_ids),
    "shared by another account with its snapshots": lambda image, fleet: (
        image.owner_id != ACCOUNT
        and can_use(image, ACCOUNT)
        and all(can_read(fleet[each], ACCOUNT) for each in image.snapshot_ids)
    ),
    "shared by another account without its snapshots": lambda image, fleet: (
        image.owner_id != ACCOUNT
        and {"UserId": ACCOUNT} in image.launch_permissions
        and not any(can_read(fleet[each], ACCOUNT) for each in image.snapshot_ids)
    ),
    "only public": lambda image, fleet: image.owner_id != ACCOUNT and image.public,
    "over 5,000 GiB": lambda image, fleet: (
        sum((fleet[each].full_snapshot_size_bytes or 0) for each in image.snapshot_ids if each in fleet) > 5000 * GIB
    ),
    "several volumes": lambda image, fleet: len(image.block_devices) > 2,
    "encrypted with a key": lambda image, fleet: any(
        fleet[each].encrypted and ":key/" in fleet[each].kms_key_id for each in image.snapshot_ids if each in fleet
    ),
    "product code": lambda image, fleet: image.product_codes,
    "windows": lambda image, fleet: image.platform == "windows" and image.usage_operation == "RunInstances:0002",
    "shared with another account": lambda image, fleet: image.owner_id == ACCOUNT and image.launch_permissions,
    "protected from deregistration": lambda image, fleet: image.deregistration_protection != "disabled",
    "deprecated": lambda image, fleet: image.deprecation_time,
    "launched": lambda image, fleet: image.last_launched_time and image.creation_date <= image.last_launched_time < NOW,
    "size unknown": lambda image, fleet: any(
        not fleet[each].full_snapshot_size_bytes for each in image.snapshot_ids if each in fleet
    ),
    "arm": lambda image, fleet: image.architecture == "arm64",
}


@pytest.mark.parametrize("what", PRESENT)
def test_fleet_has_images_of_every_sort(what: str) -> None:
    for fleet in (realistic(), *small_fleets()):
        snapshots: Any = {each.snapshot_id: each for each in fleet.snapshots}
        found = [image for image in fleet.images if PRESENT[what](image, snapshots)]  # type: ignore[no-untyped-call]
        assert 1 <= len(found) < 0.9 * len(fleet.images)


def test_two_images_of_a_family_share_a_snapshot() -> None:
    for fleet in small_fleets():
        users = Counter(each for image in fleet.images for each in set(image.snapshot_ids))
        assert max(users.values()) > 1


def test_some_images_are_in_use_by_every_kind_of_use() -> None:
    for fleet in small_fleets():
        images: dict[str, Image] = {image.image_id: image for image in fleet.images}
        assert {use.kind for use in fleet.in_use} == {"instance", "launch-template", "ssm-parameter", "other-account"}
        for use in fleet.in_use:
            assert images[use.image_id].state == "available"
            assert can_use(images[use.image_id], use.account_id or ACCOUNT)


@pytest.mark.parametrize("kind", sorted(set(FLEET_KINDS) - {"realistic"}))
def test_every_image_of_a_benchmark_fleet_can_be_stored(kind: str) -> None:
    fleet = generate(500, kind=kind)
    sizes = written_gib(fleet)
    assert len(sizes) == 500
    assert max(sizes.values()) <= 5000
    for image in fleet.images:
        assert (image.owner_id, image.state, image.root_device_type) == (ACCOUNT, "available", "ebs")
        assert image.virtualization_type == "hvm"
        assert image.tags["Archive"] == "true"
    assert not fleet.in_use


def test_benchmark_fleets_differ_in_how_sizes_are_spread() -> None:
    sizes = {kind: sorted(written_gib(generate(2000, kind=kind)).values()) for kind in FLEET_KINDS}
    assert max(sizes["all-small"]) <= 16.1
    assert max(sizes["log-normal"]) <= 600.1
    assert sum(size > 600 for size in sizes["mixed"]) == 40
    largest_tenth = sum(sizes["heavy-tail"][-200:]) / sum(sizes["heavy-tail"])
    assert largest_tenth > 0.5
