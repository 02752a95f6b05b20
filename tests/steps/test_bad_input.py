"""What nobody should hand in, and somebody will: each has its clear message, and nothing is changed by it."""

from __future__ import annotations

from typing import Any

import pytest

from ami_archiver.run_state import Next
from local_cloud.in_process import VirtualCloud
from local_cloud.model import BlockDevice, Snapshot
from tests.support.answers import answering
from tests.support.archive import BUCKET, Archive, client, full_id
from tests.support.domain import policy
from tests.support.queue import queued

# Records

DAMAGES: dict[str, tuple[dict[str, Any], str]] = {
    "newer schema": ({"schema": {"N": "3"}}, "has schema 3, known is 2: deploy the newer version"),
    "unknown status": ({"status": {"S": "ERASED"}}, "status is 'ERASED', must be one of SELECTED, STORING"),
    "no status": ({"status": None}, "status is missing"),
    "no size": ({"snapshot_gib": None}, "snapshot_gib is missing"),
    "no history": ({"history": None}, "history is None"),
    "empty key": ({"object_key": {"S": ""}}, "object_key is '', must have 1 to 1024 bytes; repair it by its history"),
    "long key": ({"object_key": {"S": "é" * 513}}, "must have 1 to 1024 bytes"),
    "huge status": ({"status": {"S": "x" * 300_000}}, "status is 'xxx"),
    "another image": ({"image_id": {"S": "ami-other"}}, "image_id is 'ami-other', must be as in its key; repair"),
}


@pytest.mark.parametrize("until", [Next.STORE, Next.WAIT, None], ids=["SELECTED", "STORING", "VERIFIED"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_record_fails_its_image_by_name_and_is_left_as_it_is(
    archive: Archive, damage: str, until: Next | None
) -> None:
    image_id = archive.image("one", gib=50)
    if until is None:
        archive.night()
    else:
        archive.go_to(archive.select(archive.begin()), until)
    accepted = archive.accepted()[image_id]
    change, message = DAMAGES[damage]
    item = (archive.item(f"IMAGE#{image_id}", "RECORD") or {}) | change
    archive.put_item({name: value for name, value in item.items() if value is not None})
    damaged = archive.item(f"IMAGE#{image_id}", "RECORD")
    archive.image("good")
    archive.cloud.advance(3 * 3600)
    summary = archive.night()
    assert (summary["decisions"]["failed"], summary["decisions"]["stored"]) == (1, 1)
    (failure,) = summary["failures"]
    assert failure["image_id"] == image_id
    assert failure["reason"].startswith(f"BadRecord: record of {image_id} ")
    assert message in failure["reason"]
    assert len(failure["reason"]) < 500
    assert archive.item(f"IMAGE#{image_id}", "RECORD") == damaged
    assert archive.accepted()[image_id] == accepted
    assert summary["seconds"] < 3600


def test_queue_entry_without_attributes_is_read_by_its_key(archive: Archive) -> None:
    image_id = archive.image("one", gib=12.345)
    archive.select(archive.begin())
    (item,) = (item for item in archive.items() if item["pk"]["S"] == "QUEUE")
    archive.put_item({"pk": item["pk"], "sk": item["sk"], "snapshot_gib": {"S": "large"}})
    (entry,) = queued(archive.app.records)
    assert (entry.image_id, entry.snapshot_gib) == (image_id, 12.345)
    archive.cloud.advance(3 * 3600)
    assert archive.night()["decisions"]["stored"] == 1


# Images

ODD = "ünïcode ☃ 名前 = \n\t' \" \\ {braces} %s $.path # ; "
TAGS = {"Archive": "true"} | {f"key {number} =": f"a=b\nline {number} ☃" for number in range(49)}
ODD_IMAGES: dict[str, dict[str, Any]] = {
    "name of 255 characters": {"name": "n" * 255},
    "unicode name of 255 characters": {"name": (ODD * 10)[:255]},
    "no name": {"name": ""},
    "50 tags with equals signs and newlines": {"tags": TAGS},
    "odd description": {"description": ODD},
}


@pytest.mark.parametrize("odd", ODD_IMAGES)
def test_odd_image_is_stored_and_recorded_to_the_letter(archive: Archive, odd: str) -> None:
    fields = ODD_IMAGES[odd]
    archive.image("odd", **fields)
    assert archive.night()["decisions"]["stored"] == 1
    record = archive.record("odd")
    assert record.image_name == fields.get("name", record.image_name)
    assert record.origin.tags == fields.get("tags", {"Archive": "true"})
    assert record.origin.description == fields.get("description", "")


def test_odd_names_are_said_to_the_letter_where_they_are_the_reason(cloud: VirtualCloud) -> None:
    archive = Archive(cloud, policy(name_patterns=("web-*",)))
    image_id = archive.image("odd", name=ODD)
    summary = archive.night()
    reason = f"name {ODD!r} matches none of web-*"
    assert archive.decisions(summary["run_id"])[image_id] == ("excluded", reason)


def test_image_of_no_size_is_stored_and_holds_up_nobody(archive: Archive) -> None:
    image_id = archive.image("empty", block_devices=(BlockDevice("/dev/xvda", "snap-0000000000000000e", None),))
    nothing = Snapshot("snap-0000000000000000e", archive.account_id, 0, archive.cloud.clock.now())
    archive.cloud.catalog.add_snapshot(archive.region, nothing)
    archive.image("good")
    assert archive.night()["decisions"]["stored"] == 2
    assert (archive.record(image_id).snapshot_gib, archive.record(image_id).attempts) == (0, 1)


def test_images_with_few_of_the_sdks_optional_fields_are_decided_about_and_the_others_stored(archive: Archive) -> None:
    ec2 = client(archive.cloud, "ec2")
    good = archive.image("good")
    (whole,) = ec2.describe_images(ImageIds=[good])["Images"]
    sparse = {"ImageId": "ami-00000000000000001", "Tags": [{"Key": "Archive", "Value": "true"}, {"Value": "alone"}]}
    odd = sparse | {"ImageId": "ami-00000000000000002", "CreationDate": "long ago", "OwnerId": archive.account_id}
    odd |= {"State": "available", "BlockDeviceMappings": [{}, {"Ebs": {}}, {"DeviceName": "/dev/sdb", "NoDevice": ""}]}
    nameless = {"State": "available"}
    with answering(ec2, "DescribeImages", {"Images": [sparse, nameless, whole, odd]}):
        summary = archive.night()
    decisions = archive.decisions(summary["run_id"])
    assert decisions[sparse["ImageId"]] == (
        "ineligible",
        "owned by account ; only this account's own images are archived",
    )
    assert decisions[odd["ImageId"]] == ("ineligible", "root device is unknown, only EBS-backed images can be stored")
    assert decisions[good][0] == "stored"
    assert len(decisions) == 3


def test_snapshot_that_tells_nothing_makes_its_image_ineligible(archive: Archive) -> None:
    image_id = archive.image("one")
    snapshot_id = image_id.replace("ami-", "snap-")
    with answering(client(archive.cloud, "ec2"), "DescribeSnapshots", {"Snapshots": [{"SnapshotId": snapshot_id}]}):
        summary = archive.night()
    reason = f"snapshot {snapshot_id} is unknown, must be completed"
    assert archive.decisions(summary["run_id"])[image_id] == ("ineligible", reason)


def test_answers_of_ec2_without_a_list_are_answers_without_entries(archive: Archive) -> None:
    ec2 = client(archive.cloud, "ec2")
    with answering(ec2, "DescribeImages", {}):
        assert archive.night()["decisions"]["stored"] == 0
    with answering(ec2, "DescribeStoreImageTasks", {}):
        assert archive.app.store_tasks.in_progress() == []
    with answering(ec2, "DescribeSnapshots", {}):
        assert archive.app.images.snapshots(["snap-1"]) == {}


def test_store_task_that_tells_nothing_counts_nothing_and_stops_nothing(archive: Archive) -> None:
    image_id = archive.image("one")
    state = archive.select(archive.begin())
    tasks = {"StoreImageTaskResults": [{}, {"AmiId": image_id}, {"StoreTaskState": "Pausing"}]}
    with answering(client(archive.cloud, "ec2"), "DescribeStoreImageTasks", tasks, tasks):
        state, _ = archive.step(state)
    assert archive.go_on(state)["decisions"]["stored"] == 1
    assert archive.accepted() == {image_id: 1}


# S3's answers after a store

OBJECTS: dict[str, tuple[dict[str, Any], str]] = {
    "empty": ({"Body": b""}, "ObjectEmpty: object {key} is empty"),
    "of another image": (
        {"Body": b"x", "Tagging": "archiver:image-id=ami-other"},
        "ObjectOfAnotherImage: object {key} is tagged archiver:image-id=ami-other",
    ),
    "another encryption": (
        {"Body": b"x", "ServerSideEncryption": "AES256"},
        "ObjectWrongKey: object {key} is encrypted with AES256, the bucket's key is",
    ),
    "another key": (
        {"Body": b"x", "ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "arn:aws:kms:us-east-1:1:key/other"},
        "ObjectWrongKey: object {key} is encrypted with aws:kms arn:aws:kms:us-east-1:1:key/other, the bucket's key is",
    ),
}


@pytest.mark.parametrize("kind", OBJECTS)
def test_object_that_is_not_the_store_that_was_asked_for_is_never_verified(archive: Archive, kind: str) -> None:
    image_id = archive.image("one", gib=50)
    state = archive.go_to(archive.select(archive.begin()), Next.WAIT)
    archive.cloud.advance(3600)
    key = f"nightly/{image_id}.bin"
    answer, reason = OBJECTS[kind]
    version = client(archive.cloud, "s3").put_object(Bucket=BUCKET, Key=key, **answer)["VersionId"]
    summary = archive.go_on(state.then(Next.STORE))
    assert summary["failures"][0]["reason"].startswith(reason.format(key=key))
    assert archive.status("one") == "FAILED"
    assert archive.accepted() == {image_id: 1}
    found = archive.app.bucket.head(key)
    assert found is not None
    assert found.version_id == version


def test_object_under_a_name_that_is_not_the_images_is_never_verified(archive: Archive) -> None:
    image_id = archive.image("one", gib=50)
    state = archive.go_to(archive.select(archive.begin()), Next.WAIT)
    archive.cloud.advance(3600)
    archive.put_object("nightly/ami-other.bin")
    item = archive.item(f"IMAGE#{image_id}", "RECORD") or {}
    archive.put_item(item | {"status": {"S": "STORED"}, "object_key": {"S": "nightly/ami-other.bin"}})
    summary = archive.go_on(state.then(Next.STORE))
    assert summary["failures"][0]["reason"].startswith("ObjectMisnamed: object nightly/ami-other.bin is not named")
    assert archive.night()["decisions"]["already_archived"] == 1
    assert (archive.record("one").object_key, archive.accepted()) == (f"nightly/{full_id('one')}.bin", {image_id: 1})
