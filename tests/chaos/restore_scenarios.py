"""Small restores, each with one difficulty. Only what restores is disturbed: the night before is others' part."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from unittest.mock import patch

from ami_archiver.restore.steps import restore_images
from tests.chaos.restore_evidence import foreign_restore
from tests.chaos.scenarios import HOUR, Act, Scenario
from tests.chaos.world import World
from tests.restore.test_thaw import freeze
from tests.support.archive import client, full_id

OTHER = "444455556666"
PARAMETER = "/golden/web"
RESTORING = ("handlers.restore.",)
SETTINGS: Mapping[str, Any] = {"wait_min_seconds": 600, "parameter_prefixes": ("/golden/",)}
ROOMY: Mapping[str, Any] = {"restore_limit_gib": 600}
"""EC2 takes more than the budget, so that it is the archiver who keeps it."""
TRIES = 3


def key_of(name: str) -> str:
    return f"nightly/{full_id(name)}.bin"


def run(*names: str, **given: Any) -> Act:
    """One run that asks for these images."""

    def played(world: World) -> None:
        world.restore(image_ids=[full_id(name) for name in names], **given)

    return played


def come_to_rest(world: World) -> None:
    """After a run that died a person grants what was denied and starts it again, as long as one is half done.

    What EC2 was asked for in vain is given up by a run that comes later than `run_limit_hours`.
    """
    world.undisturbed = True
    for tried in range(TRIES):
        given, execution = world.restore_runs[-1].given, world.restore_runs[-1].execution.last
        if execution.status == "SUCCEEDED" and not _denied(execution.output) and not _open(world):
            return
        if _open(world):  # a dry run would finish nothing
            given = given | {"dry_run": False}
        world.cloud.advance((2 if tried == 0 else 1 + world.archive.settings.run_limit_hours) * HOUR)
        world.restore(**given)


def _denied(summary: dict[str, Any]) -> bool:
    lines = [*summary.get("failed", []), *summary.get("refused", [])]
    return any(line["reason"].startswith("AccessDenied: ") for line in lines)


def _open(world: World) -> bool:
    lease = world.archive.item("LEASE", "RESTORE") or {}
    return "holder" in lease or bool(lease.get("in_flight"))


# Stages


def stored(*images: tuple[str, float], lost: bool = True) -> Act:
    """These images, by name and GiB, are archived and nowhere else."""

    def staged(world: World) -> None:
        world.disturbed = RESTORING
        for name, gib in images:
            world.restores.stored(name, gib, name=name, lost=lost)

    return staged


def web(world: World) -> None:
    """Archived by a night with all that a record can know; then the original is lost."""
    world.disturbed, world.undisturbed = RESTORING, True
    image_id = world.archive.image("web", 3, name="web", launch_permissions=[{"UserId": OTHER}])
    parameter = {"Name": PARAMETER, "Value": image_id, "Type": "String", "DataType": "aws:ec2:image"}
    client(world.cloud, "ssm").put_parameter(**parameter)
    world.parameters.add(PARAMETER)
    world.night()
    world.deletable.add(image_id)
    world.restores.lose("web")
    world.undisturbed = False


def without_a_record(world: World) -> None:
    """An object of somebody else's, whose image is still there: so its name is taken."""
    world.disturbed = RESTORING
    world.restores.stored("web", 3, name="web", record=False, lost=False)


def cold(world: World) -> None:
    stored(("cold", 5))(world)
    freeze(world.restores, "cold", "DEEP_ARCHIVE")


def beside_others(world: World) -> None:
    """Somebody else restores, more than the whole budget of ours."""
    stored(("first", 20), ("second", 10))(world)
    world.restores.stored("theirs", 350, name="theirs", record=False)
    foreign_restore(world, key_of("theirs"), "theirs-restored")


def refused_by_ec2(world: World) -> None:
    """EC2's limit is lower than the archiver thinks, and somebody else has reached it."""
    stored(("first", 20), ("second", 10))(world)
    world.restores.stored("theirs", 150, name="theirs", record=False)
    foreign_restore(world, key_of("theirs"), "theirs-restored")


def one_fails(world: World) -> None:
    stored(("good", 20), ("bad", 30))(world)
    world.may_fail.add(full_id("bad"))
    world.cloud.service.faults.fail_restore(key_of("bad"), times=None)


def handed_over(world: World) -> None:
    with patch.object(restore_images, "HAND_OVER_LOOPS", 2):
        run("first", "second")(world)


def by_key(world: World) -> None:
    world.restore(object_keys=[key_of("web")], name="{name}", allow_unencrypted=True)


def _scenario(name: str, stage: Act, play: Act, engine: Mapping[str, Any] = ROOMY) -> Scenario:
    return Scenario(f"restore-{name}", stage, play, settings=SETTINGS, engine=engine, rest=come_to_rest)


WITH_ALL = run("web", share_with=[OTHER], point_ssm_parameters=True, tags={"Reason": "audit"})
ONE = _scenario("one", web, WITH_ALL)
RESTORES = {
    scenario.name: scenario
    for scenario in (
        ONE,
        _scenario("by-key", without_a_record, by_key),
        _scenario("thaws", cold, run("cold")),
        _scenario("more-than-the-budget", stored(("large", 350), ("other", 310)), run("large", "other")),
        _scenario("foreign", beside_others, run("first", "second")),
        _scenario("refused", refused_by_ec2, run("first", "second"), engine={"restore_limit_gib": 100}),
        _scenario("fails", one_fails, run("good", "bad")),
        _scenario("dry-run", stored(("first", 20), ("second", 10)), run("first", "second", dry_run=True)),
        _scenario("hand-over", stored(("first", 350), ("second", 310)), handed_over),
    )
}
