"""Which blocks a snapshot holds: all that was written to its volume, most of them shared with its neighbours.

A snapshot has a volume's blocks as they were at its time, but takes new room only for those that were written since
the snapshot before; deleting it frees only what no other snapshot refers to
(docs.aws.amazon.com/ebs/latest/userguide/how_snapshots_work.html). Made up, and the same every time: the written
blocks are the first of the volume, and what was overwritten since the snapshot before is one run of them, around the
corner where it must. Kept as runs, so that a snapshot of some TiB weighs no more than one of some GiB.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from random import Random
from typing import NamedTuple

from local_cloud.model import GIB, NO_VOLUME, Snapshot

BLOCK_BYTES = 512 * 1024
_BLOCKS_PER_GIB = GIB // BLOCK_BYTES
_LEAST_CHANGED, _MOST_CHANGED = 0.05, 0.3
"""Share of a snapshot that was written since the one before, where nobody says."""


class Run(NamedTuple):
    """Blocks `start` to before `end`, as they were written before the snapshot `origin`, the first that has them."""

    start: int
    end: int
    origin: str


class Difference(NamedTuple):
    """A run of blocks that differ between two snapshots, and whether each has them at all."""

    start: int
    end: int
    in_first: bool
    in_second: bool


def block_maps(history: Iterable[Snapshot]) -> dict[str, list[Run]]:
    """What each snapshot of one volume holds, by its id. `history` is in order of time, with those deleted since."""
    maps: dict[str, list[Run]] = {}
    current: list[Run] = []
    for snapshot in history:
        current = _next_map(current, snapshot)
        maps[snapshot.snapshot_id] = current
    return maps


def blocks_in(runs: Iterable[Run]) -> int:
    return sum(run.end - run.start for run in runs)


def freed_blocks(deleted: Iterable[Sequence[Run]], kept: Iterable[Sequence[Run]]) -> int:
    """How many blocks only the maps in `deleted` hold, and none in `kept`: all of one volume."""
    gone, left = _by_origin(deleted), _by_origin(kept)
    return sum(_uncovered(spans, left.get(origin, [])) for origin, spans in gone.items())


def differences(first: Sequence[Run], second: Sequence[Run]) -> Iterator[Difference]:
    """Where two maps of one volume differ, in order."""
    edges = sorted({edge for run in (*first, *second) for edge in run[:2]})
    one, other = iter(first), iter(second)
    in_first, in_second = next(one, None), next(other, None)
    for start, end in pairwise(edges):
        while in_first and in_first.end <= start:
            in_first = next(one, None)
        while in_second and in_second.end <= start:
            in_second = next(other, None)
        has_first = in_first is not None and in_first.start <= start
        has_second = in_second is not None and in_second.start <= start
        same = has_first and has_second and in_first and in_second and in_first.origin == in_second.origin
        if (has_first or has_second) and not same:
            yield Difference(start, end, has_first, has_second)


def _next_map(before: Sequence[Run], snapshot: Snapshot) -> list[Run]:
    written = _written_blocks(snapshot)
    kept = min(written, before[-1].end if before else 0)
    runs = [run._replace(end=min(run.end, kept)) for run in before if run.start < kept]
    random = Random(snapshot.content_seed or snapshot.snapshot_id)  # noqa: S311 - the same every time, no secret
    overwritten = min(kept, max(0, _changed_blocks(snapshot, written, random) - (written - kept)))
    if overwritten:
        start = random.randrange(kept)
        end = start + overwritten
        runs = _overwrite(runs, start, min(end, kept), snapshot.snapshot_id)
        if end > kept:
            runs = _overwrite(runs, 0, end - kept, snapshot.snapshot_id)
    if written > kept:
        runs.append(Run(kept, written, snapshot.snapshot_id))
    return runs


def _written_blocks(snapshot: Snapshot) -> int:
    most = snapshot.volume_size_gib * _BLOCKS_PER_GIB
    if not snapshot.full_snapshot_size_bytes:
        return most
    return min(most, -(-snapshot.full_snapshot_size_bytes // BLOCK_BYTES))


def _changed_blocks(snapshot: Snapshot, written: int, random: Random) -> int:
    share = random.uniform(_LEAST_CHANGED, _MOST_CHANGED)
    if snapshot.changed_bytes is None:
        return round(written * share)
    return -(-snapshot.changed_bytes // BLOCK_BYTES)


def _overwrite(runs: Sequence[Run], start: int, end: int, origin: str) -> list[Run]:
    before = [run._replace(end=min(run.end, start)) for run in runs if run.start < start]
    after = [run._replace(start=max(run.start, end)) for run in runs if run.end > end]
    return [*before, Run(start, end, origin), *after]


def _by_origin(maps: Iterable[Sequence[Run]]) -> dict[str, list[tuple[int, int]]]:
    """For each origin, the spans of its blocks that any of the maps holds: in order, and none twice."""
    spans: dict[str, list[tuple[int, int]]] = {}
    for runs in maps:
        for start, end, origin in runs:
            spans.setdefault(origin, []).append((start, end))
    return {origin: _merged(found) for origin, found in spans.items()}


def _merged(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _uncovered(spans: Sequence[tuple[int, int]], cover: Sequence[tuple[int, int]]) -> int:
    covered = sum(max(0, min(end, last) - max(start, first)) for start, end in spans for first, last in cover)
    return sum(end - start for start, end in spans) - covered


class Lineages:
    """The snapshots of each volume, those that are gone included: what is left of them others may still hold.

    Of one Region. Indexed when first asked for: most clouds never are. Guarded by the catalog's lock.
    """

    def __init__(self, live: dict[str, Snapshot]) -> None:
        self._live = live
        self._ids: dict[str, set[str]] | None = None
        self._removed: dict[str, list[Snapshot]] = {}

    def added(self, snapshot: Snapshot, *, instead_of: Snapshot | None = None) -> None:
        if instead_of is not None:
            self._ids = None
        elif self._ids is not None:
            self._ids.setdefault(snapshot.volume_id, set()).add(snapshot.snapshot_id)

    def removed(self, snapshot: Snapshot) -> None:
        if self._ids is not None:
            self._ids.get(snapshot.volume_id, set()).discard(snapshot.snapshot_id)
        if snapshot.volume_id != NO_VOLUME:
            self._removed.setdefault(snapshot.volume_id, []).append(replace(snapshot, content=None))

    def maps(self, snapshot: Snapshot) -> dict[str, list[Run]]:
        """What each snapshot of the same volume holds or held, by its id."""
        return block_maps(self._history(snapshot))

    def freed_bytes(self, snapshots: Iterable[Snapshot]) -> int:
        """How many bytes would be free if these, and no others, were deleted.

        A snapshot in the archive tier is a full copy: nobody shares its blocks.
        """
        chosen = {snapshot.snapshot_id: snapshot for snapshot in snapshots}
        alone = [each for each in chosen.values() if not _shares(each)]
        blocks = sum(blocks_in(self.maps(each)[each.snapshot_id]) for each in alone)
        for each in {each.volume_id: each for each in chosen.values() if _shares(each)}.values():
            maps = {
                one: held for one, held in self.maps(each).items() if one in self._live and _shares(self._live[one])
            }
            deleted = [held for one, held in maps.items() if one in chosen]
            blocks += freed_blocks(deleted, [held for one, held in maps.items() if one not in chosen])
        return blocks * BLOCK_BYTES

    def _history(self, snapshot: Snapshot) -> list[Snapshot]:
        if snapshot.volume_id == NO_VOLUME:
            return [snapshot]
        live = [self._live[one] for one in self._index().get(snapshot.volume_id, ())]
        return sorted(
            [*live, *self._removed.get(snapshot.volume_id, ())], key=lambda one: (one.start_time, one.snapshot_id)
        )

    def _index(self) -> dict[str, set[str]]:
        if self._ids is None:
            self._ids = {}
            for snapshot in self._live.values():
                self._ids.setdefault(snapshot.volume_id, set()).add(snapshot.snapshot_id)
        return self._ids


def _shares(snapshot: Snapshot) -> bool:
    return snapshot.volume_id != NO_VOLUME and snapshot.storage_tier == "standard"
