"""A restore that was stopped, sent again as `make restore` sends it, ends with one image."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import pytest

from ami_archiver.restore.state import RestoreState
from local_cloud.in_process import VirtualCloud
from local_cloud.model import Image
from tests.restore.test_leases import after_a_lost_answer
from tests.restore.test_thaw import freeze
from tests.support.answers import losing_answers
from tests.support.archive import Archive, client, full_id
from tests.support.reasons import named
from tests.support.restore import Restores

OTHER = "444455556666"
AGAIN: dict[str, Any] = {"image_ids": ["ami-a"], "name": "{name}"}
"""What `make restore IMAGE=…` asks for."""


@pytest.fixture
def stored(restores: Restores) -> Restores:
    restores.stored("ami-a", 20, name="web")
    return restores


def stopped_when(restores: Restores, is_so: Callable[[], bool], **given: Any) -> RestoreState:
    """A run that somebody stops as soon as that is so; the state that nobody goes on with."""
    state: Any = restores.plan(restores.begin(**(AGAIN | given)))
    while not is_so():
        state = restores.step(state)
    return state  # type: ignore[no-any-return]  # the loop ends before the run does


def named_like_it(restores: Restores) -> list[Image]:
    images = restores.cloud.catalog.images(restores.archive.region).values()
    return [image for image in images if image.name.startswith("web")]


def is_restored_once(restores: Restores, summary: Any) -> str:
    """The id of the one image that there is, available and in the summary."""
    (image,) = named_like_it(restores)
    assert (image.name, image.state) == ("web", "available")
    assert summary["restores"] == {"restored": 1, "failed": 0, "refused": 0, "in_progress": 0}
    assert summary["restored"][0]["restored_image_id"] == image.image_id
    return image.image_id


def test_restore_that_was_stopped_before_its_call_is_made_by_the_next_one(stored: Restores) -> None:
    stopped_when(stored, lambda: True)
    is_restored_once(stored, stored.run(**AGAIN))
    assert len(stored.starts()) == 1


def test_restore_whose_answer_was_lost_is_finished_by_the_next_one(stored: Restores) -> None:
    with losing_answers(client(stored.cloud, "ec2"), "CreateRestoreImageTask"), pytest.raises(Exception, match="AWS"):
        stopped_when(stored, lambda: False)
    stored.cloud.advance(3600)
    is_restored_once(stored, stored.run(**AGAIN))
    assert len(stored.starts()) == 1


def test_pending_image_of_a_stopped_restore_is_finished_and_not_made_again(stored: Restores) -> None:
    stopped_when(stored, lambda: bool(stored.starts()))
    summary = stored.run(**AGAIN)
    is_restored_once(stored, summary)
    (record,) = stored.records(summary)
    assert len(stored.starts()) == 1
    assert [move.to_status for move in record.history] == ["PLANNED", "RESTORING", "RESTORED"]
    assert "takes over image ami-" in record.history[0].why


def test_available_image_of_a_stopped_restore_is_reported_and_not_made_again(stored: Restores) -> None:
    stopped_when(stored, lambda: bool(stored.starts()))
    stored.cloud.advance(10 * 3600)
    is_restored_once(stored, stored.run(**AGAIN))
    assert len(stored.starts()) == 1


def test_image_that_another_run_has_finished_meanwhile_is_still_reported_by_the_next_one(stored: Restores) -> None:
    stopped_when(stored, lambda: bool(stored.starts()))
    stored.cloud.advance(10 * 3600)
    stored.stored("ami-other", 1, name="other")
    stored.run(image_ids=["ami-other"])
    is_restored_once(stored, stored.run(**AGAIN))


def test_what_was_reported_is_a_new_wish_and_made_again_with_a_number(stored: Restores) -> None:
    stored.run(**AGAIN)
    assert stored.new_image(stored.run(**AGAIN)).name == "web-2"


def test_what_the_run_that_took_it_over_has_reported_is_a_new_wish_too(stored: Restores) -> None:
    """The run that made the image never reports it."""
    stopped_when(stored, lambda: bool(stored.starts()))
    stored.run(**AGAIN)
    stored.cloud.advance(60)
    assert stored.new_image(stored.run(**AGAIN)).name == "web-2"


def test_restore_that_was_stopped_again_is_finished_by_the_third_one(stored: Restores) -> None:
    stopped_when(stored, lambda: bool(stored.starts()))
    second = stored.plan(stored.begin(**AGAIN))
    while not stored.of_run(second.run_id)[0].restored_image_id:
        second = stored.step(second)  # type: ignore[assignment]  # it has not ended
    is_restored_once(stored, stored.run(**AGAIN))
    assert len(stored.starts()) == 1


@pytest.mark.parametrize("wish", [{"tags": {"Reason": "audit"}}, {"share_with": [OTHER]}, {"name": "web"}])
def test_request_with_other_wishes_makes_an_image_of_its_own(stored: Restores, wish: dict[str, Any]) -> None:
    stopped_when(stored, lambda: bool(stored.starts()))
    assert stored.new_image(stored.run(**(AGAIN | wish))).name == "web-2"


def test_how_fast_it_is_thawed_does_not_make_it_another_request(stored: Restores) -> None:
    stopped_when(stored, lambda: bool(stored.starts()), storage_tier_speed="Bulk")
    is_restored_once(stored, stored.run(**AGAIN, thaw_days=2))


def test_another_version_of_the_object_makes_an_image_of_its_own(restores: Restores) -> None:
    key = f"nightly/{restores.stored('ami-a', 20, name='web', record=False)}.bin"
    given: dict[str, Any] = {"object_keys": [key], "allow_unencrypted": True, "name": "{name}"}
    state: Any = restores.plan(restores.begin(**given))
    while not restores.starts():
        state = restores.step(state)
    restores.archive.image("ami-a", 20, name="gone")
    s3 = client(restores.cloud, "s3")
    body = s3.get_object(Bucket=restores.archive.settings.bucket_name, Key=key)["Body"].read()
    s3.put_object(Bucket=restores.archive.settings.bucket_name, Key=key, Body=body, Tagging="ami-name=web")
    assert restores.new_image(restores.run(**given)).name == "web-2"


def test_without_a_name_template_the_own_image_does_not_refuse_the_request(stored: Restores) -> None:
    stopped_when(stored, lambda: bool(stored.starts()), name="web")
    is_restored_once(stored, stored.run(image_ids=["ami-a"], name="web"))


def test_without_any_name_the_own_image_does_not_refuse_the_request(stored: Restores) -> None:
    after_a_lost_answer(stored, "ami-a")
    is_restored_once(stored, stored.run(image_ids=["ami-a"]))


def test_image_that_failed_meanwhile_is_made_anew_and_that_is_said(stored: Restores) -> None:
    stopped_when(stored, lambda: bool(stored.starts()))
    (first,) = named_like_it(stored)
    first.state = "failed"
    summary = stored.run(**AGAIN)
    assert stored.new_image(summary).name == "web-2"
    (record,) = stored.records(summary)
    assert f"name 'web' is taken by {first.image_id}, which is failed" in record.history[0].why


@pytest.mark.parametrize(("state", "name"), [("failed", "web-2"), (None, "web")])
def test_image_that_fails_or_goes_after_the_plan_is_made_anew_and_that_is_said(
    stored: Restores, state: str | None, name: str
) -> None:
    stopped_when(stored, lambda: bool(stored.starts()))
    again = stored.plan(stored.begin(**AGAIN))
    (first,) = named_like_it(stored)
    if state is None:
        stored.lose(first.image_id)
    else:
        first.state = state
    summary = stored.go_on(again)
    assert stored.new_image(summary).name == name
    (record,) = stored.records(summary)
    assert any(move.why.endswith(f"is {state or 'not there any more'}: another one is made") for move in record.history)


def test_image_that_fails_after_it_was_taken_over_fails_the_restore(stored: Restores) -> None:
    stored.cloud.service.faults.fail_restore(f"nightly/{full_id('ami-a')}.bin", at_percent=50)
    stopped_when(stored, lambda: bool(stored.starts()))
    summary = stored.run(**AGAIN)
    assert [named(line["reason"]) for line in summary["failed"]] == ["RestoreFailed"]


def test_two_equal_requests_at_the_same_time_end_with_one_image(stored: Restores) -> None:
    one, other = (stored.plan(stored.begin(**AGAIN)) for _ in range(2))
    first = stored.go_on(one)
    second = stored.go_on(other)
    image_id = is_restored_once(stored, second)
    assert first["restored"][0]["restored_image_id"] == image_id
    assert [start.error_code for start in stored.starts()] == [None, "InvalidAMIName.Duplicate"]


def test_two_equal_requests_step_by_step_end_with_one_image(stored: Restores) -> None:
    states: list[Any] = [stored.plan(stored.begin(**AGAIN)) for _ in range(2)]
    while not all(isinstance(state, dict) for state in states):
        states = [state if isinstance(state, dict) else stored.step(state) for state in states]
    for summary in states:
        is_restored_once(stored, summary)


def test_image_that_ec2_does_not_show_yet_is_taken_over_once_it_does(stored: Restores) -> None:
    stopped_when(stored, lambda: bool(stored.starts()))
    with patch.object(stored.app.restore_tasks, "named", lambda _: {}):
        again = stored.plan(stored.begin(**AGAIN))
    is_restored_once(stored, stored.go_on(again))


def test_pending_image_that_is_taken_over_counts_once_in_the_budget(cloud: VirtualCloud) -> None:
    restores = Restores(Archive(cloud, restore_budget_gib=300))
    restores.stored("ami-a", 200, name="web")
    restores.stored("ami-b", 250, name="other")
    stopped_when(restores, lambda: bool(restores.starts()))
    again: Any = restores.plan(restores.begin(**AGAIN))
    while not restores.of_run(again.run_id)[0].restored_image_id:
        again = restores.step(again)
    state: Any = restores.plan(restores.begin(image_ids=["ami-b"]))
    while state.next != "restore":
        state = restores.step(state)
    restores.step(state)
    assert restores.in_flight_gib() == 450


def test_image_that_is_taken_over_is_not_thawed_for(stored: Restores) -> None:
    stopped_when(stored, lambda: bool(stored.starts()))
    freeze(stored, "ami-a", "DEEP_ARCHIVE")
    is_restored_once(stored, stored.run(**AGAIN))
    assert not stored.cloud.calls.filter(service="s3", operation="RestoreObject")


def test_tag_alone_makes_no_image_the_one_of_a_stopped_restore(stored: Restores) -> None:
    """Whoever may tag an image could pass it off as the restored one."""
    stopped_when(stored, lambda: bool(stored.starts()))
    (first,) = named_like_it(stored)
    stored.lose(first.image_id)
    stored.archive.image("ami-false", name="web", tags={"archiver:restore-id": first.tags["archiver:restore-id"]})
    assert stored.new_image(stored.run(**AGAIN)).name == "web-2"


def test_dry_run_says_that_it_would_take_the_image_over(stored: Restores) -> None:
    stopped_when(stored, lambda: bool(stored.starts()))
    (line,) = stored.run(**AGAIN, dry_run=True)["would_restore"]
    assert (line["name"], "takes over image ami-" in line["reason"]) == ("web", True)
