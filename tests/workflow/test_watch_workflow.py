"""WatchWorkflow out of the template: one step that repeats itself until every archived record is compared."""

from __future__ import annotations

from fnmatch import fnmatchcase

import pytest

from ami_archiver.steps import watch
from handlers import telemetry
from infra.permissions import WATCH_ITEMS
from local_cloud.in_process import VirtualCloud
from tests.support.archive import BUCKET, TABLE, Archive, client
from tests.support.assembly import CloudAssembly
from tests.support.state_machine import Execution
from tests.support.watched import Stage, Watched, allowed

NOT_CALLED_BY_US = {
    # Lambda itself
    "logs:CreateLogStream", "logs:PutLogEvents", "xray:PutTelemetryRecords", "xray:PutTraceSegments",
    # S3, DynamoDB and SNS, which use the stack's key for their caller
    "kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey",
    # S3, before it answers 404 for an object that is not there
    "s3:ListBucket",
    # asked of an object that is there
    "s3:GetObjectTagging",
}  # fmt: skip


@pytest.fixture
def seen() -> Watched:
    return Watched()


@pytest.fixture
def watched(
    cloud: VirtualCloud, cloud_assembly: CloudAssembly, seen: Watched, monkeypatch: pytest.MonkeyPatch
) -> Execution:
    """Three archived images, one of whose objects is gone, watched record by record, each by an invocation."""
    monkeypatch.setattr(telemetry.metrics.provider, "namespace", "tests")  # whoever imported the handlers first
    archive = Archive(cloud)
    for name in ("first", "second", "third"):
        archive.image(name)
    archive.night()
    client(cloud, "s3").delete_object(Bucket=BUCKET, Key=archive.record("second").object_key)
    monkeypatch.setattr(watch, "RECORDS_PER_PAGE", 1)
    monkeypatch.setattr(watch, "PAGE_SECONDS", 1000)
    stage = Stage(archive, cloud_assembly, seen, workflow="WatchWorkflow")
    with stage.watching():
        return stage.machine.start({}, "watch")


def test_watch_repeats_itself_until_every_record_is_compared_and_puts_out_its_summary(watched: Execution) -> None:
    assert watched.status == "SUCCEEDED", watched
    assert (watched.output["compared"], watched.output["differing"]) == (3, 1)
    assert watched.transitions == 4 * 2 + 1


def test_watch_calls_what_its_role_allows_and_its_role_allows_what_it_calls(
    watched: Execution, seen: Watched, cloud_assembly: CloudAssembly
) -> None:
    may = allowed(cloud_assembly, "WatchArchive")
    assert seen.actions["WatchArchive"] - may == set()
    assert may - seen.actions["WatchArchive"] - NOT_CALLED_BY_US == set()
    targets = {(kind, name) for kind, name in seen.targets if kind != "TopicArn"}
    assert targets == {("Bucket", BUCKET), ("TableName", TABLE)}
    assert fnmatchcase(f"RUN#{watched.output['run_id']}", WATCH_ITEMS[0])


def test_other_input_than_an_empty_object_fails_the_execution_by_name(
    cloud: VirtualCloud, cloud_assembly: CloudAssembly, seen: Watched
) -> None:
    execution = Stage(Archive(cloud), cloud_assembly, seen, workflow="WatchWorkflow").machine.start({"a": 1}, "watch")
    assert (execution.status, execution.error) == ("FAILED", "BadInput")
