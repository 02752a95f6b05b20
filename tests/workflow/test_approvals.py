"""Approvals by the real workflow: what waits for a person, by the template's own states and the real handlers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.chaos.world import Theatre, World
from tests.support.archive import NIGHTLY
from tests.support.retirement import RULES
from tests.support.state_machine import Execution, Running, TaskTimedOut

ASKING = replace(
    NIGHTLY,
    original="retire",
    retire=replace(RULES, after_verified_days=0, approval="explicit", approval_hours=20),
)
ADA = {"approved": True, "by": "arn:aws:iam::123456789012:user/ada"}


def asking(world: World) -> tuple[str, Running]:
    """An image that is archived, and a run that asks whether it may go."""
    image_id = world.archive.image("web")
    assert world.night().status == "SUCCEEDED"
    running = world.begin()
    while running.waiting is None:
        assert world.step(running), running.execution
    return image_id, running


def originals(execution: Execution) -> dict[str, Any]:
    assert execution.status == "SUCCEEDED", (execution.error, execution.cause)
    told: dict[str, Any] = execution.output["retirement"]["done"]
    return {decision: entry["images"] for decision, entry in told.items() if entry["images"]}


def world_of(theatre: Theatre) -> Any:
    return theatre.world(ASKING, retire_stop_percent=100)


def test_a_run_is_reported_waits_and_is_reported_again_with_what_became_of_the_approved(theatre: Theatre) -> None:
    with world_of(theatre) as world:
        image_id, running = asking(world)
        assert world.archive.status(image_id) == "VERIFIED"
        assert world.archive.app.leases.read().holder is None, "nobody else is held up"
        before = world.cloud.clock.seconds()
        world.answer(running, ADA)
        told = originals(world.go_on(running))
        assert (world.archive.status(image_id), told) == ("DISABLED", {"disabled": 1})
        assert world.cloud.clock.seconds() - before < 3600


def test_what_is_rejected_stays_and_says_by_whom(theatre: Theatre) -> None:
    with world_of(theatre) as world:
        image_id, running = asking(world)
        world.answer(running, ADA | {"approved": False, "why": "audit"})
        assert originals(world.go_on(running)) == {"kept": 1}
        assert f"{ADA['by']} rejected it: audit" in str(world.archive.record(image_id).retirement.kept_because)


def test_without_an_answer_everything_stays_once_the_time_is_over(theatre: Theatre) -> None:
    with world_of(theatre) as world:
        image_id, running = asking(world)
        before = world.cloud.clock.seconds()
        assert originals(world.go_on(running)) == {"kept": 1}
        assert world.cloud.clock.seconds() - before >= 20 * 3600
        assert "nobody has approved it in time" in str(world.archive.record(image_id).retirement.kept_because)
        with pytest.raises(TaskTimedOut):
            world.answer(running, ADA)


@pytest.mark.parametrize("answer", ["yes", None, ["approved"], 1])
def test_an_answer_that_is_no_object_lets_nothing_go(theatre: Theatre, answer: Any) -> None:
    with world_of(theatre) as world:
        image_id, running = asking(world)
        world.answer(running, answer)
        world.go_on(running)
        assert world.archive.status(image_id) == "VERIFIED"


@pytest.mark.parametrize("approved", ["true", 1, None, "no"])
def test_only_true_is_an_approval(theatre: Theatre, approved: Any) -> None:
    with world_of(theatre) as world:
        image_id, running = asking(world)
        world.answer(running, ADA | {"approved": approved})
        assert originals(world.go_on(running)) == {"kept": 1}
        assert world.archive.status(image_id) == "VERIFIED"
