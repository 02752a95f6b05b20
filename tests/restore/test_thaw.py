"""Objects in Glacier Flexible Retrieval and Deep Archive are thawed first, for hours, in few steps."""

from __future__ import annotations

import pytest

from ami_archiver.restore import lifecycle
from ami_archiver.restore.model import RestoreStatus
from tests.support.answers import counting, refusing
from tests.support.archive import BUCKET, Archive, client, full_id
from tests.support.restore import Restores

HOUR = 3600


def freeze(restores: Restores, image_id: str, storage_class: str) -> None:
    """Let the lifecycle rule put an image's object into a class, as it is."""
    s3 = client(restores.cloud, "s3")
    s3.put_bucket_lifecycle_configuration(
        Bucket=BUCKET,
        LifecycleConfiguration={
            "Rules": [
                {
                    "ID": image_id,
                    "Status": "Enabled",
                    "Filter": {"Prefix": f"nightly/{full_id(image_id)}"},
                    "Transitions": [{"Days": 0, "StorageClass": storage_class}],
                }
            ]
        },
    )
    restores.cloud.advance(3 * 24 * HOUR)
    head = s3.head_object(Bucket=BUCKET, Key=f"nightly/{full_id(image_id)}.bin")
    assert head["StorageClass"] == storage_class


@pytest.mark.parametrize(
    ("storage_class", "speed", "hours"),
    [
        ("DEEP_ARCHIVE", "Standard", (9, 13)),
        ("DEEP_ARCHIVE", "Bulk", (36, 50)),
        ("GLACIER", "Standard", (3, 6)),
        ("GLACIER", "Bulk", (5, 14)),
        ("GLACIER", "Expedited", (0, 1)),
    ],
)
def test_thaws_and_waits_as_long_as_aws_documents_in_few_transitions(
    restores: Restores, storage_class: str, speed: str, hours: tuple[int, int]
) -> None:
    restores.stored("ami-a", 5)
    freeze(restores, "ami-a", storage_class)
    before = restores.transitions
    summary = restores.run(image_ids=["ami-a"], storage_tier_speed=speed)
    assert summary["restores"]["restored"] == 1
    assert hours[0] * HOUR <= summary["seconds"] <= hours[1] * HOUR
    assert restores.transitions - before <= 100
    (record,) = restores.records(summary)
    assert [m.to_status for m in record.history if m.to_status != m.from_status] == [
        "PLANNED",
        "THAWING",
        "RESTORING",
        "RESTORED",
    ]
    assert not any("frozen again" in move.why for move in record.history), "it never waited for the budget in vain"


def test_what_is_not_frozen_does_not_wait_for_what_is(restores: Restores) -> None:
    restores.stored("ami-cold", 5)
    freeze(restores, "ami-cold", "DEEP_ARCHIVE")
    restores.stored("ami-warm", 5)
    summary = restores.run(image_ids=["ami-cold", "ami-warm"])
    ended = {record.source_image_id: record.changed_at for record in restores.records(summary)}
    waited = ended[full_id("ami-cold")] - ended[full_id("ami-warm")]
    assert waited.total_seconds() > 8 * HOUR


def test_instant_retrieval_needs_no_thaw(restores: Restores) -> None:
    restores.stored("ami-a", 5)
    freeze(restores, "ami-a", "GLACIER_IR")
    assert restores.run(image_ids=["ami-a"])["seconds"] < HOUR
    assert not restores.cloud.calls.filter(service="s3", operation="RestoreObject")


def test_speed_that_the_class_does_not_have_is_refused(restores: Restores) -> None:
    restores.stored("ami-a", 5)
    freeze(restores, "ami-a", "DEEP_ARCHIVE")
    summary = restores.run(image_ids=["ami-a"], storage_tier_speed="Expedited")
    assert (
        "DEEP_ARCHIVE has no retrieval 'Expedited'; 'storage_tier_speed' may be Standard, Bulk"
        in (summary["refused"][0]["reason"])
    )


def test_object_that_is_thawed_already_is_not_thawed_again(archive: Archive, restores: Restores) -> None:
    restores.stored("ami-a", 5)
    freeze(restores, "ami-a", "GLACIER")
    restores.app.bucket.thaw(archive.record("ami-a").object_key, 5, "Standard")
    restores.cloud.advance(6 * HOUR)
    assert restores.run(image_ids=["ami-a"])["seconds"] < HOUR


def test_thaw_that_somebody_else_asked_for_is_waited_for(archive: Archive, restores: Restores) -> None:
    restores.stored("ami-a", 5)
    freeze(restores, "ami-a", "GLACIER")
    restores.app.bucket.thaw(archive.record("ami-a").object_key, 5, "Standard")
    assert restores.run(image_ids=["ami-a"])["restores"]["restored"] == 1


def test_copy_that_has_frozen_again_before_its_turn_is_thawed_again(archive: Archive, restores: Restores) -> None:
    restores.stored("ami-a", 5)
    freeze(restores, "ami-a", "GLACIER")
    restores.app.bucket.thaw(archive.record("ami-a").object_key, 1, "Standard")
    restores.cloud.advance(6 * HOUR)
    state = restores.plan(restores.begin(image_ids=["ami-a"]))
    restores.cloud.advance(5 * 24 * HOUR)
    summary = restores.go_on(state)
    assert summary["restores"]["restored"] == 1
    assert any("frozen again" in move.why for move in restores.records(summary)[0].history)


def test_object_that_is_altered_while_it_thaws_is_not_restored(archive: Archive, restores: Restores) -> None:
    restores.stored("ami-a", 5)
    freeze(restores, "ami-a", "GLACIER")
    state = restores.step(restores.step(restores.plan(restores.begin(image_ids=["ami-a"]))))
    client(restores.cloud, "s3").put_object(Bucket=BUCKET, Key=archive.record("ami-a").object_key, Body=b"else")
    summary = restores.go_on(state)
    assert "was altered since the restore was planned" in summary["failed"][0]["reason"]


def test_thaw_is_asked_for_once_at_the_speed_and_for_the_days_that_were_wished(restores: Restores) -> None:
    restores.stored("ami-a", 5)
    freeze(restores, "ami-a", "GLACIER")
    with counting(client(restores.cloud, "s3"), "RestoreObject") as calls:
        summary = restores.run(image_ids=["ami-a"], storage_tier_speed="Bulk", thaw_days=3)
    assert summary["restores"]["restored"] == 1
    (call,) = calls
    assert "<Days>3</Days>" in str(call["body"])
    assert "<Tier>Bulk</Tier>" in str(call["body"])


def test_object_that_was_altered_since_the_plan_is_not_thawed(archive: Archive, restores: Restores) -> None:
    restores.stored("ami-a", 5)
    freeze(restores, "ami-a", "GLACIER")
    state = restores.plan(restores.begin(image_ids=["ami-a"]))
    key = archive.record("ami-a").object_key
    client(restores.cloud, "s3").put_object(Bucket=BUCKET, Key=key, Body=b"else", StorageClass="GLACIER")
    assert restores.go_on(state)["failed"][0]["reason"].startswith("ObjectAltered: ")
    assert not restores.cloud.calls.filter(service="s3", operation="RestoreObject")


def test_expedited_retrieval_without_capacity_becomes_a_standard_one(restores: Restores) -> None:
    restores.stored("ami-a", 5)
    freeze(restores, "ami-a", "GLACIER")
    s3, code = client(restores.cloud, "s3"), "GlacierExpeditedRetrievalNotAvailable"
    with refusing(s3, "RestoreObject", code, 503, only=lambda request: "Expedited" in str(request["body"])):
        summary = restores.run(image_ids=["ami-a"], storage_tier_speed="Expedited")
    assert summary["restores"]["restored"] == 1
    assert summary["seconds"] > 3 * HOUR
    assert any("for which S3 has no capacity now" in move.why for move in restores.records(summary)[0].history)


def test_thaw_of_a_restore_that_has_ended_is_asked_for_by_nobody(restores: Restores) -> None:
    restores.stored("ami-a", 5)
    freeze(restores, "ami-a", "GLACIER")
    state = restores.plan(restores.begin(image_ids=["ami-a"]))
    (planned,) = restores.of_run(state.run_id)
    failed = lifecycle.move(planned, RestoreStatus.FAILED, "GivenUp: by hand; restore again", at=planned.planned_at)
    assert restores.app.restores.save(planned, failed)
    assert restores.go_on(state)["restores"]["failed"] == 1
    assert not restores.cloud.calls.filter(service="s3", operation="RestoreObject")
    assert list(restores.app.restores.thaws(state.run_id, None)) == []
