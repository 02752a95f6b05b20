"""A disabled original is taken back: enabled, shared as it was, and held until somebody says otherwise."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ami_archiver.errors import BadInput
from ami_archiver.retire.steps.undo import undo_retirement
from local_cloud.in_process import VirtualCloud
from tests.support.retirement import NIGHTLY, RULES, Retiring

OTHER = "444455556666"


def undo(retiring: Retiring, image_id: str) -> dict[str, Any]:
    return undo_retirement(retiring.archive.retirer(), {"image_id": image_id}, "undo-1")


def test_disabled_original_is_enabled_and_stays(retiring: Retiring) -> None:
    (image_id,) = retiring.disabled("web")
    assert undo(retiring, image_id) == {
        "image_id": image_id, "status": "DISABLED", "result": "enabled", "problems": []
    }  # fmt: skip
    retiring.days(400)
    with retiring.no_power_used():
        retiring.night()
    assert retiring.state(image_id) == "available"
    moves = retiring.archive.record(image_id).history
    assert any(move.run_id == "undo-1" and "enabled again by undo" in move.why for move in moves)


def test_launch_permissions_come_back_from_the_record(cloud: VirtualCloud) -> None:
    retiring = Retiring(cloud, replace(NIGHTLY, retire=replace(RULES, allow_shared=True)))
    image_id = retiring.archived("web")
    retiring.ec2.modify_image_attribute(ImageId=image_id, LaunchPermission={"Add": [{"UserId": OTHER}]})
    retiring.days(RULES.after_verified_days)
    retiring.night()
    assert retiring.state(image_id) == "disabled"
    undo(retiring, image_id)
    answer = retiring.ec2.describe_image_attribute(ImageId=image_id, Attribute="launchPermission")
    assert answer["LaunchPermissions"] == [{"UserId": OTHER}]


def test_retired_original_is_a_case_for_a_restore(retiring: Retiring) -> None:
    (image_id,) = retiring.disabled("web")
    retiring.night()
    assert undo(retiring, image_id)["result"] == "restore"


def test_available_original_has_nothing_to_undo(retiring: Retiring) -> None:
    (image_id,) = retiring.due("web")
    answer = undo(retiring, image_id)
    assert answer["result"] == "nothing"
    assert answer["problems"] == ["the image is available, and its record is VERIFIED"]


def test_undo_again_finds_it_done(retiring: Retiring) -> None:
    (image_id,) = retiring.disabled("web")
    undo(retiring, image_id)
    before = retiring.archive.record(image_id)
    assert undo(retiring, image_id)["result"] == "enabled"
    assert retiring.archive.record(image_id) == before


@pytest.mark.parametrize("event", [{}, [], {"image_id": 5}, {"image_id": "ami-x"}, {"image_id": "ami-0" * 4}])
def test_bad_input_is_refused_and_changes_nothing(retiring: Retiring, event: Any) -> None:
    with pytest.raises(BadInput, match="an undo takes an object like"):
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
