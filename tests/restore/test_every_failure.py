"""Every name under which a restore can fail, brought about by a run: with its object, and with what to do about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import pytest

from ami_archiver.failures import Failure
from ami_archiver.restore.model import RestoreFailure
from local_cloud.s3 import glacier
from tests.restore.test_thaw import freeze
from tests.support.answers import refusing
from tests.support.archive import BUCKET, TABLE, client, full_id
from tests.support.reasons import named
from tests.support.restore import Restores
from tests.unit.test_errors import documented

KEY = f"nightly/{full_id('ami-a')}.bin"


def not_archived(restores: Restores) -> Any:
    restores.archive.image("ami-a")
    restores.archive.select(restores.archive.begin())
    return restores.run(image_ids=["ami-a"])


def in_another_bucket(restores: Restores) -> Any:
    restores.stored("ami-a")
    record = restores.archive.record("ami-a")
    moved = replace(record, bucket="bucket-in-frankfurt", history=(*record.history, record.history[-1]))
    assert restores.app.records.save(record, moved)
    return restores.run(image_ids=["ami-a"])


def unknown(restores: Restores) -> Any:
    return restores.run(image_ids=["ami-0123456789abcdef0"])


def empty(restores: Restores) -> Any:
    client(restores.cloud, "s3").put_object(Bucket=BUCKET, Key=KEY, Body=b"")
    return restores.run(object_keys=[KEY], allow_unencrypted=True)


def gone(restores: Restores) -> Any:
    restores.stored("ami-a")
    client(restores.cloud, "s3").delete_object(Bucket=BUCKET, Key=KEY)
    return restores.run(image_ids=["ami-a"])


def altered_after_the_plan(restores: Restores) -> Any:
    restores.stored("ami-a")
    state = restores.plan(restores.begin(image_ids=["ami-a"]))
    client(restores.cloud, "s3").put_object(Bucket=BUCKET, Key=KEY, Body=b"something else")
    return restores.go_on(state)


def unreadable_record(restores: Restores) -> Any:
    restores.stored("ami-a")
    spoil(restores, f"IMAGE#{full_id('ami-a')}", "RECORD", "snapshot_gib")
    return restores.run(image_ids=["ami-a"])


def no_such_retrieval(restores: Restores) -> Any:
    restores.stored("ami-a")
    freeze(restores, "ami-a", "DEEP_ARCHIVE")
    return restores.run(image_ids=["ami-a"], storage_tier_speed="Expedited")


def too_many_tags(restores: Restores) -> Any:
    restores.archived("ami-a", tags={"Archive": "true"} | {f"Tag{number}": "x" for number in range(43)})
    return restores.run(image_ids=["ami-a"], tags={"One": "more"})


def would_be_unencrypted(restores: Restores) -> Any:
    restores.archived("ami-a", snapshot={"encrypted": True})
    return restores.run(image_ids=["ami-a"])


def bad_name(restores: Restores) -> Any:
    """Of an object that EC2 has not written, nobody knows the image's name but by its key."""
    client(restores.cloud, "s3").put_object(Bucket=BUCKET, Key="theirs/ä.bin", Body=b"x")
    return restores.run(object_keys=["theirs/ä.bin"], allow_unencrypted=True)


def name_taken(restores: Restores) -> Any:
    restores.archived("ami-a", lost=False)
    return restores.run(image_ids=["ami-a"])


def thaw_refused(restores: Restores) -> Any:
    restores.stored("ami-a")
    freeze(restores, "ami-a", "GLACIER")
    with refusing(client(restores.cloud, "s3"), "RestoreObject", "MalformedXML"):
        return restores.run(image_ids=["ami-a"])


def thaw_overdue(restores: Restores) -> Any:
    restores.stored("ami-a")
    freeze(restores, "ami-a", "GLACIER")
    with patch.dict(glacier.RETRIEVAL_SECONDS, {("GLACIER", "Standard"): (1e6, 1e6)}):
        return restores.run(image_ids=["ami-a"])


def thaw_forgotten(restores: Restores) -> Any:
    """S3 takes every request, and thaws nothing."""
    restores.stored("ami-a")
    freeze(restores, "ami-a", "GLACIER")
    with refusing(client(restores.cloud, "s3"), "RestoreObject", "RestoreAlreadyInProgress", 409):
        return restores.run(image_ids=["ami-a"])


def denied_to_look_at_when_planned(restores: Restores) -> Any:
    restores.stored("ami-a")
    with refusing(client(restores.cloud, "s3"), "HeadObject", "403", 403):
        return restores.run(image_ids=["ami-a"])


def denied_to_look_at_when_its_turn_came(restores: Restores) -> Any:
    restores.stored("ami-a")
    state = restores.plan(restores.begin(image_ids=["ami-a"]))
    with refusing(client(restores.cloud, "s3"), "HeadObject", "403", 403):
        return restores.go_on(state)


def denied_to_look_at_while_it_thaws(restores: Restores) -> Any:
    restores.stored("ami-a")
    freeze(restores, "ami-a", "GLACIER")
    state = restores.plan(restores.begin(image_ids=["ami-a"]))
    with refusing(client(restores.cloud, "s3"), "HeadObject", "403", 403):
        return restores.go_on(state)


def denied_to_thaw(restores: Restores) -> Any:
    restores.stored("ami-a")
    freeze(restores, "ami-a", "GLACIER")
    with refusing(client(restores.cloud, "s3"), "RestoreObject", "AccessDenied", 403):
        return restores.run(image_ids=["ami-a"])


def denied_to_restore(restores: Restores) -> Any:
    restores.stored("ami-a")
    with refusing(client(restores.cloud, "ec2"), "CreateRestoreImageTask", "UnauthorizedOperation", 403) as calls:
        summary = restores.run(image_ids=["ami-a"])
    assert len(calls) == 1
    return summary


def restore_refused(restores: Restores) -> Any:
    restores.stored("ami-a")
    with refusing(client(restores.cloud, "ec2"), "CreateRestoreImageTask", "InvalidParameterValue"):
        return restores.run(image_ids=["ami-a"])


def restore_refused_three_times(restores: Restores) -> Any:
    """With a code that does not say whether it is the restore; nothing else is in flight, so it is not the budget."""
    restores.stored("ami-a")
    with refusing(client(restores.cloud, "ec2"), "CreateRestoreImageTask", "InvalidRequest") as calls:
        summary = restores.run(image_ids=["ami-a"])
    assert len(calls) == 3
    return summary


def restore_failed(restores: Restores) -> Any:
    restores.stored("ami-a")
    restores.cloud.service.faults.fail_restore(KEY)
    return restores.run(image_ids=["ami-a"])


def image_gone(restores: Restores) -> Any:
    restores.stored("ami-a", 20)
    state = restores.plan(restores.begin(image_ids=["ami-a"]))
    while not restores.starts():
        state = restores.step(state)  # type: ignore[assignment]  # it has not ended
    (record,) = restores.of_run(state.run_id)
    restores.cloud.catalog.remove_image(restores.archive.region, str(record.restored_image_id))
    return restores.go_on(state)


def given_up_while_it_waits(restores: Restores) -> Any:
    hanging(restores, 350)
    restores.stored("ami-a")
    return restores.run(image_ids=["ami-a"])


def given_up_after_it_was_asked_for(restores: Restores) -> Any:
    """EC2 refuses for a budget that is smaller than ours, as long as somebody else's restore hangs."""
    hanging(restores, 50)
    restores.stored("ami-a")
    with refusing(client(restores.cloud, "ec2"), "CreateRestoreImageTask", "ResourceLimitExceeded"):
        return restores.run(image_ids=["ami-a"])


SCENES: list[tuple[str, Callable[[Restores], Any]]] = [
    (RestoreFailure.NOT_ARCHIVED, not_archived),
    (Failure.IN_ANOTHER_BUCKET, in_another_bucket),
    (RestoreFailure.OBJECT_UNKNOWN, unknown),
    (Failure.OBJECT_EMPTY, empty),
    (Failure.OBJECT_GONE, gone),
    (Failure.OBJECT_ALTERED, altered_after_the_plan),
    (Failure.ACCESS_DENIED, denied_to_look_at_when_planned),
    (Failure.ACCESS_DENIED, denied_to_look_at_when_its_turn_came),
    (Failure.ACCESS_DENIED, denied_to_look_at_while_it_thaws),
    (Failure.ACCESS_DENIED, denied_to_thaw),
    (Failure.ACCESS_DENIED, denied_to_restore),
    (Failure.BAD_RECORD, unreadable_record),
    (RestoreFailure.NO_SUCH_RETRIEVAL, no_such_retrieval),
    (RestoreFailure.TOO_MANY_TAGS, too_many_tags),
    (RestoreFailure.WOULD_BE_UNENCRYPTED, would_be_unencrypted),
    (RestoreFailure.BAD_NAME, bad_name),
    (RestoreFailure.NAME_TAKEN, name_taken),
    (RestoreFailure.THAW_REFUSED, thaw_refused),
    (RestoreFailure.THAW_OVERDUE, thaw_overdue),
    (RestoreFailure.THAW_OVERDUE, thaw_forgotten),
    (RestoreFailure.RESTORE_REFUSED, restore_refused),
    (RestoreFailure.RESTORE_REFUSED, restore_refused_three_times),
    (RestoreFailure.RESTORE_FAILED, restore_failed),
    (RestoreFailure.IMAGE_GONE, image_gone),
    (RestoreFailure.GIVEN_UP, given_up_while_it_waits),
    (RestoreFailure.GIVEN_UP, given_up_after_it_was_asked_for),
]


@pytest.mark.parametrize(("failure", "scene"), SCENES, ids=lambda value: getattr(value, "__name__", ""))
def test_restore_that_fails_says_under_which_name_and_what_to_do(
    restores: Restores, failure: str, scene: Callable[[Restores], Any]
) -> None:
    summary = scene(restores)
    assert summary["restores"]["failed"] + summary["restores"]["refused"] == 1
    (line,) = [*summary.get("failed", []), *summary.get("refused", [])]
    assert named(line["reason"]) == failure
    (record,) = restores.of_run(summary["run_id"])
    assert (record.status.value in ("FAILED", "REFUSED"), record.reason) == (True, line["reason"])
    assert restores.app.restore_leases.read().in_flight == frozenset()
    assert not list(restores.app.restores.queue(summary["run_id"]).largest(summary["run_id"], None, ()))


def test_every_failure_has_a_scene_and_a_row_in_the_document() -> None:
    assert {failure for failure, _ in SCENES} == set(documented("Fails a restore"))
    assert set(RestoreFailure) <= {failure for failure, _ in SCENES}


def test_record_of_a_restore_that_cannot_be_read_is_reported_failed_and_stops_no_other(restores: Restores) -> None:
    ids = [restores.stored(f"ami-{letter}", 20) for letter in "abc"]
    state = restores.plan(restores.begin(image_ids=ids))
    spoil(restores, f"RESTORE#{state.run_id}", "RECORD#000000", "gib")
    while len(restores.starts()) < 2:
        state = restores.step(state)  # type: ignore[assignment]  # it has not ended
    spoil(restores, f"RESTORE#{state.run_id}", "RECORD#000001", "restore_status")
    summary = restores.go_on(state)
    assert summary["restores"] == {"restored": 1, "failed": 2, "refused": 0, "in_progress": 0}
    for line, attribute in zip(summary["failed"], ("gib", "status"), strict=True):
        assert named(line["reason"]) == Failure.BAD_RECORD
        assert line["restore_id"].startswith(f"{state.run_id}.00000")
        assert f"{attribute} is 'spoilt'" in line["reason"]
    assert not list(restores.app.restores.queue(state.run_id).largest(state.run_id, None, ()))


def test_what_an_unreadable_restore_still_moves_counts_in_the_budget(restores: Restores) -> None:
    restores.stored("ami-a", 350)
    state = restores.plan(restores.begin(image_ids=["ami-a"]))
    while not restores.starts():
        state = restores.step(state)  # type: ignore[assignment]  # it has not ended
    spoil(restores, f"RESTORE#{state.run_id}", "RECORD#000000", "gib")
    restores.stored("ami-b", 10)
    summary = restores.run(image_ids=["ami-b"])
    assert summary["restores"]["restored"] == 1
    assert all(start.status == 200 for start in restores.starts())
    assert summary["seconds"] > 350 / 0.1 / 2


def test_only_plan_of_an_unreadable_restore_ends_the_run(restores: Restores) -> None:
    """Its record was spoilt after its page was written, and the step is repeated."""
    restores.stored("ami-a")
    event = restores.begin(image_ids=["ami-a"])
    first = restores.plan(event)
    spoil(restores, f"RESTORE#{first.run_id}", "RECORD#000000", "gib")
    summary = restores.go_on(restores.plan(event))
    assert summary["restores"]["failed"] == 1
    assert not list(restores.app.restores.queue(first.run_id).largest(first.run_id, None, ()))


def spoil(restores: Restores, pk: str, sk: str, attribute: str) -> None:
    client(restores.cloud, "dynamodb").update_item(
        TableName=TABLE,
        Key={"pk": {"S": pk}, "sk": {"S": sk}},
        UpdateExpression="SET #a = :v",
        ConditionExpression="attribute_exists(pk)",
        ExpressionAttributeNames={"#a": attribute},
        ExpressionAttributeValues={":v": {"S": "spoilt"}},
    )


def hanging(restores: Restores, gib: float) -> None:
    """A restore that somebody else has started and that never ends."""
    theirs = restores.stored("ami-theirs", gib, name="theirs")
    hand = {"by": "hand"}
    started = restores.app.restore_tasks.start(BUCKET, f"nightly/{theirs}.bin", "theirs", hand, hand)
    restores.cloud.service.faults.hang(started)  # type: ignore[union-attr]  # it was started
