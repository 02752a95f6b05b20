"""What the listing of the bucket answers without a call per image."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ami_archiver.inventory import Inventory, image_id_of
from ami_archiver.model import ListedObject
from tests.support.domain import IMAGE_ID, OBJECT_KEY, verified

AS_RECORDED = ListedObject(OBJECT_KEY, "v1", 1000, "e1")


@pytest.mark.parametrize(
    ("key", "image_id"),
    [
        ("ami-1.bin", "ami-1"),
        ("a/b/ami-1.bin", "ami-1"),
        ("ami-1", ""),
        ("ami-1.bin.txt", ""),
        ("ami-1.bin/", ""),
        ("ami-1/notes.bin", "notes"),
        ("", ""),
    ],
)
def test_object_is_the_images_by_the_name_that_ec2_gives_it(key: str, image_id: str) -> None:
    assert image_id_of(key) == image_id


@given(st.text(max_size=30), st.text("abcdef0123456789-", min_size=1, max_size=20))
def test_image_is_found_under_any_prefix(prefix: str, image_id: str) -> None:
    assert image_id_of(f"{prefix}/{image_id}.bin") == image_id


def test_recorded_object_is_there_as_recorded() -> None:
    inventory = Inventory([AS_RECORDED])
    assert inventory.has_image(IMAGE_ID)
    assert inventory.has_recorded(verified())


@pytest.mark.parametrize(
    "listed",
    [
        ListedObject("elsewhere/" + OBJECT_KEY, "v1", 1000, "e1"),
        ListedObject(OBJECT_KEY, "v2", 1000, "e1"),
        ListedObject(OBJECT_KEY, "v1", 1001, "e1"),
        ListedObject(OBJECT_KEY, "v1", 1000, "e2"),
    ],
)
def test_object_that_differs_in_anything_is_not_the_recorded_one(listed: ListedObject) -> None:
    inventory = Inventory([listed])
    assert inventory.has_image(IMAGE_ID)
    assert not inventory.has_recorded(verified())


def test_empty_bucket_has_nothing() -> None:
    assert not Inventory([]).has_image(IMAGE_ID)
    assert not Inventory([]).has_recorded(verified())
