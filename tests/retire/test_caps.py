"""How much goes in one run: a cap, beyond which the next run goes on, and a stop, beyond which nothing goes at all."""

from __future__ import annotations

import pytest

from ami_archiver.retire.steps.step import plan_retirement, retire_images
from ami_archiver.run_state import Next
from local_cloud.in_process import VirtualCloud
from tests.support.retirement import RULES, Retiring


def test_run_disables_no_more_images_than_its_cap_and_the_next_goes_on(retiring: Retiring) -> None:
    image_ids = retiring.due(*(f"i{number}" for number in range(5)))
    retiring.rules(max_images_per_run=2)
    for going in (2, 4, 5):
        retiring.night()
        assert sum(retiring.state(image_id) == "disabled" for image_id in image_ids) == going


def test_run_lets_go_no_more_than_its_cap_of_gib_but_at_least_one_image(retiring: Retiring) -> None:
    image_ids = retiring.due("one", "two", "three", gib=40)
    retiring.rules(max_gib_per_run=100)
    retiring.night()
    assert sum(retiring.state(image_id) == "disabled" for image_id in image_ids) == 2
    retiring.rules(max_gib_per_run=10)
    retiring.night()
    assert sum(retiring.state(image_id) == "disabled" for image_id in image_ids) == 3


def test_disabled_originals_go_before_others_are_disabled(retiring: Retiring) -> None:
    (first,) = retiring.due("first")
    retiring.night()
    second = retiring.archived("second")
    retiring.days(RULES.after_verified_days)
    retiring.rules(max_images_per_run=1)
    retiring.night()
    assert (retiring.state(first), retiring.state(second)) == (None, "available")


def test_image_that_is_kept_takes_no_place_in_the_cap(retiring: Retiring) -> None:
    held, free = retiring.due("held", "wanted")
    retiring.rules(max_images_per_run=1)
    retiring.ec2.create_tags(Resources=[held], Tags=[{"Key": "archiver:hold", "Value": ""}])
    retiring.night()
    assert (retiring.state(held), retiring.state(free)) == ("available", "disabled")


@pytest.mark.parametrize(("others", "goes"), [(8, False), (9, True)])
def test_more_than_the_allowed_share_of_the_account_s_images_stops_the_whole_plan(
    cloud: VirtualCloud, others: int, goes: bool
) -> None:
    retiring = Retiring(cloud, retire_stop_percent=10)
    (image_id,) = retiring.due("web")
    for number in range(others):
        retiring.archive.image(f"other-{number}", tags={})
    originals = retiring.night()
    if goes:
        assert (originals["stopped"], retiring.state(image_id)) == (None, "disabled")
        return
    assert originals["stopped"] == (
        "TooMany: 1 images would go in this run, more than 10 % of the account's 9; see whether that is meant; "
        "then raise account.retire_stop_percent, or lower the policies' max_images_per_run"
    )
    assert originals["done"]["kept"]["listed"][0]["reason"] == originals["stopped"]
    assert (retiring.state(image_id), retiring.power()) == ("available", [])


def test_plan_of_many_images_goes_on_in_the_next_invocation(retiring: Retiring) -> None:
    image_ids = retiring.due(*(f"i{number:02}" for number in range(12)))
    state = retiring.archive.select(retiring.archive.begin())
    while state.next != "retire":
        state, _ = retiring.archive.step(state)
    turns = 0
    while state.next != "report":
        if state.next in ("plan_more", "retire"):
            turns += 1
            turn = retire_images if state.retire == "act" else plan_retirement
            state, _ = turn(retiring.archive.retirer(), state, lambda: 30.0)
        else:
            state, _ = retiring.archive.step(state)
    assert turns > 12
    assert {retiring.state(image_id) for image_id in image_ids} == {"disabled"}
    assert len(retiring.power()) == len(image_ids)


def test_plan_that_is_made_twice_fills_the_cap_once_and_counts_every_image_once(retiring: Retiring) -> None:
    """The step died after its first page was written, and is run again."""
    image_ids = retiring.many_due([f"i{number:02}" for number in range(15)])
    retiring.rules(max_images_per_run=14)
    state = retiring.archive.go_to(retiring.archive.select(retiring.archive.begin()), Next.RETIRE)
    plan_retirement(retiring.archive.retirer(), state, lambda: 30.0)
    originals = retiring.archive.go_on(state)["retirement"]
    assert sum(retiring.state(image_id) == "disabled" for image_id in image_ids) == 14
    assert originals["done"]["disabled"]["images"] == 14


def test_images_within_their_grace_period_cost_no_call(retiring: Retiring) -> None:
    retiring.archived("web")
    retiring.days(RULES.after_verified_days - 2)
    before = len(retiring.cloud.calls)
    retiring.night()
    asked = {call.operation for call in retiring.cloud.calls.filter(service="ec2")[before:]}
    assert "DescribeImageReferences" not in asked


def test_dry_run_says_that_a_run_would_be_stopped(cloud: VirtualCloud) -> None:
    retiring = Retiring(cloud, retire_stop_percent=10)
    retiring.due("web")
    originals = retiring.night(dry_run=True)
    assert originals["would"]["disabled"]["images"] == 1
    assert originals["would_stop"].startswith(
        "TooMany: 1 images would go in this run, more than 10 % of the account's 1; "
    )
    assert originals["stopped"] is None
