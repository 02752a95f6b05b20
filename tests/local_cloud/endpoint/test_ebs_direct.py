"""The EBS direct APIs: which blocks a snapshot holds, and which differ between two."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local_cloud.engine.catalog import Catalog
from local_cloud.in_process import VirtualCloud
from local_cloud.model import GIB, NO_VOLUME, Snapshot
from local_cloud.server import LocalCloud
from tests.local_cloud.endpoint.scenes import ACCOUNT, REGION, unique

BLOCKS_PER_GIB = 2048


def take(catalog: Catalog, volume_id: str, day: int, written_gib: int, changed_gib: int = 0, **fields: Any) -> str:
    """A snapshot of the volume; its id."""
    snapshot_id = unique("snap").replace("snap-", "snap-0000000")
    given = {
        "snapshot_id": snapshot_id,
        "owner_id": ACCOUNT,
        "volume_size_gib": 8,
        "start_time": datetime(2025, 1, 1, tzinfo=UTC) + timedelta(days=day),
        "volume_id": volume_id,
        "full_snapshot_size_bytes": written_gib * GIB,
        "changed_bytes": changed_gib * GIB,
    }
    catalog.add_snapshot(REGION, Snapshot(**(given | fields)))
    return snapshot_id


def volume() -> str:
    return unique("vol").replace("vol-", "vol-0000000")


def blocks_of(ebs: Any, snapshot_id: str, **arguments: Any) -> list[int]:
    indexes: list[int] = []
    while True:
        answer = ebs.list_snapshot_blocks(SnapshotId=snapshot_id, **arguments)
        indexes += [block["BlockIndex"] for block in answer["Blocks"]]
        if not answer.get("NextToken"):
            return indexes
        arguments["NextToken"] = answer["NextToken"]


def test_blocks_of_a_snapshot_come_in_pages_over_http(local_cloud: LocalCloud) -> None:
    ebs, snapshot_id = local_cloud.client("ebs"), take(local_cloud.catalog, volume(), 1, 6)

    first = ebs.list_snapshot_blocks(SnapshotId=snapshot_id)

    assert (first["VolumeSize"], first["BlockSize"]) == (8, 524_288)
    assert first["ExpiryTime"] > datetime(2026, 1, 1, tzinfo=UTC)
    assert len(first["Blocks"]) == 10_000
    assert all(block["BlockToken"] for block in first["Blocks"])
    assert blocks_of(ebs, snapshot_id) == list(range(6 * BLOCKS_PER_GIB))


def test_page_has_the_size_and_the_start_that_was_asked_for(virtual_cloud: VirtualCloud) -> None:
    ebs, snapshot_id = virtual_cloud.client("ebs"), take(virtual_cloud.catalog, volume(), 1, 1)

    page = ebs.list_snapshot_blocks(SnapshotId=snapshot_id, MaxResults=100, StartingBlockIndex=1900)
    assert [block["BlockIndex"] for block in page["Blocks"]] == list(range(1900, 2000))
    rest = ebs.list_snapshot_blocks(SnapshotId=snapshot_id, NextToken=page["NextToken"], StartingBlockIndex=5)
    assert [block["BlockIndex"] for block in rest["Blocks"]] == list(range(2000, 2048))
    assert rest.get("NextToken") is None
    assert blocks_of(ebs, snapshot_id, StartingBlockIndex=5000) == []


def changed(ebs: Any, first_id: str, second_id: str, **arguments: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while True:
        answer = ebs.list_changed_blocks(FirstSnapshotId=first_id, SecondSnapshotId=second_id, **arguments)
        found += answer["ChangedBlocks"]
        if not answer.get("NextToken"):
            return found
        arguments["NextToken"] = answer["NextToken"]


def test_changed_blocks_are_those_that_were_written_in_between(virtual_cloud: VirtualCloud) -> None:
    ebs, catalog, volume_id = virtual_cloud.client("ebs"), virtual_cloud.catalog, volume()
    first, second = take(catalog, volume_id, 1, 2), take(catalog, volume_id, 2, 3, changed_gib=2)

    blocks = changed(ebs, first, second, MaxResults=1000)

    assert len(blocks) == 2 * BLOCKS_PER_GIB
    overwritten = [block for block in blocks if "FirstBlockToken" in block]
    assert len(overwritten) == BLOCKS_PER_GIB
    assert all("SecondBlockToken" in block for block in blocks)
    appended = [block["BlockIndex"] for block in blocks if "FirstBlockToken" not in block]
    assert appended == list(range(2 * BLOCKS_PER_GIB, 3 * BLOCKS_PER_GIB))
    indexes = [block["BlockIndex"] for block in blocks]
    assert indexes == sorted(set(indexes))


def test_blocks_that_differ_from_both_neighbours_are_what_deleting_a_snapshot_frees(
    virtual_cloud: VirtualCloud,
) -> None:
    ebs, catalog, volume_id = virtual_cloud.client("ebs"), virtual_cloud.catalog, volume()
    before, middle, after = (
        take(catalog, volume_id, day, written, changed_gib=2, content_seed=f"day {day}")
        for day, written in ((1, 4), (2, 5), (3, 5))
    )

    own = {block["BlockIndex"] for block in changed(ebs, before, middle)}
    own &= {block["BlockIndex"] for block in changed(ebs, middle, after)}

    assert len(own) * 524_288 == catalog.freed_bytes(REGION, [middle]) > 0


def test_deleted_neighbour_is_still_a_part_of_what_changed(virtual_cloud: VirtualCloud) -> None:
    ebs, catalog, volume_id = virtual_cloud.client("ebs"), virtual_cloud.catalog, volume()
    first, second, third = (take(catalog, volume_id, day, 2, changed_gib=int(day == 2)) for day in (1, 2, 3))
    virtual_cloud.client("ec2").delete_snapshot(SnapshotId=second)

    assert len(changed(ebs, first, third)) == BLOCKS_PER_GIB


def refusal(call: Any, **parameters: Any) -> tuple[str, str | None, int]:
    with pytest.raises(ClientError) as refused:
        call(**parameters)
    answer = refused.value.response
    return answer["Error"]["Code"], answer.get("Reason"), answer["ResponseMetadata"]["HTTPStatusCode"]


def test_what_cannot_be_read_is_refused_with_its_reason(virtual_cloud: VirtualCloud) -> None:
    ebs, catalog, volume_id = virtual_cloud.client("ebs"), virtual_cloud.catalog, volume()
    ours, other = take(catalog, volume_id, 1, 1), take(catalog, volume(), 1, 1)
    theirs = take(catalog, volume_id, 2, 1, owner_id="999988887777")
    archived = take(catalog, volume_id, 3, 1, storage_tier="archive")
    copies = [take(catalog, NO_VOLUME, day, 1) for day in (1, 2)]
    blocks, changes = ebs.list_snapshot_blocks, ebs.list_changed_blocks
    unknown = "snap-0123456789abcdef0"
    invalid = "ValidationException"

    assert refusal(blocks, SnapshotId=unknown) == ("ResourceNotFoundException", "SNAPSHOT_NOT_FOUND", 404)
    assert refusal(blocks, SnapshotId=theirs) == ("AccessDeniedException", "UNAUTHORIZED_ACCOUNT", 403)
    assert refusal(blocks, SnapshotId="snap-x") == (invalid, "INVALID_SNAPSHOT_ID", 400)
    assert refusal(blocks, SnapshotId=archived) == (invalid, "INVALID_SNAPSHOT_ID", 400)
    assert refusal(blocks, SnapshotId=ours, NextToken="AAAA") == (invalid, "INVALID_PAGE_TOKEN", 400)
    assert refusal(blocks, SnapshotId=ours, MaxResults=10_001) == (invalid, "INVALID_PARAMETER_VALUE", 400)
    assert refusal(changes, SecondSnapshotId=ours) == (invalid, "INVALID_SNAPSHOT_ID", 400)
    unrelated = (invalid, "UNRELATED_SNAPSHOTS", 400)
    assert refusal(changes, FirstSnapshotId=ours, SecondSnapshotId=other) == unrelated
    assert refusal(changes, FirstSnapshotId=copies[0], SecondSnapshotId=copies[1]) == unrelated
    page = blocks(SnapshotId=ours, MaxResults=100)["NextToken"]
    assert refusal(blocks, SnapshotId=copies[0], NextToken=page) == (invalid, "INVALID_PAGE_TOKEN", 400)


def test_reading_blocks_can_be_denied(virtual_cloud: VirtualCloud) -> None:
    snapshot_id = take(virtual_cloud.catalog, volume(), 1, 1)
    virtual_cloud.service.faults.deny("ebs:ListSnapshotBlocks")
    code, _, status = refusal(virtual_cloud.client("ebs").list_snapshot_blocks, SnapshotId=snapshot_id)
    assert (code, status) == ("AccessDeniedException", 403)


def test_snapshot_of_no_volume_shares_its_blocks_with_nobody(virtual_cloud: VirtualCloud) -> None:
    first, second = (take(virtual_cloud.catalog, NO_VOLUME, 1, 1) for _ in range(2))

    assert virtual_cloud.catalog.freed_bytes(REGION, [first]) == GIB
    assert virtual_cloud.catalog.freed_bytes(REGION, [first, second]) == 2 * GIB
