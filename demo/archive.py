"""The archive's table and bucket, read as an operator would read them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from boto3.dynamodb.types import TypeDeserializer

from ami_archiver.model import RETIRING, Decision, Status
from demo.aws import Aws, Stack

_deserializer = TypeDeserializer()


@dataclass(frozen=True, slots=True)
class Line:
    """What a run decided about one image."""

    image_id: str
    policy: str
    decision: Decision
    reason: str
    gib: float


Lines = dict[tuple[str, str], Line]
"""By policy and image id: an image that two policies match has a decision of each."""


class Archive:
    """Reads only; nothing here knows more than the table's documentation."""

    def __init__(self, aws: Aws, stack: Stack) -> None:
        self._aws = aws
        self._stack = stack

    def run_ids(self) -> set[str]:
        """The runs that hold or have joined the lease, and those that have ended."""
        lease = next(self._query("LEASE"), {})
        return {*lease.get("runs", {}), *(summary["run_id"] for summary in self.summaries())}

    def summaries(self) -> list[dict[str, Any]]:
        """The runs' summaries, oldest first."""
        return [item["summary"] for item in self._query("RUNS")]

    def lines(self, run_ids: Iterable[str]) -> Lines:
        """What these runs decided about storing; how a store ended counts more than that the image was selected."""
        found: Lines = {}
        for run_id in sorted(run_ids):
            for raw in (raw for item in self._query(f"RUN#{run_id}") for raw in item["lines"]):
                line = Line(raw["i"], raw["p"], Decision(raw["d"]), raw["r"], float(raw["g"]))
                key = line.policy, line.image_id
                if line.decision not in RETIRING and (line.decision is not Decision.DEFERRED or key not in found):
                    found[key] = line
        return found

    def records(self) -> dict[str, dict[str, Any]]:
        """All archive records by image id, by the index that has them by status."""
        records = (item for status in Status for item in self._query(status.value, key="status", index="by_status"))
        return {record["image_id"]: record for record in records}

    def objects(self) -> dict[str, int]:
        """The bucket's objects: size in bytes by key."""
        pages = self._aws.s3.get_paginator("list_objects_v2").paginate(Bucket=self._stack.bucket)
        return {each["Key"]: each["Size"] for page in pages for each in page.get("Contents", [])}

    def _query(self, value: str, *, key: str = "pk", index: str | None = None) -> Iterator[dict[str, Any]]:
        where = {"IndexName": index} if index else {"ConsistentRead": True}
        pages = self._aws.dynamodb.get_paginator("query").paginate(
            TableName=self._stack.table,
            KeyConditionExpression="#key = :value",
            ExpressionAttributeNames={"#key": key},
            ExpressionAttributeValues={":value": {"S": value}},
            **where,
        )
        for page in pages:
            for item in page["Items"]:
                yield {name: _plain(_deserializer.deserialize(inner)) for name, inner in item.items()}


def _plain(value: Any) -> Any:
    """With Python's own numbers."""
    match value:
        case Decimal():
            return int(value) if value == int(value) else float(value)
        case dict():
            return {key: _plain(inner) for key, inner in value.items()}
        case list():
            return [_plain(inner) for inner in value]
        case _:
            return value
