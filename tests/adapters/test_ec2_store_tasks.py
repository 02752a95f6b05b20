"""EC2's store tasks, asked as EC2 wants to be asked."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from ami_archiver.model import Refusal
from local_cloud.in_process import VirtualCloud
from tests.support.answers import answering, counting, refusing
from tests.support.archive import BUCKET, Archive, client


@pytest.fixture
def ec2(archive: Archive) -> Any:
    return client(archive.cloud, "ec2")


def start(archive: Archive, image_id: str, prefix: str = "nightly", **tags: str) -> Refusal | None:
    return archive.app.store_tasks.start(image_id, BUCKET, prefix, tags)


def test_started_store_is_not_refused_and_carries_the_tags(archive: Archive) -> None:
    image_id = archive.image("one", gib=1)
    assert start(archive, image_id, Team="web") is None
    archive.cloud.advance(3600)
    found = archive.app.bucket.head(f"nightly/{image_id}.bin")
    assert found is not None
    assert found.tags["Team"] == "web"


def test_store_without_a_prefix_goes_to_the_buckets_root(archive: Archive) -> None:
    image_id = archive.image("one")
    assert start(archive, image_id, prefix="") is None


def test_task_in_progress_is_seen_with_its_progress(archive: Archive) -> None:
    image_id = archive.image("one", gib=10)
    start(archive, image_id)
    archive.cloud.advance(70)
    (task,) = archive.app.store_tasks.in_progress()
    assert (task.image_id, task.bucket, task.object_key) == (image_id, BUCKET, f"nightly/{image_id}.bin")
    assert task.state == "InProgress"
    assert 0 < task.progress_percentage < 100
    assert task.started_at == archive.cloud.clock.now() - timedelta(seconds=70)


def test_failed_task_says_why(archive: Archive) -> None:
    image_id = archive.image("one")
    archive.cloud.service.faults.fail_store(image_id, "disk on fire")
    start(archive, image_id)
    archive.cloud.advance(3600)
    assert archive.app.store_tasks.in_progress() == []
    task = archive.app.store_tasks.newest([image_id], BUCKET)[image_id]
    assert (task.state, task.failure_reason) == ("Failed", "disk on fire")


def test_image_without_a_task_is_left_out(archive: Archive) -> None:
    image_id = archive.image("one")
    assert archive.app.store_tasks.newest([image_id], BUCKET) == {}
    assert archive.app.store_tasks.newest([], BUCKET) == {}


def test_ids_are_asked_by_twenty_without_a_page_size(archive: Archive, ec2: Any) -> None:
    image_ids = [archive.image(f"i{number}", gib=1) for number in range(45)]
    for image_id in image_ids:
        start(archive, image_id)
    with counting(ec2, "DescribeStoreImageTasks") as calls:
        found = archive.app.store_tasks.newest(image_ids, BUCKET)
    assert set(found) == set(image_ids)
    asked = [[key for key in call if key.startswith("ImageId.")] for call in calls]
    assert [len(keys) for keys in asked] == [20, 20, 5]
    assert not any("MaxResults" in call for call in calls)


def test_tasks_in_progress_are_all_seen_beyond_a_page_of_two_hundred(archive: Archive, ec2: Any) -> None:
    archive.occupy(*[1.0] * 230)
    with counting(ec2, "DescribeStoreImageTasks") as calls:
        assert len(archive.app.store_tasks.in_progress()) == 230
    assert [call["MaxResults"] for call in calls] == [200, 200]


def test_newer_task_into_somebody_elses_bucket_does_not_hide_the_one_into_ours(archive: Archive) -> None:
    image_id = archive.image("one", gib=1)
    start(archive, image_id)
    archive.cloud.advance(3600)
    client(archive.cloud, "s3").create_bucket(Bucket="elsewhere")
    client(archive.cloud, "ec2").create_store_image_task(ImageId=image_id, Bucket="elsewhere")
    assert archive.app.store_tasks.newest([image_id], BUCKET)[image_id].state == "Completed"


def test_image_only_stored_into_another_bucket_has_no_task_of_ours(archive: Archive) -> None:
    image_id = archive.image("one", gib=1)
    client(archive.cloud, "s3").create_bucket(Bucket="elsewhere")
    client(archive.cloud, "ec2").create_store_image_task(ImageId=image_id, Bucket="elsewhere")
    assert archive.app.store_tasks.newest([image_id], BUCKET) == {}


def test_second_store_of_an_image_is_refused_without_blaming_the_image(archive: Archive) -> None:
    image_id = archive.image("one")
    start(archive, image_id)
    refused = start(archive, image_id)
    assert isinstance(refused, Refusal)
    assert (refused.code, refused.own_fault) == ("InvalidRequest", False)
    assert "already in progress" in refused.message


def test_rejection_at_the_in_flight_limit_is_refused_without_blaming_the_image(archive: Archive) -> None:
    archive.occupy(600)
    refused = start(archive, archive.image("one"))
    assert isinstance(refused, Refusal)
    assert not refused.own_fault


@pytest.mark.parametrize("code", ["Client.X", "ResourceLimitExceeded", "MaxInFlightReached"])
def test_unknown_code_of_a_rejection_does_not_blame_the_image(
    cloud_where: Callable[..., VirtualCloud], code: str
) -> None:
    archive = Archive(cloud_where(rejection_code=code))
    archive.occupy(600)
    refused = start(archive, archive.image("one"))
    assert isinstance(refused, Refusal)
    assert (refused.code, refused.own_fault) == (code, False)


@pytest.mark.parametrize(
    ("image_id", "code"),
    [("ami-00000000000000009", "InvalidAMIID.NotFound"), ("ami-nonsense", "InvalidAMIID.Malformed")],
)
def test_image_that_is_not_there_is_to_blame(archive: Archive, image_id: str, code: str) -> None:
    refused = start(archive, image_id)
    assert isinstance(refused, Refusal)
    assert (refused.code, refused.own_fault) == (code, True)


def test_image_whose_snapshot_is_gone_is_to_blame(archive: Archive) -> None:
    image_id = archive.image("one")
    archive.cloud.service.faults.delete_snapshot(archive.region, image_id.replace("ami-", "snap-"))
    refused = start(archive, image_id)
    assert isinstance(refused, Refusal)
    assert refused.own_fault


def test_code_that_only_real_ec2_has_is_taken_as_it_is(archive: Archive, ec2: Any) -> None:
    with refusing(ec2, "CreateStoreImageTask", "OperationNotPermitted"):
        refused = start(archive, archive.image("one"))
    assert refused == Refusal("OperationNotPermitted", "injected", own_fault=True)


def test_failure_reason_may_be_null(archive: Archive, ec2: Any) -> None:
    raw = {
        "AmiId": "ami-1",
        "Bucket": BUCKET,
        "S3objectKey": "ami-1.bin",
        "StoreTaskState": "InProgress",
        "TaskStartTime": archive.cloud.clock.now(),
        "StoreTaskFailureReason": None,
    }
    with answering(ec2, "DescribeStoreImageTasks", {"StoreImageTaskResults": [raw]}):
        (task,) = archive.app.store_tasks.in_progress()
    assert (task.failure_reason, task.progress_percentage) == ("", 0)
