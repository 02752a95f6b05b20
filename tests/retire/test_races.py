"""What changes between the plan and the call, steps that die around a call, and two runs: nothing goes wrongly."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ami_archiver.model import Action
from ami_archiver.retire.steps.step import retire_images
from ami_archiver.run_state import Next, RetirePhase, RunState
from local_cloud.in_process import VirtualCloud
from tests.retire.test_reasons_to_keep import ACTIONS, CAUSES, POLICY, due, possible
from tests.support.retirement import Retiring


def planned(retiring: Retiring) -> RunState:
    """A run that has planned, and would act next."""
    state = retiring.archive.select(retiring.archive.begin())
    while state.retire is not RetirePhase.ACT:
        state, _ = retiring.archive.step(state)
    return state


REPORTED_LATE = "instance of another account"
"""An image that is shared, launched and unshared again within the minutes that EC2's usage report is old: while it is
shared, that keeps it, and who has launched it keeps his instance; docs/decisions.md says more."""


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("name", CAUSES)
def test_what_happens_between_plan_and_call_keeps_the_original(cloud: VirtualCloud, action: str, name: str) -> None:
    if not possible((name,), action) or name == REPORTED_LATE:
        pytest.skip("cannot happen, or cannot be seen then")
    retiring = Retiring(cloud, POLICY)
    (image_id,) = due(retiring, ["web"], action)
    state = planned(retiring)
    CAUSES[name].bring_about(retiring, image_id)
    with retiring.no_power_used():
        summary = retiring.archive.go_on(state)
    (line,) = summary["retirement"]["done"]["kept"]["listed"]
    assert line["reason"].startswith(f"{CAUSES[name].keep}: ")
    assert retiring.archive.record(image_id).retirement.intention is None


@pytest.mark.parametrize("action", ACTIONS)
def test_record_that_somebody_else_writes_between_intention_and_look_keeps_nothing_half_done(
    retiring: Retiring, action: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two workers act on the same plan: one of them asks EC2, the other sees that its record has changed."""
    (image_id,) = due(retiring, ["web"], action)
    state = planned(retiring)
    while state.next is Next.RETIRE and state.retire_looks == 0:
        state, _ = retiring.archive.step(state)
    first, second = retiring.archive.retirer(), retiring.archive.retirer()
    state = state.then(Next.RETIRE)
    retiring.cloud.advance(60)
    save = type(first.retirements).save

    def save_after_the_other(self: Any, before: Any, after: Any, **more: Any) -> bool:
        monkeypatch.setattr(type(first.retirements), "save", save)
        retire_images(second, state, lambda: 900.0)
        return save(self, before, after, **more)

    monkeypatch.setattr(type(first.retirements), "save", save_after_the_other)
    retire_images(first, state, lambda: 900.0)
    operation = "DisableImage" if action == "disable" else "DeregisterImage"
    assert [call for call in retiring.power() if call[0] == operation] == [(operation, image_id)]


class Died(BaseException):
    """The function is gone."""


def dying(ec2: Any, operation: str, *, after: bool) -> Callable[[], None]:
    """Let the client die before or after its next call of the operation; a function that ends this."""
    name = f"{'after' if after else 'before'}-call.ec2.{operation}"

    def die(**_: Any) -> None:
        raise Died

    ec2.meta.events.register(name, die)
    return lambda: ec2.meta.events.unregister(name, die)


def step_or_none(retiring: Retiring, state: RunState) -> RunState | None:
    """The state after a step; None: it died."""
    try:
        return retiring.archive.step(state)[0]
    except Died:
        return None


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("then", ["the step again", "the next night"])
def test_step_that_dies_around_its_call_ends_as_if_it_had_not(
    retiring: Retiring, action: str, after: bool, then: str
) -> None:
    (image_id,) = due(retiring, ["web"], action)
    state = planned(retiring)
    alive = dying(retiring.ec2, "DisableImage" if action == "disable" else "DeregisterImage", after=after)
    before = state
    while (after_it := step_or_none(retiring, before)) is not None:
        before = after_it
    alive()
    assert retiring.archive.record(image_id).retirement.intention == Action(action)
    if then == "the step again":
        retiring.archive.go_on(before)
    else:
        retiring.days(1)
        retiring.night()
    if action == "disable":
        assert (retiring.status(image_id), retiring.state(image_id)) == ("DISABLED", "disabled")
    else:
        assert (retiring.status(image_id), retiring.state(image_id)) == ("RETIRED", None)
        assert retiring.snapshots(image_id) == []
        (end,) = retiring.archive.record(image_id).retirement.snapshots.values()
        assert end.startswith("deleted")
        assert list(retiring.archive.retirer().retirements.left_snapshots()) == []
        assert retiring.archive.retirer().retirements.total_saved().images == 1


@pytest.mark.parametrize("action", ACTIONS)
def test_call_that_the_role_may_not_make_for_one_image_stops_no_other(retiring: Retiring, action: str) -> None:
    """As when the hold tag is set in the last moment: the role's own policy refuses such an image."""
    image_ids = due(retiring, ["one", "two"], action)
    operation = "DisableImage" if action == "disable" else "DeregisterImage"
    retiring.cloud.service.faults.deny(f"ec2:{operation}", times=1)
    originals = retiring.night()
    (kept,) = originals["done"]["kept"]["listed"]
    assert kept["reason"].startswith(f"Ec2Unwilling: EC2 did not {action} it: UnauthorizedOperation")
    gone = "disabled" if action == "disable" else None
    assert [retiring.state(i) == gone for i in image_ids].count(True) == 1
    assert (retiring.kept_because(kept["image_id"]) or "").startswith("Ec2Unwilling: ")
