"""Small nights, each with one difficulty. A play is deterministic: the same calls, in the same order, every time."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

from ami_archiver.adapters import ec2_images
from ami_archiver.policy import Policy
from ami_archiver.steps import store_images
from local_cloud.settings import ThroughputSettings
from tests.chaos.wire import Disturbance
from tests.chaos.world import Theatre, World
from tests.support.archive import BUCKET, NIGHTLY

HOUR = 3600
BRISK = ThroughputSettings(store_gib_per_second=1, restore_gib_per_second=1)
"""Few looks until a store or a restore ends, so that few of them are alike."""
WEEKLY = Policy(name="weekly", tags={"Archive": ("weekly",)})

Act = Callable[[World], None]


def one_night(world: World) -> None:
    world.night()


def two_nights(world: World) -> None:
    world.night()
    world.next_night()
    world.night()


@dataclass(frozen=True)
class Scenario:
    """What there is (`stage`), and what happens (`play`); afterwards nights follow until all is quiet."""

    name: str
    stage: Act
    play: Act = one_night
    policies: tuple[Policy, ...] = (NIGHTLY,)
    settings: Mapping[str, Any] = field(default_factory=lambda: {"wait_min_seconds": 240})
    engine: Mapping[str, Any] = field(default_factory=lambda: {"store_limit_gib": 1200})
    """EC2 takes more than the budget, so that it is the archiver who keeps it."""
    rest: Act = World.come_to_rest

    @contextlib.contextmanager
    def world(self, theatre: Theatre, disturbance: Disturbance | None = None) -> Iterator[World]:
        """The scene, set but not played."""
        engine = {"throughput": BRISK, **self.engine}
        with theatre.world(*self.policies, engine=engine, disturbance=disturbance, **self.settings) as world:
            yield world


def oversize(world: World) -> None:
    """An oversize image, and one that has to wait for it."""
    world.archive.image("big", gib=700)
    world.archive.image("small", gib=20)


def mixed_fleet(world: World) -> None:
    """What can be stored, what cannot, and what is left out."""
    archive = world.archive
    archive.image("one", gib=300)
    archive.image("two", gib=40, description="second")
    archive.image("shared", gib=0.5, launch_permissions=[{"UserId": "111122223333"}])
    archive.image("no-disk", block_devices=())
    archive.image("instance", root_device_type="instance-store")
    archive.image("para", virtualization_type="paravirtual")
    archive.image("other", tags={"Archive": "weekly"})
    gone = archive.image("gone", gib=5)
    world.cloud.service.faults.delete_snapshot(archive.region, gone.replace("ami-", "snap-"))


def more_than_the_budget(world: World) -> None:
    for number, gib in enumerate((450, 300, 250)):
        world.archive.image(f"{number}-of-many", gib=gib)


def foreign_tasks(world: World) -> None:
    """Somebody else fills the budget; EC2 refuses what the archiver thinks is allowed."""
    world.archive.occupy(100, 150)
    world.archive.image("first", gib=200)
    world.archive.image("second", gib=90)


def fails_once(world: World) -> None:
    world.archive.image("good", gib=30)
    world.cloud.service.faults.fail_store(world.archive.image("shaky", gib=60))


def always_fails(world: World) -> None:
    world.archive.image("good", gib=30)
    bad = world.archive.image("cursed", gib=60)
    world.cloud.service.faults.fail_store(bad, times=None)
    world.may_fail.add(bad)


def already_there(world: World) -> None:
    """Two were stored by hand, one of them is not finished when the run begins."""
    archive = world.archive
    archive.image("new", gib=30)
    for name, gib, wait in (("done", 20, 2 * HOUR), ("doing", 300, 60)):
        image_id = archive.image(name, gib=gib)
        world.cloud.service.create_store_image_task(
            archive.account_id, archive.region, image_id, f"{BUCKET}/by-hand", {}
        )
        world.cloud.advance(wait)


def two_policies(world: World) -> None:
    world.archive.image("daily", gib=80)
    world.archive.image("weekly-1", gib=90, tags={"Archive": "weekly"})
    world.archive.image("weekly-2", gib=40, tags={"Archive": "weekly"})


def one_joins_the_other(world: World) -> None:
    """The weekly run starts while the nightly one is at work."""
    nightly = world.begin()
    for _ in range(5):
        world.step(nightly)
    world.night("weekly")
    world.go_on(nightly)


def slow_fleet(world: World) -> None:
    """More than the window takes: each of them more than six minutes."""
    for number in range(2):
        world.archive.image(f"{number}-slow", gib=700)


def stopped_by_a_person(world: World) -> None:
    """The first execution is stopped when a store has begun; the next night finds its lease stale."""
    stopped = world.begin()
    for _ in range(8):
        world.step(stopped)
    world.next_night()
    world.night()


def stopped_and_started_again(world: World) -> None:
    """Another policy's run meets the one that was stopped a moment ago, and works itself."""
    stopped = world.begin()
    for _ in range(8):
        world.step(stopped)
    world.stop(stopped.execution)
    world.night("weekly")


def hung(world: World) -> None:
    """EC2 never ends one task, until it is mended the next day."""
    world.archive.image("lively", gib=30)
    world.cloud.service.faults.hang(world.archive.image("hung", gib=60))


def hung_until_the_next_day(world: World) -> None:
    world.night()
    world.next_night()
    world.cloud.service.faults.clear()
    world.night()


def handed_over(world: World) -> None:
    with patch.object(store_images, "HAND_OVER_LOOPS", 2):
        world.night()


def seven(world: World) -> None:
    for number in range(7):
        world.archive.image(f"{number}-of-seven", gib=10 + number)


def page_by_page(world: World) -> None:
    """The selection takes two pages, each in an invocation of its own."""
    world.seconds_left = 200
    with patch.object(ec2_images, "PAGE_SIZE", 5):
        world.night()
    world.seconds_left = 900


SMALL = Scenario("oversize", oversize, settings={"wait_min_seconds": 900})
SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        SMALL,
        Scenario("mixed-fleet", mixed_fleet, two_nights),
        Scenario("more-than-the-budget", more_than_the_budget),
        Scenario("foreign-tasks", foreign_tasks, engine={"store_limit_gib": 250}),
        Scenario("fails-once", fails_once),
        Scenario("always-fails", always_fails, policies=(Policy("nightly", {"Archive": ("true",)}, attempts=2),)),
        Scenario("already-there", already_there),
        Scenario("two-policies", two_policies, one_joins_the_other, policies=(NIGHTLY, WEEKLY)),
        Scenario("window", slow_fleet, policies=(Policy("nightly", {"Archive": ("true",)}, window_hours=0.1),)),
        Scenario("stale-lease", more_than_the_budget, stopped_by_a_person),
        Scenario("stopped", two_policies, stopped_and_started_again, policies=(NIGHTLY, WEEKLY)),
        Scenario("hung", hung, hung_until_the_next_day, settings={"run_limit_hours": 2, "wait_min_seconds": 900}),
        Scenario("hand-over", fails_once, handed_over),
        Scenario("pages", seven, page_by_page),
    )
}
