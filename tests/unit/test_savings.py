"""What retirement saved: blocks that are freed against objects that are paid for instead, in dated prices."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ami_archiver.model import GIB, ArchiveRecord, Retirement
from ami_archiver.policy import RetireRules
from ami_archiver.prices import EBS_DIRECT_READ_GIB, EBS_SNAPSHOT, PRICED_ON, S3_STORAGE
from ami_archiver.retire.model import Saved, saved_as_json, saved_by
from ami_archiver.settings import Settings
from tests.support.domain import ACCOUNT, KEY_ARN, policy, verified


def settings(**fields: Any) -> Settings:
    return Settings("table", "bucket", KEY_ARN, "topic", ACCOUNT, (policy(**fields),))


def retired(object_gib: float = 60) -> ArchiveRecord:
    figures = Retirement(snapshot_gib=100, freed_at_least_gib=30, freed_at_most_gib=80)
    return replace(verified(), snapshot_gib=100, object_bytes=round(object_gib * GIB), retirement=figures)


@pytest.mark.parametrize("storage_class", [None, *S3_STORAGE])
def test_object_costs_what_its_policy_s_storage_class_costs(storage_class: str | None) -> None:
    saved = saved_by(retired(), settings(storage_class=storage_class))
    price = S3_STORAGE[storage_class or "STANDARD"].gib_month
    assert saved.object_dollars_month == pytest.approx(60 * price)


def test_record_of_a_policy_that_is_no_more_costs_what_s3_standard_costs() -> None:
    saved = saved_by(retired(), settings(name="another", storage_class="DEEP_ARCHIVE"))
    assert saved.object_dollars_month == pytest.approx(60 * S3_STORAGE["STANDARD"].gib_month)


def test_what_is_freed_is_what_was_computed_before_the_deletion() -> None:
    saved = saved_by(retired(), settings())
    assert (saved.images, saved.snapshot_gib, saved.object_gib) == (1, 100, 60)
    assert (saved.freed_at_least_gib, saved.freed_at_most_gib) == (30, 80)


def test_what_storing_cost_counts_the_snapshots_that_stay_as_well() -> None:
    saved = saved_by(replace(retired(), snapshot_gib=130), settings())
    assert saved.stored_gib == 130
    assert saved_as_json(saved)["stored_dollars_once"] == round(130 * EBS_DIRECT_READ_GIB, 2)


def test_savings_are_snapshots_before_less_objects_after() -> None:
    figures = saved_as_json(saved_by(retired(), settings(storage_class="GLACIER_IR")))
    before = [round(gib * EBS_SNAPSHOT.gib_month, 2) for gib in (30, 80)]
    after = round(60 * S3_STORAGE["GLACIER_IR"].gib_month, 2)
    assert figures["snapshots_dollars_month"] == before == [1.5, 4.0]
    assert figures["objects_dollars_month"] == after == 0.24
    assert figures["saved_dollars_month"] == [1.26, 3.76]
    assert figures["freed_gib"] == [30, 80]
    assert figures["prices_of"] == PRICED_ON.isoformat()


def test_requests_cost_no_more_than_the_parts_that_s3_takes_of_an_upload() -> None:
    assert saved_as_json(Saved(images=100))["requests_dollars_once_at_most"] == pytest.approx(
        100 * 10_000 * 5 / 1e6, rel=0.01
    )


def test_sums_of_images_add_up_field_by_field() -> None:
    one, two = Saved(1, 2, 3, 4, 5, 6, 7, 8), Saved(10, 20, 30, 40, 50, 60, 70, 80)
    assert one.plus(two) == Saved(11, 22, 33, 44, 55, 66, 77, 88)
    assert Saved().plus(one) == one


@pytest.mark.parametrize(("days", "dollars"), [(None, 0), (30, 4.0), (15, 2.0)])
def test_what_the_recycle_bin_keeps_is_paid_for_once_more(days: int | None, dollars: float) -> None:
    rules = RetireRules(recycle_bin_days=days)
    figures = saved_as_json(saved_by(retired(), settings(retire=rules)), saves_from="2026-02-01")
    assert (figures["recycle_bin_dollars_once_at_most"], figures["saves_from"]) == (dollars, "2026-02-01")
