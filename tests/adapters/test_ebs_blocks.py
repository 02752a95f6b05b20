"""What deleting snapshots frees, against the local cloud's own books: only blocks that no other snapshot refers to."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from datetime import timedelta
from random import Random
from typing import Any

import pytest

from ami_archiver.adapters import ebs_blocks
from ami_archiver.adapters.ebs_blocks import EbsBlocks
from ami_archiver.adapters.ec2_images import snapshots_by
from ami_archiver.retire.model import Freed
from local_cloud.model import GIB, NO_VOLUME, Snapshot
from tests.support.answers import answering, counting, refusing
from tests.support.archive import Archive, client

BLOCKS_PER_GIB = 2048


class Volume:
    """Snapshots of one volume, a day apart."""

    def __init__(self, archive: Archive, number: int = 1, **fields: Any) -> None:
        self._archive = archive
        self._days = itertools.count(100, -1)
        self._number = number
        self._fields = {"volume_id": f"vol-{number:017x}", "volume_size_gib": 8} | fields

    def taken(self, written_gib: float = 2, **fields: Any) -> str:
        day = next(self._days)
        snapshot_id = f"snap-{self._number:08x}{day:09x}"
        given: dict[str, Any] = {
            "owner_id": self._archive.account_id,
            "start_time": self._archive.cloud.clock.now() - timedelta(days=day),
            "full_snapshot_size_bytes": round(written_gib * GIB),
        }
        snapshot = Snapshot(snapshot_id, **(given | self._fields | fields))
        self._archive.cloud.catalog.add_snapshot(self._archive.region, snapshot)
        return snapshot_id


@pytest.fixture
def ebs(archive: Archive) -> Any:
    return client(archive.cloud, "ebs")


@pytest.fixture
def ec2(archive: Archive) -> Any:
    return client(archive.cloud, "ec2")


@pytest.fixture
def blocks(archive: Archive, ec2: Any, ebs: Any) -> EbsBlocks:
    return EbsBlocks(ec2, ebs)


def freed(archive: Archive, blocks: EbsBlocks, *snapshot_ids: str) -> Freed:
    return blocks.freed(list(snapshots_by(client(archive.cloud, "ec2"), "snapshot-id", snapshot_ids)))


def true_gib(archive: Archive, snapshot_ids: Iterable[str]) -> float:
    return archive.cloud.catalog.freed_bytes(archive.region, snapshot_ids) / GIB


def test_lone_snapshot_frees_all_that_was_written_and_nothing_is_asked_of_ebs(
    archive: Archive, blocks: EbsBlocks, ebs: Any
) -> None:
    snapshot_id = Volume(archive).taken(2.5)
    Volume(archive, 2).taken()
    with counting(ebs, "ListChangedBlocks") as calls:
        assert freed(archive, blocks, snapshot_id) == Freed(2.5, 2.5)
    assert calls == []


def test_no_snapshots_free_nothing(blocks: EbsBlocks) -> None:
    assert blocks.freed([]) == Freed(0, 0)


def test_snapshot_between_two_frees_what_neither_has(archive: Archive, blocks: EbsBlocks) -> None:
    volume = Volume(archive)
    ids = [volume.taken(2, changed_bytes=GIB) for _ in range(3)]
    result = freed(archive, blocks, ids[1])
    assert result.at_least_gib == result.at_most_gib == pytest.approx(true_gib(archive, ids[1:2]), abs=0.001)
    assert 0 < result.at_least_gib < 1


@pytest.mark.parametrize("seed", range(8))
def test_any_choice_of_any_volumes_snapshots_frees_what_is_true(archive: Archive, blocks: EbsBlocks, seed: int) -> None:
    random = Random(seed)
    going: list[str] = []
    for number in range(1, 4):
        volume = Volume(archive, number)
        ids = [volume.taken(random.choice([0.5, 1, 2, 3])) for _ in range(random.randint(1, 6))]
        archive.cloud.catalog.remove_snapshot(archive.region, ids.pop(random.randrange(len(ids))))
        going += [one for one in ids if random.random() < 0.6]
    result = freed(archive, blocks, *going)
    assert result.at_least_gib == result.at_most_gib == pytest.approx(true_gib(archive, going), abs=0.002)


def test_blocks_are_not_counted_for_a_snapshot_that_lacks_them(archive: Archive, blocks: EbsBlocks, ebs: Any) -> None:
    """The middle snapshot has a GiB of new blocks, overwritten after it, lacks another GiB, and shares the rest."""
    volume = Volume(archive)
    _, middle, _ = volume.taken(3), volume.taken(3), volume.taken(3)
    before = [*_changed(0, first=False), *_changed(1, second=False)]
    after = [*_changed(0), *_changed(1, first=False)]
    with answering(ebs, "ListChangedBlocks", {"ChangedBlocks": before}, {"ChangedBlocks": after}):
        assert freed(archive, blocks, middle) == Freed(1, 1)


def test_changed_blocks_come_in_pages(archive: Archive, blocks: EbsBlocks, ebs: Any) -> None:
    volume = Volume(archive)
    first, _ = volume.taken(8), volume.taken(8, changed_bytes=7 * GIB)
    with counting(ebs, "ListChangedBlocks") as calls:
        assert freed(archive, blocks, first) == Freed(7, 7)
    assert len(calls) == 2


def _changed(gib: int, *, first: bool = True, second: bool = True) -> list[dict[str, Any]]:
    """The blocks of one GiB, as ListChangedBlocks tells that they differ."""
    tokens = ({"FirstBlockToken": "a"} if first else {}) | ({"SecondBlockToken": "b"} if second else {})
    return [{"BlockIndex": gib * BLOCKS_PER_GIB + number, **tokens} for number in range(BLOCKS_PER_GIB)]


# Where it cannot be computed it lies between nothing and everything written.


def test_snapshot_that_was_copied_may_share_its_blocks_with_anything(archive: Archive, blocks: EbsBlocks) -> None:
    snapshot_id = Volume(archive, volume_id=NO_VOLUME).taken(2)
    assert freed(archive, blocks, snapshot_id) == Freed(0, 2)


def test_range_of_one_volume_adds_up_with_the_figure_of_another(archive: Archive, blocks: EbsBlocks) -> None:
    copied, alone = Volume(archive, volume_id=NO_VOLUME).taken(2), Volume(archive, 2).taken(1)
    assert freed(archive, blocks, copied, alone) == Freed(1, 3)


def test_size_that_ec2_does_not_tell_is_at_most_the_volumes(archive: Archive, blocks: EbsBlocks) -> None:
    assert freed(archive, blocks, Volume(archive).taken(full_snapshot_size_bytes=None)) == Freed(0, 8)


@pytest.mark.parametrize(
    "fields",
    [
        {"encrypted": True, "kms_key_id": "arn:key"},
        {"state": "pending"},
        {"state": "error"},
    ],
    ids=["encrypted otherwise", "pending", "in error"],
)
def test_neighbour_that_is_otherwise_makes_it_a_range(
    archive: Archive, blocks: EbsBlocks, fields: dict[str, Any]
) -> None:
    volume = Volume(archive)
    first, _ = volume.taken(2), volume.taken(2, **fields)
    assert freed(archive, blocks, first) == Freed(0, 2)


def test_archived_snapshot_has_another_price_and_shares_no_blocks_with_its_neighbours(
    archive: Archive, blocks: EbsBlocks
) -> None:
    volume = Volume(archive)
    archived, standard = volume.taken(2, storage_tier="archive"), volume.taken(2)
    assert freed(archive, blocks, archived) == Freed(0, 2)
    assert freed(archive, blocks, standard) == Freed(2, 2)


def test_snapshots_of_other_accounts_do_not_count(archive: Archive, blocks: EbsBlocks) -> None:
    volume = Volume(archive)
    first, _ = volume.taken(2), volume.taken(2, owner_id="999999999999", shared_with=(archive.account_id,))
    assert freed(archive, blocks, first) == Freed(2, 2)


def test_snapshot_that_does_not_tell_its_time_makes_it_a_range(archive: Archive, blocks: EbsBlocks, ec2: Any) -> None:
    raw = {"SnapshotId": "snap-1", "VolumeId": "vol-1", "VolumeSize": 8, "FullSnapshotSizeInBytes": 2 * GIB}
    listed = {"Snapshots": [raw | {"State": "completed"}]}
    with answering(ec2, "DescribeSnapshots", listed, listed):
        assert freed(archive, blocks, "snap-1") == Freed(0, 2)


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("AccessDeniedException", 403),
        ("ValidationException", 400),
        ("ResourceNotFoundException", 404),
        ("RequestThrottledException", 400),
        ("InternalServerException", 500),
    ],
)
def test_figure_that_ebs_does_not_give_ends_no_run(
    archive: Archive, blocks: EbsBlocks, ebs: Any, code: str, status: int
) -> None:
    volume = Volume(archive)
    first, _ = volume.taken(2), volume.taken(2)
    with refusing(ebs, "ListChangedBlocks", code, status):
        assert freed(archive, blocks, first) == Freed(0, 2)


def test_more_changed_blocks_than_may_be_asked_for_make_it_a_range(
    archive: Archive, blocks: EbsBlocks, ebs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ebs_blocks, "CALLS_PER_LOOK", 1)
    volume = Volume(archive)
    first, _ = volume.taken(7), volume.taken(7, changed_bytes=6 * GIB)
    with counting(ebs, "ListChangedBlocks") as calls:
        assert freed(archive, blocks, first) == Freed(0, 7)
    assert len(calls) == 1


def test_blocks_of_another_size_make_it_a_range(archive: Archive, blocks: EbsBlocks, ebs: Any) -> None:
    volume = Volume(archive)
    first, _ = volume.taken(2), volume.taken(2)
    with answering(ebs, "ListChangedBlocks", {"ChangedBlocks": [], "BlockSize": 4096}):
        assert freed(archive, blocks, first) == Freed(0, 2)
