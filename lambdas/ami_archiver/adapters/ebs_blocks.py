"""What deleting EBS snapshots frees: https://docs.aws.amazon.com/ebs/latest/userguide/how_snapshots_work.html"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

from botocore.exceptions import ClientError

from ami_archiver.adapters.aws_errors import translated
from ami_archiver.adapters.ec2_images import snapshots_by
from ami_archiver.eligibility import snapshot_gib
from ami_archiver.errors import AccessDenied, TemporarilyUnavailable
from ami_archiver.model import GIB, Snapshot
from ami_archiver.retire.model import Freed

logger = logging.getLogger(__name__)

BLOCK_BYTES = 512 * 1024
BLOCKS_PER_CALL = 10_000
"""The most that ListChangedBlocks returns in one page."""
CALLS_PER_LOOK = 40
"""What one look may ask in all, some ten seconds: it is for a figure in a report."""


class NotComputed(Exception):
    """What the snapshots free lies somewhere between nothing and all that was written to them."""


class EbsBlocks:
    """By the snapshots of each volume. What a volume that was made from one of them holds of it cannot be seen."""

    def __init__(self, ec2: Any, ebs: Any) -> None:
        self._ec2 = ec2
        self._ebs = ebs

    def freed(self, snapshots: Collection[Snapshot]) -> Freed:
        """By deleting these together; a range where it cannot be computed."""
        least, most = 0.0, 0.0
        look = _Look(self._ebs)
        for volume_id, own in _by_volume(snapshots):
            try:
                gib = self._of_volume(look, volume_id, own)
                least, most = least + gib, most + gib
            except (NotComputed, ClientError, AccessDenied, TemporarilyUnavailable) as error:
                extra = {"volume_id": volume_id, "reason": f"{type(error).__name__}: {error}"}
                logger.info("freed blocks not computed", extra=extra)
                most += sum(map(snapshot_gib, own))
        return Freed(round(least, 3), round(most, 3))

    def _of_volume(self, look: _Look, volume_id: str | None, going: Sequence[Snapshot]) -> float:
        if volume_id is None:
            raise NotComputed("a copy does not tell whose blocks it holds")
        others = snapshots_by(self._ec2, "volume-id", [volume_id], OwnerIds=["self"])
        ids = {one.snapshot_id for one in going}
        chain = sorted([*going, *(one for one in others if one.snapshot_id not in ids)], key=_order)
        # The archive tier holds a full copy: nobody shares its blocks, and it has another price.
        if any(one.tier != "standard" for one in going):
            raise NotComputed("a snapshot is in the archive tier")
        chain = [one for one in chain if one.tier == "standard"]
        if any(one.state != "completed" for one in chain):
            raise NotComputed("a snapshot of the volume is not completed")
        if len({(one.encrypted, one.kms_key_id) for one in chain}) > 1:
            raise NotComputed("the volume's snapshots are encrypted in different ways")
        return sum(look.freed_blocks(*run) for run in _runs(chain, ids)) * BLOCK_BYTES / GIB


class _Look:
    """Asks for changed blocks, as long as calls are left."""

    def __init__(self, ebs: Any) -> None:
        self._ebs = ebs
        self._calls = 0

    def freed_blocks(self, before: Snapshot | None, going: Sequence[Snapshot], after: Snapshot | None) -> int:
        """Blocks that only snapshots of the run `going` hold: those written after `before`, and gone in `after`.

        What was written to a block at a time is held by a row of snapshots in a row; it is freed if all of them go.
        `held` has the indexes of the blocks whose present content began within the run; None: all of them.
        """
        freed = 0
        held: set[int] | None = None if before is None else {i for i, _, now in self._changed(before, going[0]) if now}
        for first, second in zip(going, [*going[1:], after], strict=True):
            if second is None:
                break
            for index, was, now in self._changed(first, second):
                freed += was and (held is None or index in held)
                if held is not None and second is not after:
                    (held.add if now else held.discard)(index)
        if after is None:
            freed += _written_blocks(going[-1]) if held is None else len(held)
        return freed

    def _changed(self, first: Snapshot, second: Snapshot) -> Iterator[tuple[int, bool, bool]]:
        """(index, whether the first has the block, whether the second has it) of each block that differs."""
        more: dict[str, Any] = {}
        while True:
            self._calls += 1
            if self._calls > CALLS_PER_LOOK:
                raise NotComputed(f"more changed blocks than {CALLS_PER_LOOK} calls list")
            with translated(second.snapshot_id):
                answer = self._ebs.list_changed_blocks(
                    FirstSnapshotId=first.snapshot_id,
                    SecondSnapshotId=second.snapshot_id,
                    MaxResults=BLOCKS_PER_CALL,
                    **more,
                )
            if answer.get("BlockSize", BLOCK_BYTES) != BLOCK_BYTES:
                raise NotComputed(f"blocks of {answer['BlockSize']} bytes")
            for raw in answer.get("ChangedBlocks", []):
                yield raw["BlockIndex"], "FirstBlockToken" in raw, "SecondBlockToken" in raw
            if not answer.get("NextToken"):
                return
            more = {"NextToken": answer["NextToken"]}


def _by_volume(snapshots: Collection[Snapshot]) -> Iterator[tuple[str | None, list[Snapshot]]]:
    def volume(one: Snapshot) -> str:
        return one.volume_id or ""

    for volume_id, own in groupby(sorted(snapshots, key=volume), key=volume):
        yield volume_id or None, list(own)


def _runs(
    chain: Sequence[Snapshot], going: Collection[str]
) -> Iterator[tuple[Snapshot | None, list[Snapshot], Snapshot | None]]:
    """Each unbroken row of snapshots that go, with the neighbours that stay."""
    before: Snapshot | None = None
    row: list[Snapshot] = []
    for one in chain:
        if one.snapshot_id in going:
            row.append(one)
            continue
        if row:
            yield before, row, one
        before, row = one, []
    if row:
        yield before, row, None


def _order(snapshot: Snapshot) -> tuple[datetime, str]:
    if snapshot.started_at is None:
        raise NotComputed(f"snapshot {snapshot.snapshot_id} does not tell when it was taken")
    return snapshot.started_at.astimezone(UTC), snapshot.snapshot_id


def _written_blocks(snapshot: Snapshot) -> int:
    if snapshot.written_bytes is None:
        raise NotComputed(f"snapshot {snapshot.snapshot_id} does not tell what was written to it")
    return -(-snapshot.written_bytes // BLOCK_BYTES)
