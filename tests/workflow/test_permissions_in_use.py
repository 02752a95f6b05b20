"""Every call of a night is one that the function's role allows, and what the roles allow is used.

The roles come from the synthesized template, the calls from the real handlers under the real workflow.
"""

from __future__ import annotations

import importlib
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest

from ami_archiver import bootstrap
from ami_archiver.model import Status
from ami_archiver.ports import ActiveRun
from handlers import telemetry
from local_cloud.in_process import VirtualCloud
from tests.chaos.world import Context
from tests.support import domain
from tests.support.archive import BUCKET, TABLE, Archive, client
from tests.support.assembly import STACK, CloudAssembly
from tests.support.state_machine import StateMachine, definition_of

FUNCTIONS = {
    "handlers.select_images.handler": "SelectImages",
    "handlers.check_store_tasks.handler": "CheckStoreTasks",
    "handlers.start_store_tasks.handler": "StartStoreTasks",
    "handlers.report_run.handler": "ReportRun",
}
ACTIONS = {"s3:HeadObject": "s3:GetObject", "s3:ListObjectVersions": "s3:ListBucketVersions"}
"""Where IAM's action is not named like the call."""
IN_TRANSACTIONS = {
    "Update": "UpdateItem",
    "Put": "PutItem",
    "Delete": "DeleteItem",
    "ConditionCheck": "ConditionCheckItem",
}

NOT_CALLED_BY_US = {
    # Lambda itself, for every function
    "logs:CreateLogStream", "logs:PutLogEvents", "xray:PutTelemetryRecords", "xray:PutTraceSegments",
    # S3, DynamoDB and SNS, which use the stack's key for their caller
    "kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey",
    # S3, before it answers 404 for an object that is not there
    "s3:ListBucket",
    # EC2, on behalf of DescribeImageReferences
    "ssm:DescribeParameters", "ssm:GetParameters",
    # EC2, of the caller of CreateStoreImageTask, as AWS's user guide lists
    "ec2:DescribeTags", "ec2:GetEbsEncryptionByDefault", "ebs:GetSnapshotBlock", "ebs:ListChangedBlocks",
    "ebs:ListSnapshotBlocks", "s3:AbortMultipartUpload", "s3:DeleteObject", "s3:PutObject", "s3:PutObjectTagging",
    "kms:CreateGrant",
}  # fmt: skip


@dataclass
class Watched:
    """What each function called: IAM's actions, and the buckets, tables and topics that it named."""

    actions: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    targets: set[tuple[str, str]] = field(default_factory=set)
    deleted: set[str] = field(default_factory=set)
    """Partition keys of deleted items."""


@pytest.fixture
def watched(cloud: VirtualCloud, cloud_assembly: CloudAssembly, monkeypatch: pytest.MonkeyPatch) -> Watched:
    """Nights that have it all: others' tasks, failures, long histories, tampering, objects found and lost, joining."""
    monkeypatch.setattr(telemetry.metrics.provider, "namespace", "tests")  # whoever imported the handlers first
    archive = Archive(cloud)
    archive.image("plain", gib=20)
    cloud.service.faults.fail_store(archive.image("flaky", gib=30), times=1)
    archive.occupy(100)
    for name, moves in (("starts-long", 199), ("ends-long", 197)):
        record = domain.record(archive.image(name, gib=5))
        story = (record.history[0],) * moves
        archive.app.records.save(None, replace(record, status=Status.FAILED, history=story))
    tampered, surprise = archive.image("tampered", gib=40), archive.image("surprise", gib=10)
    withdrawn = archive.image("withdrawn", gib=3)
    s3 = client(cloud, "s3")
    seen = Watched()

    def others_are_faster(function: str) -> None:
        if function == "StartStoreTasks" and not seen.actions[function]:
            item = archive.item(f"IMAGE#{tampered}", "RECORD") or {}
            archive.put_item(item | {"status": {"S": "FAILED"}})
            s3.put_object(Bucket=BUCKET, Key=f"nightly/{surprise}.bin", Body=b"stored by hand")
            cloud.catalog.remove_image(archive.region, withdrawn)

    night(archive, cloud_assembly, seen, others_are_faster)
    s3.delete_object(Bucket=BUCKET, Key=archive.record("plain").object_key)
    s3.put_object(Bucket=BUCKET, Key=f"old/{archive.image('found')}.bin", Body=b"stored by hand")
    night(archive, cloud_assembly, seen)
    now = cloud.clock.now()
    archive.app.leases.take(ActiveRun("another", "weekly", now, None), now, now + timedelta(hours=1))
    night(archive, cloud_assembly, seen)
    return seen


def night(
    archive: Archive, assembly: CloudAssembly, seen: Watched, before: Callable[[str], None] = lambda _: None
) -> None:
    """A night by the real state machine and handlers, every call of theirs seen."""
    function = ""

    def see(params: dict[str, Any], model: Any, **_: Any) -> None:
        if function:
            note(seen, function, model.service_model.service_name, model.name, params)

    def invoking(name: str) -> Callable[[Any], Any]:
        handler = importlib.import_module(name.rpartition(".")[0]).handler

        def invoke(event: Any) -> Any:
            nonlocal function
            before(FUNCTIONS[name])
            function = FUNCTIONS[name]
            try:
                with patch.object(bootstrap, "app", archive.worker):  # cold, each time
                    return handler(event, Context())
            finally:
                function = ""

        return invoke

    clients = [client(archive.cloud, name) for name in ("ec2", "s3", "dynamodb", "sns")]
    for each in clients:
        each.meta.events.register("provide-client-params.*.*", see)
    try:
        machine = StateMachine(
            definition_of(assembly.directory / f"{STACK}.template.json", "ArchiveWorkflow"),
            {name: invoking(name) for name in FUNCTIONS},
            archive.cloud.advance,
            archive.cloud.clock.now,
        )
        execution = machine.start({"policy": "nightly"}, f"night-{archive.cloud.clock.seconds()}")
        assert execution.status == "SUCCEEDED", execution
    finally:
        for each in clients:
            each.meta.events.unregister("provide-client-params.*.*", see)


def note(seen: Watched, function: str, service: str, operation: str, params: dict[str, Any]) -> None:
    for target in ("Bucket", "TableName", "TopicArn"):
        if target in params:
            seen.targets.add((target, params[target].partition("/")[0]))  # EC2 takes a path behind the bucket
    if operation != "TransactWriteItems":
        seen.actions[function].add(ACTIONS.get(f"{service}:{operation}", f"{service}:{operation}"))
        return
    for part in params["TransactItems"]:
        ((kind, request),) = part.items()
        seen.actions[function].add(f"dynamodb:{IN_TRANSACTIONS[kind]}")
        seen.targets.add(("TableName", request["TableName"]))
        if kind == "Delete":
            seen.deleted.add(request["Key"]["pk"]["S"])


def allowed(assembly: CloudAssembly, function: str) -> set[str]:
    """The actions of a function's role."""
    found = [
        properties["Policies"]
        for logical_id, properties in (
            (logical_id, resource["Properties"])
            for logical_id, resource in assembly.template["Resources"].items()
            if resource["Type"] == "AWS::IAM::Role"
        )
        if logical_id.startswith(f"Functions{function}Role")
    ]
    assert len(found) == 1, f"{len(found)} roles of {function}"
    statements = [statement for policy in found[0] for statement in policy["PolicyDocument"]["Statement"]]
    actions = [statement["Action"] for statement in statements]
    return {action for each in actions for action in ([each] if isinstance(each, str) else each)}


def test_functions_call_what_their_roles_allow_and_their_roles_allow_what_they_call(
    watched: Watched, cloud_assembly: CloudAssembly
) -> None:
    roles = {function: allowed(cloud_assembly, function) for function in FUNCTIONS.values()}
    denied = {function: watched.actions[function] - may for function, may in roles.items()}
    useless = {function: may - watched.actions[function] - NOT_CALLED_BY_US for function, may in roles.items()}
    assert denied == {function: set() for function in roles}
    assert useless == {function: set() for function in roles}


def test_functions_touch_no_bucket_table_or_topic_but_their_own_and_delete_only_from_the_queue(
    watched: Watched,
) -> None:
    assert {(kind, name) for kind, name in watched.targets if kind != "TopicArn"} == {
        ("Bucket", BUCKET),
        ("TableName", TABLE),
    }
    assert len([name for kind, name in watched.targets if kind == "TopicArn"]) == 1
    assert watched.deleted == {"QUEUE"}
