"""What is in the bucket already is looked at and taken, or refused with what to do; what was verified stays watched."""

from __future__ import annotations

from typing import Any

import pytest

from ami_archiver.run_state import Next
from local_cloud.model import BlockDevice
from tests.support.archive import BUCKET, Archive, client


def only(archive: Archive, summary: Any) -> tuple[str, str]:
    ((decision),) = archive.decisions(summary["run_id"]).values()
    return decision


@pytest.mark.parametrize("prefix", ["nightly/", "old/place/", ""])
def test_object_that_is_in_the_bucket_already_is_adopted_and_not_stored(archive: Archive, prefix: str) -> None:
    image_id = archive.image("one")
    version = archive.put_object(f"{prefix}{image_id}.bin")
    summary = archive.night()
    assert summary["decisions"]["already_archived"] == 1
    assert archive.starts() == []
    record = archive.record("one")
    assert (record.status, record.object_key, record.object_version_id) == (
        "VERIFIED",
        f"{prefix}{image_id}.bin",
        version,
    )
    assert record.attempts == 0
    assert archive.night()["decisions"]["already_archived"] == 1


def test_adopted_image_has_its_restore_facts_recorded_too(archive: Archive) -> None:
    image_id = archive.image(
        "one",
        launch_permissions=[{"UserId": "999999999999"}],
        snapshot={"encrypted": True, "kms_key_id": "arn:key"},
    )
    archive.cloud.client("ssm").put_parameter(Name="/ami", Value=image_id, Type="String", DataType="aws:ec2:image")
    archive.put_object(f"nightly/{image_id}.bin")
    archive.night()
    facts = archive.record("one").facts
    assert (facts.launch_permissions, facts.encrypted, facts.kms_key_ids) == (
        ("user:999999999999",),
        True,
        ("arn:key",),
    )
    assert facts.ssm_parameters is not None
    assert len(facts.ssm_parameters) == 1


def test_image_whose_snapshot_is_gone_but_whose_object_is_there_is_archived(archive: Archive) -> None:
    image_id = archive.image("one", block_devices=(BlockDevice("/dev/xvda", "snap-00000000000000009", 8),))
    archive.put_object(f"nightly/{image_id}.bin")
    assert archive.night()["decisions"]["already_archived"] == 1


@pytest.mark.parametrize(
    ("body", "more", "reason"),
    [
        (b"", {}, "is empty; delete it, then the next run stores the image again"),
        (b"x", {"Tagging": "archiver:image-id=ami-other"}, "is tagged archiver:image-id=ami-other; move it to "),
        (b"x", {"ServerSideEncryption": "AES256"}, "is encrypted with AES256, the bucket's key is"),
    ],
)
def test_object_that_is_not_the_images_archive_fails_it_with_what_to_do_until_somebody_did_it(
    archive: Archive, body: bytes, more: dict[str, Any], reason: str
) -> None:
    image_id = archive.image("one")
    archive.image("two")
    key = f"nightly/{image_id}.bin"
    archive.put_object(key, body, **more)
    summary = archive.night()
    assert (summary["decisions"]["failed"], summary["decisions"]["stored"]) == (1, 1)
    assert f": object {key} {reason}" in summary["failures"][0]["reason"]
    assert archive.status("one") == "FAILED"
    assert image_id not in archive.accepted()
    client(archive.cloud, "s3").delete_object(Bucket=BUCKET, Key=key)
    assert archive.night()["decisions"]["stored"] == 1
    assert archive.status("one") == "VERIFIED"


def test_object_that_is_only_named_like_an_image_is_nobodys(archive: Archive) -> None:
    image_id = archive.image("one")
    archive.put_object(f"notes/{image_id}")
    assert archive.night()["decisions"]["stored"] == 1


def test_store_that_somebody_else_started_into_our_bucket_is_adopted_when_it_is_complete(archive: Archive) -> None:
    image_id = archive.image("one", gib=50)
    archive.app.store_tasks.start(image_id, BUCKET, "by-hand", {})
    archive.cloud.advance(60)
    assert archive.night()["decisions"]["stored"] == 1
    record = archive.record("one")
    assert (record.status, record.object_key) == ("VERIFIED", f"by-hand/{image_id}.bin")
    assert archive.accepted() == {image_id: 1}


def test_store_that_somebody_else_started_is_no_failed_attempt_of_ours_when_ec2_takes_the_next_image(
    archive: Archive,
) -> None:
    image_id = archive.image("one", gib=10)
    other = archive.image("two", gib=50)
    archive.app.store_tasks.start(image_id, BUCKET, "by-hand", {})
    assert archive.night()["decisions"]["stored"] == 2
    assert archive.accepted() == {image_id: 1, other: 1}
    assert archive.record("one").attempts == 1
    assert not any("failed" in move.why for move in archive.record("one").history)


def test_store_that_somebody_else_started_into_another_bucket_is_waited_for(archive: Archive) -> None:
    image_id = archive.image("one", gib=50)
    client(archive.cloud, "s3").create_bucket(Bucket="elsewhere")
    archive.app.store_tasks.start(image_id, "elsewhere", "", {})
    assert archive.night()["decisions"]["stored"] == 1
    assert archive.record("one").attempts == 1
    assert archive.object_keys() == [f"nightly/{image_id}.bin"]


def test_object_deleted_before_it_was_verified_is_stored_again(archive: Archive) -> None:
    image_id = archive.image("one", gib=50)
    state = archive.go_to(archive.select(archive.begin()), Next.WAIT)
    archive.cloud.advance(3600)
    client(archive.cloud, "s3").delete_object(Bucket=BUCKET, Key=f"nightly/{image_id}.bin")
    assert archive.go_on(state)["decisions"]["stored"] == 1
    record = archive.record("one")
    assert (record.status, record.attempts) == ("VERIFIED", 2)
    assert any("EC2 reported it complete, but object" in move.why for move in record.history)


def test_deleted_object_of_a_verified_record_is_failed_with_what_to_do_and_the_record_untouched(
    archive: Archive,
) -> None:
    image_id = archive.image("one")
    archive.night()
    before = archive.item(f"IMAGE#{image_id}", "RECORD")
    record = archive.record("one")
    deleted = client(archive.cloud, "s3").delete_object(Bucket=BUCKET, Key=record.object_key)
    summary = archive.night()
    assert only(archive, summary) == (
        "failed",
        f"ObjectGone: object {record.object_key} is gone; "
        f"remove the delete marker above version {record.object_version_id}",
    )
    assert archive.item(f"IMAGE#{image_id}", "RECORD") == before
    assert archive.accepted() == {image_id: 1}
    client(archive.cloud, "s3").delete_object(Bucket=BUCKET, Key=record.object_key, VersionId=deleted["VersionId"])
    assert archive.night()["decisions"]["already_archived"] == 1


def test_altered_object_of_a_verified_record_is_failed_with_what_to_do_and_the_record_untouched(
    archive: Archive,
) -> None:
    image_id = archive.image("one")
    archive.night()
    before = archive.item(f"IMAGE#{image_id}", "RECORD")
    record = archive.record("one")
    version = archive.put_object(record.object_key, b"something else")
    decision, reason = only(archive, archive.night())
    assert decision == "failed"
    assert reason == (
        f"ObjectAltered: object {record.object_key} was altered: "
        f"version is {version}, recorded is {record.object_version_id}; "
        f"make version {record.object_version_id} the current one again"
    )
    assert archive.item(f"IMAGE#{image_id}", "RECORD") == before


def test_object_deleted_between_listing_and_look_leaves_its_image_a_decision(archive: Archive) -> None:
    image_id = archive.image("one")
    key = f"nightly/{image_id}.bin"
    archive.put_object(key)
    s3 = client(archive.cloud, "s3")
    listings = []

    def delete_after_the_first(**_: Any) -> None:
        listings.append(1)
        if len(listings) == 2:
            s3.delete_object(Bucket=BUCKET, Key=key)

    s3.meta.events.register_first("before-call.s3.ListObjectVersions", delete_after_the_first)
    try:
        summary = archive.night()
    finally:
        s3.meta.events.unregister("before-call.s3.ListObjectVersions", delete_after_the_first)
    assert only(archive, summary) == ("deferred", "its object was deleted just now; the next run stores the image")
    assert archive.night()["decisions"]["stored"] == 1
