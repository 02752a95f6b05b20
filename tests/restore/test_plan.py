"""What the plan refuses, with which reason, and under which name it restores the rest."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ami_archiver.adapters.table_runs import SummaryKind
from ami_archiver.restore.steps.plan import plan_restore
from tests.support.archive import BUCKET, Archive, client, full_id
from tests.support.restore import Restores


def refused(restores: Restores, **given: Any) -> str:
    """The reason why the one restore that was asked for was refused; nothing was started."""
    before = len(restores.starts())
    summary = restores.run(**given)
    assert summary["restores"] == {"restored": 0, "failed": 0, "refused": 1, "in_progress": 0}
    assert len(restores.starts()) == before
    (line,) = summary["refused"]
    return str(line["reason"])


def test_taken_name_is_refused_and_says_by_which_image_and_what_to_do(archive: Archive, restores: Restores) -> None:
    taker = restores.archived("ami-a", lost=False, name="web-1")
    reason = refused(restores, image_ids=["ami-a"])
    taken = f"NameTaken: name 'web-1' is taken by {taker}, which is available, in us-east-1; give a 'name' template"
    assert reason.startswith(taken)


@pytest.mark.parametrize(
    ("template", "name"),
    [
        ("{name}", "web-1-2"),
        ("{name}-restored-{date}", "web-1-restored-20260101"),
        ("back/{image_id}", f"back/{full_id('ami-a')}"),
        ("web-1", "web-1-2"),
    ],
)
def test_by_a_template_a_free_name_is_taken(restores: Restores, template: str, name: str) -> None:
    restores.archived("ami-a", lost=False, name="web-1")
    assert restores.new_image(restores.run(image_ids=["ami-a"], name=template)).name == name


def test_two_images_of_one_request_never_get_the_same_name(archive: Archive, restores: Restores) -> None:
    restores.stored("ami-a", name="web")
    restores.stored("ami-b", name="web")
    first = restores.run(image_ids=["ami-a", "ami-b"])
    assert first["restores"]["restored"] == 1
    assert "name 'web' is taken by another restore of this request" in first["refused"][0]["reason"]
    second = restores.run(image_ids=["ami-a", "ami-b"], name="{name}-again")
    assert sorted(line["name"] for line in second["restored"]) == ["web-again", "web-again-2"]


def test_name_that_is_taken_after_the_plan_fails_that_restore_alone(archive: Archive, restores: Restores) -> None:
    restores.stored("ami-a", name="web")
    restores.stored("ami-b", name="other")
    state = restores.plan(restores.begin(image_ids=["ami-a", "ami-b"]))
    usurper = archive.image("ami-c", name="web")
    summary = restores.go_on(state)
    assert summary["restores"] == {"restored": 1, "failed": 1, "refused": 0, "in_progress": 0}
    reason = summary["failed"][0]["reason"]
    assert "InvalidAMIName.Duplicate" in reason
    assert f"the name of {usurper}; give a 'name' template" in reason


def test_name_that_is_taken_after_the_plan_is_replaced_where_a_template_allows_it(
    archive: Archive, restores: Restores
) -> None:
    restores.stored("ami-a", name="web")
    archive.image("ami-c", name="web-2")
    state = restores.plan(restores.begin(image_ids=["ami-a"], name="{name}"))
    archive.image("ami-d", name="web")
    summary = restores.go_on(state)
    assert restores.new_image(summary).name == summary["restored"][0]["name"] == "web-3"


def test_object_that_is_gone_is_refused(restores: Restores) -> None:
    restores.stored("ami-a")
    client(restores.cloud, "s3").delete_object(Bucket=BUCKET, Key=f"nightly/{full_id('ami-a')}.bin")
    assert "is gone; remove the delete marker above version" in refused(restores, image_ids=["ami-a"])


def test_altered_version_is_refused_and_names_the_one_to_make_current(archive: Archive, restores: Restores) -> None:
    restores.stored("ami-a")
    record = archive.record("ami-a")
    client(restores.cloud, "s3").put_object(Bucket=BUCKET, Key=record.object_key, Body=b"something else")
    reason = refused(restores, image_ids=["ami-a"])
    assert f"object {record.object_key} was altered: version is" in reason
    assert f"make version {record.object_version_id} the current one again" in reason


def test_object_that_is_altered_after_the_plan_is_not_restored(archive: Archive, restores: Restores) -> None:
    restores.stored("ami-a")
    state = restores.plan(restores.begin(image_ids=["ami-a"]))
    client(restores.cloud, "s3").put_object(Bucket=BUCKET, Key=archive.record("ami-a").object_key, Body=b"else")
    summary = restores.go_on(state)
    assert "was altered since the restore was planned" in summary["failed"][0]["reason"]
    assert restores.starts() == []


def test_image_that_is_not_archived_is_refused(archive: Archive, restores: Restores) -> None:
    archive.image("ami-a")
    archive.select(archive.begin())
    assert "is not archived: its record is SELECTED" in refused(restores, image_ids=["ami-a"])


def test_image_that_nobody_knows_is_refused(restores: Restores) -> None:
    assert "there is no record of it and no object in bucket" in refused(restores, image_ids=["ami-0123456789abcdef0"])


def test_object_in_another_regions_bucket_is_refused_with_the_way_out(archive: Archive, restores: Restores) -> None:
    restores.stored("ami-a")
    record = archive.record("ami-a")
    assert archive.app.records.save(
        record, replace(record, bucket="bucket-in-frankfurt", history=(*record.history, record.history[-1]))
    )
    reason = refused(restores, image_ids=["ami-a"])
    assert "its object is in bucket bucket-in-frankfurt" in reason
    assert "copy the object there, then restore it by its key" in reason


def test_record_that_cannot_be_read_stops_its_image_alone(archive: Archive, restores: Restores) -> None:
    restores.stored("ami-a")
    restores.stored("ami-b")
    client(restores.cloud, "dynamodb").update_item(
        TableName=archive.settings.table_name,
        Key={"pk": {"S": f"IMAGE#{full_id('ami-a')}"}, "sk": {"S": "RECORD"}},
        UpdateExpression="SET snapshot_gib = :bad",
        ExpressionAttributeValues={":bad": {"S": "ten"}},
    )
    summary = restores.run(image_ids=["ami-a", "ami-b"])
    assert summary["restores"] == {"restored": 1, "failed": 0, "refused": 1, "in_progress": 0}
    assert "cannot be read: snapshot_gib is 'ten'" in summary["refused"][0]["reason"]


def test_losing_encryption_is_refused_then_allowed(archive: Archive, restores: Restores) -> None:
    restores.archived("ami-a", snapshot={"encrypted": True, "kms_key_id": "arn:aws:kms:us-east-1:1:key/k"})
    assert "would be restored unencrypted, and the original was encrypted" in refused(restores, image_ids=["ami-a"])
    summary = restores.run(image_ids=["ami-a"], allow_unencrypted=True)
    assert "not encrypted" in summary["restored"][0]["differences"]
    assert not any(device.encrypted for device in restores.new_image(summary).block_devices)


def test_encrypted_original_comes_back_encrypted_where_the_account_does_so(restores: Restores) -> None:
    restores.archived("ami-a", snapshot={"encrypted": True, "kms_key_id": "arn:aws:kms:us-east-1:1:key/k"})
    restores.encrypt_by_default()
    summary = restores.run(image_ids=["ami-a"])
    assert all(device.encrypted for device in restores.new_image(summary).block_devices)
    assert (
        "encrypted with the account's default key, was arn:aws:kms:us-east-1:1:key/k"
        in (summary["restored"][0]["differences"])
    )


def test_encryption_that_is_switched_off_after_the_plan_stops_the_restore(restores: Restores) -> None:
    restores.archived("ami-a", snapshot={"encrypted": True})
    restores.encrypt_by_default()
    state = restores.plan(restores.begin(image_ids=["ami-a"]))
    restores.encrypt_by_default(on=False)
    summary = restores.go_on(state)
    assert "EBS encryption by default was switched off since the plan" in summary["failed"][0]["reason"]
    assert restores.starts() == []


def test_object_of_another_account_restores_by_its_key(restores: Restores) -> None:
    image_id = restores.stored("ami-x", 20, record=False, name="theirs")
    key = f"nightly/{image_id}.bin"
    reason = refused(restores, object_keys=[key])
    assert "whether the original was encrypted is not recorded" in reason
    summary = restores.run(object_keys=[key], allow_unencrypted=True)
    restored = restores.new_image(summary)
    assert (restored.name, restored.state) == ("theirs", "available")
    (line,) = summary["restored"]
    assert line["image_id"] == image_id
    assert "no record: size, encryption, sharing and licence of the original are not known" in line["differences"]


def test_image_without_a_record_is_found_by_its_objects_name(restores: Restores) -> None:
    restores.stored("ami-x", 20, record=False)
    restores.encrypt_by_default()
    assert restores.run(image_ids=["ami-x"])["restores"]["restored"] == 1


def test_recorded_object_restores_by_its_key_as_by_its_image(archive: Archive, restores: Restores) -> None:
    restores.stored("ami-a")
    summary = restores.run(object_keys=[archive.record("ami-a").object_key])
    assert summary["restores"]["restored"] == 1
    assert archive.record("ami-a").history[-1].why.startswith("restored as ami-")


def test_copy_of_an_object_under_another_key_goes_without_the_record(archive: Archive, restores: Restores) -> None:
    image_id = restores.stored("ami-a", 10)
    copy = f"copies/{image_id}.bin"
    source = {"Bucket": BUCKET, "Key": archive.record("ami-a").object_key}
    client(restores.cloud, "s3").copy_object(Bucket=BUCKET, Key=copy, CopySource=source)
    before = archive.record("ami-a")
    summary = restores.run(object_keys=[copy], allow_unencrypted=True)
    (line,) = summary["restored"]
    assert (line["image_id"], line["object_key"]) == (image_id, copy)
    assert any(difference.startswith("no record:") for difference in line["differences"])
    assert archive.record("ami-a") == before


def test_dry_run_changes_nothing_but_leaves_its_summary(archive: Archive, restores: Restores) -> None:
    restores.stored("ami-a", 10)
    restores.stored("ami-b", 20)
    before = len(restores.cloud.catalog.images(archive.region))
    summary = restores.run(image_ids=["ami-a", "ami-b", "ami-0123456789abcdef0"], dry_run=True)
    assert summary["outcome"] == "dry_run"
    assert summary["restores"] == {"restored": 0, "failed": 0, "refused": 1, "would_restore": 2}
    assert summary["would_restore_gib"] == 30
    assert [line["image_id"] for line in summary["would_restore"]] == [full_id("ami-a"), full_id("ami-b")]
    assert restores.records(summary) == []
    assert restores.starts() == []
    assert len(restores.cloud.catalog.images(archive.region)) == before
    assert restores.app.runs.summary(SummaryKind.RESTORES, summary["run_id"]) == summary
    assert not [item for item in restores.archive.items() if item["pk"]["S"].startswith("RESTORE-QUEUE#")]


def test_dry_run_is_reported_as_soon_as_it_is_planned(restores: Restores) -> None:
    """A look would end other runs' restores."""
    restores.stored("ami-a", 10)
    assert restores.plan(restores.begin(image_ids=["ami-a"], dry_run=True)).next == "report"


def test_object_of_unknown_size_is_planned_as_the_whole_budget(restores: Restores) -> None:
    key = f"nightly/{restores.stored('ami-x', 10, record=False)}.bin"
    summary = restores.run(object_keys=[key], allow_unencrypted=True, dry_run=True)
    assert summary["would_restore_gib"] == restores.app.settings.restore_budget_gib


QUERIES = [
    ({"policy": "nightly"}, ["ami-a", "ami-b", "ami-c"]),
    ({"tag": {"key": "Application", "value": "web"}}, ["ami-a", "ami-b"]),
    ({"name_pattern": "db-*"}, ["ami-c"]),
    ({"stored_after": "2026-01-01", "stored_before": "2026-01-02"}, ["ami-a"]),
    ({"stored_after": "2026-01-02T00:00:00Z"}, ["ami-b", "ami-c"]),
    ({"tag": {"key": "Application", "value": "web"}, "newest_per_group": True}, ["ami-b"]),
    ({"name_pattern": "nobody-*"}, []),
]


def test_queries_find_by_policy_tag_name_date_and_newest(archive: Archive, restores: Restores) -> None:
    for short, name, application in (("ami-a", "web-1", "web"), ("ami-b", "web-2", "web"), ("ami-c", "db-1", "db")):
        restores.archived(short, 1, name=name, tags={"Archive": "true", "Application": application}, lost=False,
                          creation_date=archive.cloud.clock.now())  # fmt: skip
        archive.cloud.advance(86400)
    for query, expected in QUERIES:
        summary = restores.run(query=query, name="{name}-{date}", dry_run=True)
        found = [line["image_id"] for line in summary.get("would_restore", [])]
        assert found == sorted(map(full_id, expected)), query


def test_nothing_matches_is_an_answer_not_an_error(restores: Restores) -> None:
    summary = restores.run(query={"name_pattern": "nobody-*"})
    assert summary["outcome"] == "nothing_matched"
    assert sum(summary["restores"].values()) == 0


def test_plan_goes_on_where_an_invocation_had_to_stop(restores: Restores, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ami_archiver.restore.steps.plan.PAGE", 1)
    for short in ("ami-a", "ami-b", "ami-c"):
        restores.stored(short)
    event = restores.begin(image_ids=["ami-a", "ami-b", "ami-c"])
    state = plan_restore(restores.app, event, lambda: 10.0)
    assert (state.next, state.position) == ("plan_more", 1)
    summary = restores.go_on(state)
    assert summary["restores"]["restored"] == 3


def test_dry_run_goes_on_where_an_invocation_had_to_stop_and_says_what_the_real_run_does(
    restores: Restores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ami_archiver.restore.steps.plan.PAGE", 1)
    for short in ("ami-a", "ami-b", "ami-c"):
        restores.stored(short, name="web")
    given: dict[str, Any] = {"image_ids": ["ami-a", "ami-b", "ami-c", "ami-0123456789abcdef0"], "name": "{name}"}
    state = plan_restore(restores.app, restores.begin(**given, dry_run=True), lambda: 10.0)
    invocations = 1
    while state.next == "plan_more":
        invocations += 1
        state = plan_restore(restores.app, {"input": state.to_json()}, lambda: 10.0)
    dry = restores.go_on(state)
    assert invocations == 4
    assert dry["restores"] == {"restored": 0, "failed": 0, "refused": 1, "would_restore": 3}
    assert restores.starts() == []
    assert restores.of_run(dry["run_id"]) == []
    wet = restores.run(**given)
    assert [line["name"] for line in dry["would_restore"]] == [line["name"] for line in wet["restored"]]
    assert dry["refused"][0]["reason"] == wet["refused"][0]["reason"]


def test_step_of_a_dry_run_that_is_repeated_counts_nothing_twice(
    restores: Restores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ami_archiver.restore.steps.plan.PAGE", 1)
    restores.stored("ami-a", 10)
    restores.stored("ami-b", 20)
    event = restores.begin(image_ids=["ami-a", "ami-b"], dry_run=True)
    plan_restore(restores.app, event, lambda: 900.0)
    summary = restores.go_on(plan_restore(restores.app, event, lambda: 900.0))
    assert (summary["restores"]["would_restore"], summary["would_restore_gib"]) == (2, 30)
