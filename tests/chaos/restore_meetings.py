"""While images are restored: the step once more, another run, and people who lay hands on image, object and name."""

from __future__ import annotations

from tests.chaos.interleavings import Meeting, the_same_step
from tests.chaos.restore_evidence import RESTORE_ID
from tests.chaos.restore_scenarios import ROOMY, SETTINGS, key_of, run, stored
from tests.chaos.scenarios import HOUR, Act
from tests.chaos.world import World
from tests.support.archive import BUCKET, client, full_id

TWO = stored(("large", 350), ("small", 20))
ONE = stored(("small", 20))
UNDER_ANOTHER_NAME = "{name}"
"""A template: it would let the second of two equal runs make an image of another name, instead of ending with one."""


def after_two_hours(other: Act) -> Act:
    """The step under way hangs until its lease is stale; another run takes over, and then it wakes up."""

    def played(world: World) -> None:
        world.cloud.advance(2 * HOUR)
        other(world)

    return played


# People


def deregister_what_is_new(world: World) -> None:
    images = world.cloud.catalog.images(world.archive.region)
    for image_id in [one for one, image in images.items() if RESTORE_ID in image.tags]:
        world.deletable.add(image_id)
        world.touched.add(full_id("small"))
        world.cloud.catalog.remove_image(world.archive.region, image_id)


def delete_the_object(world: World) -> None:
    world.touched.add(full_id("small"))
    client(world.cloud, "s3").delete_object(Bucket=BUCKET, Key=key_of("small"))


def overwrite_the_object(world: World) -> None:
    world.touched.add(full_id("small"))
    client(world.cloud, "s3").put_object(Bucket=BUCKET, Key=key_of("small"), Body=b"something else")


def take_the_name(world: World) -> None:
    if all(image.name != "small" for image in world.cloud.catalog.images(world.archive.region).values()):
        world.touched.add(full_id("small"))
        world.archive.image("squatter", gib=1, name="small", tags={})


def _meeting(name: str, play: Act, other: Act, stage: Act = ONE) -> Meeting:
    return Meeting(f"restore-{name}", play, other, stage, settings=SETTINGS, engine=ROOMY)


SMALL = run("small")
TWICE = run("small", name=UNDER_ANOTHER_NAME)
RESTORE_MEETINGS = {
    meeting.name: meeting
    for meeting in (
        _meeting("step-twice", run("large", "small"), the_same_step, TWO),
        _meeting("two-runs", run("large"), SMALL, TWO),
        _meeting("one-image-twice", TWICE, TWICE),
        _meeting("taken-over", run("large"), after_two_hours(SMALL), TWO),
        _meeting("taken-over-by-its-like", TWICE, after_two_hours(TWICE)),
        _meeting("and-somebody-deregisters-the-new-image", SMALL, deregister_what_is_new),
        _meeting("and-somebody-deletes-the-object", SMALL, delete_the_object),
        _meeting("and-somebody-overwrites-the-object", SMALL, overwrite_the_object),
        _meeting("and-somebody-takes-the-name", SMALL, take_the_name),
    )
}
"""Each to be interleaved at every call of the steps that restore."""
