"""What AWS denies about one image concerns that image; only where every store is denied it is the role."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import pytest

from ami_archiver.adapters.table_runs import SummaryKind
from ami_archiver.engine import MANY_DENIED
from ami_archiver.errors import AccessDenied
from ami_archiver.run_state import Next, RunState
from local_cloud.in_process import VirtualCloud
from tests.support.answers import refusing
from tests.support.archive import Archive, client, full_id
from tests.support.domain import policy
from tests.support.reasons import named


def denying(archive: Archive, *names: str, code: str = "UnauthorizedOperation") -> AbstractContextManager[Any]:
    """EC2 denies the stores of these images; without names, of all."""
    ids = {full_id(name) for name in names}

    def is_meant(request: Any) -> bool:
        return not ids or request["body"]["ImageId"] in ids

    return refusing(client(archive.cloud, "ec2"), "CreateStoreImageTask", code, 403, only=is_meant)


def hiding(archive: Archive, operation: str, name: str) -> AbstractContextManager[Any]:
    """S3 denies the operation on this image's object."""
    image_id = full_id(name)

    def is_meant(request: Any) -> bool:
        return image_id in request["url_path"]

    code = "403" if operation == "HeadObject" else "AccessDenied"
    return refusing(client(archive.cloud, "s3"), operation, code, 403, only=is_meant)


def failures(summary: dict[str, Any]) -> dict[str, str]:
    for line in summary["failures"]:
        named(line["reason"])
    return {line["image_id"]: line["reason"] for line in summary["failures"]}


@pytest.mark.parametrize("code", ["UnauthorizedOperation", "KMS.AccessDeniedException"])
def test_denied_image_fails_alone_and_the_others_are_stored_in_the_same_step(archive: Archive, code: str) -> None:
    denied = [archive.image(f"denied{number}", gib=300) for number in range(4)]
    archive.image("a-good", gib=300)  # not among what the step chooses first
    state = archive.select(archive.begin())
    with denying(archive, *denied, code=code):
        state, _ = archive.step(state)
        assert archive.accepted() == {full_id("a-good"): 1}
        summary = archive.go_on(state)
    assert (summary["decisions"]["failed"], summary["decisions"]["stored"]) == (4, 1)
    assert "problem" not in summary
    assert set(failures(summary)) == set(denied)
    (reason,) = {reason.replace(image_id, "ami") for image_id, reason in failures(summary).items()}
    assert reason == (
        f"AccessDenied: EC2 denied the store: CreateStoreImageTask (ami): {code}: injected; "
        "grant it to the function's role, or see who denies it; the next run tries again"
    )
    record = archive.record("denied0")
    assert (record.status, record.decision, record.attempts) == ("FAILED", "failed", 0)
    assert archive.night()["decisions"]["stored"] == 4


def test_denied_image_whose_intention_an_earlier_run_left_does_not_stop_the_next(archive: Archive) -> None:
    archive.image("bad", gib=50)
    state = archive.select(archive.begin())
    with refusing(client(archive.cloud, "ec2"), "CreateStoreImageTask", "RequestLimitExceeded", 503):
        archive.step(state)
    assert archive.status("bad") == "STORING"
    archive.cloud.advance(86400)
    archive.image("good", gib=10)
    with denying(archive, "bad"):
        summary = archive.night()
    assert (summary["decisions"]["failed"], summary["decisions"]["stored"]) == (1, 1)


def test_denied_image_that_is_being_stored_already_is_not_failed(archive: Archive) -> None:
    image_id = archive.image("one", gib=100)
    archive.image("two", gib=10)
    state = archive.select(archive.begin())
    archive.app.store_tasks.start(image_id, archive.settings.bucket_name, "nightly", {})
    with denying(archive, "one"):
        summary = archive.go_on(state)
    assert summary["decisions"]["stored"] == 2
    assert archive.accepted() == {image_id: 1, full_id("two"): 1}


def test_denied_image_whose_object_is_in_the_bucket_is_verified(archive: Archive) -> None:
    image_id = archive.image("one", gib=10)
    archive.image("two", gib=10)
    archive.select(archive.begin())
    archive.app.store_tasks.start(image_id, archive.settings.bucket_name, "by-hand", {})
    archive.cloud.advance(40 * 86400)  # longer than EC2 remembers its task
    with denying(archive, "one"):
        summary = archive.night()
    assert summary["decisions"]["failed"] == 0
    assert archive.status("one") == "VERIFIED"
    assert archive.record("one").object_key == f"by-hand/{image_id}.bin"


def many(archive: Archive, number: int, gib: float = 300) -> list[str]:
    return [archive.image(f"d{number:02}", gib=gib) for number in range(number)]


def test_role_that_may_store_nothing_ends_the_run_reported_and_failed_and_leaves_the_rest_waiting(
    archive: Archive,
) -> None:
    ids = many(archive, MANY_DENIED + 5)
    with denying(archive) as asked:
        state = archive.go_to(archive.select(archive.begin()), Next.REPORT)
        end, summary = archive.step(state)
    assert len(asked) == MANY_DENIED
    assert summary["seconds"] < 3600
    assert end.next is Next.FAIL
    assert summary["decisions"] | {"failed": MANY_DENIED, "deferred": 5, "stored": 0} == summary["decisions"]
    assert summary["problem"] == end.problem
    assert summary["problem"].startswith(f"AccessDenied: all {MANY_DENIED} stores that the run asked for were denied")
    assert summary["problem"].endswith("what still waits goes first in the next run")
    assert archive.app.leases.read().holder is None
    assert sorted(archive.status(one) for one in ids) == ["FAILED"] * MANY_DENIED + ["SELECTED"] * 5
    (message,) = archive.cloud.calls.filter(service="sns", operation="Publish")
    assert message.parameters["Message"].startswith(summary["problem"])
    assert message.parameters["Subject"].startswith("ami-archiver nightly: AccessDenied")
    summary = archive.night()
    assert summary["decisions"]["stored"] == MANY_DENIED + 5


def test_few_images_all_denied_are_the_roles_fault_when_nothing_is_left_to_ask_for(archive: Archive) -> None:
    many(archive, 3)
    with denying(archive):
        state = archive.go_to(archive.select(archive.begin()), Next.REPORT)
        end, summary = archive.step(state)
    assert end.next is Next.FAIL
    assert summary["problem"].startswith("AccessDenied: all 3 stores that the run asked for were denied")


def test_one_store_that_is_taken_clears_the_role_however_many_are_denied(archive: Archive) -> None:
    archive.image("good", gib=400)
    ids = many(archive, 2 * MANY_DENIED + 3)
    with denying(archive, *ids):
        summary = archive.night()
    assert (summary["decisions"]["failed"], summary["decisions"]["stored"]) == (len(ids), 1)
    assert "problem" not in summary


def test_more_denied_images_than_the_run_asks_for_hold_up_the_others_for_a_few_nights_only(archive: Archive) -> None:
    ids = many(archive, 2 * MANY_DENIED + 5)
    good = [archive.image(f"a-good{number}", gib=300) for number in range(3)]
    stored, nights = 0, 0
    with denying(archive, *ids):
        while stored < len(good) and nights < 4:
            stored += archive.night()["decisions"]["stored"]
            archive.cloud.advance(86400)
            nights += 1
    assert (stored, nights) == (3, 3)


def test_problem_is_told_to_every_run_of_the_night_and_stays_after_an_approval(cloud: VirtualCloud) -> None:
    archive = Archive(cloud, policy("nightly"), policy("weekly", tags={"Weekly": ("*",)}))
    many(archive, 2)
    working = archive.select(archive.begin("nightly"))
    archive.select(archive.begin("weekly"))
    with denying(archive):
        state = archive.go_to(working, Next.REPORT)
        end, summary = archive.step(state)
    joined = archive.app.runs.summary(SummaryKind.RUNS, summary["joined_runs"][0])
    assert joined is not None
    assert joined["problem"] == summary["problem"]
    asked: RunState = state.then(Next.REPORT, approval={"approved": False})
    after, again = archive.step(asked)
    assert (after.next, again["problem"]) == (Next.FAIL, end.problem)


def test_waiting_for_an_approval_comes_before_the_failed_end(archive: Archive) -> None:
    many(archive, 2)
    with denying(archive):
        state = archive.go_to(archive.select(archive.begin()), Next.REPORT)
    end, _ = archive.step(state.then(Next.REPORT, awaiting_approval=1))
    assert end.next is Next.AWAIT_APPROVAL


# Looks at one object


@pytest.mark.parametrize("operation", ["HeadObject", "GetObjectTagging"])
def test_object_that_may_not_be_looked_at_stays_under_way_is_reported_and_not_waited_for(
    archive: Archive, operation: str
) -> None:
    image_id = archive.image("hidden", gib=10)
    archive.image("good", gib=100)
    with hiding(archive, operation, "hidden"):
        summary = archive.night()
        assert summary["decisions"] | {"stored": 1, "failed": 1, "deferred": 0} == summary["decisions"]
        key = f"nightly/{image_id}.bin"
        assert failures(summary)[image_id].startswith(
            f"AccessDenied: object {key} could not be looked at and may be whole: {operation} ({key}): "
        )
        assert archive.status("hidden") == "STORING"
        assert image_id in archive.app.leases.read().in_flight
        pages = list(archive.app.runs.pages(summary["run_id"], "CHECK#"))
        assert [line.image_id for page in pages for line in page].count(image_id) == 1
        assert summary["seconds"] < 3600
    archive.night()
    assert archive.status("hidden") == "VERIFIED"
    assert archive.accepted()[image_id] == 1


def test_intention_whose_object_may_not_be_looked_at_is_neither_asked_for_again_nor_failed(archive: Archive) -> None:
    image_id = archive.image("hidden", gib=10)
    archive.image("good", gib=100)
    state = archive.select(archive.begin())
    busy = refusing(
        client(archive.cloud, "ec2"),
        "CreateStoreImageTask",
        "RequestLimitExceeded",
        503,
        only=lambda request: request["body"]["ImageId"] == image_id,
    )
    with hiding(archive, "HeadObject", "hidden"):
        with busy:
            state, _ = archive.step(state)
        summary = archive.go_on(state)
        assert summary["decisions"] | {"stored": 1, "failed": 1} == summary["decisions"]
        assert archive.status("hidden") == "STORING"
    archive.night()
    assert archive.status("hidden") == "VERIFIED"


def test_refused_store_whose_object_may_not_be_looked_at_is_not_failed(archive: Archive) -> None:
    image_id = archive.image("hidden", gib=10)
    archive.image("good", gib=100)
    state = archive.select(archive.begin())
    archive.put_object(f"nightly/{image_id}.bin")
    with hiding(archive, "HeadObject", "hidden"), denying(archive, "hidden"):
        summary = archive.go_on(state)
        assert "may be whole" in failures(summary)[image_id]
    assert archive.status("hidden") == "STORING"
    archive.night()
    assert archive.status("hidden") == "VERIFIED"


def test_object_without_a_record_that_may_not_be_looked_at_is_left_and_reported(archive: Archive) -> None:
    image_id = archive.image("found")
    archive.image("good")
    archive.put_object(f"nightly/{image_id}.bin")
    with hiding(archive, "HeadObject", "found"):
        summary = archive.night()
    assert summary["decisions"] | {"stored": 1, "failed": 1} == summary["decisions"]
    assert "may be whole" in failures(summary)[image_id]
    assert archive.item(f"IMAGE#{image_id}", "RECORD") is None
    assert archive.night()["decisions"]["already_archived"] == 2


def test_archived_object_that_is_another_now_and_may_not_be_looked_at_is_reported(archive: Archive) -> None:
    image_id = archive.image("altered")
    archive.night()
    archive.put_object(archive.record("altered").object_key)
    archive.image("good")
    with hiding(archive, "HeadObject", "altered"):
        summary = archive.night()
    assert summary["decisions"]["stored"] == 1
    assert "could not be looked at" in failures(summary)[image_id]


def test_image_whose_sharing_may_not_be_seen_is_stored_all_the_same(archive: Archive) -> None:
    archive.image("one")
    with refusing(client(archive.cloud, "ec2"), "DescribeImageAttribute", "UnauthorizedOperation", 403):
        assert archive.night()["decisions"]["stored"] == 1
    assert archive.record("one").facts.launch_permissions is None


@pytest.mark.parametrize("operation", ["DescribeStoreImageTasks", "DescribeImages", "DescribeSnapshots"])
def test_denied_list_still_ends_the_execution(archive: Archive, operation: str) -> None:
    archive.image("one")
    with (
        refusing(client(archive.cloud, "ec2"), operation, "UnauthorizedOperation", 403),
        pytest.raises(AccessDenied, match=operation),
    ):
        archive.night()
