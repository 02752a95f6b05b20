"""Every call of a night is one that the function's role allows, and what the roles allow is used.

The roles come from the synthesized template, the calls from the real handlers under the real workflow.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from ami_archiver.model import ActiveRun, Status
from handlers import telemetry
from local_cloud.in_process import VirtualCloud
from tests.support import domain
from tests.support.archive import BUCKET, TABLE, Archive, client
from tests.support.assembly import CloudAssembly
from tests.support.watched import Stage, Watched, allowed

FUNCTIONS = ("SelectImages", "StoreImages", "ReportRun")
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
        archive.app.records.save(None, replace(record, status=Status.FAILED, history=story, revision=moves))
    tampered, surprise = archive.image("tampered", gib=40), archive.image("surprise", gib=10)
    withdrawn = archive.image("withdrawn", gib=3)
    s3 = client(cloud, "s3")
    seen = Watched()

    def others_are_faster(function: str) -> None:
        if function == "StoreImages" and not seen.actions[function]:
            item = archive.item(f"IMAGE#{tampered}", "RECORD") or {}
            archive.put_item(item | {"status": {"S": "FAILED"}})
            s3.put_object(Bucket=BUCKET, Key=f"nightly/{surprise}.bin", Body=b"stored by hand")
            cloud.catalog.remove_image(archive.region, withdrawn)

    Stage(archive, cloud_assembly, seen, others_are_faster).night()
    s3.delete_object(Bucket=BUCKET, Key=archive.record("plain").object_key)
    s3.put_object(Bucket=BUCKET, Key=f"old/{archive.image('found')}.bin", Body=b"stored by hand")
    stage = Stage(archive, cloud_assembly, seen)
    stage.night()
    now = cloud.clock.now()
    archive.app.leases.take(ActiveRun("another", "weekly", now, "arn:execution:another"), now, now + timedelta(hours=1))
    stage.night()
    return seen


def test_functions_call_what_their_roles_allow_and_their_roles_allow_what_they_call(
    watched: Watched, cloud_assembly: CloudAssembly
) -> None:
    roles = {function: allowed(cloud_assembly, function) for function in FUNCTIONS}
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
    assert watched.deleted == {"StoreImages": {"QUEUE"}}
