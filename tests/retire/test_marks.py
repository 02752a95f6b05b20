"""Who marks is not who deletes: nothing goes that the plan has not marked, and what stays bears no mark."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ami_archiver.model import Action
from ami_archiver.retire.reasons import HOLD_TAG, MARKS, Keep, marks_off
from ami_archiver.retire.steps.step import plan_retirement
from ami_archiver.run_state import Next
from local_cloud.in_process import VirtualCloud
from local_cloud.model import BlockDevice
from tests.retire.test_approval import ASKING, tags
from tests.retire.test_races import planned
from tests.retire.test_reasons_to_keep import ACTIONS, due, tag
from tests.retire.test_two_workers import meanwhile  # noqa: F401 - a fixture
from tests.support.retirement import RULES, Retiring


def marks(retiring: Retiring, image_id: str) -> tuple[dict[str, str], list[dict[str, str]]]:
    """Those of the image, and those of each of its snapshots that are there; without the one that a disabled image
    keeps."""
    snapshots = retiring.cloud.catalog.snapshots(retiring.archive.region)
    own, keys = tags(retiring, image_id), marks_off(disabled=retiring.state(image_id) == "disabled")
    return (
        {key: own[key] for key in keys if key in own},
        [
            {key: snapshots[one].tags[key] for key in keys if key in snapshots[one].tags}
            for one in retiring.snapshots(image_id)
        ],
    )


@pytest.mark.parametrize("approval", ["none", "explicit"])
def test_plan_marks_the_image_before_it_is_disabled_and_its_snapshots_too_before_they_are_deleted(
    cloud: VirtualCloud, approval: str
) -> None:
    retiring = Retiring(cloud)
    (image_id,) = retiring.disabled("web")
    retiring.rules(approval=approval)
    planned(retiring)
    mark = {"archiver:deregister": "nightly"}
    assert marks(retiring, image_id) == (mark, [mark])


def test_disabled_image_keeps_the_mark_by_which_undo_may_enable_it(retiring: Retiring) -> None:
    (image_id,) = retiring.due("web")
    planned(retiring)
    assert marks(retiring, image_id) == ({"archiver:disable": "nightly"}, [{}])
    retiring.days(1)
    retiring.night()
    assert (retiring.state(image_id), tags(retiring, image_id)["archiver:disable"]) == ("disabled", "nightly")
    retiring.days(RULES.after_disabled_days)
    tag(retiring, image_id, HOLD_TAG)
    retiring.night()
    assert (retiring.state(image_id), tags(retiring, image_id)["archiver:disable"]) == ("disabled", "nightly")


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("of", ["image", "snapshot"])
def test_mark_that_somebody_takes_off_keeps_the_original_until_the_next_plan(
    retiring: Retiring, action: str, of: str
) -> None:
    if (action, of) == ("disable", "snapshot"):
        pytest.skip("a snapshot needs no mark to have its image disabled")
    (image_id,) = due(retiring, ["web"], action)
    state = planned(retiring)
    resource = image_id if of == "image" else retiring.snapshots(image_id)[0]
    retiring.ec2.delete_tags(Resources=[resource], Tags=[{"Key": MARKS[Action(action)]}])
    with retiring.no_power_used():
        originals = retiring.archive.go_on(state)["retirement"]
    (line,) = originals["done"]["kept"]["listed"]
    assert line["reason"].startswith(f"{Keep.NOT_MARKED}: {of} {resource} has no tag archiver:{action}; ")
    assert marks(retiring, image_id) == ({}, [{}])
    retiring.night()
    assert retiring.state(image_id) == ("disabled" if action == "disable" else None)


@pytest.mark.parametrize("action", ACTIONS)
def test_original_that_cannot_be_marked_stays(retiring: Retiring, action: str) -> None:
    (image_id,) = due(retiring, ["web"], action)
    retiring.cloud.service.faults.deny("ec2:CreateTags")
    with retiring.no_power_used():
        originals = retiring.night()
    (line,) = originals["done"]["kept"]["listed"]
    assert line["reason"].startswith(f"{Keep.EC2_UNWILLING}: EC2 did not mark it: UnauthorizedOperation")
    assert (retiring.kept_because(image_id) or "").startswith(Keep.EC2_UNWILLING)


@pytest.mark.parametrize("when", ["planning", "acting"])
@pytest.mark.parametrize("action", ACTIONS)
def test_original_that_stays_loses_the_mark_of_an_older_night(retiring: Retiring, action: str, when: str) -> None:
    (image_id,) = due(retiring, ["web"], action)
    state = planned(retiring)  # by a run that dies, or goes on
    tag(retiring, image_id, HOLD_TAG)
    if when == "acting":
        retiring.archive.go_on(state)
    else:
        retiring.days(1)
        retiring.night()
    assert marks(retiring, image_id) == ({}, [{}])


def test_rejected_original_loses_its_mark(cloud: VirtualCloud) -> None:
    retiring = Retiring(cloud, ASKING)
    (image_id,) = retiring.due("web")
    state = retiring.archive.go_to(retiring.archive.select(retiring.archive.begin()), Next.AWAIT_APPROVAL)
    assert marks(retiring, image_id) == ({"archiver:disable": "nightly"}, [{}])
    retiring.archive.go_on(state)
    assert marks(retiring, image_id) == ({}, [{}])


def test_snapshot_that_another_image_uses_is_not_marked(retiring: Retiring) -> None:
    (image_id,) = retiring.disabled("web")
    device = BlockDevice("/dev/xvda", retiring.snapshots(image_id)[0], 10)
    retiring.archive.image("sibling", tags={}, block_devices=(device,))
    state = planned(retiring)
    assert marks(retiring, image_id) == ({"archiver:deregister": "nightly"}, [{}])
    retiring.archive.go_on(state)
    assert retiring.state(image_id) is None


def test_marked_snapshot_that_another_image_uses_in_the_last_moment_stays_and_loses_its_mark(
    retiring: Retiring,
    meanwhile: Callable[[Callable[[str], None]], None],  # noqa: F811 - the fixture
) -> None:
    (image_id,) = retiring.disabled("web")
    (snapshot_id,) = retiring.snapshots(image_id)
    device = BlockDevice("/dev/xvda", snapshot_id, 10)
    meanwhile(lambda _: retiring.archive.image("sibling", tags={}, block_devices=(device,)))
    retiring.night()
    assert retiring.state(image_id) is None
    assert retiring.cloud.catalog.snapshots(retiring.archive.region)[snapshot_id].tags == {}


def test_plan_that_is_made_twice_marks_once_more_and_ends_the_same(retiring: Retiring) -> None:
    (image_id,) = retiring.disabled("web")
    state = retiring.archive.go_to(retiring.archive.select(retiring.archive.begin()), Next.RETIRE)
    plan_retirement(retiring.archive.retirer(), state, lambda: 900.0)
    retiring.archive.go_on(state)
    assert (retiring.state(image_id), retiring.snapshots(image_id)) == (None, [])
