"""What EC2 does not take is asked for again, blamed on nobody too early, and never asked for twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any
from unittest.mock import patch

import pytest

from ami_archiver.errors import TemporarilyUnavailable
from ami_archiver.restore.state import RestoreState
from ami_archiver.restore.steps.restore_work import Look, RestoreWork
from local_cloud.in_process import VirtualCloud
from tests.support.answers import losing_answers, refusing
from tests.support.archive import BUCKET, Archive, client, full_id
from tests.support.restore import Restores

HAND = {"by": "hand"}


@contextmanager
def before_the_call(restores: Restores, act: Callable[[], object], number: int = 1) -> Iterator[None]:
    """Somebody acts just before the call of CreateRestoreImageTask with this number."""
    calls = []

    def count(**_: Any) -> None:
        calls.append(1)
        if len(calls) == number:
            act()

    events = client(restores.cloud, "ec2").meta.events
    events.register_first("before-call.ec2.CreateRestoreImageTask", count)
    try:
        yield
    finally:
        events.unregister("before-call.ec2.CreateRestoreImageTask", count)


def one_fill(restores: Restores, **given: Any) -> RestoreState:
    """The state after the run's first fill of the budget."""
    state = restores.plan(restores.begin(**given))
    while state.next != "wait" or state.loops == 0:
        state = restores.step(state)  # type: ignore[assignment]  # it has not ended
    return state


def unseen(work: RestoreWork) -> Look:
    """What a step sees to which EC2 shows no image yet."""
    return Look(unstarted=[one for one in work.records.values() if one.status == "RESTORING"])


def by_hand(restores: Restores, name: str, gib: float) -> Callable[[], object]:
    """What lets somebody else restore an image of so many GiB."""
    key = f"nightly/{restores.stored(f'ami-{name}', gib, name=name)}.bin"
    return lambda: restores.cloud.service.create_restore_image_task(
        restores.archive.account_id, restores.archive.region, BUCKET, key, name, HAND, HAND
    )


def test_nothing_more_is_asked_once_a_refusal_shows_that_others_have_filled_the_budget(restores: Restores) -> None:
    ids = [restores.stored(f"ami-{number}", 50) for number in range(3)]
    theirs = by_hand(restores, "theirs", 350)
    with before_the_call(restores, theirs):
        one_fill(restores, image_ids=ids)
    (ours,) = [start for start in restores.starts() if start.parameters["Name"] != "theirs"]
    assert ours.error_code == "InvalidRequest"


def test_throttling_is_waited_out_ever_longer_and_blames_nobody(restores: Restores) -> None:
    restores.stored("ami-a", 10)
    with refusing(client(restores.cloud, "ec2"), "CreateRestoreImageTask", "RequestLimitExceeded", 503) as calls:
        state = one_fill(restores, image_ids=["ami-a"])
        waits = []
        for _ in range(5):
            waits.append(state.wait_seconds)
            stepped: Any = restores.step(state)
            while stepped.next != "wait":
                stepped = restores.step(stepped)
            state = stepped
    assert len(calls) == 6
    assert waits == [60, 120, 240, 480, 900]
    summary = restores.go_on(state)
    assert summary["restores"]["restored"] == 1
    assert [record.attempts for record in restores.records(summary)] == [0]


def test_refusal_counts_no_attempt_where_a_restore_ends_before_the_next_is_taken(
    cloud_where: Callable[..., VirtualCloud],
) -> None:
    restores = Restores(Archive(cloud_where(restore_limit_gib=100)))
    theirs = by_hand(restores, "theirs", 120)
    ids = [restores.stored(f"ami-{number}", 50) for number in range(2)]
    theirs()
    with before_the_call(restores, lambda: restores.cloud.advance(1300), number=2):
        one_fill(restores, image_ids=ids)
    assert [start.error_code for start in restores.starts()] == ["InvalidRequest", None]
    in_flight = restores.app.restores.get(restores.app.restore_leases.read().in_flight).records
    assert [record.attempts for record in in_flight.values()] == [0, 0]


def refusing_the_first(restores: Restores) -> AbstractContextManager[Any]:
    """EC2 refuses whatever object it is asked for first, each time, and no other."""
    asked: list[str] = []

    def is_first(request: Any) -> bool:
        asked.append(request["body"]["ObjectKey"])
        return asked[-1] == asked[0]

    return refusing(client(restores.cloud, "ec2"), "CreateRestoreImageTask", "InvalidRequest", only=is_first)


def test_refusal_counts_once_another_is_taken_while_all_that_was_in_flight_still_is(restores: Restores) -> None:
    theirs = by_hand(restores, "theirs", 100)
    ids = [restores.stored(f"ami-{number}", 50) for number in range(2)]
    theirs()
    with refusing_the_first(restores):
        summary = restores.run(image_ids=ids)
    assert summary["restores"] == {"restored": 1, "failed": 1, "refused": 0, "in_progress": 0}
    assert "attempt 3 of 3 failed: EC2 refused the restore: InvalidRequest" in summary["failed"][0]["reason"]


def test_image_that_ec2_does_not_show_yet_is_not_taken_for_somebody_elses(restores: Restores) -> None:
    """The call was made and its answer lost; the name is taken, and no image can be seen that has it."""
    image_id = restores.stored("ami-a", 20)
    state = restores.plan(restores.begin(image_ids=[image_id]))
    hidden = patch.multiple(restores.app.restore_tasks, _filtered=lambda *_: [], pending=list)
    while state.next != "restore":
        state = restores.step(state)  # type: ignore[assignment]  # it has not ended
    lost = losing_answers(client(restores.cloud, "ec2"), "CreateRestoreImageTask")
    with hidden, lost, pytest.raises(TemporarilyUnavailable):
        restores.step(state)
    with hidden:
        state = restores.step(state)  # type: ignore[assignment]  # it has not ended
    (record,) = restores.of_run(state.run_id)
    assert (record.status, record.attempts) == ("RESTORING", 1)
    assert "NameTaken: attempt 1 of 3 failed" in record.reason
    summary = restores.go_on(state)
    assert summary["restores"]["restored"] == 1
    assert len([start for start in restores.starts() if start.status == 200]) == 1


def test_object_that_is_altered_before_a_call_is_repeated_is_not_restored(restores: Restores) -> None:
    image_id = restores.stored("ami-a", 20)
    theirs = by_hand(restores, "theirs", 100)
    theirs()
    ec2 = client(restores.cloud, "ec2")
    with refusing(ec2, "CreateRestoreImageTask", "InvalidRequest"):
        state = one_fill(restores, image_ids=[image_id])
    client(restores.cloud, "s3").put_object(Bucket=BUCKET, Key=f"nightly/{image_id}.bin", Body=b"something else")
    summary = restores.go_on(state)
    assert summary["failed"][0]["reason"].startswith("ObjectAltered: ")
    assert len([start for start in restores.starts() if start.parameters["Name"] != "theirs"]) == 0


def test_refusal_counts_at_once_where_another_is_taken_and_nothing_has_ended(restores: Restores) -> None:
    theirs = by_hand(restores, "theirs", 100)
    ids = [restores.stored(f"ami-{number}", 50) for number in range(2)]
    theirs()
    with refusing_the_first(restores):
        state = one_fill(restores, image_ids=ids)
    assert sorted(record.attempts for record in restores.of_run(state.run_id)) == [0, 1]


def test_pending_image_with_the_tag_of_another_stacks_restore_counts_in_the_budget(restores: Restores) -> None:
    theirs = restores.stored("ami-theirs", 350, name="theirs")
    ours = restores.stored("ami-ours", 10)
    tags = {"archiver:restore-id": "20260101T000000-restore-00000000.000000"}
    assert isinstance(restores.app.restore_tasks.start(BUCKET, f"nightly/{theirs}.bin", "theirs", tags, tags), str)
    summary = restores.run(image_ids=[ours])
    assert summary["restores"]["restored"] == 1
    assert all(start.status == 200 for start in restores.starts())
    assert summary["seconds"] > 1000


def test_call_that_a_stopped_run_never_made_is_given_up_by_a_later_one(cloud: VirtualCloud) -> None:
    restores = Restores(Archive(cloud, run_limit_hours=2))
    restores.stored("ami-a", 10)
    theirs = by_hand(restores, "theirs", 50)
    theirs()
    with refusing(client(cloud, "ec2"), "CreateRestoreImageTask", "InvalidRequest"):
        stopped = one_fill(restores, image_ids=["ami-a"])
    restores.stored("ami-b", 10)
    assert restores.run(image_ids=["ami-b"])["restores"]["restored"] == 1
    assert [one.status for one in restores.of_run(stopped.run_id)] == ["RESTORING"]
    cloud.advance(3 * 3600)
    assert restores.run(image_ids=["ami-b"], name="again")["restores"]["restored"] == 1
    (left,) = restores.of_run(stopped.run_id)
    assert (left.status, left.reason.split(":")[0]) == ("FAILED", "GivenUp")
    assert restores.app.restore_leases.read().in_flight == frozenset()


def denying(restores: Restores, *names: str) -> AbstractContextManager[Any]:
    """EC2 denies the restores of these images; without names, of all."""
    keys = {f"nightly/{full_id(name)}.bin" for name in names}
    return refusing(
        client(restores.cloud, "ec2"),
        "CreateRestoreImageTask",
        "UnauthorizedOperation",
        403,
        only=lambda request: not keys or request["body"]["ObjectKey"] in keys,
    )


def test_denied_restores_fail_alone_and_the_others_are_restored_in_the_same_step(restores: Restores) -> None:
    ids = [restores.stored(f"ami-{letter}", 290) for letter in "abcd"]
    good = restores.stored("ami-good", 10)
    with denying(restores, *ids):
        state = one_fill(restores, image_ids=[*ids, good])
        assert [start.error_code for start in restores.starts()] == [None]
        summary = restores.go_on(state)
    assert summary["restores"] == {"restored": 1, "failed": 4, "refused": 0, "in_progress": 0}
    assert "problem" not in summary
    assert {record.attempts for record in restores.records(summary)} == {0}
    assert summary["failed"][0]["reason"].startswith("AccessDenied: EC2 denied the restore: CreateRestoreImageTask (")
    assert restores.run(image_ids=ids)["restores"]["restored"] == 4


def test_report_says_that_it_is_the_role_where_every_restore_was_denied(restores: Restores) -> None:
    ids = [restores.stored(f"ami-{number:02}", 10) for number in range(25)]
    with denying(restores) as calls:
        summary = restores.run(image_ids=ids)
    assert len(calls) == 25
    assert summary["restores"]["failed"] == 25
    assert summary["problem"].startswith("AccessDenied: all 25 restores that the run asked for were denied")
    (message,) = restores.cloud.calls.filter(service="sns", operation="Publish")
    assert message.parameters["Message"].startswith(summary["problem"])
    assert message.parameters["Subject"] == "ami-archiver restore: AccessDenied, 25 failed"


def test_denied_restore_that_an_earlier_attempt_of_the_step_had_started_is_adopted(restores: Restores) -> None:
    restores.stored("ami-a", 20)
    state = restores.plan(restores.begin(image_ids=["ami-a"]))
    while state.next != "restore":
        state = restores.step(state)  # type: ignore[assignment]  # it has not ended
    lost = losing_answers(client(restores.cloud, "ec2"), "CreateRestoreImageTask")
    with lost, pytest.raises(TemporarilyUnavailable):
        restores.step(state)
    hidden = patch.multiple(restores.app.restore_tasks, pending=list)
    with hidden, denying(restores), patch.object(RestoreWork, "look", unseen):
        state = restores.step(state)  # type: ignore[assignment]  # it has not ended
    assert restores.go_on(state)["restores"]["restored"] == 1


def test_restore_that_ec2_refuses_for_its_own_sake_is_asked_for_once(restores: Restores) -> None:
    ids = [restores.stored(f"ami-{number}", 20) for number in range(2)]
    ec2, first = client(restores.cloud, "ec2"), f"nightly/{ids[0]}.bin"
    with refusing(
        ec2,
        "CreateRestoreImageTask",
        "InvalidParameterValue",
        only=lambda request: request["body"]["ObjectKey"] == first,
    ) as calls:
        summary = restores.run(image_ids=ids)
    assert summary["restores"] == {"restored": 1, "failed": 1, "refused": 0, "in_progress": 0}
    assert [call["ObjectKey"] for call in calls].count(first) == 1
