"""The configuration in force when EC2 is asked decides, whatever the plan or the approval was made under."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ami_archiver.policy import Policy
from ami_archiver.retire.reasons import Keep, marks_off
from ami_archiver.retire.steps.step import retire_images
from ami_archiver.run_state import Next, RetirePhase, RunState
from local_cloud.in_process import VirtualCloud
from tests.retire.test_approval import ASKING, SOMEBODY, tags
from tests.retire.test_races import planned
from tests.retire.test_reasons_to_keep import ACTIONS, due
from tests.support.retirement import NIGHTLY, RULES, Retiring


def deploy(retiring: Retiring, **changes: Any) -> None:
    (policy,) = retiring.archive.settings.policies
    retiring.archive.configure(policies=(replace(policy, **changes),))


def asked(retiring: Retiring) -> RunState:
    """A run that waits for a person's word, which then is yes."""
    retiring.archive.answer = {"approved": True, "by": SOMEBODY}
    return retiring.archive.go_to(retiring.archive.select(retiring.archive.begin()), Next.AWAIT_APPROVAL)


def kept_for(retiring: Retiring, originals: dict[str, Any], keep: Keep) -> None:
    """All stays, says why, and bears no mark any more."""
    reasons = [each["reason"] for each in originals["done"]["kept"]["listed"]]
    assert reasons
    assert all(reason.startswith(f"{keep}: ") for reason in reasons), reasons
    for each in originals["done"]["kept"]["listed"]:
        off = marks_off(disabled=retiring.state(each["image_id"]) == "disabled")
        assert not tags(retiring, each["image_id"]).keys() & off
        assert (retiring.kept_because(each["image_id"]) or "").startswith(f"{keep}: ")


LESS: list[dict[str, Any]] = [{"original": "keep"}, {"paused": True}]


@pytest.mark.parametrize("change", LESS, ids=str)
@pytest.mark.parametrize("action", ACTIONS)
def test_policy_that_lets_nothing_go_any_more_keeps_what_is_planned(
    retiring: Retiring, action: str, change: dict[str, Any]
) -> None:
    due(retiring, ["web"], action)
    state = planned(retiring)
    deploy(retiring, **change)
    with retiring.no_power_used():
        originals = retiring.archive.go_on(state)["retirement"]
    kept_for(retiring, originals, Keep.NOT_ALLOWED)


def test_approved_image_is_not_deregistered_once_the_policy_only_disables_and_the_next_run_is_its_first(
    cloud: VirtualCloud,
) -> None:
    retiring = Retiring(cloud, ASKING)
    retiring.archive.answer = {"approved": True, "by": SOMEBODY}
    (image_id,) = retiring.disabled("web")
    retiring.archive.answer = None
    (other,) = retiring.due("other")
    state = asked(retiring)
    deploy(retiring, original="disable")
    with retiring.no_power_used():
        originals = retiring.archive.go_on(state)["retirement"]
    assert {each["image_id"] for each in originals["done"]["kept"]["listed"]} == {image_id, other}
    kept_for(retiring, originals, Keep.NOT_ALLOWED)
    originals = retiring.night()
    assert (originals["first_runs"], originals["would"]["disabled"]["images"]) == (["nightly"], 1)
    assert retiring.state(other) == "available"


def test_policy_that_is_configured_no_more_keeps_what_is_planned(retiring: Retiring) -> None:
    retiring.due("web")
    state = planned(retiring)
    retiring.archive.configure(policies=(Policy("another", {"Other": ("*",)}, original="retire", retire=RULES),))
    with retiring.no_power_used():
        retiring.archive.go_on(state)


def test_plan_that_goes_on_under_another_setting_only_says_what_it_would_do(retiring: Retiring) -> None:
    retiring.due("web")
    state = retiring.archive.go_to(retiring.archive.select(retiring.archive.begin()), Next.RETIRE)
    state = replace(state, retiring={"nightly": "retire"}, retire_after="disable|")
    deploy(retiring, original="disable")
    with retiring.no_power_used():
        originals = retiring.archive.go_on(state)["retirement"]
    assert (originals["would"]["disabled"]["images"], originals["first_runs"]) == (1, [])
    first = retiring.archive.retirer().retirements.first_run("nightly")
    assert first is not None
    assert first.original == "retire"


@pytest.mark.parametrize(("rules", "goes"), [({"max_images_per_run": 2}, 2), ({"max_gib_per_run": 25}, 2)], ids=str)
def test_cap_that_is_lowered_after_the_plan_counts_what_the_run_has_done_already(
    retiring: Retiring, rules: dict[str, Any], goes: int
) -> None:
    images = retiring.due("one", "two", "three", "four")
    state = planned(retiring)
    retiring.rules(**rules)
    originals = retiring.archive.go_on(state)["retirement"]
    assert sum(retiring.state(image_id) == "disabled" for image_id in images) == goes
    kept_for(retiring, originals, Keep.CAP_REACHED)


@pytest.mark.parametrize("action", ACTIONS)
def test_share_that_is_lowered_after_the_plan_stops_all_of_it(retiring: Retiring, action: str) -> None:
    due(retiring, ["one", "two"], action)
    retiring.archive.image("other", tags={})
    state = planned(retiring)
    retiring.archive.configure(retire_stop_percent=10)
    with retiring.no_power_used():
        originals = retiring.archive.go_on(state)["retirement"]
    kept_for(retiring, originals, Keep.TOO_MANY)
    assert originals["stopped"] is not None


def test_images_that_the_run_has_deregistered_count_as_the_account_s(cloud: VirtualCloud) -> None:
    """Ten of a hundred may go; with five gone, ten of ninety-five are no more than were meant."""
    retiring = Retiring(cloud)
    images = retiring.disabled("one", "two")
    for number in range(18):
        retiring.archive.image(f"other-{number}", tags={})
    retiring.archive.configure(retire_stop_percent=10)
    state = planned(retiring)
    while sum(retiring.state(image_id) is None for image_id in images) != 1:
        state, _ = retiring.archive.step(state) if state.next != "retire" else one_turn(retiring, state)
    retiring.archive.go_on(state)
    assert [retiring.state(image_id) for image_id in images] == [None, None]


def one_turn(retiring: Retiring, state: RunState) -> tuple[RunState, Any]:
    return retire_images(retiring.archive.retirer(), state, lambda: 30.0)


def test_plan_becomes_a_question_where_the_policy_wants_a_person_s_word_by_now(retiring: Retiring) -> None:
    (image_id,) = retiring.due("web")
    state = planned(retiring)
    retiring.rules(approval="explicit", approval_hours=5)
    with retiring.no_power_used():
        state = retiring.archive.go_to(state, Next.AWAIT_APPROVAL)
    assert (state.awaiting_approval, state.approval_seconds) == (1, 5 * 3600)
    retiring.archive.answer = {"approved": True, "by": SOMEBODY}
    retiring.archive.go_on(state)
    assert retiring.state(image_id) == "disabled"


def test_run_waits_as_long_as_the_policies_say_whose_originals_wait(cloud: VirtualCloud) -> None:
    retiring = Retiring(cloud, ASKING)
    slow = Policy("slow", {"Slow": ("*",)}, original="retire", retire=replace(ASKING.retire, approval_hours=500))
    retiring.archive.configure(policies=(*retiring.archive.settings.policies, slow))
    retiring.due("web")
    assert asked(retiring).approval_seconds == 20 * 3600


def test_execution_that_began_before_originals_were_marked_lets_nothing_go(retiring: Retiring) -> None:
    """Its state machine has no PlanRetirement: it hands a plan that is not complete to RetireImages."""
    (image_id,) = retiring.due("web")
    state = replace(planned(retiring), retire=RetirePhase.PLAN, retiring={})
    before = retiring.archive.record(image_id)
    with retiring.no_power_used():
        state, _ = retire_images(retiring.archive.retirer(), state, lambda: 900.0)
    assert state.next is Next.REPORT
    assert retiring.archive.record(image_id) == before


def test_image_that_is_disabled_already_is_not_said_to_be_disabled(cloud: VirtualCloud) -> None:
    retiring = Retiring(cloud, NIGHTLY)
    (image_id,) = retiring.due("web")
    retiring.ec2.disable_image(ImageId=image_id)
    originals = retiring.night(dry_run=True)
    (line,) = originals["would"]["disabled"]["listed"]
    assert line["reason"].startswith("somebody has disabled it already: nothing is asked of EC2")
    with retiring.no_power_used():
        retiring.night()
    assert retiring.status(image_id) == "DISABLED"
