"""When an image was last launched from."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from .scenario import Cloud

DAY_SECONDS = 24 * 3600


def launch(ec2: Any, image_id: str) -> None:
    ec2.run_instances(ImageId=image_id, MinCount=1, MaxCount=1)


def last_launched(ec2: Any, image_id: str) -> str | None:
    """As both calls tell it that know of it."""
    (image,) = ec2.describe_images(ImageIds=[image_id])["Images"]
    attribute = ec2.describe_image_attribute(ImageId=image_id, Attribute="lastLaunchedTime")["LastLaunchedTime"]
    assert image.get("LastLaunchedTime") == attribute.get("Value")
    found: str | None = image.get("LastLaunchedTime")
    return found


def test_launch_is_told_a_day_later(cloud: Cloud, ec2: Any) -> None:
    image_id = cloud.add_image().image_id
    launch(ec2, image_id)

    cloud.clock.advance(DAY_SECONDS - 1)
    assert last_launched(ec2, image_id) is None
    cloud.clock.advance(1)
    assert last_launched(ec2, image_id) == "2026-01-01T02:00:00.000Z"


def test_newer_launch_does_not_hide_the_one_before(cloud: Cloud, ec2: Any) -> None:
    image_id = cloud.add_image(last_launched_time=datetime(2025, 5, 1, tzinfo=UTC)).image_id
    launch(ec2, image_id)
    cloud.clock.advance(DAY_SECONDS - 60)
    assert last_launched(ec2, image_id) == "2025-05-01T00:00:00.000Z"
    launch(ec2, image_id)

    cloud.clock.advance(60)
    assert last_launched(ec2, image_id) == "2026-01-01T02:00:00.000Z"
    cloud.clock.advance(DAY_SECONDS - 60)
    assert last_launched(ec2, image_id) == "2026-01-02T01:59:00.000Z"


def test_delay_can_be_set(make_cloud: Callable[..., Cloud]) -> None:
    cloud = make_cloud(last_launched_delay_seconds=0)
    image_id = cloud.add_image().image_id
    launch(cloud.client(), image_id)

    assert last_launched(cloud.client(), image_id) == "2026-01-01T02:00:00.000Z"
