"""Who watches EC2 take originals away: at every call that it accepts, what the world was like just before.

What keeps an image is read from the cloud's own books, not by the archiver's code. A reason counts that was there when
the intention was written and is there still: what happens after the last look cannot be seen by anybody.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from boto3.dynamodb.types import TypeDeserializer
from botocore.awsrequest import AWSPreparedRequest, AWSResponse

from ami_archiver.policy import Policy
from local_cloud.ec2.request import Caller
from local_cloud.model import Image
from tests.chaos.policies_in_force import PoliciesInForce
from tests.support.archive import BUCKET, TABLE, client

if TYPE_CHECKING:
    from tests.chaos.world import World

INTENDING = "is about to be asked for"
"""What the history says of an intention: a call without one is a breach."""
NEEDED = {"DisableImage": ("VERIFIED", "disable"), "DeregisterImage": ("DISABLED", "deregister")}
_deserializer = TypeDeserializer()


class Witness:
    """Sees every call of the archiver's functions, disturbed or not; looks around with clients of its own."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.breaches: list[str] = []
        self.taken: dict[str, tuple[str, ...]] = {}
        """The snapshots that an image had when EC2 deregistered it, by image id."""
        self.shared: dict[str, list[str]] = {}
        """With whom an image was shared when EC2 disabled it, by image id."""
        self.approved: set[str] = set()
        """Run ids to which a person has said yes."""
        self._intended: dict[str, set[str]] = {}
        """What kept an image when the newest intention about it was written."""
        self._shared_then: dict[str, list[str]] = {}
        """With whom it was shared at that time."""
        self.policies = PoliciesInForce(world, self.record)
        self._read: dict[str, tuple[Any, Any]] = {}
        """What a step has last read of a record: its status and its intention."""

    def watch(self, operation: str, request: AWSPreparedRequest, send: Callable[[], AWSResponse]) -> AWSResponse:
        """Let the call through, and judge it by what was there before."""
        if operation in ("UpdateItem", "TransactWriteItems"):
            answer = send()
            if answer.status_code == 200 and INTENDING in (body := _text(request.body)):
                self._note_intention(body)
            return answer
        if operation in ("GetItem", "BatchGetItem"):
            answer = send()
            self._note_reads(json.loads(_text(request.body)))
            return answer
        if operation == "CreateStoreImageTask":
            return self._watch_store(request, send)
        if operation not in NEEDED and operation != "DeleteSnapshot":
            return send()
        asked = parse_qs(_text(request.body))
        found = list(self._judge(operation, asked))
        image = self._images().get(asked.get("ImageId", [""])[0])
        snapshots, permissions = (tuple(image.snapshot_ids), _permissions(image)) if image else ((), [])
        answer = send()
        if answer.status_code == 200:
            self.breaches += [f"{operation} was accepted: {text}" for text in found]
            self._count(operation, image)
            if image and operation == "DeregisterImage":
                self.taken[image.image_id] = snapshots
            if image and operation == "DisableImage":
                self.shared.setdefault(image.image_id, permissions)
        return answer

    def _watch_store(self, request: AWSPreparedRequest, send: Callable[[], AWSResponse]) -> AWSResponse:
        found = list(self.policies.against_store(parse_qs(_text(request.body))["ImageId"][0]))
        answer = send()
        if answer.status_code == 200:
            self.breaches += [f"CreateStoreImageTask was accepted: {text}" for text in found]
        return answer

    def _count(self, operation: str, image: Image | None) -> None:
        if image and operation in NEEDED:
            self.policies.let_go(self.record(image.image_id))

    def _note_reads(self, asked: dict[str, Any]) -> None:
        for key in [asked["Key"]] if "Key" in asked else asked["RequestItems"][TABLE]["Keys"]:
            kind, _, image_id = key["pk"]["S"].partition("#")
            if kind == "IMAGE":
                self._read[image_id] = self._state(self.record(image_id))

    def _note_intention(self, body: str) -> None:
        asked = json.loads(body)
        updates = [asked] if "Key" in asked else [one["Update"] for one in asked["TransactItems"] if "Update" in one]
        for update in updates:
            kind, _, image_id = update["Key"]["pk"]["S"].partition("#")
            if kind == "IMAGE":
                self._intended[image_id] = set(self._reasons(image_id, self.record(image_id)))
                if image := self._images().get(image_id):
                    self._shared_then[image_id] = _permissions(image)

    def _judge(self, operation: str, asked: dict[str, list[str]]) -> Iterator[str]:
        if operation == "DeleteSnapshot":
            yield from self._judge_snapshot(asked["SnapshotId"][0])
            return
        image_id = asked["ImageId"][0]
        record, (status, action) = self.record(image_id), NEEDED[operation]
        if self._state(record) != (status, action):
            if self._read.get(image_id) != (status, action):
                yield f"{image_id} is (status, intention) {self._state(record)}"
            return  # another worker has been quicker, between the last look at the record and this call
        yield from (f"{image_id}: {text}" for text in self.policies.against(record, action))
        if self._world.archive.settings.policy(record["policy"]) is None:
            return
        yield from self._judge_time(image_id, record, action)
        for reason in sorted(self._intended.get(image_id, {"no intention"}) & {*self._reasons(image_id, record)}):
            yield f"{image_id} is kept by: {reason}"
        image = self._images().get(image_id)
        if image is None:
            return
        if operation == "DisableImage":
            recorded = sorted((record.get("facts") or {}).get("launch_permissions") or [])
            shared = _permissions(image)
            if image.state == "available" and recorded != shared and self._shared_then.get(image_id) == shared:
                yield f"{image_id} is shared with {shared}, recorded is {recorded}"
        elif missing := set(image.snapshot_ids) - self.listed(image_id):
            yield f"{image_id} goes with snapshots that nobody has noted: {sorted(missing)}"

    def _judge_time(self, image_id: str, record: dict[str, Any], action: str) -> Iterator[str]:
        """The grace period is over, it was announced, somebody has said yes: as the policy asks for."""
        policy, now = self._policy(record), self._world.cloud.clock.now()
        rules, told = policy.retire, record["retirement"]
        since = record["verified_at"] if action == "disable" else told["disabled_at"]
        days = rules.after_verified_days if action == "disable" else rules.after_disabled_days
        if since is None or now < datetime.fromisoformat(since) + timedelta(days=days):
            yield f"{image_id} is within its grace period, which began {since}"
        if rules.approval == "notify":
            on = told.get("retire_on")
            if told.get("announced") != action or on is None or now < datetime.fromisoformat(on):
                yield f"{image_id} is announced for {on}: {told.get('announced')}"
        if rules.approval == "explicit" and record["history"][-1]["run_id"] not in self.approved:
            yield f"{image_id} was approved by nobody"

    def _judge_snapshot(self, snapshot_id: str) -> Iterator[str]:
        """The last of an original goes only while its object is whole, and never while it is locked.

        Whose call deregistered the image may be open: where somebody did it between our last look and our call.
        """
        image_id = next((i for i in self._intended if snapshot_id in self.listed(i)), "")
        record = self.record(image_id)
        yield from (f"{snapshot_id}: {text}" for text in self.policies.against_snapshot(record))
        if record.get("status") != "RETIRED":
            yield f"{snapshot_id} of {image_id or 'nobody'}, which is {record.get('status')}, is not on the list"
        elif not self._is_whole(record):
            yield f"the object of {image_id} is not whole"
        snapshot = self._world.cloud.catalog.snapshots(self._world.archive.region).get(snapshot_id)
        if snapshot and snapshot.locked:
            yield f"{snapshot_id} is locked"
        if snapshot and "archiver:deregister" not in snapshot.tags:
            yield f"{snapshot_id} is not marked"

    def _reasons(self, image_id: str, record: dict[str, Any]) -> Iterator[str]:
        """What keeps the image now, whatever the archiver thinks of it."""
        if not record or not self._is_whole(record):
            yield "object"
        image, catalog = self._images().get(image_id), self._world.cloud.catalog
        if image is None or not record:
            return
        policy, region = self._world.archive.settings.policy(record["policy"]), self._world.archive.region
        if policy is None:
            return
        if record["status"] == "DISABLED" and image.state == "available":
            yield "enabled again"
        if image.owner_id != self._world.archive.account_id:
            yield "owner"
        if any(image.tags.get(key) not in values for key, values in policy.tags.items()):
            yield "not selected"
        if "archiver:hold" in image.tags:
            yield "hold"
        yield from self._unmarked(image, "disable" if record["status"] == "VERIFIED" else "deregister")
        if image.deregistration_protection != "disabled":
            yield "protected"
        if image.launch_permissions and not policy.retire.allow_shared:
            yield "shared"
        launched, now = image.last_launched_time, self._world.cloud.clock.now()
        if launched and now - launched < timedelta(days=policy.retire.not_launched_days):
            yield "launched lately"
        if any(catalog.snapshots(region)[one].locked for one in image.snapshot_ids if one in catalog.snapshots(region)):
            yield "locked"
        yield from self._uses(image_id)

    def _unmarked(self, image: Image, action: str) -> Iterator[str]:
        """AWS would refuse it: the role may act on nothing without the mark. An image that is disabled needs none."""
        if f"archiver:{action}" not in image.tags and (action, image.state) != ("disable", "disabled"):
            yield "not marked"
        catalog, region = self._world.cloud.catalog, self._world.archive.region
        for one in image.snapshot_ids if action == "deregister" else ():
            snapshot = catalog.snapshots(region).get(one)
            alone = catalog.images_on_snapshot(region, one) <= {image.image_id}
            if snapshot and alone and "archiver:deregister" not in snapshot.tags:
                yield f"{one} is not marked"

    def _uses(self, image_id: str) -> Iterator[str]:
        archive, world = self._world.archive, self._world.cloud.ec2.world
        for account in {archive.account_id, *world.instances.accounts(archive.region)}:
            backend = world.instances.backend(Caller(account, archive.region))
            if any(one.image_id == image_id and one.state != "terminated" for one in backend.all_instances()):
                yield f"instance of {account}"
            if any(
                version.image_id == image_id
                for template in backend.launch_templates.values()
                for version in template.versions
            ):
                yield f"launch template of {account}"
        if image_id in self._world.cloud.catalog.recipes(archive.region).values():
            yield "recipe"

    def _is_whole(self, record: dict[str, Any]) -> bool:
        """The object that S3 shows under the record's key is the one that was recorded."""
        listed = client(self._world.cloud, "s3").list_object_versions(Bucket=BUCKET, Prefix=record["object_key"])
        current = [
            (one["VersionId"], one["Size"], one["ETag"].strip('"'))
            for one in listed.get("Versions", [])
            if one["Key"] == record["object_key"] and one["IsLatest"]
        ]
        return current == [(record["object_version_id"], record["object_bytes"], record["object_etag"])]

    def listed(self, image_id: str) -> set[str]:
        """The image's snapshots that are on the table's list of those to be deleted."""
        found = client(self._world.cloud, "dynamodb").query(
            TableName=TABLE,
            KeyConditionExpression="pk = :list AND begins_with(sk, :image)",
            ExpressionAttributeValues={":list": {"S": "SNAPSHOTS"}, ":image": {"S": f"{image_id}#"}},
        )
        return {one["sk"]["S"].partition("#")[2] for one in found["Items"]}

    def _state(self, record: dict[str, Any]) -> tuple[Any, Any]:
        return record.get("status"), (record.get("retirement") or {}).get("intention")

    def record(self, image_id: str) -> dict[str, Any]:
        key = {"pk": {"S": f"IMAGE#{image_id}"}, "sk": {"S": "RECORD"}}
        item = client(self._world.cloud, "dynamodb").get_item(TableName=TABLE, Key=key).get("Item", {})
        return {name: _deserializer.deserialize(value) for name, value in item.items()}

    def _policy(self, record: dict[str, Any]) -> Policy:
        policy = self._world.archive.settings.policy(record["policy"])
        assert policy is not None
        return policy

    def _images(self) -> dict[str, Image]:
        return self._world.cloud.catalog.images(self._world.archive.region)


def _permissions(image: Image) -> list[str]:
    """As a record words them; this account's scenes share with accounts only."""
    return sorted(f"user:{one['UserId']}" for one in image.launch_permissions)


def _text(body: Any) -> str:
    return body.decode() if isinstance(body, bytes | bytearray) else str(body or "")
