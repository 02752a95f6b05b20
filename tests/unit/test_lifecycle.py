"""How a record moves: only along the diagram, and every move is in its history."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ami_archiver import lifecycle
from ami_archiver.failures import Failure
from ami_archiver.lifecycle import ALLOWED, IllegalMove
from ami_archiver.model import ArchiveRecord, Decision, Status
from tests.support.domain import NOW, record, stored_object, storing, verified

DIAGRAM = {
    (Status.SELECTED, Status.STORING),
    (Status.STORING, Status.STORED),
    (Status.STORED, Status.VERIFIED),
    (Status.SELECTED, Status.FAILED),
    (Status.STORING, Status.FAILED),
    (Status.STORED, Status.FAILED),
    (Status.FAILED, Status.SELECTED),
    (Status.VERIFIED, Status.DISABLED),
    (Status.DISABLED, Status.RETIRED),
}


@given(st.lists(st.sampled_from(Status), min_size=1, max_size=12))
def test_record_moves_only_along_the_diagram_and_remembers_every_move(wishes: list[Status]) -> None:
    one = record()
    for wish in wishes:
        before = one
        try:
            one = lifecycle.move(one, wish, Decision.DEFERRED, "why", at=NOW, run_id="run-2")
        except IllegalMove:
            assert (before.status, wish) not in DIAGRAM
            continue
        assert (before.status, wish) in DIAGRAM
        assert one.history[:-1] == before.history
        assert (one.history[-1].from_status, one.history[-1].to_status) == (before.status, wish)
        assert one.status is wish


def test_the_table_of_moves_is_the_diagram() -> None:
    moves = {(was, to) for was, targets in ALLOWED.items() for to in targets if was is not None}
    assert moves == DIAGRAM
    assert ALLOWED[None] == {Status.SELECTED}


def test_illegal_move_names_the_image_and_both_ends() -> None:
    with pytest.raises(IllegalMove, match=r"ami-00000000000000001: VERIFIED → STORING"):
        lifecycle.move(verified(), Status.STORING, Decision.DEFERRED, "why", at=NOW, run_id="run-2")


def test_move_keeps_reason_run_and_time() -> None:
    later = NOW + timedelta(hours=1)
    moved = lifecycle.move(record(), Status.STORING, Decision.DEFERRED, "go", at=later, run_id="run-2", object_key="k")
    assert (moved.reason, moved.run_id, moved.changed_at, moved.object_key) == ("go", "run-2", later, "k")
    last = moved.history[-1]
    assert (last.at, last.run_id, last.why) == (later, "run-2", "go")


def failed(one: ArchiveRecord, *, minutes: float = 10) -> ArchiveRecord:
    at = NOW + timedelta(minutes=minutes)
    return lifecycle.attempt_failed(
        one, Failure.STORE_FAILED, "EC2 says no", 1, at=at, run_id="run-1", task_started_at=at
    )


def test_later_run_selects_a_failed_image_anew_with_its_whole_history() -> None:
    before = failed(storing())
    again = lifecycle.select(record(), before)
    assert again.status is Status.SELECTED
    assert again.attempts == 0
    assert again.history[:-1] == before.history
    assert again.history[-1].from_status is Status.FAILED
    assert again.failed_task_started_at == before.failed_task_started_at


@pytest.mark.parametrize("before", [record(), storing(), verified()])
def test_image_on_its_way_or_archived_is_not_selected_again(before: ArchiveRecord) -> None:
    with pytest.raises(IllegalMove):
        lifecycle.select(record(), before)


def test_verified_record_has_both_moves_and_all_of_the_object() -> None:
    found = stored_object(version_id="v7", size_bytes=5, etag="e", checksum="SHA256:c")
    one = lifecycle.verify(storing(), found, "complete", at=NOW, run_id="run-1")
    assert [move.to_status for move in one.history[-2:]] == [Status.STORED, Status.VERIFIED]
    assert one.decision is Decision.STORED
    assert (one.object_version_id, one.object_bytes, one.object_etag, one.object_checksum) == (
        "v7",
        5,
        "e",
        "SHA256:c",
    )
    assert (one.attempts, one.verified_at) == (1, NOW)


def test_adopted_object_counts_no_attempt() -> None:
    assert lifecycle.verify(storing(), stored_object(), "adopted", at=NOW, run_id="run-1", tasks=0).attempts == 0


def test_failed_attempt_leaves_the_record_to_be_started_again_until_the_last() -> None:
    one = storing()
    for attempt in (1, 2):
        one = lifecycle.attempt_failed(one, Failure.STORE_FAILED, "EC2 says no", 3, at=NOW, run_id="run-1")
        assert (one.status, one.attempts) == (Status.STORING, attempt)
        assert one.reason == f"StoreFailed: attempt {attempt} of 3 failed: EC2 says no; it is tried again"
    one = lifecycle.attempt_failed(one, Failure.STORE_FAILED, "EC2 says no", 3, at=NOW, run_id="run-1")
    assert (one.status, one.decision, one.attempts) == (Status.FAILED, Decision.FAILED, 3)
    assert [move.why for move in one.history[-3:]] == [
        f"StoreFailed: attempt {n} of 3 failed: EC2 says no; {to_do}"
        for n, to_do in (
            (1, "it is tried again"),
            (2, "it is tried again"),
            (3, "look at the image and its snapshots in EC2; the next run tries again"),
        )
    ]


def test_store_was_requested_when_its_intention_was_written_not_when_an_attempt_failed() -> None:
    asked = NOW + timedelta(hours=3)
    one = lifecycle.attempt_failed(
        storing(at=asked), Failure.STORE_FAILED, "EC2 says no", 3, at=asked + timedelta(hours=1), run_id="run-1"
    )
    assert lifecycle.requested_at(one) == asked
    assert lifecycle.requested_at(record()) == NOW
