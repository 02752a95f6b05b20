"""Small nights in which originals go, each with one difficulty. Only what retires is disturbed: the rest of a night is
the other scenarios' part."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from unittest.mock import patch

from ami_archiver.adapters.ec2_originals import Ec2Originals
from ami_archiver.model import Refusal
from ami_archiver.policy import Policy, RetireRules
from ami_archiver.retire.model import Deregistered
from local_cloud.model import BlockDevice
from tests.chaos.scenarios import Act, Scenario
from tests.chaos.world import World
from tests.support.archive import full_id
from tests.support.state_machine import Killed, Running

HOLD = "archiver:hold"
RETIRING = ("handlers.retire.",)
YES = {"approved": True, "by": "arn:aws:iam::123456789012:user/ada"}
RULES = RetireRules(
    after_verified_days=0.5,
    after_disabled_days=0.5,
    keep_newest=0,
    not_launched_days=30,
    approval="none",
    notify_days=0.5,
)
POLICY = Policy("nightly", {"Archive": ("true",)}, original="retire", retire=RULES)
"""Grace periods of half a day: what is due goes in the next night."""
DISABLING = replace(POLICY, original="disable", retire=replace(RULES, allow_shared=True))
ANNOUNCING = replace(POLICY, original="disable", retire=replace(RULES, approval="notify"))
ASKING = replace(POLICY, original="disable", retire=replace(RULES, approval="explicit"))
SETTINGS: Mapping[str, Any] = {"wait_min_seconds": 240, "retire_stop_percent": 100}
OTHER = "444455556666"


def night(world: World) -> None:
    """A whole execution; a person says yes to whatever it asks."""
    go_on(world, world.begin())


def go_on(world: World, running: Running) -> None:
    going_on = True
    while going_on:
        if running.waiting is not None and not running.waiting.answered:
            world.answer(running, YES)
        going_on = world.step(running)


def quiet_nights(world: World, number: int) -> None:
    """Nights that nothing disturbs; afterwards it is the next evening."""
    world.undisturbed = True
    for _ in range(number):
        night(world)
        world.next_night()
    world.undisturbed = False
    world.disturbed = RETIRING


def come_to_rest(world: World) -> None:
    """Nights follow until every original that nobody holds is as its policy wants it, with all that belongs to it."""
    for _ in range(8):
        world.undisturbed = True
        world.next_night()
        night(world)
        if not world.witness.listed("") and all(
            _has_come_to_rest(world, image_id) for image_id in world.runs[0].images
        ):
            return


def _has_come_to_rest(world: World, image_id: str) -> bool:
    image = world.cloud.catalog.images(world.archive.region).get(image_id)
    (policy,) = world.archive.settings.policies
    gone = "RETIRED" if policy.original == "retire" else "DISABLED"
    return (image is not None and HOLD in image.tags) or world.archive.status(image_id) == gone


def web_and_held(world: World, **fields: Any) -> None:
    """One that nothing keeps, one that somebody holds."""
    world.archive.image("web", gib=3, **fields)
    world.archive.image("held", gib=2, tags={"Archive": "true", HOLD: "ada"})


def to_be_disabled(world: World) -> None:
    """The one is shared, which its policy does not mind."""
    web_and_held(world, launch_permissions=[{"UserId": OTHER}])
    quiet_nights(world, 1)


def to_be_deregistered(world: World) -> None:
    """One of its two snapshots is another image's as well."""
    base = full_id("base").replace("ami-", "snap-")
    world.archive.image("sibling", gib=1, tags={}, snapshot_id=base)
    own = BlockDevice("/dev/xvda", full_id("web").replace("ami-", "snap-"), 3)
    web_and_held(world, block_devices=(own, BlockDevice("/dev/xvdb", base, 1)))
    quiet_nights(world, 2)


def due(world: World) -> None:
    web_and_held(world)
    quiet_nights(world, 1)


def several(world: World) -> None:
    """Three that nothing keeps: what a run may let go is less only where a cap says so."""
    for number in range(3):
        world.archive.image(f"{number}-web", gib=3)
    quiet_nights(world, 1)


def to_be_left(world: World) -> None:
    """EC2 cannot delete the snapshot, neither with its image nor right afterwards."""
    world.archive.image("web", gib=3)
    quiet_nights(world, 2)
    faults = world.cloud.service.faults
    faults.fail_snapshot_deletion(full_id("web").replace("ami-", "snap-"))
    faults.deny("ec2:DeleteSnapshot", code="InternalFailureOfEbs", times=1)


def two_nights(world: World) -> None:
    night(world)
    world.next_night()
    night(world)


def crashed(world: World) -> None:
    """Last night's function died when EC2 had deregistered the image, and nobody went on with its execution."""
    world.archive.image("web", gib=3)
    quiet_nights(world, 2)
    world.undisturbed = True
    deregister = Ec2Originals.deregister

    def deregister_and_die(self: Ec2Originals, image_id: str) -> Deregistered | Refusal:
        deregister(self, image_id)
        raise Killed

    stopped = world.begin()
    with patch.object(Ec2Originals, "deregister", deregister_and_die):
        while stopped.state_name != "RetireImages" or stopped.state_input["retire"] != "act" or _waits(stopped):
            world.step(stopped)
        while full_id("web") in world.cloud.catalog.images(world.archive.region):
            with contextlib.suppress(Killed):
                stopped.state_input = world.invoke("handlers.retire.retire", stopped.state_input)
                world.cloud.advance(stopped.state_input["wait_seconds"])
    world.next_night()
    world.undisturbed = False


def _waits(running: Running) -> bool:
    return running.waiting is not None


def _scenario(name: str, stage: Act, policy: Policy = POLICY, play: Act = night) -> Scenario:
    return Scenario(f"retire-{name}", stage, play, policies=(policy,), settings=SETTINGS, rest=come_to_rest)


RETIREMENT = {
    scenario.name: scenario
    for scenario in (
        _scenario("disable", to_be_disabled, DISABLING),
        _scenario("deregister", to_be_deregistered),
        _scenario("announce", due, ANNOUNCING),
        _scenario("approve", due, ASKING),
        _scenario("snapshot-left", to_be_left, play=two_nights),
        _scenario("crash-between-nights", crashed),
    )
}
SEVERAL = _scenario("several", several)
"""For redeploys that lower the caps."""
