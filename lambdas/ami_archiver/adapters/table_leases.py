"""The lease: one item, changed only by condition."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from ami_archiver.adapters.attribute_values import serialized
from ami_archiver.adapters.aws_errors import code_of, translated
from ami_archiver.adapters.table_items import plain_item, reading
from ami_archiver.errors import LeaseLost
from ami_archiver.model import ActiveRun, Lease

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


ARCHIVE_LEASE = "LEASE"
RESTORE_LEASE = "RESTORE"


class TableLeases:
    """The one lease of the account and Region. All changes are conditional; all reads strongly consistent."""

    def __init__(self, client: DynamoDBClient, table: str, name: str) -> None:
        self._dynamodb = client
        self._table = table
        self._key = {"pk": {"S": "LEASE"}, "sk": {"S": name}}

    def read(self) -> Lease:
        with translated("the lease"):
            answer = self._dynamodb.get_item(TableName=self._table, Key=self._key, ConsistentRead=True)
        return _lease(answer.get("Item", {}))

    def take(self, run: ActiveRun, now: datetime, until: datetime, *, instead_of: str | None = None) -> Lease | None:
        """Hold it, if nobody does, or the holder's time is over, or it is ours or that of the run `instead_of`; None:
        somebody holds it."""
        condition = "attribute_not_exists(#holder) OR expires_at < :now"
        values = {
            ":me": run.run_id,
            ":until": _epoch(until),
            ":now": _epoch(now),
            ":runs": {run.run_id: _run_item(run)},
        }
        if instead_of is not None:
            condition += " OR #holder = :ended"
            values[":ended"] = instead_of
        try:
            return self._update("SET #holder = :me, expires_at = :until, runs = :runs", condition, values)
        except ClientError as error:
            _only_conditional(error)
        try:
            return self.renew(run.run_id, until)
        except LeaseLost:
            return None

    def join(self, holder: str, run: ActiveRun, now: datetime) -> bool:
        """Add a run to the holder's, while it holds the lease."""
        try:
            self._update(
                "SET runs.#run = :run",
                "#holder = :holder AND expires_at >= :now",
                {":run": _run_item(run), ":holder": holder, ":now": _epoch(now)},
                run=run.run_id,
            )
        except ClientError as error:
            _only_conditional(error)
            return False
        return True

    def renew(self, run_id: str, until: datetime, *, add: Collection[str] = (), remove: Collection[str] = ()) -> Lease:
        """Prolong it and add to the set of images in flight, or remove from it. Raises LeaseLost."""
        update = "SET expires_at = :until"
        values: dict[str, Any] = {":until": _epoch(until), ":me": run_id}
        if add:
            update += " ADD in_flight :ids"
            values[":ids"] = set(add)
        elif remove:
            update += " DELETE in_flight :ids"
            values[":ids"] = set(remove)
        try:
            return self._update(update, "#holder = :me", values)
        except ClientError as error:
            _only_conditional(error)
            raise LeaseLost(
                f"run {run_id} does not hold the lease: another run took it after it had expired, or after its "
                "execution had ended. Nothing is lost; the run that holds it goes on with the queue."
            ) from error

    def release(self, run_id: str, runs: int) -> bool:
        """Give it back, if it still has so many runs. False: another run joined. Raises LeaseLost."""
        try:
            self._update(
                "REMOVE #holder, expires_at SET runs = :none",
                "#holder = :me AND size(runs) = :runs",
                {":me": run_id, ":runs": runs, ":none": {}},
            )
        except ClientError as error:
            _only_conditional(error)
            if self.read().holder != run_id:
                raise LeaseLost(f"run {run_id} does not hold the lease any more; whoever has it goes on") from error
            return False
        return True

    def _update(self, update: str, condition: str, values: Mapping[str, Any], **names: str) -> Lease:
        with translated("the lease"):
            answer = self._dynamodb.update_item(
                TableName=self._table,
                Key=self._key,
                UpdateExpression=update,
                ConditionExpression=condition,
                ExpressionAttributeValues={name: serialized(value) for name, value in values.items()},
                ReturnValues="ALL_NEW",
                ExpressionAttributeNames={"#holder": "holder", **{f"#{name}": value for name, value in names.items()}},
            )
        return _lease(answer["Attributes"])


def _only_conditional(error: ClientError) -> None:
    if code_of(error) != "ConditionalCheckFailedException":
        raise error


def _epoch(moment: datetime) -> int:
    return int(moment.timestamp())


def _run_item(run: ActiveRun) -> dict[str, Any]:
    return {name: value for name, value in asdict(run).items() if name != "run_id"}


def _lease(item: Mapping[str, Any]) -> Lease:
    raw = plain_item(item)
    expires = raw.get("expires_at")
    with reading("the lease", "delete the item while no run works; the next run takes up what is under way"):
        return Lease(
            holder=raw.get("holder"),
            expires_at=datetime.fromtimestamp(int(expires), UTC) if expires is not None else None,
            runs={run_id: _run(run_id, run) for run_id, run in raw.get("runs", {}).items()},
            in_flight=frozenset(raw.get("in_flight", ())),
        )


def _run(run_id: str, raw: Mapping[str, Any]) -> ActiveRun:
    return ActiveRun(
        run_id=run_id,
        policy=raw["policy"],
        started_at=datetime.fromisoformat(raw["started_at"]),
        execution_arn=raw.get("execution_arn"),
    )
