"""Objects move to the class of a lifecycle rule as simulated days pass."""

from __future__ import annotations

from typing import Any

import pytest

from local_cloud.clock import Calendar, RealClock
from local_cloud.in_process import VirtualCloud
from local_cloud.s3.lifecycle import applies

DAY = 24 * 3600
BUCKET = "archive-bucket"


@pytest.fixture
def s3(virtual_cloud: VirtualCloud) -> Any:
    s3 = virtual_cloud.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    return s3


def rule(days: int, storage_class: str, status: str = "Enabled", **rule_filter: Any) -> dict[str, Any]:
    return {
        "ID": f"{storage_class}-{days}",
        "Status": status,
        "Filter": rule_filter or {"Prefix": ""},
        "Transitions": [{"Days": days, "StorageClass": storage_class}],
    }


def set_rules(s3: Any, *rules: dict[str, Any]) -> None:
    s3.put_bucket_lifecycle_configuration(Bucket=BUCKET, LifecycleConfiguration={"Rules": list(rules)})


def storage_class(s3: Any, key: str = "a.bin", **version: str) -> str:
    return str(s3.head_object(Bucket=BUCKET, Key=key, **version).get("StorageClass", "STANDARD"))


def test_object_moves_at_the_midnight_after_its_days(s3: Any, virtual_cloud: VirtualCloud) -> None:
    set_rules(s3, rule(1, "GLACIER"))
    s3.put_object(Bucket=BUCKET, Key="a.bin", Body=b"x")  # 2026-01-01 02:00; a day later is rounded up to the 3rd
    virtual_cloud.advance(DAY + 21 * 3600)
    assert storage_class(s3) == "STANDARD"
    virtual_cloud.advance(3600)
    assert storage_class(s3) == "GLACIER"


def test_object_moves_on_to_colder_classes_and_never_back(s3: Any, virtual_cloud: VirtualCloud) -> None:
    set_rules(s3, rule(30, "GLACIER_IR"), rule(120, "DEEP_ARCHIVE"))
    s3.put_object(Bucket=BUCKET, Key="a.bin", Body=b"x")
    s3.put_object(Bucket=BUCKET, Key="cold.bin", Body=b"x", StorageClass="GLACIER")
    virtual_cloud.advance(32 * DAY)
    assert (storage_class(s3), storage_class(s3, "cold.bin")) == ("GLACIER_IR", "GLACIER")
    virtual_cloud.advance(90 * DAY)
    assert (storage_class(s3), storage_class(s3, "cold.bin")) == ("DEEP_ARCHIVE", "DEEP_ARCHIVE")


def test_rule_takes_what_its_filter_says(s3: Any, virtual_cloud: VirtualCloud) -> None:
    both = {"And": {"Prefix": "nightly/", "Tags": [{"Key": "keep", "Value": "cold"}], "ObjectSizeGreaterThan": 2}}
    set_rules(s3, rule(1, "GLACIER", **both), rule(1, "DEEP_ARCHIVE", status="Disabled"))
    for key, tagging, body in [
        ("nightly/a", "keep=cold", b"long"),
        ("nightly/b", "keep=warm", b"long"),
        ("nightly/c", "keep=cold", b"."),
        ("weekly/d", "keep=cold", b"long"),
    ]:
        s3.put_object(Bucket=BUCKET, Key=key, Body=body, Tagging=tagging)
    virtual_cloud.advance(3 * DAY)
    listed = {o["Key"]: o["StorageClass"] for o in s3.list_objects_v2(Bucket=BUCKET)["Contents"]}
    assert listed == {
        "nightly/a": "GLACIER", "nightly/b": "STANDARD", "nightly/c": "STANDARD", "weekly/d": "STANDARD",
    }  # fmt: skip


def test_version_shows_the_class_of_its_object(s3: Any, virtual_cloud: VirtualCloud) -> None:
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    set_rules(s3, rule(1, "GLACIER"))
    version = s3.put_object(Bucket=BUCKET, Key="a.bin", Body=b"x")["VersionId"]
    virtual_cloud.advance(3 * DAY)
    assert storage_class(s3, VersionId=version) == "GLACIER"


@pytest.mark.parametrize(
    ("rule_filter", "taken"),
    [
        ({}, True),
        ({"Prefix": "a/"}, True),
        ({"Prefix": "b/"}, False),
        ({"Tag": {"Key": "k", "Value": "v"}}, True),
        ({"Tag": {"Key": "k", "Value": "w"}}, False),
        ({"ObjectSizeGreaterThan": 9}, True),
        ({"ObjectSizeGreaterThan": 10}, False),
        ({"ObjectSizeLessThan": 10}, False),
        ({"And": {"Prefix": "a/", "Tags": [{"Key": "k", "Value": "v"}, {"Key": "l", "Value": "m"}]}}, False),
    ],
)
def test_filter(rule_filter: dict[str, Any], taken: bool) -> None:
    assert applies(rule_filter, "a/x.bin", 10, {"k": "v"}) is taken


def test_calendar_of_a_sped_up_clock_keeps_the_simulated_days() -> None:
    clock = RealClock(speed=86_400)
    calendar = Calendar(clock)
    assert calendar.seconds_at(clock.at(5_000_000)) == pytest.approx(5_000_000, abs=1)
    midnight = calendar.next_midnight(5_000_000)
    assert 0 < midnight - 5_000_000 <= DAY
    assert calendar.next_midnight(midnight) == pytest.approx(midnight + DAY)
