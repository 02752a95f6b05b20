"""When EC2 throttles, the archiver must not make it worse."""

from __future__ import annotations

from collections.abc import Callable

from botocore.awsrequest import AWSResponse

from tests.chaos.faults import THROTTLE, refusal
from tests.chaos.wire import Call, Disturbance
from tests.chaos.world import Theatre

IMAGES = 30


class EverySecond(Disturbance):
    """EC2 refuses every second request; counts all that are sent."""

    def __init__(self, *, throttling: bool) -> None:
        self._throttling = throttling
        self.sent = 0
        self.sent_to_ec2 = 0

    def answer(self, call: Call, attempt: int, send: Callable[[], AWSResponse]) -> AWSResponse:
        self.sent += 1
        self.sent_to_ec2 += call.service == "ec2"
        if self._throttling and call.service == "ec2" and self.sent_to_ec2 % 2:
            return refusal(call, *THROTTLE["ec2"])
        return send()


def test_a_night_of_30_images_ends_with_less_than_three_times_the_calls_when_ec2_throttles_every_second_one(
    theatre: Theatre,
) -> None:
    calm, storm = _night(theatre, throttling=False), _night(theatre, throttling=True)
    assert storm.sent < 3 * calm.sent
    assert storm.sent_to_ec2 < 3 * calm.sent_to_ec2


def _night(theatre: Theatre, *, throttling: bool) -> EverySecond:
    requests = EverySecond(throttling=throttling)
    with theatre.world(disturbance=requests, wait_max_seconds=900) as world:
        for number in range(IMAGES):
            world.archive.image(f"{number:03}", gib=30)
        assert world.night().output["decisions"]["stored"] == IMAGES
    return requests
