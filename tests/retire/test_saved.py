"""What retirement saved is known before the deletion, counted once, and a range where it cannot be known."""

from __future__ import annotations

from datetime import timedelta

import pytest

from local_cloud.model import GIB, BlockDevice
from tests.support.retirement import RULES, Retiring

VOLUME: dict[str, object] = {"volume_id": "vol-0123456789abcdef0"}


def test_snapshot_frees_only_the_blocks_that_no_other_of_its_volume_holds(retiring: Retiring) -> None:
    now = retiring.cloud.clock.now()
    retiring.archive.image("old", 40, snapshot=VOLUME, creation_date=now - timedelta(days=90))
    retiring.archive.image(
        "new", 42, snapshot=VOLUME | {"changed_bytes": 5 * GIB}, tags={}, creation_date=now - timedelta(days=80)
    )
    retiring.archive.night()
    retiring.days(RULES.after_verified_days)
    retiring.archive.night()
    retiring.days(RULES.after_disabled_days)
    region, snapshot_id = retiring.archive.region, "snap-6f6c6400000000000"
    truth = retiring.cloud.catalog.freed_bytes(region, [snapshot_id]) / GIB
    saved = retiring.night()["saved"]
    assert 0 < truth < 40
    assert saved["freed_gib"] == [pytest.approx(truth, abs=0.01)] * 2


def test_what_was_ever_launched_may_share_blocks_with_snapshots_that_cannot_be_seen(retiring: Retiring) -> None:
    launched = retiring.cloud.clock.now()
    retiring.disabled("web", gib=40, snapshot=VOLUME, last_launched_time=launched)
    assert retiring.night()["saved"]["freed_gib"] == [0, 40]


def test_snapshot_that_another_image_uses_frees_nothing(retiring: Retiring) -> None:
    (image_id,) = retiring.disabled("web", gib=40)
    (snapshot_id,) = retiring.snapshots(image_id)
    retiring.archive.image(
        "sibling", snapshot_id=snapshot_id, tags={}, block_devices=(BlockDevice("/dev/xvda", snapshot_id, 40),)
    )
    saved = retiring.night()["saved"]
    assert (saved["snapshot_gib"], saved["freed_gib"], saved["stored_dollars_once"]) == (0, [0, 0], 0.25)


def test_what_the_recycle_bin_keeps_is_in_the_run_s_summary_and_in_the_total(retiring: Retiring) -> None:
    retiring.rules(recycle_bin_days=15)
    retiring.disabled("web", gib=40, snapshot=VOLUME)
    originals, now = retiring.night(), retiring.cloud.clock.now()
    assert originals["saved"]["recycle_bin_dollars_once_at_most"] == 1.0
    assert originals["saved"]["saves_from"] == f"{now + timedelta(days=15):%Y-%m-%d}"
    assert originals["saved_total"]["recycle_bin_dollars_once_at_most"] == 1.0


def test_total_grows_with_every_run_and_repeats_in_each_summary(retiring: Retiring) -> None:
    retiring.disabled("one", gib=10)
    retiring.night()
    retiring.disabled("two", gib=30)
    originals = retiring.night()
    assert (originals["saved"]["snapshot_gib"], originals["saved_total"]["snapshot_gib"]) == (30, 40)
    assert retiring.night()["saved_total"]["images"] == 2
