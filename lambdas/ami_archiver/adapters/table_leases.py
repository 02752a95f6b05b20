"""The lease: one item, changed only by condition."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

from boto3.dynamodb.conditions import Attr, ConditionBase

from ami_archiver.adapters.table import Item, Table, key_of, reading, update
from ami_archiver.errors import LeaseLost
from ami_archiver.model import ActiveRun, Lease
from ami_archiver.serialization import dump, read

ARCHIVE_LEASE = "LEASE"
RESTORE_LEASE = "RESTORE"
ABOUT = "the lease"


class TableLeases:
    """The one lease of the account and Region. All changes are conditional; all reads strongly consistent."""

    def __init__(self, client: Any, table: str, name: str) -> None:
        self._table = Table(client, table)
        self._key = key_of("LEASE", name)

    def read(self) -> Lease:
        return _lease(self._table.get(self._key, ABOUT) or {})

    def take(self, run: ActiveRun, now: datetime, until: datetime, *, instead_of: str | None = None) -> Lease | None:
        """Hold it, if nobody does, or the holder's time is over, or it is ours or that of the run `instead_of`; None:
        somebody holds it."""
        is_free: ConditionBase = Attr("holder").not_exists() | Attr("expires_at").lt(_epoch(now))
        if instead_of is not None:
            is_free |= Attr("holder").eq(instead_of)
        held = {"holder": run.run_id, "expires_at": _epoch(until), "runs": {run.run_id: dump(run)}}
        if lease := self._change(is_free, put=held):
            return lease
        try:
            return self.renew(run.run_id, until)
        except LeaseLost:
            return None

    def join(self, holder: str, run: ActiveRun, now: datetime) -> bool:
        """Add a run to the holder's, while it holds the lease."""
        holds = Attr("holder").eq(holder) & Attr("expires_at").gte(_epoch(now))
        return self._change(holds, put={("runs", run.run_id): dump(run)}) is not None

    def renew(self, run_id: str, until: datetime, *, add: Collection[str] = (), remove: Collection[str] = ()) -> Lease:
        """Prolong it and add to the set of images in flight, or remove from it. Raises LeaseLost."""
        changes: dict[str, Any] = {"put": {"expires_at": _epoch(until)}}
        if add:
            changes["add"] = {"in_flight": set(add)}
        elif remove:
            changes["take"] = {"in_flight": set(remove)}
        if lease := self._change(Attr("holder").eq(run_id), **changes):
            return lease
        raise LeaseLost(
            f"run {run_id} does not hold the lease: another run took it after it had expired, or after its "
            "execution had ended. Nothing is lost; the run that holds it goes on with the queue."
        )

    def release(self, run_id: str, runs: int) -> bool:
        """Give it back, if it still has so many runs. False: another run joined. Raises LeaseLost."""
        is_as_seen = Attr("holder").eq(run_id) & Attr("runs").size().eq(runs)
        if self._change(is_as_seen, put={"runs": {}}, remove=("holder", "expires_at")):
            return True
        if self.read().holder != run_id:
            raise LeaseLost(f"run {run_id} does not hold the lease any more; whoever has it goes on")
        return False

    def _change(self, condition: ConditionBase, **changes: Any) -> Lease | None:
        item = self._table.change(update(self._key, condition, **changes), ABOUT)
        return None if item is None else _lease(item)


def _epoch(moment: datetime) -> int:
    return int(moment.timestamp())


def _lease(item: Item) -> Lease:
    """The item has the end as seconds since 1970, and, written by an earlier release, runs that do not say their id."""
    with reading(ABOUT, "delete the item while no run works; the next run takes up what is under way"):
        expires, runs = item.get("expires_at"), item.get("runs", {})
        more = {
            "expires_at": None if expires is None else datetime.fromtimestamp(expires, UTC).isoformat(),
            "runs": {run_id: {"run_id": run_id, **run} for run_id, run in runs.items()},
        }
        return read(Lease, {"holder": None, **item, **more})
