"""What can be stored, by AWS's guide, and the error for what cannot."""

from __future__ import annotations

from typing import Any

import pytest

from local_cloud.errors import AwsError
from local_cloud.model import BlockDevice
from tests.local_cloud.engine.world import ACCOUNT, BUCKET, OTHER_ACCOUNT, REGION, World


def refusal(world: World, image_id: str, bucket: str = BUCKET, **object_tags: str) -> str:
    """The error code with which a store is refused."""
    with pytest.raises(AwsError) as refused:
        world.service.create_store_image_task(ACCOUNT, REGION, image_id, bucket, object_tags)
    assert not world.service.store_image_tasks(ACCOUNT, REGION)
    return refused.value.code


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"root_device_type": "instance-store"}, "InvalidRequest"),
        ({"virtualization_type": "paravirtual"}, "InvalidRequest"),
        ({"state": "pending"}, "InvalidAMIID.Unavailable"),
        ({"state": "failed"}, "InvalidAMIID.Unavailable"),
    ],
)
def test_images_that_ec2_does_not_store_are_refused(fields: dict[str, Any], code: str) -> None:
    world = World()
    assert refusal(world, world.image(8, **fields).image_id) == code


def test_an_image_without_snapshots_is_refused() -> None:
    world = World()
    image = world.image(8)
    image.block_devices = (BlockDevice("/dev/sdb", virtual_name="ephemeral0"),)
    assert refusal(world, image.image_id) == "InvalidRequest"


def test_a_disabled_image_is_stored() -> None:
    world = World()
    world.store(world.image(8, state="disabled"))


def test_a_deregistered_image_is_unavailable_rather_than_unknown() -> None:
    world = World()
    image = world.image(8)
    world.catalog.remove_image(REGION, image.image_id)
    assert refusal(world, image.image_id) == "InvalidAMIID.Unavailable"


def test_an_image_of_another_region_is_not_found() -> None:
    world = World()
    image = world.image(8)
    world.objects.create_bucket("elsewhere", "eu-west-1")
    with pytest.raises(AwsError) as refused:
        world.service.create_store_image_task(ACCOUNT, "eu-west-1", image.image_id, "elsewhere", {})
    assert refused.value.code == "InvalidAMIID.NotFound"


def test_an_image_of_somebody_else_is_refused() -> None:
    world = World()
    assert refusal(world, world.image(8, owner_id=OTHER_ACCOUNT).image_id) == "AuthFailure"


@pytest.mark.parametrize("shared_with", [(), ("all",)])
def test_a_shared_image_whose_snapshot_is_not_shared_directly_is_refused(shared_with: tuple[str, ...]) -> None:
    world = World()
    image = world.image(8, owner_id=OTHER_ACCOUNT, launch_permissions=[{"UserId": ACCOUNT}])
    world.snapshot_of(image).shared_with = shared_with
    assert refusal(world, image.image_id) == "AuthFailure"


def test_an_image_with_a_missing_snapshot_is_refused() -> None:
    world = World()
    image = world.image(8)
    world.catalog.remove_snapshot(REGION, image.snapshot_ids[0])
    assert refusal(world, image.image_id) == "InvalidSnapshot.NotFound"


@pytest.mark.parametrize(("field", "value"), [("state", "pending"), ("state", "error"), ("storage_tier", "archive")])
def test_an_image_with_an_unreadable_snapshot_is_refused(field: str, value: str) -> None:
    world = World()
    image = world.image(8)
    setattr(world.snapshot_of(image), field, value)
    assert refusal(world, image.image_id) == "IncorrectState"


def test_a_bucket_has_to_be_there_and_accessible_and_in_the_region() -> None:
    world = World()
    image_id = world.image(8).image_id
    world.objects.create_bucket("theirs", REGION, account_id=OTHER_ACCOUNT)
    world.objects.create_bucket("far", "eu-west-1")
    assert refusal(world, image_id, "missing") == "NoSuchBucket"
    assert refusal(world, image_id, "theirs/path") == "NoSuchBucket"
    assert refusal(world, image_id, "far") == "InaccessibleStorageLocation"
    assert refusal(world, image_id, "") == "MissingParameter"
    assert refusal(world, image_id, "/path") == "MissingParameter"
    assert refusal(world, image_id, f"{BUCKET}/{'x' * 1024}") == "InvalidParameterValue"


def test_object_tags_at_their_bounds_are_accepted() -> None:
    world = World()
    image = world.image(8)
    world.store(image, **{"k" * 128: "v" * 256, "Grüße": "a b+c-d=e.f_g:h/i@j"})
