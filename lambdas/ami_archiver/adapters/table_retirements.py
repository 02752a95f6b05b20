"""What becomes of originals, in DynamoDB: records on their way out, snapshots left behind, totals, approvals."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from boto3.dynamodb.conditions import Key

from ami_archiver.adapters.table import Item, Table, delete, key_of, put, reading, update
from ami_archiver.adapters.table_records import record_actions
from ami_archiver.model import ArchiveRecord
from ami_archiver.retire.model import FirstRun, LeftSnapshot, Saved
from ami_archiver.serialization import dump, read

SNAPSHOTS = "SNAPSHOTS"
TOTAL_KEY = key_of("TOTALS", "RETIRED")
SNAPSHOTS_PER_TRANSACTION = 90
"""Of the 100 actions that one transaction takes; an image may have more snapshots."""


class TableRetirements:
    """Records on their way out, snapshots left behind, first runs, approvals. Reads are consistent."""

    def __init__(self, client: Any, table: str) -> None:
        self._table = Table(client, table)

    def save(
        self,
        before: ArchiveRecord,
        after: ArchiveRecord,
        *,
        adding: Collection[LeftSnapshot] = (),
        leaving: Collection[LeftSnapshot] = (),
        saved: Saved | None = None,
    ) -> bool:
        """A snapshot too many for one transaction is added before it, or taken off the list after it: on the list
        without need, it is looked at again."""
        added, dropped = list(adding), list(leaving)
        for one in added[SNAPSHOTS_PER_TRANSACTION:]:
            self._table.write(put(_left_item(one)), about=one.snapshot_id)
        added = added[:SNAPSHOTS_PER_TRANSACTION]
        room = SNAPSHOTS_PER_TRANSACTION - len(added)
        actions = record_actions(before, after)
        actions += [put(_left_item(one)) for one in added]
        actions += [delete(_left_key(one)) for one in dropped[:room]]
        if saved is not None:
            actions.append(update(TOTAL_KEY, add=dump(saved)))
        if self._table.write(*actions, about=after.image_id):
            return False
        for one in dropped[room:]:
            self.drop(one)
        return True

    def left_snapshots(self) -> Iterator[LeftSnapshot]:
        for item in self._table.query(Key("pk").eq(SNAPSHOTS)):
            image_id, _, snapshot_id = item["sk"].partition("#")
            yield LeftSnapshot(image_id, snapshot_id)

    def drop(self, left: LeftSnapshot) -> None:
        """Take a snapshot off the list."""
        self._table.write(delete(_left_key(left)), about=left.snapshot_id)

    def total_saved(self) -> Saved:
        with reading("the total of what was saved", "delete it: it is then counted from now on"):
            return read(Saved, self._table.get(TOTAL_KEY) or {})

    def first_run(self, policy: str) -> FirstRun | None:
        item = self._table.get(_policy_key(policy))
        if item is None:
            return None
        with reading(
            f"the first run of policy {policy}", "delete it: the policy's next run then only says what it would do"
        ):
            return read(FirstRun, item)

    def put_first_run(self, policy: str, run: FirstRun) -> None:
        self._table.write(put(_policy_key(policy) | dump(run)), about=policy)

    def put_token(self, run_id: str, token: str) -> None:
        """What an approval of the run is sent to."""
        self._table.write(put(_approval_key(run_id) | {"token": token}), about=run_id)

    def token(self, run_id: str) -> str | None:
        item = self._table.get(_approval_key(run_id))
        return str(item["token"]) if item else None


def _left_key(left: LeftSnapshot) -> Item:
    return key_of(SNAPSHOTS, f"{left.image_id}#{left.snapshot_id}")


def _left_item(left: LeftSnapshot) -> Item:
    return {**_left_key(left), **dump(left)}


def _policy_key(name: str) -> Item:
    return key_of("POLICIES", name)


def _approval_key(run_id: str) -> Item:
    return key_of(f"RUN#{run_id}", "APPROVAL")
