"""Families of images that were made of one instance."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from itertools import pairwise

from local_cloud.engine.catalog import Catalog
from local_cloud.fleet.fleet import Fleet
from local_cloud.fleet.generator import generate_fleet
from local_cloud.fleet.one_volume import on_one_volume
from local_cloud.model import Snapshot

NOW, OWNER, REGION = datetime(2026, 1, 1, tzinfo=UTC), "123456789012", "us-east-1"


def families() -> Fleet:
    return on_one_volume(generate_fleet(60, 5, now=NOW, owner_id=OWNER, region=REGION))


def by_volume(fleet: Fleet) -> list[list[Snapshot]]:
    volumes: dict[str, list[Snapshot]] = defaultdict(list)
    for snapshot in sorted(fleet.snapshots, key=lambda one: one.start_time):
        volumes[snapshot.volume_id].append(snapshot)
    return [snapshots for snapshots in volumes.values() if len(snapshots) > 1]


def test_versions_of_an_application_are_of_the_same_volumes_that_never_shrink() -> None:
    fleet = families()
    several = by_volume(fleet)

    assert len(several) > 5
    assert all(
        earlier.volume_size_gib <= later.volume_size_gib
        for snapshots in several
        for earlier, later in pairwise(snapshots)
    )
    sizes = {one.snapshot_id: one.volume_size_gib for one in fleet.snapshots}
    for image in fleet.images:
        for device in image.block_devices:
            if device.snapshot_id in sizes and image.tags.get("Application"):
                assert (device.volume_size_gib or 0) <= sizes[device.snapshot_id]


def test_deleting_one_version_frees_less_than_it_holds_and_all_of_them_free_no_more_than_they_hold() -> None:
    fleet, catalog = families(), Catalog()
    fleet.add_to(catalog, REGION)

    for snapshots in by_volume(fleet):
        held = [one.full_snapshot_size_bytes or one.volume_size_gib * 2**30 for one in snapshots]
        alone = [catalog.freed_bytes(REGION, [one.snapshot_id]) for one in snapshots]
        together = catalog.freed_bytes(REGION, [one.snapshot_id for one in snapshots])
        assert all(freed <= size for freed, size in zip(alone, held, strict=True))
        assert sum(alone) < together <= sum(held)


def test_same_seed_makes_the_same_families() -> None:
    assert families() == families()
