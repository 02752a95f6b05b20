"""While originals go: another run that lets them go too, and people who want them after all, at every call."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from botocore.exceptions import ClientError

from ami_archiver.policy import Policy
from tests.chaos.interleavings import STALE, Meeting
from tests.chaos.retirement_scenarios import (
    ASKING,
    HOLD,
    OTHER,
    POLICY,
    SETTINGS,
    come_to_rest,
    due,
    go_on,
    night,
    quiet_nights,
    to_be_deregistered,
    web_and_held,
)
from tests.chaos.scenarios import HOUR, Act
from tests.chaos.world import World
from tests.support.archive import BUCKET, client, full_id

WEB = full_id("web")


def then_rest(play: Act) -> Act:
    def played(world: World) -> None:
        play(world)
        come_to_rest(world)

    return played


def then_two_nights(world: World) -> None:
    """Whoever wanted the original has it, or came too late."""
    night(world)
    world.next_night()
    quiet_nights(world, 2)


def after_two_hours(world: World) -> None:
    """The step under way hangs until its lease is stale; another run takes over, and then it wakes up."""
    world.cloud.advance(2 * HOUR)
    night(world)


def asked(world: World) -> None:
    """A run that waits for a person's word, until the next night has come."""
    web_and_held(world)
    quiet_nights(world, 1)
    world.undisturbed = True
    world.waiting = world.begin()
    while world.waiting.waiting is None:
        world.step(world.waiting)
    world.cloud.advance(18 * HOUR)
    world.undisturbed = False


def the_approved_run(world: World) -> None:
    assert world.waiting is not None
    go_on(world, world.waiting)


def the_next_night(world: World) -> None:
    night(world)


# People


def _image(act: Callable[[World], object]) -> Act:
    """What somebody does to the image, if it is still there and EC2 lets him."""

    def played(world: World) -> None:
        if WEB in world.cloud.catalog.images(world.archive.region):
            with contextlib.suppress(ClientError):
                act(world)

    return played


def hold(world: World) -> None:
    client(world.cloud, "ec2").create_tags(Resources=[WEB], Tags=[{"Key": HOLD, "Value": "ada"}])


def share(world: World) -> None:
    client(world.cloud, "ec2").modify_image_attribute(ImageId=WEB, LaunchPermission={"Add": [{"UserId": OTHER}]})


def launch(world: World) -> None:
    client(world.cloud, "ec2").run_instances(ImageId=WEB, MinCount=1, MaxCount=1, InstanceType="t3.micro")


def enable(world: World) -> None:
    client(world.cloud, "ec2").enable_image(ImageId=WEB)


def use_in_a_template(world: World) -> None:
    client(world.cloud, "ec2").create_launch_template(LaunchTemplateName="web", LaunchTemplateData={"ImageId": WEB})


def lose_the_object(world: World) -> None:
    world.touched.add(WEB)
    client(world.cloud, "s3").delete_object(Bucket=BUCKET, Key=world.archive.record(WEB).object_key)


def deregister(world: World) -> None:
    world.deletable.add(WEB)
    world.touched.add(WEB)
    world.archive.deregister(WEB)


def _meeting(
    name: str,
    stage: Act,
    play: Act,
    other: Act,
    policy: Policy = POLICY,
    errors: frozenset[str] = frozenset(),
) -> Meeting:
    return Meeting(f"retire-{name}", play, other, stage, policies=(policy,), settings=SETTINGS, errors=errors)


RETIREMENT_MEETINGS = {
    meeting.name: meeting
    for meeting in (
        _meeting("taken-over", to_be_deregistered, then_rest(night), after_two_hours, errors=STALE),
        _meeting("approved-and-the-next-night", asked, then_rest(the_approved_run), the_next_night, ASKING),
        *(
            _meeting(f"{before}-and-somebody-{what}", stage, then_two_nights, _image(act))
            for before, stage, acts in (
                (
                    "disable",
                    due,
                    {"holds": hold, "shares": share, "launches": launch, "loses-the-object": lose_the_object},
                ),
                (
                    "deregister",
                    to_be_deregistered,
                    {
                        "holds": hold,
                        "enables": enable,
                        "uses-it-in-a-template": use_in_a_template,
                        "loses-the-object": lose_the_object,
                        "deregisters": deregister,
                    },
                ),
            )
            for what, act in acts.items()
        ),
    )
}
"""Each to be interleaved at every call of the steps that retire."""
