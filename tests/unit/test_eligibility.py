"""What EC2 can store, and how large it is."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ami_archiver.eligibility import MAX_IMAGE_GIB, image_gib, snapshot_gib, why_not_storable
from ami_archiver.model import GIB, Snapshot, Volume
from tests.support.domain import ACCOUNT, image, snapshot

SNAPSHOTS = {"snap-1": snapshot()}


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"owner_id": "999999999999"}, "owned by account 999999999999; only this account's own images are archived"),
        ({"state": "pending"}, "state is pending, must be available"),
        ({"state": "failed"}, "state is failed, must be available"),
        (
            {"root_device_type": "instance-store"},
            "root device is instance-store, only EBS-backed images can be stored",
        ),
        ({"virtualization_type": "paravirtual"}, "virtualization is paravirtual, only hvm images can be stored"),
        ({"volumes": ()}, "has no EBS snapshot"),
        ({"volumes": (Volume("snap-2", 8),)}, "snapshot snap-2 is missing or not accessible"),
    ],
)
def test_image_that_ec2_would_refuse_is_ineligible_with_the_reason(fields: dict[str, Any], reason: str) -> None:
    assert why_not_storable(image(**fields), SNAPSHOTS, ACCOUNT) == reason


@pytest.mark.parametrize("state", ["available", "disabled"])
def test_available_and_disabled_images_can_be_stored(state: str) -> None:
    assert why_not_storable(image(state=state), SNAPSHOTS, ACCOUNT) is None


def test_unfinished_snapshot_makes_its_image_ineligible() -> None:
    reason = why_not_storable(image(), {"snap-1": snapshot(state="pending")}, ACCOUNT)
    assert reason == "snapshot snap-1 is pending, must be completed"


def test_image_of_exactly_the_largest_size_can_be_stored_and_a_larger_one_not() -> None:
    whole = {"snap-1": snapshot(volume_gib=MAX_IMAGE_GIB)}
    assert why_not_storable(image(), whole, ACCOUNT) is None
    larger = {"snap-1": snapshot(volume_gib=MAX_IMAGE_GIB + 1)}
    assert why_not_storable(image(), larger, ACCOUNT) == "5001 GiB, at most 5000 GiB can be stored"


def test_size_is_the_written_blocks_where_aws_tells_them() -> None:
    assert snapshot_gib(snapshot(written_bytes=3 * GIB)) == 3
    assert snapshot_gib(snapshot(written_bytes=None)) == 8


@given(st.integers(1, 5000 * GIB))
def test_size_in_thousandths_is_never_below_what_is_written(written: int) -> None:
    gib = snapshot_gib(Snapshot("snap-1", "completed", 5000, written_bytes=written))
    assert gib * GIB >= written * (1 - 1e-12)
    assert gib * GIB - written < 0.0011 * GIB


def test_size_of_an_image_is_the_sum_of_its_snapshots_with_unseen_ones_by_their_mapping() -> None:
    three = image(volumes=(Volume("snap-1", 100), Volume("snap-2", 5), Volume("snap-3", None)))
    assert image_gib(three, SNAPSHOTS) == 8 + 5 + 0
