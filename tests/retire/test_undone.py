"""A disabled original is taken back: enabled, shared as somebody confirms, and held until somebody says otherwise."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ami_archiver.errors import BadInput
from ami_archiver.retire.reasons import DISABLE_TAG, HOLD_TAG
from ami_archiver.retire.steps.undo import undo_retirement
from local_cloud.in_process import VirtualCloud
from tests.support.answers import refusing
from tests.support.archive import client
from tests.support.retirement import NIGHTLY, RULES, Retiring

OTHER = "444455556666"


def undo(retiring: Retiring, image_id: str, **confirmed: Any) -> dict[str, Any]:
    return undo_retirement(retiring.archive.retirer(), {"image_id": image_id} | confirmed, "undo-1")


def disabled_though_shared(cloud: VirtualCloud, *permissions: dict[str, str]) -> tuple[Retiring, str]:
    retiring = Retiring(cloud, replace(NIGHTLY, retire=replace(RULES, allow_shared=True)))
    image_id = retiring.archived("web")
    retiring.ec2.modify_image_attribute(ImageId=image_id, LaunchPermission={"Add": list(permissions)})
    retiring.days(RULES.after_verified_days)
    retiring.night()
    assert retiring.state(image_id) == "disabled"
    return retiring, image_id


def shared_with(retiring: Retiring, image_id: str) -> list[Any]:
    answer = retiring.ec2.describe_image_attribute(ImageId=image_id, Attribute="launchPermission")
    return sorted(answer["LaunchPermissions"], key=str)


def test_disabled_original_is_enabled_and_stays(retiring: Retiring) -> None:
    (image_id,) = retiring.disabled("web")
    assert undo(retiring, image_id) == {
        "image_id": image_id, "status": "DISABLED", "result": "enabled", "problems": [], "not_shared": [],
        "to_share": None,
    }  # fmt: skip
    (image,) = retiring.ec2.describe_images(ImageIds=[image_id])["Images"]
    assert {"Key": HOLD_TAG, "Value": "undone"} in image["Tags"]
    retiring.days(400)
    with retiring.no_power_used():
        retiring.night()
    assert retiring.state(image_id) == "available"
    moves = retiring.archive.record(image_id).history
    assert any(move.run_id == "undo-1" and "enabled again by undo" in move.why for move in moves)


def test_launch_permissions_come_back_from_the_record(cloud: VirtualCloud) -> None:
    retiring, image_id = disabled_though_shared(cloud, {"UserId": OTHER}, {"Group": "all"})
    answer = undo(retiring, image_id, share_with=[OTHER], share_publicly=True)
    assert (answer["problems"], answer["not_shared"]) == ([], [])
    assert shared_with(retiring, image_id) == [{"Group": "all"}, {"UserId": OTHER}]


def test_without_a_word_the_original_is_enabled_and_not_shared_and_the_answer_says_how_to(cloud: VirtualCloud) -> None:
    retiring, image_id = disabled_though_shared(cloud, {"UserId": OTHER}, {"Group": "all"})
    answer = undo(retiring, image_id)
    assert (answer["result"], retiring.state(image_id)) == ("enabled", "available")
    assert shared_with(retiring, image_id) == []
    assert answer["not_shared"] == ["group:all", f"user:{OTHER}"]
    assert answer["to_share"] == {"image_id": image_id, "share_with": [OTHER], "share_publicly": True}
    undo(retiring, **answer["to_share"])
    assert shared_with(retiring, image_id) == [{"Group": "all"}, {"UserId": OTHER}]


def test_everybody_gets_it_only_by_a_word_of_its_own(cloud: VirtualCloud) -> None:
    retiring, image_id = disabled_though_shared(cloud, {"UserId": OTHER}, {"Group": "all"})
    assert undo(retiring, image_id, share_with=[OTHER])["not_shared"] == ["group:all"]
    assert shared_with(retiring, image_id) == [{"UserId": OTHER}]


def test_whom_the_record_does_not_name_gets_nothing_and_that_is_said(cloud: VirtualCloud) -> None:
    retiring, image_id = disabled_though_shared(cloud, {"UserId": OTHER})
    answer = undo(retiring, image_id, share_with=["666666666666"], share_publicly=True)
    assert shared_with(retiring, image_id) == []
    assert answer["problems"] == [
        "it is not shared with user:666666666666, group:all: that is not recorded of it"
    ]  # fmt: skip


def test_image_that_somebody_else_disabled_is_not_touched(retiring: Retiring) -> None:
    """Whatever IAM would allow."""
    (image_id,) = retiring.due("web")
    retiring.ec2.disable_image(ImageId=image_id)
    answer = undo(retiring, image_id)
    assert (answer["result"], retiring.state(image_id)) == ("nothing", "disabled")
    assert answer["problems"] == [
        "the image is disabled, and its record is VERIFIED: the archiver has not disabled it"
    ]  # fmt: skip


@pytest.mark.parametrize(("operation", "result"), [("EnableImage", "nothing"), ("ModifyImageAttribute", "enabled")])
def test_image_that_iam_keeps_undo_from_says_which_tag_it_lacks(
    cloud: VirtualCloud, operation: str, result: str
) -> None:
    """One that was disabled before there was the tag, or that somebody took it off."""
    retiring, image_id = disabled_though_shared(cloud, {"UserId": OTHER})
    retiring.ec2.delete_tags(Resources=[image_id], Tags=[{"Key": DISABLE_TAG}])
    with refusing(client(cloud, "ec2"), operation, "UnauthorizedOperation", 403):
        answer = undo(retiring, image_id, share_with=[OTHER])
    assert answer["result"] == result
    (problem,) = answer["problems"]
    tags = f"Key={DISABLE_TAG},Value=nightly"
    assert problem.endswith(f"`aws ec2 create-tags --resources {image_id} --tags {tags}`, then undo again")


def test_retired_original_is_a_case_for_a_restore(retiring: Retiring) -> None:
    (image_id,) = retiring.disabled("web")
    retiring.night()
    assert undo(retiring, image_id)["result"] == "restore"


def test_available_original_has_nothing_to_undo(retiring: Retiring) -> None:
    (image_id,) = retiring.due("web")
    answer = undo(retiring, image_id)
    assert answer["result"] == "available"
    assert answer["problems"] == [
        "the image is available, and its record is VERIFIED: the archiver has not disabled it"
    ]  # fmt: skip


@pytest.mark.parametrize("nights", [0, 1])
def test_undo_again_finds_it_done_and_changes_nothing(retiring: Retiring, nights: int) -> None:
    (image_id,) = retiring.disabled("web")
    undo(retiring, image_id)
    for _ in range(nights):
        retiring.night()
    before = retiring.archive.record(image_id)
    with retiring.no_power_used():
        answer = undo(retiring, image_id)
    assert (answer["result"], answer["problems"]) == (
        "available", ["the image is available: it was enabled again before"]
    )  # fmt: skip
    assert retiring.archive.record(image_id) == before


def test_undo_that_died_before_its_record_was_written_writes_it_the_next_time(retiring: Retiring) -> None:
    (image_id,) = retiring.disabled("web")
    retiring.ec2.enable_image(ImageId=image_id)
    assert undo(retiring, image_id)["result"] == "enabled"
    assert retiring.archive.record(image_id).retirement.disabled_at is None


@pytest.mark.parametrize(
    ("event", "why"),
    [
        ({}, "an undo takes an object like"),
        ([], "an undo takes an object like"),
        ({"image_id": 5}, "an undo takes an object like"),
        ({"image_id": "ami-x"}, "an undo takes an object like"),
        ({"image_id": "ami-0123456789"}, "an undo takes an object like"),
        ({"image_id": "ami-01234567", "share": []}, "an undo takes an object like"),
        ({"image_id": "ami-01234567", "share_with": ["all"]}, "'share_with' has 'all', must be account ids"),
        ({"image_id": "ami-01234567", "share_publicly": 1}, "'share_publicly' is 1, must be true or false"),
    ],
)
def test_bad_input_is_refused_and_changes_nothing(retiring: Retiring, event: Any, why: str) -> None:
    with pytest.raises(BadInput, match=why):
        undo_retirement(retiring.archive.retirer(), event, "undo-1")


def test_image_without_a_record_is_refused(retiring: Retiring) -> None:
    with pytest.raises(BadInput, match="has no archive record"):
        undo(retiring, "ami-0123456789abcdef0")


def test_hand_that_enables_an_image_restarts_its_grace_period_when_it_disables_it_again(retiring: Retiring) -> None:
    (image_id,) = retiring.disabled("web")
    retiring.ec2.enable_image(ImageId=image_id)
    retiring.night()
    assert (retiring.kept_because(image_id) or "").startswith("EnabledAgain: ")
    retiring.ec2.disable_image(ImageId=image_id)
    retiring.night()
    assert retiring.state(image_id) == "disabled"
    retiring.days(RULES.after_disabled_days)
    retiring.night()
    assert retiring.state(image_id) is None
