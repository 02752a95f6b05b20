"""What can be seen of restores from outside: the table's items, EC2's images, and who watched EC2 take a restore."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from boto3.dynamodb.types import TypeDeserializer
from botocore.awsrequest import AWSPreparedRequest, AWSResponse

from local_cloud.model import Image, Snapshot
from tests.support.archive import BUCKET, TABLE, client
from tests.support.state_machine import Execution

if TYPE_CHECKING:
    from tests.chaos.world import World

RESTORE_ID = "archiver:restore-id"
_deserializer = TypeDeserializer()


@dataclass
class RestoreRun:
    """An execution of RestoreWorkflow, and what it was asked for."""

    given: dict[str, Any]
    execution: Execution

    @property
    def run_id(self) -> str:
        """'' of a run that ended before it had an id."""
        state = self.execution.last.output
        return str(state["run_id"]) if isinstance(state, dict) else ""


@dataclass
class Start:
    """A CreateRestoreImageTask that EC2 accepted from a run."""

    restore_id: str
    image_id: str
    in_flight_gib: float
    """Everybody's restores, just before."""
    status: str | None
    """The record's, just before."""


@dataclass
class RestoreEvidence:
    """One moment of a world, as far as restores go."""

    records: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By restore id."""
    drafts: dict[str, dict[str, Any]] = field(default_factory=dict)
    requested: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    """By run id: the image ids or object keys that it is about."""
    waiting: list[str] = field(default_factory=list)
    """Restore ids of the entries that wait for the budget or a thaw."""
    waiting_runs: set[str] = field(default_factory=set)
    lease: dict[str, Any] = field(default_factory=dict)
    summaries: dict[str, dict[str, Any]] = field(default_factory=dict)
    runs: list[RestoreRun] = field(default_factory=list)
    starts: list[Start] = field(default_factory=list)
    pointed: list[str] = field(default_factory=list)
    """Image ids that SSM parameters were pointed at by a run."""
    images: dict[str, Image] = field(default_factory=dict)
    """Those that carry a restore's tag, by image id."""
    snapshots: dict[str, Snapshot] = field(default_factory=dict)
    parameters: dict[str, str] = field(default_factory=dict)
    budget_gib: float = 300

    def take(self, item: dict[str, Any]) -> None:
        """An item of the table, if it is about restores."""
        kind, _, run_id = item["pk"].partition("#")
        sort, _, number = item["sk"].partition("#")
        match kind, sort:
            case "LEASE", "RESTORE":
                self.lease = item
            case "RESTORES", _:
                self.summaries[item["sk"]] = item["summary"]
            case "RESTORE", "RECORD":
                self.records[f"{run_id}.{number}"] = item
            case "RESTORE", "DRAFT":
                self.drafts[f"{run_id}.{number}"] = item
            case "RESTORE", "CANDIDATES":
                self.requested[run_id] += item["candidates"]
            case "RESTORE-QUEUE", _ if run_id == "RUNS":
                self.waiting_runs.add(item["sk"])
            case "RESTORE-QUEUE", _:
                self.waiting.append(item["restore_id"])

    def images_of(self, restore_id: str) -> list[Image]:
        return [image for image in self.images.values() if image.tags[RESTORE_ID] == restore_id]

    def of_run(self, run_id: str) -> dict[str, dict[str, Any]]:
        return {one: record for one, record in self.records.items() if record["run_id"] == run_id}

    def died(self, run_id: str) -> bool:
        """Whether nobody goes on with a run: its execution has ended with an error."""
        return run_id not in self.summaries


def collect_restores(world: World) -> RestoreEvidence:
    """All but the table's items."""
    region = world.archive.region
    images = world.cloud.catalog.images(region).values()
    snapshots = world.cloud.catalog.snapshots(region)
    seen = RestoreEvidence(
        runs=list(world.restore_runs),
        starts=list(world.restore_witness.starts),
        pointed=list(world.restore_witness.pointed),
        images={i.image_id: replace(i, tags=dict(i.tags)) for i in images if RESTORE_ID in i.tags},
        budget_gib=world.archive.settings.restore_budget_gib,
    )
    for image in seen.images.values():
        seen.snapshots |= {one: replace(snapshots[one]) for one in image.snapshot_ids if one in snapshots}
    for name in world.parameters:
        seen.parameters[name] = world.cloud_client("ssm").get_parameter(Name=name)["Parameter"]["Value"]
    return seen


class RestoreWitness:
    """Sees what EC2 and SSM accept from the steps of a restore, disturbed or not."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.starts: list[Start] = []
        self.pointed: list[str] = []

    def watch(self, operation: str, request: AWSPreparedRequest, send: Callable[[], AWSResponse]) -> AWSResponse:
        if operation == "PutParameter":
            answer = send()
            if answer.status_code == 200 and self._world.restoring:
                self.pointed.append(json.loads(_text(request.body))["Value"])
            return answer
        if operation != "CreateRestoreImageTask":
            return send()
        asked = parse_qs(_text(request.body))
        restore_id = next((asked[key.replace("Key", "Value")][0] for key in asked if asked[key] == [RESTORE_ID]), "")
        if not restore_id:
            return send()
        cloud, archive = self._world.cloud, self._world.archive
        cloud.service.settle()
        before = cloud.service.in_flight_gib(archive.account_id, archive.region, "restore")
        known = set(cloud.catalog.images(archive.region))
        status = self._status(restore_id)
        answer = send()
        if answer.status_code == 200:
            (made,) = set(cloud.catalog.images(archive.region)) - known
            self.starts.append(Start(restore_id, made, before, status))
        return answer

    def _status(self, restore_id: str) -> str | None:
        run_id, _, number = restore_id.rpartition(".")
        key = {"pk": {"S": f"RESTORE#{run_id}"}, "sk": {"S": f"RECORD#{number}"}}
        item = client(self._world.cloud, "dynamodb").get_item(TableName=TABLE, Key=key).get("Item", {})
        return _deserializer.deserialize(item["restore_status"]) if item else None


def foreign_restore(world: World, key: str, name: str) -> str:
    """What somebody else restores beside the archiver; the new image's id."""
    where = (world.archive.account_id, world.archive.region)
    return world.cloud.service.create_restore_image_task(*where, BUCKET, key, name, {}, {})


def _text(body: Any) -> str:
    return body.decode() if isinstance(body, bytes | bytearray) else str(body or "")
