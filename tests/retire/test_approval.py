"""Nothing goes by surprise: announced days before, or only when a person has said so."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ami_archiver.retire.reasons import HOLD_TAG, RETIRE_ON_TAG
from local_cloud.in_process import VirtualCloud
from tests.support.retirement import NIGHTLY, RULES, Retiring

NOTIFYING = replace(NIGHTLY, retire=replace(RULES, approval="notify", notify_days=7))
ASKING = replace(NIGHTLY, retire=replace(RULES, approval="explicit", approval_hours=20))
SOMEBODY = "arn:aws:iam::123456789012:user/ada"


def tags(retiring: Retiring, image_id: str) -> dict[str, str]:
    return dict(retiring.cloud.catalog.images(retiring.archive.region)[image_id].tags)


def messages(retiring: Retiring) -> list[dict[str, Any]]:
    """What was published to the topic."""
    return [call.parameters for call in retiring.cloud.calls.filter(service="sns", operation="Publish")]


def test_original_is_announced_by_tag_and_topic_and_goes_when_the_day_has_come(cloud: VirtualCloud) -> None:
    retiring = Retiring(cloud, NOTIFYING)
    (image_id,) = retiring.due("web")
    with retiring.no_power_used():
        originals = retiring.night()
    (line,) = originals["done"]["announced"]["listed"]
    day = tags(retiring, image_id)[RETIRE_ON_TAG]
    assert line["image_id"] == image_id
    assert day in line["reason"]
    assert HOLD_TAG in line["reason"]
    assert f"{image_id}  Announced: 'disable' on {day}" in messages(retiring)[-1]["Message"]
    retiring.days(6)
    with retiring.no_power_used():
        retiring.night()
    assert retiring.kept_because(image_id) is None
    retiring.days(1)
    retiring.night()
    assert retiring.state(image_id) == "disabled"


def test_disabled_original_is_announced_anew_before_it_is_deregistered(cloud: VirtualCloud) -> None:
    retiring = Retiring(cloud, NOTIFYING)
    (image_id,) = retiring.due("web")
    retiring.night()
    retiring.days(7)
    retiring.night()
    retiring.days(RULES.after_disabled_days)
    with retiring.no_power_used():
        originals = retiring.night()
    assert originals["done"]["announced"]["images"] == 1
    retiring.days(7)
    retiring.night()
    assert retiring.state(image_id) is None


def test_objection_keeps_it_and_it_is_announced_anew_once_nobody_objects(cloud: VirtualCloud) -> None:
    retiring = Retiring(cloud, NOTIFYING)
    (image_id,) = retiring.due("web")
    retiring.night()
    retiring.ec2.create_tags(Resources=[image_id], Tags=[{"Key": HOLD_TAG, "Value": "ada"}])
    retiring.days(8)
    with retiring.no_power_used():
        retiring.night()
    assert RETIRE_ON_TAG not in tags(retiring, image_id)
    retiring.ec2.delete_tags(Resources=[image_id], Tags=[{"Key": HOLD_TAG}])
    with retiring.no_power_used():
        originals = retiring.night()
    assert originals["done"]["announced"]["images"] == 1


def test_notice_that_somebody_took_off_is_given_again(cloud: VirtualCloud) -> None:
    retiring = Retiring(cloud, NOTIFYING)
    (image_id,) = retiring.due("web")
    retiring.night()
    retiring.ec2.delete_tags(Resources=[image_id], Tags=[{"Key": RETIRE_ON_TAG}])
    retiring.days(8)
    with retiring.no_power_used():
        originals = retiring.night()
    assert originals["done"]["announced"]["images"] == 1
    retiring.days(7)
    retiring.night()
    assert retiring.state(image_id) == "disabled"


def test_run_waits_for_a_person_and_lets_go_what_is_approved(cloud: VirtualCloud) -> None:
    retiring = Retiring(cloud, ASKING)
    (image_id,) = retiring.due("web")
    retiring.archive.answer = {"approved": True, "by": SOMEBODY}
    originals = retiring.night()
    assert originals["awaiting_approval"] == 0
    assert retiring.state(image_id) == "disabled"
    before, after = messages(retiring)[-3], messages(retiring)[-1]
    assert "approval: make approve RUN=" in before["Message"]
    assert "make approve RUN=" in messages(retiring)[-2]["Message"]
    assert f"{image_id}  Disabled" in after["Message"]


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (None, "NotApproved: nobody has approved it in time; the next run asks again"),
        (
            {"approved": False, "by": SOMEBODY, "why": "still needed"},
            f"NotApproved: {SOMEBODY} rejected it: still needed; the next run asks again",
        ),
        ({"approved": "yes"}, "NotApproved: nobody has approved it in time; the next run asks again"),
    ],
    ids=["no answer", "rejected", "not an answer"],
)
def test_nothing_goes_without_a_person_s_word(cloud: VirtualCloud, answer: dict[str, Any] | None, why: str) -> None:
    retiring = Retiring(cloud, ASKING)
    (image_id,) = retiring.due("web")
    retiring.archive.answer = answer
    with retiring.no_power_used():
        originals = retiring.night()
    assert originals["done"]["kept"]["listed"] == [{"image_id": image_id, "policy": "nightly", "reason": why}]
    assert retiring.kept_because(image_id) == why


def test_approved_original_is_looked_at_once_more(cloud: VirtualCloud) -> None:
    retiring = Retiring(cloud, ASKING)
    (image_id,) = retiring.due("web")
    state = retiring.archive.select(retiring.archive.begin())
    while state.next != "await_approval":
        state, _ = retiring.archive.step(state)
    retiring.archive.answer = {"approved": True, "by": SOMEBODY}
    retiring.ec2.create_tags(Resources=[image_id], Tags=[{"Key": HOLD_TAG, "Value": "ada"}])
    with retiring.no_power_used():
        originals = retiring.archive.go_on(state)["retirement"]
    assert originals["done"]["kept"]["listed"][0]["reason"].startswith("OnHold: ")


def test_next_night_works_while_the_last_one_still_waits_for_its_answer(cloud: VirtualCloud) -> None:
    retiring = Retiring(cloud, ASKING)
    (image_id,) = retiring.due("web")
    waiting = retiring.archive.select(retiring.archive.begin())
    while waiting.next != "await_approval":
        waiting, _ = retiring.archive.step(waiting)
    retiring.days(1)
    retiring.archive.answer = {"approved": True, "by": SOMEBODY}
    retiring.night()
    assert retiring.state(image_id) == "disabled"
    originals = retiring.archive.go_on(waiting)["retirement"]
    assert originals["done"]["disabled"]["images"] == 1  # it finds it done
    assert [call for call in retiring.power() if call[0] == "DisableImage"] == [("DisableImage", image_id)]
