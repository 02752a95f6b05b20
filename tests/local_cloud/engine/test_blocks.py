"""Which blocks snapshots of one volume share, and what deleting some of them frees."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_cloud.engine.blocks import BLOCK_BYTES, Run, block_maps, blocks_in, differences, freed_blocks
from local_cloud.engine.catalog import Catalog
from local_cloud.model import GIB, Snapshot

REGION, ACCOUNT, VOLUME = "us-east-1", "123456789012", "vol-0aaaaaaaaaaaaaaaa"
FIRST_DAY = datetime(2025, 1, 1, tzinfo=UTC)
KIB_512 = BLOCK_BYTES


def snapshot(day: int, written_gib: float, changed_gib: float | None = None, **fields: object) -> Snapshot:
    given = {
        "snapshot_id": f"snap-{day:017x}",
        "owner_id": ACCOUNT,
        "volume_size_gib": 10,
        "start_time": FIRST_DAY + timedelta(days=day),
        "volume_id": VOLUME,
        "full_snapshot_size_bytes": round(written_gib * GIB),
        "changed_bytes": None if changed_gib is None else round(changed_gib * GIB),
    }
    return Snapshot(**(given | fields))  # type: ignore[arg-type]


def catalog_of(snapshots: Iterable[Snapshot]) -> Catalog:
    catalog = Catalog()
    for each in snapshots:
        catalog.add_snapshot(REGION, each)
    return catalog


def freed_gib(catalog: Catalog, *days: int) -> float:
    return catalog.freed_bytes(REGION, [f"snap-{day:017x}" for day in days]) / GIB


def test_first_snapshot_frees_only_what_was_overwritten_since() -> None:
    catalog = catalog_of([snapshot(1, 4), snapshot(2, 4, 1)])

    assert freed_gib(catalog, 1) == 1
    assert freed_gib(catalog, 2) == 1
    assert freed_gib(catalog, 1, 2) == 5


def test_what_is_appended_belongs_to_the_newest_snapshot() -> None:
    catalog = catalog_of([snapshot(1, 4), snapshot(2, 6, 2)])

    assert freed_gib(catalog, 1) == 0
    assert freed_gib(catalog, 2) == 2


def test_trimmed_blocks_are_the_older_snapshots_alone() -> None:
    catalog = catalog_of([snapshot(1, 6), snapshot(2, 4, 0)])

    assert freed_gib(catalog, 1) == 2
    assert freed_gib(catalog, 2) == 0


def test_deleted_snapshot_leaves_its_blocks_to_those_who_share_them() -> None:
    catalog = catalog_of([snapshot(1, 4), snapshot(2, 4, 1), snapshot(3, 4, 0)])

    assert freed_gib(catalog, 2) == 0
    catalog.remove_snapshot(REGION, snapshot(2, 4).snapshot_id)
    assert freed_gib(catalog, 3) == 1
    assert freed_gib(catalog, 1) == 1
    assert freed_gib(catalog, 1, 3) == 5


def test_snapshots_of_other_volumes_copies_and_archived_ones_share_nothing() -> None:
    catalog = catalog_of(
        [
            snapshot(1, 4),
            snapshot(2, 4, 1, storage_tier="archive"),
            snapshot(3, 4, 0, volume_id="vol-0bbbbbbbbbbbbbbbb"),
            snapshot(4, 3, 0, volume_id="vol-ffffffff"),
            snapshot(5, 3, 0, volume_id="vol-ffffffff"),
        ]
    )

    assert [freed_gib(catalog, day) for day in (1, 2, 3, 4, 5)] == [4, 4, 4, 3, 3]
    assert freed_gib(catalog, 1, 2, 3, 4, 5) == 18


def test_size_that_nobody_knows_is_the_volumes() -> None:
    assert freed_gib(catalog_of([snapshot(1, 0)]), 1) == 10


def test_unsaid_change_is_some_share_and_the_same_every_time() -> None:
    first, second = (catalog_of([snapshot(1, 4), snapshot(2, 4)]) for _ in range(2))

    assert 0.2 <= freed_gib(first, 2) <= 1.2
    assert freed_gib(first, 2) == freed_gib(second, 2)
    assert freed_gib(first, 2) != freed_gib(catalog_of([snapshot(1, 4), snapshot(3, 4)]), 3)


def test_snapshot_that_is_not_there_frees_nothing_but_is_an_error() -> None:
    with pytest.raises(KeyError):
        freed_gib(Catalog(), 1)


BLOCKS = st.integers(0, 40)
HISTORIES = st.lists(st.tuples(st.integers(1, 40), BLOCKS, st.booleans()), min_size=1, max_size=7)


def spread(runs: Iterable[Run]) -> dict[int, str]:
    """Block by block: who wrote it."""
    return {index: run.origin for run in runs for index in range(run.start, run.end)}


@given(HISTORIES)
def test_freed_blocks_are_those_that_nobody_else_holds(history: list[tuple[int, int, bool]]) -> None:
    snapshots = [
        snapshot(day, 1, full_snapshot_size_bytes=written * KIB_512, changed_bytes=changed * KIB_512)
        for day, (written, changed, _) in enumerate(history)
    ]
    maps = block_maps(snapshots)
    held = {one: set(spread(runs).items()) for one, runs in maps.items()}
    deleted = {one.snapshot_id for one, (*_, goes) in zip(snapshots, history, strict=True) if goes}
    kept = maps.keys() - deleted

    for one, (written, *_) in zip(snapshots, history, strict=True):
        runs = maps[one.snapshot_id]
        assert [index for run in runs for index in range(run.start, run.end)] == list(range(written))
        assert blocks_in(runs) == written
    only = set().union(*(held[one] for one in deleted)) - set().union(*(held[one] for one in kept))
    assert freed_blocks([maps[one] for one in deleted], [maps[one] for one in kept]) == len(only)


@given(HISTORIES)
def test_differences_are_block_by_block_what_differs(history: list[tuple[int, int, bool]]) -> None:
    snapshots = [
        snapshot(day, 1, full_snapshot_size_bytes=written * KIB_512, changed_bytes=changed * KIB_512)
        for day, (written, changed, _) in enumerate(history)
    ]
    maps = block_maps(snapshots)
    first, last = maps[snapshots[0].snapshot_id], maps[snapshots[-1].snapshot_id]
    one, other = spread(first), spread(last)

    found = {
        index: (change.in_first, change.in_second)
        for change in differences(first, last)
        for index in range(change.start, change.end)
    }

    differing = [index for index in sorted({*one, *other}) if one.get(index) != other.get(index)]
    assert found == {index: (index in one, index in other) for index in differing}


@given(HISTORIES)
def test_new_snapshot_changes_as_much_as_it_says_where_the_volume_does_not_shrink(
    history: list[tuple[int, int, bool]],
) -> None:
    before: list[Run] = []
    snapshots: list[Snapshot] = []
    for day, (written, changed, _) in enumerate(history):
        size = max(written, blocks_in(before))
        new = snapshot(day, 1, full_snapshot_size_bytes=size * KIB_512, changed_bytes=changed * KIB_512)
        snapshots.append(new)
        runs = block_maps(snapshots)[new.snapshot_id]
        own = sum(run.end - run.start for run in runs if run.origin == new.snapshot_id)
        assert own == max(size - blocks_in(before), min(size, changed))
        before = runs


def test_a_volume_of_many_tebibytes_is_a_few_runs() -> None:
    snapshots = [snapshot(day, 1, volume_size_gib=16_384, full_snapshot_size_bytes=16_384 * GIB) for day in range(50)]
    maps = block_maps(snapshots)
    assert max(len(runs) for runs in maps.values()) < 200
