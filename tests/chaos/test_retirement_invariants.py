"""Every invariant of retirement can fail, and whoever watches the calls notices each thing that is wrong at one."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from datetime import timedelta
from typing import Any

import pytest

from tests.chaos import retirement_invariants as invariants
from tests.chaos import wire
from tests.chaos.evidence import Evidence
from tests.chaos.retirement_scenarios import ANNOUNCING, ASKING, HOLD, OTHER, POLICY, SETTINGS, quiet_nights
from tests.chaos.test_invariants import RUN, a_good_night
from tests.chaos.world import Theatre, World
from tests.support.archive import BUCKET, TABLE, client, full_id

SNAPSHOT = "snap-1"


def a_retired_image() -> Evidence:
    """Deregistered by the archiver, one snapshot deleted, another one of another image as well."""
    seen = a_good_night()
    seen.images.clear()
    seen.records["ami-1"] |= {"status": "RETIRED", "decision": "retired", "retirement": {"snapshot_gib": 3}}
    seen.taken["ami-1"] = (SNAPSHOT, "snap-2")
    seen.snapshots["snap-2"] = {"ami-2"}
    seen.saved = {"images": 1, "snapshot_gib": 3}
    seen.planned[RUN] = {"ami-1"}
    seen.acted[RUN]["ami-1"] = {"i": "ami-1", "p": "nightly", "d": "retired", "r": "deregistered"}
    return seen


def accused(seen: Evidence) -> None:
    seen.testimony.append("DisableImage was accepted: ami-1 is kept by: hold")


def object_deleted(seen: Evidence) -> None:
    seen.calls.append(wire.Call(1, "s3", "DeleteObject", 1))


def vanished(seen: Evidence) -> None:
    seen.taken.clear()


def record_left_behind(seen: Evidence) -> None:
    seen.records["ami-1"]["status"] = "DISABLED"


def retired_and_there(seen: Evidence) -> None:
    seen.images.add("ami-1")


def snapshot_forgotten(seen: Evidence) -> None:
    seen.snapshots[SNAPSHOT] = set()


def counted_twice(seen: Evidence) -> None:
    seen.saved["images"] = 2


def gib_not_counted(seen: Evidence) -> None:
    seen.saved["snapshot_gib"] = 2.5


def not_decided(seen: Evidence) -> None:
    seen.acted[RUN].clear()


def said_without_a_reason(seen: Evidence) -> None:
    seen.acted[RUN]["ami-1"]["r"] = ""


def said_and_not_done(seen: Evidence) -> None:
    seen.records["ami-1"]["status"] = "DISABLED"


def still_intended(seen: Evidence) -> None:
    seen.records["ami-1"]["retirement"]["intention"] = "deregister"


BREACHES = [
    (invariants.nothing_is_retired_on_faith, accused),
    (invariants.nothing_is_retired_on_faith, object_deleted),
    (invariants.nothing_is_retired_on_faith, vanished),
    (invariants.what_was_deregistered_is_retired_or_about_to_be, record_left_behind),
    (invariants.what_was_deregistered_is_retired_or_about_to_be, retired_and_there),
    (invariants.no_snapshot_is_forgotten, snapshot_forgotten),
    (invariants.every_retired_image_is_counted_once, counted_twice),
    (invariants.every_retired_image_is_counted_once, gib_not_counted),
    (invariants.everything_planned_has_a_decision, not_decided),
    (invariants.everything_planned_has_a_decision, said_without_a_reason),
    (invariants.everything_planned_has_a_decision, said_and_not_done),
    (invariants.no_intention_is_left, still_intended),
]


@pytest.mark.parametrize(("invariant", "harm"), BREACHES, ids=lambda value: value.__name__)
def test_an_invariant_notices(invariant: Callable[[Evidence], Any], harm: Callable[[Evidence], None]) -> None:
    seen = a_retired_image()
    assert list(invariant(seen)) == []
    harm(seen)
    assert list(invariant(seen)) != []


def test_every_invariant_has_a_breach() -> None:
    assert {invariant for invariant, _ in BREACHES} == {*invariants.ALWAYS, *invariants.AT_REST}


def test_snapshot_on_the_list_is_not_forgotten() -> None:
    seen = a_retired_image()
    snapshot_forgotten(seen)
    seen.left_snapshots.add(("ami-1", SNAPSHOT))
    assert list(invariants.no_snapshot_is_forgotten(seen)) == []


# Who watches the calls

IMAGE = full_id("web")


def write(world: World, **told: Any) -> None:
    """Bring the image's record to something, as if the archiver had written an intention with it."""
    status = told.pop("status", "VERIFIED")
    key = {"pk": {"S": f"IMAGE#{IMAGE}"}, "sk": {"S": "RECORD"}}
    world.cloud_client("dynamodb").update_item(
        TableName=TABLE,
        Key=key,
        UpdateExpression="SET #s = :s, retirement = :told, history = list_append(history, :moves)",
        ExpressionAttributeNames={"#s": "status"},
        ExpressionAttributeValues={
            ":s": {"S": status},
            ":told": {"M": {"intention": {"S": "disable"}} | {key: {"S": value} for key, value in told.items()}},
            ":moves": {"L": [{"M": {"why": {"S": "it is about to be asked for"}, "run_id": {"S": "run"}}}]},
        },
    )


def ago(world: World, days: float) -> str:
    return (world.cloud.clock.now() - timedelta(days=days)).isoformat()


def hold(world: World) -> None:
    world.cloud.catalog.images(world.archive.region)[IMAGE].tags[HOLD] = "ada"


def untag(world: World) -> None:
    world.cloud.catalog.images(world.archive.region)[IMAGE].tags.pop("Archive")


def share(world: World) -> None:
    world.cloud.catalog.images(world.archive.region)[IMAGE].launch_permissions.append({"UserId": OTHER})


def protect(world: World) -> None:
    world.cloud.catalog.images(world.archive.region)[IMAGE].deregistration_protection = "enabled-without-cooldown"


def launch(world: World) -> None:
    client(world.cloud, "ec2").run_instances(ImageId=IMAGE, MinCount=1, MaxCount=1, InstanceType="t3.micro")


def lock(world: World) -> None:
    world.cloud.catalog.snapshots(world.archive.region)[IMAGE.replace("ami-", "snap-")].locked = True


def lose_the_object(world: World) -> None:
    key = world.object_of(IMAGE)
    client(world.cloud, "s3").delete_object(Bucket=BUCKET, Key=key)


def use_in_a_recipe(world: World) -> None:
    world.cloud.catalog.add_recipe("arn:aws:imagebuilder:us-east-1:123456789012:image-recipe/web/1.0.0", IMAGE)


def unmark(world: World) -> None:
    world.cloud.catalog.images(world.archive.region)[IMAGE].tags.pop("archiver:disable")


KEEPING = (hold, untag, share, protect, launch, lock, lose_the_object, use_in_a_recipe, unmark)


def breaches_of(world: World, operation: str = "disable_image") -> list[str]:
    getattr(world.cloud_client("ec2"), operation)(ImageId=IMAGE)
    return world.witness.breaches


@pytest.fixture
def archived(theatre: Theatre) -> Any:
    """A world with one image that may be disabled now."""
    with theatre.world(POLICY, **SETTINGS) as world:
        world.archive.image("web", gib=3)
        quiet_nights(world, 1)
        world.cloud.catalog.images(world.archive.region)[IMAGE].tags["archiver:disable"] = "nightly"
        yield world


def test_call_is_accepted_in_silence_where_nothing_keeps_the_image(archived: World) -> None:
    write(archived)
    assert breaches_of(archived) == []


@pytest.mark.parametrize("keep", KEEPING, ids=lambda keep: keep.__name__)
def test_whatever_keeps_the_image_is_noticed(archived: World, keep: Callable[[World], None]) -> None:
    keep(archived)
    write(archived)
    assert breaches_of(archived) != []


@pytest.mark.parametrize("keep", KEEPING, ids=lambda keep: keep.__name__)
def test_what_came_after_the_intention_counts_for_nobody(archived: World, keep: Callable[[World], None]) -> None:
    write(archived)
    keep(archived)
    assert breaches_of(archived) == []


def test_call_without_an_intention_is_noticed(archived: World) -> None:
    assert breaches_of(archived) != []


def test_call_for_a_record_of_another_status_is_noticed(archived: World) -> None:
    write(archived, status="STORED")
    assert breaches_of(archived) != []


def test_call_within_the_grace_period_is_noticed(archived: World) -> None:
    write(archived, status="DISABLED", intention="deregister", disabled_at=ago(archived, 0.4))
    archived.cloud.catalog.images(archived.archive.region)[IMAGE].state = "disabled"
    assert "grace period" in str(breaches_of(archived, "deregister_image"))


def test_deregistering_with_snapshots_that_are_not_noted_is_noticed(archived: World) -> None:
    write(archived, status="DISABLED", intention="deregister", disabled_at=ago(archived, 2))
    archived.cloud.catalog.images(archived.archive.region)[IMAGE].state = "disabled"
    found = breaches_of(archived, "deregister_image")
    assert [True for breach in found if "nobody has noted" in breach] == [True]


def test_deregistering_of_what_is_not_marked_is_noticed(archived: World) -> None:
    write(archived, status="DISABLED", intention="deregister", disabled_at=ago(archived, 2))
    archived.cloud.catalog.images(archived.archive.region)[IMAGE].state = "disabled"
    found = str(breaches_of(archived, "deregister_image"))
    assert "kept by: not marked" in found
    assert f"kept by: {IMAGE.replace('ami-', 'snap-')} is not marked" in found


def test_snapshot_that_nobody_noted_is_noticed_when_it_is_deleted(archived: World) -> None:
    archived.archive.deregister(IMAGE)
    archived.cloud_client("ec2").delete_snapshot(SnapshotId=IMAGE.replace("ami-", "snap-"))
    assert "not on the list" in str(archived.witness.breaches)
    assert "is not marked" in str(archived.witness.breaches)


def test_call_that_nobody_has_announced_or_approved_is_noticed(theatre: Theatre) -> None:
    for policy, told in ((ANNOUNCING, "announced"), (ASKING, "approved by nobody")):
        with theatre.world(policy, **SETTINGS) as world:
            world.archive.image("web", gib=3)
            quiet_nights(world, 1)
            write(world)
            assert told in str(breaches_of(world))


def test_launch_permissions_that_are_dropped_unrecorded_are_noticed(theatre: Theatre) -> None:
    with theatre.world(deepcopy(POLICY), **SETTINGS) as world:
        world.archive.image("web", gib=3)
        quiet_nights(world, 1)
        share(world)
        write(world)
        assert any("recorded is []" in breach for breach in breaches_of(world))
