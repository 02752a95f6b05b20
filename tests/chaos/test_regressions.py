"""What the sweep, the interleavings and the histories have found, by name."""

from __future__ import annotations

from tests.chaos.evidence import collect
from tests.chaos.faults import ConnectionLost
from tests.chaos.interleavings import Interruption
from tests.chaos.invariants import breaches
from tests.chaos.scenarios import WEEKLY, oversize, two_policies
from tests.chaos.wire import Call
from tests.chaos.world import DAY_SECONDS, Theatre, World
from tests.support.archive import BUCKET, NIGHTLY

CHECK = "handlers.archive.store"


def last_call(world: World, service: str, operation: str) -> Call:
    return [c for c in world.wire.calls if (c.service, c.operation) == (service, operation)][-1]


def test_a_run_whose_giving_back_of_the_lease_was_sent_twice_ends_well(theatre: Theatre) -> None:
    with theatre.world(wait_min_seconds=900) as world:
        oversize(world)
        world.night()
        release = last_call(world, "dynamodb", "UpdateItem")
    with theatre.world(wait_min_seconds=900, disturbance=ConnectionLost(release.number)) as world:
        oversize(world)
        assert world.night().status == "SUCCEEDED"
        assert breaches(collect(world), at_rest=True) == []


def test_a_policy_that_joins_after_the_last_look_at_the_queue_is_not_left_lying(theatre: Theatre) -> None:
    with theatre.world(NIGHTLY, WEEKLY) as world:
        two_policies(world)
        world.night()
        report = last_call(world, "dynamodb", "GetItem")
    worlds: list[World] = []
    joining = Interruption(report.number, lambda: worlds[0].night("weekly"))
    with theatre.world(NIGHTLY, WEEKLY, disturbance=joining) as world:
        worlds.append(world)
        two_policies(world)
        assert world.night().output["joined_runs"]
        assert joining.hits == 1
        assert breaches(collect(world), at_rest=True) == []


def test_a_look_that_is_repeated_later_does_not_overwrite_what_the_first_one_found(theatre: Theatre) -> None:
    with theatre.world() as world:
        world.archive.image("first", gib=10)
        world.archive.image("second", gib=11)
        run = world.begin()
        while run.state_name != "Wait":
            world.step(run)
        world.cloud.advance(125)  # the first one takes 120 seconds, the second one 130
        world.invoke(CHECK, run.state_input)
        world.cloud.advance(10)
        world.step(run)
        assert world.go_on(run).output["decisions"]["stored"] == 2
        assert breaches(collect(world), at_rest=True) == []


def test_a_function_that_dies_is_tried_again(theatre: Theatre) -> None:
    steps = [s for s in theatre.definition["States"].values() if s.get("Resource", "").startswith("handlers.")]
    assert steps
    for step in steps:
        assert "Runtime.ExitError" in {name for rule in step["Retry"] for name in rule["ErrorEquals"]}


def test_an_image_that_somebody_stored_elsewhere_after_its_selection_is_not_reported_failed(theatre: Theatre) -> None:
    with theatre.world() as world:
        image_id = world.archive.image("late", gib=30)
        stopped = world.begin()
        while stopped.state_name != "StoreImages":
            world.step(stopped)
        where = (world.archive.account_id, world.archive.region)
        world.cloud.service.create_store_image_task(*where, image_id, f"{BUCKET}/by-hand", {})
        world.next_night()
        assert world.night().output["decisions"]["stored"] == 1
        assert world.archive.record(image_id).object_key == f"by-hand/{image_id}.bin"
        assert breaches(collect(world), at_rest=True) == []


def test_the_same_when_ec2_has_forgotten_who_stored_it(theatre: Theatre) -> None:
    with theatre.world() as world:
        image_id = world.archive.image("late", gib=30)
        stopped = world.begin()
        while stopped.state_name != "StoreImages":
            world.step(stopped)
        where = (world.archive.account_id, world.archive.region)
        world.cloud.service.create_store_image_task(*where, image_id, f"{BUCKET}/by-hand", {})
        world.cloud.advance(40 * DAY_SECONDS)
        world.night()
        assert world.archive.status(image_id) == "VERIFIED"
