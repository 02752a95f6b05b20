"""What can be seen from outside, read without the archiver's own code."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from boto3.dynamodb.types import TypeDeserializer

from local_cloud.calls import Call
from local_cloud.engine.tasks import StoreTask
from tests.chaos import wire
from tests.chaos.restore_evidence import RestoreEvidence, collect_restores
from tests.chaos.world import Run, World
from tests.support.archive import BUCKET, TABLE

_deserializer = TypeDeserializer()


@dataclass
class Evidence:
    """One moment of a world."""

    records: dict[str, dict[str, Any]] = field(default_factory=dict)
    """The archive records by image id; `history` has every move, also those in pages of their own."""
    queue: list[dict[str, Any]] = field(default_factory=list)
    lease: dict[str, Any] = field(default_factory=dict)
    summaries: dict[str, dict[str, Any]] = field(default_factory=dict)
    selected: dict[str, dict[str, dict[str, Any]]] = field(default_factory=lambda: defaultdict(dict))
    """By run id and image id: the line of a selection."""
    ended: dict[str, dict[str, dict[str, Any]]] = field(default_factory=lambda: defaultdict(dict))
    """By run id and image id: the line of a check."""
    tasks: dict[str, list[StoreTask]] = field(default_factory=lambda: defaultdict(list))
    """EC2's store tasks into the archive bucket, by image id."""
    objects: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    """Every version of an image's objects, under whatever key; `current` says whether it can be read now."""
    images: set[str] = field(default_factory=set)
    stores: list[Call] = field(default_factory=list)
    """Every CreateStoreImageTask that EC2 accepted from the account."""
    calls: list[wire.Call] = field(default_factory=list)
    """What the archiver's functions called."""
    deletions: list[str] = field(default_factory=list)
    """Partition keys of the table from which something was deleted."""
    runs: list[Run] = field(default_factory=list)
    turns: list[str] = field(default_factory=list)
    touched: set[str] = field(default_factory=set)
    may_fail: set[str] = field(default_factory=set)
    left_snapshots: set[tuple[str, str]] = field(default_factory=set)
    """(image id, snapshot id): the table's list of those that are still to be deleted."""
    saved: dict[str, Any] = field(default_factory=dict)
    """What the table says that retirement has saved in all."""
    planned: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """By run id: the images that the run was going to let go."""
    acted: dict[str, dict[str, dict[str, Any]]] = field(default_factory=lambda: defaultdict(dict))
    """By run id and image id: the line of what became of a planned original."""
    snapshots: dict[str, set[str]] = field(default_factory=dict)
    """By id, the images that use each snapshot there is."""
    taken: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """By image id: the snapshots of an image that EC2 has deregistered for the archiver."""
    testimony: list[str] = field(default_factory=list)
    """What was wrong when EC2 took an original away."""
    deletable: set[str] = field(default_factory=set)
    restore: RestoreEvidence = field(default_factory=RestoreEvidence)
    budget_gib: float = 600
    key_arn: str = ""


def collect(world: World) -> Evidence:
    """Everything as it is now."""
    archive = world.archive
    seen = Evidence(
        images=set(world.cloud.catalog.images(archive.region)),
        calls=list(world.wire.calls),
        runs=list(world.runs),
        turns=list(world.turns),
        touched=set(world.touched),
        may_fail=set(world.may_fail),
        deletable=set(world.deletable),
        snapshots={
            one: world.cloud.catalog.images_on_snapshot(archive.region, one)
            for one in world.cloud.catalog.snapshots(archive.region)
        },
        taken=dict(world.witness.taken),
        testimony=list(world.witness.breaches),
        restore=collect_restores(world),
        budget_gib=archive.settings.in_flight_budget_gib,
        key_arn=archive.settings.bucket_key_arn,
    )
    items = [
        {name: _deserializer.deserialize(value) for name, value in raw.items()}
        for raw in world.cloud_client("dynamodb").scan(TableName=TABLE)["Items"]
    ]
    for item in sorted(items, key=lambda item: (item["pk"], item["sk"])):
        _sort_in(seen, item)
        seen.restore.take(item)
    for task in world.cloud.service.store_image_tasks(archive.account_id, archive.region):
        if task.bucket == BUCKET:
            seen.tasks[task.image_id].append(task)
    for raw in world.cloud_client("s3").list_object_versions(Bucket=BUCKET).get("Versions", []):
        image_id = raw["Key"].rsplit("/", 1)[-1].removesuffix(".bin")
        version = {"key": raw["Key"], "version": raw["VersionId"], "bytes": raw["Size"], "etag": raw["ETag"].strip('"')}
        seen.objects[image_id].append(version | {"current": raw["IsLatest"]})
    for call in world.cloud.calls.filter():
        if call.operation == "CreateStoreImageTask" and call.status == 200:
            seen.stores.append(call)
        elif call.operation == "DeleteItem":
            seen.deletions.append(call.parameters["Key"]["pk"]["S"])
        elif call.operation == "TransactWriteItems" and call.status == 200:
            actions = call.parameters["TransactItems"]
            seen.deletions += [a["Delete"]["Key"]["pk"]["S"] for a in actions if "Delete" in a]
    return seen


def _sort_in(seen: Evidence, item: dict[str, Any]) -> None:
    kind, _, name = item["pk"].partition("#")
    match kind:
        case "IMAGE":  # pages of older moves come before the record
            earlier = seen.records.get(name, {}).get("history", [])
            moves = item.get("history" if item["sk"] == "RECORD" else "moves")
            seen.records[name] = item | {"history": earlier + (moves if isinstance(moves, list) else [])}
        case "QUEUE":
            seen.queue.append(item)
        case "LEASE" if item["sk"] == "LEASE":
            seen.lease = item
        case "RUNS":
            seen.summaries[item["sk"]] = item["summary"]
        case "RUN":
            lines = {line["i"]: line for line in item.get("lines", [])}
            match item["sk"].partition("#")[0]:
                case "SELECT":
                    seen.selected[name] |= lines
                case "CHECK":
                    seen.ended[name] |= lines
                case "PLAN":
                    seen.planned[name] |= lines.keys()
                case "RETIRE" if item["sk"].startswith("RETIRE#ACT#"):
                    seen.acted[name] |= lines
        case "SNAPSHOTS":
            seen.left_snapshots.add((item["image_id"], item["snapshot_id"]))
        case "TOTALS":
            seen.saved = item
