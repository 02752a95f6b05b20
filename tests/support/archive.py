"""An archive in virtual time: the real steps and adapters, on the local cloud's EC2, S3, DynamoDB and SNS.

archive = Archive(cloud)
archive.image("ami-small", gib=10)
summary = archive.night()
assert archive.status("ami-small") == "VERIFIED"
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache, partial
from typing import Any
from weakref import WeakKeyDictionary

from ami_archiver.app import App
from ami_archiver.model import ArchiveRecord
from ami_archiver.policy import Policy
from ami_archiver.retire.app import RetireApp
from ami_archiver.retire.steps.step import ask_for_approval, plan_retirement, retire_images
from ami_archiver.run_state import Next, RetirePhase, RunState
from ami_archiver.settings import Settings
from ami_archiver.steps.report import report_run
from ami_archiver.steps.select import select_images
from ami_archiver.steps.store_images import store_images
from local_cloud.in_process import VirtualCloud
from local_cloud.model import GIB, BlockDevice, Image, Snapshot
from tests.support.executions import Executions

NIGHTLY = Policy(name="nightly", tags={"Archive": ("true",)})
TABLE = "archive"
BUCKET = "archive-bucket"


@dataclass
class CloudClock:
    """The archiver's clock is the cloud's, unless a test lets a worker's clock be wrong."""

    cloud: VirtualCloud
    skew: timedelta = timedelta()

    def now(self) -> datetime:
        return self.cloud.clock.now() + self.skew


class Archive:
    """A stack's table, bucket, key and topic in an empty cloud, and the workflow as the state machine runs it."""

    def __init__(self, cloud: VirtualCloud, *policies: Policy, **settings: Any) -> None:
        self.cloud = cloud
        self.region = cloud.settings.region
        self.account_id = cloud.settings.account_id
        self._names = itertools.count(1)
        key_arn = client(cloud, "kms").create_key()["KeyMetadata"]["Arn"]
        topic_arn = client(cloud, "sns").create_topic(Name="archive")["TopicArn"]
        make_table(client(cloud, "dynamodb"))
        _make_bucket(cloud, key_arn)
        self.settings = Settings(
            table_name=TABLE,
            bucket_name=BUCKET,
            bucket_key_arn=key_arn,
            topic_arn=topic_arn,
            account_id=self.account_id,
            policies=policies or (NIGHTLY,),
            **settings,
        )
        self.executions = Executions()
        cloud.serve("states", self.executions)
        self.app = self.worker()
        self.loops = 0
        self.answer: dict[str, Any] | None = None
        """What a person says when a run asks for approval; None: nothing, until the time is over."""

    def worker(self, skew: timedelta = timedelta(), *, own_clients: bool = False) -> App:
        """A function instance of its own: another clock, the same world.

        Making clients takes a tenth of a second: only a test that changes how they behave needs its own.
        """
        make = self.cloud.client if own_clients else partial(client, self.cloud)
        return App(self.settings, self.region, CloudClock(self.cloud, skew), cache(make))

    def retirer(self) -> RetireApp:
        """An instance of the function that retires."""
        return RetireApp(self.settings, self.region, CloudClock(self.cloud), partial(client, self.cloud))

    def configure(self, **changes: Any) -> None:
        """Deploy with other settings: function instances from now on have them."""
        self.settings = replace(self.settings, **changes)
        self.app = self.worker()

    # The world

    def image(self, image_id: str, gib: float = 10, *, tags: dict[str, str] | None = None, **fields: Any) -> str:
        """An image of so many written GiB on one snapshot, tagged Archive=true unless told otherwise; its id."""
        created = fields.pop("creation_date", self.cloud.clock.now() - timedelta(days=100))
        image_id = full_id(image_id)
        snapshot_id = fields.pop("snapshot_id", image_id.replace("ami-", "snap-"))
        of_snapshot: dict[str, Any] = {
            "volume_size_gib": max(1, round(gib)),
            "full_snapshot_size_bytes": round(gib * GIB),
        }
        of_snapshot |= fields.pop("snapshot", {})
        snapshot = Snapshot(snapshot_id, self.account_id, start_time=created, **of_snapshot)
        image = Image(
            image_id,
            fields.pop("name", f"image-{next(self._names)}"),
            fields.pop("owner_id", self.account_id),
            created,
            block_devices=fields.pop("block_devices", (BlockDevice("/dev/xvda", snapshot_id, max(1, round(gib))),)),
            tags={"Archive": "true"} if tags is None else tags,
            **fields,
        )
        self.cloud.catalog.add_snapshot(self.region, snapshot)
        self.cloud.catalog.add_image(self.region, image)
        return image_id

    def occupy(self, *sizes_gib: float) -> list[str]:
        """Store tasks that somebody else started in the account."""
        return self.cloud.service.faults.occupy(self.account_id, self.region, list(sizes_gib))

    # The workflow

    def begin(self, policy: str = "nightly", *, dry_run: bool = False, name: str | None = None) -> dict[str, Any]:
        """What the state machine hands to the first step."""
        name = name or f"execution-{next(self._names)}"
        started = self.cloud.clock.now().isoformat()
        given = {"policy": policy, "dry_run": dry_run}
        more = {"execution_name": name, "execution_started_at": started, "execution_arn": f"arn:execution:{name}"}
        return {"input": given} | more

    def select(self, event: dict[str, Any], app: App | None = None) -> RunState:
        return select_images(app or self.app, event, lambda: 900.0)

    def night(self, policy: str = "nightly", *, dry_run: bool = False, until: Callable[[], bool] | None = None) -> Any:
        """A whole run, in virtual time; its summary. `until` stops it early (the summary is then None)."""
        return self.go_on(self.select(self.begin(policy, dry_run=dry_run)), until=until)

    def go_on(self, state: RunState, *, app: App | None = None, until: Callable[[], bool] | None = None) -> Any:
        """Run the state machine from a state on."""
        while until is None or not until():
            state, summary = self.step(state, app)
            if state.next in (Next.END, Next.FAIL):
                return summary
        return None

    def step(self, state: RunState, app: App | None = None) -> tuple[RunState, Any]:
        """What the state machine does next, and the summary once it reports."""
        app = app or self.app
        match state.next:
            case Next.SELECT_MORE:
                return select_images(app, {"input": state.to_json()}, lambda: 900.0), None
            case Next.STORE | Next.HAND_OVER:
                self.loops += 1
                return store_images(app, state)[0], None
            case Next.WAIT:
                self.cloud.advance(state.wait_seconds)
                return state.then(Next.RETIRE if state.retire is RetirePhase.ACT else Next.STORE), None
            case Next.PLAN_MORE:
                return plan_retirement(self.retirer(), state, lambda: 900.0)[0], None
            case Next.RETIRE if state.retire is not RetirePhase.ACT and state.approval is None:
                return plan_retirement(self.retirer(), state, lambda: 900.0)[0], None
            case Next.RETIRE:
                return retire_images(self.retirer(), state, lambda: 900.0)[0], None
            case Next.AWAIT_APPROVAL:
                ask_for_approval(self.retirer(), {"state": state.to_json(), "token": "token"})
                if self.answer is None:
                    self.cloud.advance(state.approval_seconds)
                return state.then(Next.RETIRE, approval=self.answer or {"Error": "States.Timeout"}), None
            case Next.REPORT:
                state, _, summary = report_run(app, state)
                return state, summary
            case _:
                raise AssertionError(f"nothing comes after {state.next}")

    def go_to(self, state: RunState, step: Next, app: App | None = None) -> RunState:
        """Run the state machine from a state on until `step` would be next."""
        while state.next is not step:
            state, _ = self.step(state, app)
        return state

    # What is there afterwards

    def record(self, image_id: str) -> ArchiveRecord:
        return self.app.records.get([full_id(image_id)]).records[full_id(image_id)]

    def status(self, image_id: str) -> str:
        return self.record(image_id).status.value

    def object_keys(self) -> list[str]:
        return sorted(listed.key for listed in self.app.bucket.listing())

    def decisions(self, run_id: str) -> dict[str, tuple[str, str]]:
        """The last decision about each image in a run's pages, with its reason."""
        return {
            line.image_id: (line.decision.value, line.reason)
            for kind in ("SELECT#", "CHECK#")
            for lines in self.app.runs.pages(run_id, kind)
            for line in lines
        }

    def starts(self) -> list[Any]:
        """Every CreateStoreImageTask call that was made, as the cloud logged it."""
        return self.cloud.calls.filter(service="ec2", operation="CreateStoreImageTask")

    def accepted(self) -> Counter[str]:
        """How many store tasks EC2 has accepted from the archiver, by image."""
        return Counter(call.parameters["ImageId"] for call in self.starts() if call.error_code is None)

    def deregister(self, image_id: str) -> None:
        self.cloud.catalog.remove_image(self.region, full_id(image_id))

    def put_object(self, key: str, body: bytes = b"stored by EC2 last year", **more: Any) -> str:
        """An object that somebody else put into the bucket; its version."""
        version: str = client(self.cloud, "s3").put_object(Bucket=BUCKET, Key=key, Body=body, **more)["VersionId"]
        return version

    def item(self, pk: str, sk: str) -> dict[str, Any] | None:
        """An item of the table as it is, whatever it holds."""
        key = {"pk": {"S": pk}, "sk": {"S": sk}}
        item: dict[str, Any] | None = client(self.cloud, "dynamodb").get_item(TableName=TABLE, Key=key).get("Item")
        return item

    def put_item(self, item: dict[str, Any]) -> None:
        client(self.cloud, "dynamodb").put_item(TableName=TABLE, Item=item)

    def items(self) -> list[dict[str, Any]]:
        """Every item of the table."""
        found: list[dict[str, Any]] = client(self.cloud, "dynamodb").scan(TableName=TABLE)["Items"]
        return found


_clients: WeakKeyDictionary[VirtualCloud, dict[str, Any]] = WeakKeyDictionary()


def client(cloud: VirtualCloud, name: str) -> Any:
    """A client that all archives in the cloud share; it survives the cloud's reset."""
    made = _clients.setdefault(cloud, {})
    if name not in made:
        made[name] = cloud.client(name)
    return made[name]


def full_id(short: str) -> str:
    """ami-small → a well-formed id that reads like it (hexadecimal digits only survive in EC2)."""
    if len(short) == 21:
        return short
    return f"ami-{short.removeprefix('ami-').encode().hex()[:17]:0<17}"


def make_table(dynamodb: Any) -> None:
    dynamodb.create_table(
        TableName=TABLE,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[
            {"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk", "status", "status_order")
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "by_status",
                "KeySchema": [
                    {"AttributeName": "status", "KeyType": "HASH"},
                    {"AttributeName": "status_order", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    )


def _make_bucket(cloud: VirtualCloud, key_arn: str) -> None:
    s3 = client(cloud, "s3")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    s3.put_bucket_encryption(
        Bucket=BUCKET,
        ServerSideEncryptionConfiguration={
            "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key_arn}}]
        },
    )
