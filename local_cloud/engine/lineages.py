"""The snapshots of one volume, those that are gone included: what is left of them others may still hold."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from local_cloud.engine.blocks import BLOCK_BYTES, Run, block_maps, blocks_in, freed_blocks
from local_cloud.model import NO_VOLUME, Snapshot


class Lineages:
    """Of one Region. Indexed when first asked for: most clouds never are. Guarded by the catalog's lock."""

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
