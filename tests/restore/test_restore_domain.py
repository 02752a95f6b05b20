"""The pure part of a restore: moves, names, thaws, items."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ami_archiver.adapters.table_restores import restore_item, restore_key, restore_of
from ami_archiver.errors import BadRecord
from ami_archiver.lifecycle import IllegalMove
from ami_archiver.restore import lifecycle, naming, planning
from ami_archiver.restore.model import RestoreFailure, RestoreOptions, RestoreRecord, RestoreStatus
from ami_archiver.restore.tags import tags_of

NOW = datetime(2026, 1, 1, 2, tzinfo=UTC)
ORDER = ["PLANNED", "THAWING", "RESTORING", "RESTORED"]


def record(status: RestoreStatus = RestoreStatus.PLANNED) -> RestoreRecord:
    planned = RestoreRecord(
        restore_id="20260101T020000-restore-12345678.000001",
        run_id="20260101T020000-restore-12345678",
        status=RestoreStatus.PLANNED,
        reason="planned",
        object_key="nightly/ami-1.bin",
        source_image_id="ami-1",
        name="web",
        gib=10.5,
        gib_known=True,
        planned_at=NOW,
        changed_at=NOW,
        options=RestoreOptions(
            name="{name}", tags={"a": "b"}, thaw_days=3, share_with=("111122223333",), share_publicly=True
        ),
        differences=("a new image id",),
    )
    return replace(lifecycle.begin(planned), status=status)


@given(st.lists(st.sampled_from(RestoreStatus), max_size=8))
def test_status_only_moves_forward_and_every_move_is_in_the_history(steps: list[RestoreStatus]) -> None:
    current = record()
    for number, to in enumerate(steps):
        at = NOW + timedelta(seconds=number)
        try:
            after = lifecycle.move(current, to, "because", at=at)
        except IllegalMove:
            assert to not in lifecycle.ALLOWED[current.status]
            continue
        assert current.status not in lifecycle.ENDED
        if to in ORDER:
            assert ORDER.index(to) > ORDER.index(current.status)
        assert after.history[:-1] == current.history
        assert (after.history[-1].from_status, after.history[-1].to_status) == (current.status, to)
        current = after


def test_a_refused_call_fails_the_restore_at_the_last_attempt() -> None:
    once = lifecycle.call_refused(record(RestoreStatus.RESTORING), RestoreFailure.RESTORE_REFUSED, "no", 2, at=NOW)
    assert (once.status, once.reason) == (
        "RESTORING",
        "RestoreRefused: attempt 1 of 2 failed: no; it is tried again",
    )
    assert lifecycle.call_refused(once, RestoreFailure.RESTORE_REFUSED, "no", 2, at=NOW).status == "FAILED"


@given(
    st.text("abcXYZ019 ()[]./-'@_", min_size=1, max_size=200),
    st.sampled_from(["{name}", "{name}-{date}", "x-{image_id}", "{name}{name}", "fixed"]),
    st.sets(st.integers(0, 18)),
)
def test_free_names_differ_and_fit(name: str, template: str, taken: set[int]) -> None:
    offered = list(naming.candidates(template, name, "ami-0123456789abcdef0", NOW))
    assert len(set(offered)) == len(offered) == naming.SUFFIXES
    assert all(len(one) <= naming.LONGEST for one in offered)
    unavailable = {offered[index] for index in taken}
    assert naming.free(iter(offered), unavailable) not in unavailable


def test_number_behind_the_longest_name_takes_its_place_in_it() -> None:
    offered = list(naming.numbered("w" * naming.LONGEST))
    assert {len(one) for one in offered} == {naming.LONGEST}
    assert offered[-1].endswith(f"w-{naming.SUFFIXES}")


def test_without_a_template_there_is_one_name() -> None:
    assert list(naming.candidates(None, "web", "ami-1", NOW)) == ["web"]
    assert naming.free(iter(["web"]), {"web"}) is None


@pytest.mark.parametrize(("frozen_class", "tier"), planning.DOCUMENTED_SECONDS)
def test_a_thaw_is_looked_at_first_when_it_can_be_done_and_then_a_few_times(frozen_class: str, tier: str) -> None:
    earliest, latest = planning.DOCUMENTED_SECONDS[frozen_class, tier]
    looks, now = 0, NOW
    while now < NOW + timedelta(seconds=latest):
        now = planning.look_at(frozen_class, tier, NOW, now, 30)
        looks += 1
        assert now >= NOW + timedelta(seconds=earliest)
    assert looks <= planning.LOOKS + 1
    assert not planning.overdue(frozen_class, tier, NOW, max(now, NOW + timedelta(seconds=latest + 3600)))
    assert planning.overdue(frozen_class, tier, NOW, now + timedelta(days=2))


def test_a_record_comes_back_from_its_item_as_it_was() -> None:
    whole = replace(
        record(),
        object_version_id="v1",
        thaw_asked_at=NOW,
        requested_at=NOW,
        restored_image_id="ami-2",
        attempts=1,
        takes_over="20260101T010000-restore-12345678.000000",
        reported_by="20260101T030000-restore-12345678",
    )
    item = restore_key(whole.restore_id) | restore_item(whole)
    assert restore_of(item) == whole
    assert "status" not in item, "the index by_status is for archive records"
    with pytest.raises(BadRecord, match="gib is 'ten'"):
        restore_of(item | {"gib": "ten"})
    with pytest.raises(BadRecord, match="deploy the newer version"):
        restore_of(item | {"schema": 99})


@pytest.mark.parametrize(
    ("name", "valid"),
    [("web", True), ("we", False), ("w" * 128, True), ("w" * 129, False), ("wäb", False), ("web*", False)],
)
def test_names_that_ec2_takes_have_3_to_128_of_its_characters(name: str, valid: bool) -> None:
    assert naming.valid(name) is valid


def test_tag_has_the_end_of_a_key_that_is_longer_than_a_tags_value() -> None:
    long = replace(record(), object_key=f"{'p' * 300}/ami-1.bin")
    tag = tags_of(long, NOW)["archiver:object-key"]
    assert (len(tag), tag.endswith("/ami-1.bin")) == (256, True)
