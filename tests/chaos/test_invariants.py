"""Every invariant can fail: a small piece of evidence against each."""

from __future__ import annotations

from copy import deepcopy
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from local_cloud.calls import Call
from tests.chaos import invariants, restore_invariants, retirement_invariants
from tests.chaos.evidence import Evidence
from tests.chaos.world import Run
from tests.support.state_machine import Execution

NOW = datetime(2026, 1, 1, tzinfo=UTC)
RUN = "20260101T020000-nightly-1"


def move(before: str | None, after: str) -> dict[str, Any]:
    return {"from": before, "to": after, "at": "2026-01-01", "run_id": RUN, "why": "so"}


PATH = [move(None, "SELECTED"), move("SELECTED", "STORING"), move("STORING", "STORED"), move("STORED", "VERIFIED")]


def a_good_night() -> Evidence:
    """One image, archived and reported."""
    seen = Evidence(images={"ami-1"}, lease={"runs": {}})
    seen.records["ami-1"] = {
        "status": "VERIFIED",
        "decision": "stored",
        "reason": "object nightly/ami-1.bin verified",
        "attempts": 1,
        "object_key": "nightly/ami-1.bin",
        "object_version_id": "v1",
        "object_bytes": 64,
        "object_etag": "e",
        "history": deepcopy(PATH),
    }
    seen.tasks["ami-1"] = [SimpleNamespace(state="Completed")]  # type: ignore[list-item]  # all that is looked at
    seen.objects["ami-1"] = [{"key": "nightly/ami-1.bin", "version": "v1", "bytes": 64, "etag": "e", "current": True}]
    seen.stores = [Call(NOW, 0, "f", "ec2", "CreateStoreImageTask", 200, None, 599)]
    seen.selected[RUN]["ami-1"] = {"i": "ami-1", "p": "nightly", "d": "deferred", "r": "waits"}
    seen.ended[RUN]["ami-1"] = {"i": "ami-1", "p": "nightly", "d": "stored", "r": "verified"}
    summary = {"run_id": RUN, "policy": "nightly", "outcome": "worked", "decisions": {"stored": 1}}
    seen.summaries[RUN] = summary
    seen.runs = [Run("nightly", Execution("execution-1", {}, "SUCCEEDED", summary), {"ami-1"})]
    seen.turns = [RUN, RUN]
    return seen


def set_status(seen: Evidence, status: str, decision: str, *moves: dict[str, Any]) -> None:
    seen.records["ami-1"] |= {"status": status, "decision": decision, "history": [*moves]}


def stored_by_two_tasks(seen: Evidence) -> None:
    seen.tasks["ami-1"] *= 2


def two_versions(seen: Evidence) -> None:
    seen.objects["ami-1"] *= 2


def failed_although_whole(seen: Evidence) -> None:
    set_status(seen, "FAILED", "failed", *PATH[:2], move("STORING", "FAILED"))


def object_gone(seen: Evidence) -> None:
    seen.objects["ami-1"][0]["current"] = False


def another_version(seen: Evidence) -> None:
    seen.objects["ami-1"][0]["version"] = "v2"


def above_the_budget(seen: Evidence) -> None:
    seen.stores.append(Call(NOW, 0, "f", "ec2", "CreateStoreImageTask", 200, None, 600))


def rejection_counted(seen: Evidence) -> None:
    seen.records["ami-1"]["attempts"] = 2


def no_reason(seen: Evidence) -> None:
    seen.records["ami-1"]["reason"] = ""


def line_missing(seen: Evidence) -> None:
    seen.selected[RUN].clear()


def end_not_reported(seen: Evidence) -> None:
    seen.ended[RUN].clear()


def miscounted(seen: Evidence) -> None:
    seen.summaries[RUN]["decisions"]["stored"] = 2


def no_summary(seen: Evidence) -> None:
    seen.summaries.clear()


def forgotten_on_the_lease(seen: Evidence) -> None:
    set_status(seen, "STORING", "deferred", *PATH[:2])


def worked_in_turns(seen: Evidence) -> None:
    seen.turns = [RUN, "another", RUN]


def queued_without_a_record(seen: Evidence) -> None:
    seen.queue.append({"image_id": "ami-2"})


def selected_and_not_queued(seen: Evidence) -> None:
    set_status(seen, "SELECTED", "deferred", PATH[0])


def queued_twice(seen: Evidence) -> None:
    selected_and_not_queued(seen)
    seen.queue = [{"image_id": "ami-1"}, {"image_id": "ami-1"}]


def record_deleted(seen: Evidence) -> None:
    seen.deletions.append("IMAGE#ami-1")


def a_step_left_out(seen: Evidence) -> None:
    set_status(seen, "VERIFIED", "stored", *PATH[:2], PATH[3])


def status_without_a_move(seen: Evidence) -> None:
    set_status(seen, "VERIFIED", "stored", *PATH[:3])


def lease_kept(seen: Evidence) -> None:
    seen.lease["holder"] = RUN


def half_done(seen: Evidence) -> None:
    set_status(seen, "STORING", "deferred", *PATH[:2])
    seen.lease["in_flight"] = {"ami-1"}


def failed_for_nothing(seen: Evidence) -> None:
    seen.objects.clear()
    set_status(seen, "FAILED", "failed", *PATH[:2], move("STORING", "FAILED"))


BREACHES = [
    (invariants.nothing_is_stored_twice, stored_by_two_tasks),
    (invariants.nothing_is_stored_twice, two_versions),
    (invariants.nothing_is_stored_twice, failed_although_whole),
    (invariants.nothing_is_lost, object_gone),
    (invariants.nothing_is_lost, another_version),
    (invariants.the_budget_is_the_account_s, above_the_budget),
    (invariants.the_budget_is_the_account_s, rejection_counted),
    (invariants.everything_selected_has_a_decision, no_reason),
    (invariants.everything_selected_has_a_decision, line_missing),
    (invariants.everything_selected_has_a_decision, end_not_reported),
    (invariants.everything_selected_has_a_decision, miscounted),
    (invariants.everything_selected_has_a_decision, no_summary),
    (invariants.what_is_under_way_is_on_the_lease, forgotten_on_the_lease),
    (invariants.one_run_works_at_a_time, worked_in_turns),
    (invariants.the_queue_and_the_records_agree, queued_without_a_record),
    (invariants.the_queue_and_the_records_agree, selected_and_not_queued),
    (invariants.the_queue_and_the_records_agree, queued_twice),
    (invariants.records_only_grow, record_deleted),
    (invariants.records_only_grow, a_step_left_out),
    (invariants.records_only_grow, status_without_a_move),
    (invariants.the_run_converges, lease_kept),
    (invariants.the_run_converges, half_done),
    (invariants.one_bad_image_never_stops_another, failed_for_nothing),
]


@pytest.mark.parametrize(("invariant", "harm"), BREACHES, ids=lambda value: value.__name__)
def test_an_invariant_notices(invariant: invariants.Invariant, harm: Any) -> None:
    seen = a_good_night()
    assert list(invariant(seen)) == []
    harm(seen)
    assert list(invariant(seen)) != []


def test_a_good_night_breaks_none() -> None:
    assert invariants.breaches(a_good_night(), at_rest=True, before=a_good_night()) == []


@pytest.mark.parametrize(
    "harm", [lambda seen: seen.records.clear(), lambda seen: seen.records["ami-1"]["history"].pop()]
)
def test_a_record_that_is_gone_or_rewritten_is_noticed(harm: Any) -> None:
    seen = a_good_night()
    harm(seen)
    assert list(invariants.nothing_is_forgotten(a_good_night(), seen)) != []


def test_every_invariant_has_a_breach() -> None:
    elsewhere = {
        one for other in (retirement_invariants, restore_invariants) for one in (*other.ALWAYS, *other.AT_REST)
    }
    assert {invariant for invariant, _ in BREACHES} == {*invariants.ALWAYS, *invariants.AT_REST} - elsewhere
