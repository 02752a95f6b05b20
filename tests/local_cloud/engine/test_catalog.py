"""The catalog's indexes follow what is added and removed."""

from __future__ import annotations

import pytest

from local_cloud.engine.catalog import Catalog
from tests.local_cloud.engine.world import ACCOUNT, OTHER_ACCOUNT, REGION, World


def test_regions_are_apart() -> None:
    world = World()
    image = world.image(8)
    assert list(world.catalog.images("eu-west-1")) == []
    world.catalog.remove_image(REGION, image.image_id)
    assert world.catalog.was_deregistered(REGION, image.image_id)
    assert not world.catalog.was_deregistered("eu-west-1", image.image_id)


def test_an_image_added_again_replaces_the_old_one() -> None:
    world = World()
    image = world.image(8, name="web")
    world.catalog.add_image(REGION, image)
    assert not world.catalog.was_deregistered(REGION, image.image_id)
    world.catalog.remove_image(REGION, image.image_id)
    assert not world.catalog.has_image_named(REGION, ACCOUNT, "web")


def test_two_images_of_one_name_from_an_export_are_both_counted() -> None:
    world = World()
    first, _ = world.image(8, name="web"), world.image(8, name="web")
    world.catalog.remove_image(REGION, first.image_id)
    assert world.catalog.has_image_named(REGION, ACCOUNT, "web")
    assert not world.catalog.has_image_named(REGION, OTHER_ACCOUNT, "web")


def test_removing_what_is_not_there_is_an_error() -> None:
    catalog = Catalog()
    with pytest.raises(KeyError):
        catalog.remove_image(REGION, "ami-01234567")
    with pytest.raises(KeyError):
        catalog.remove_snapshot(REGION, "snap-01234567")
