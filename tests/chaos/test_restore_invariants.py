"""Every invariant of restores can fail, and whoever watches EC2 take one notes what was in flight."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from types import SimpleNamespace
from typing import Any

import pytest

from tests.chaos import restore_invariants as invariants
from tests.chaos.evidence import Evidence, collect
from tests.chaos.invariants import breaches
from tests.chaos.restore_evidence import RestoreRun, Start
from tests.chaos.restore_scenarios import RESTORES
from tests.chaos.test_invariants import a_good_night
from tests.chaos.world import Theatre
from tests.support.state_machine import Execution

RUN = "restore-run"
ONE = f"{RUN}.000000"
TAGS = {
    "archiver:restore-id": ONE,
    "archiver:source-image-id": "ami-1",
    "archiver:object-key": "nightly/ami-1.bin",
    "archiver:object-version": "v1",
    "archiver:run-id": RUN,
    "archiver:restored-at": "2026-01-02",
}
OTHER = {"UserId": "444455556666"}


def move(before: str | None, after: str, why: str = "so") -> dict[str, Any]:
    return {"from": before, "to": after, "at": "2026-01-02", "run_id": RUN, "why": why}


def a_good_restore() -> Evidence:
    """The image of a good night is restored as ami-2, shared again as asked."""
    seen = a_good_night()
    seen.records["ami-1"]["facts"] = {"launch_permissions": [f"user:{OTHER['UserId']}"]}
    seen.records["ami-1"]["history"].append(move("VERIFIED", "VERIFIED", f"restored as ami-2 by {ONE}"))
    restore = seen.restore
    restore.records[ONE] = {
        "restore_status": "RESTORED",
        "reason": "available",
        "run_id": RUN,
        "object_key": "nightly/ami-1.bin",
        "object_version_id": "v1",
        "source_image_id": "ami-1",
        "name": "web",
        "restored_image_id": "ami-2",
        "wishes": {"share_with": [OTHER["UserId"]], "point_ssm_parameters": True},
        "history": [move(None, "PLANNED"), move("PLANNED", "RESTORING"), move("RESTORING", "RESTORED")],
    }
    restore.images["ami-2"] = SimpleNamespace(  # type: ignore[assignment]  # all that is looked at
        image_id="ami-2",
        name="web",
        state="available",
        tags=dict(TAGS),
        snapshot_ids=("snap-2",),
        launch_permissions=[OTHER],
    )
    restore.snapshots["snap-2"] = SimpleNamespace(state="completed", tags=dict(TAGS))  # type: ignore[assignment]  # same
    restore.pointed = ["ami-2"]
    restore.requested[RUN] = ["ami-1"]
    restore.summaries[RUN] = {"restores": {"restored": 1, "failed": 0, "refused": 0, "in_progress": 0}}
    restore.runs = [RestoreRun({}, Execution("restore-1", {}, "SUCCEEDED", {"run_id": RUN}))]
    restore.starts = [Start(ONE, "ami-2", 299, "RESTORING")]
    return seen


Harm = Callable[[Evidence], object]


def says(**told: Any) -> Harm:
    """What the record says instead."""

    def harm(seen: Evidence) -> None:
        seen.restore.records[ONE] |= told

    harm.__name__ = "record-says-" + "-".join(map(str, told.values()))[:40]
    return harm


def image(**told: Any) -> Harm:
    """What EC2 shows of the new image instead."""

    def harm(seen: Evidence) -> None:
        vars(seen.restore.images["ami-2"]).update(told)

    harm.__name__ = "image-" + "-".join(told)
    return harm


def started_twice(seen: Evidence) -> None:
    seen.restore.starts *= 2


def image_gone(seen: Evidence) -> None:
    seen.restore.images.clear()


def snapshot_gone(seen: Evidence) -> None:
    seen.restore.snapshots.clear()


def snapshot_untagged(seen: Evidence) -> None:
    seen.restore.snapshots["snap-2"].tags.clear()


def started_at_the_budget(seen: Evidence) -> None:
    seen.restore.starts[0].in_flight_gib = 300


def started_without_intention(seen: Evidence) -> None:
    seen.restore.starts[0].status = "PLANNED"


def no_summary(seen: Evidence) -> None:
    seen.restore.summaries.clear()


def counted_wrong(seen: Evidence) -> None:
    seen.restore.summaries[RUN]["restores"]["restored"] = 2


def forgotten_at_the_plan(seen: Evidence) -> None:
    seen.restore.requested[RUN].append("ami-3")


def dry_and_done(seen: Evidence) -> None:
    seen.restore.drafts[ONE] = {}


def back_again(seen: Evidence) -> None:
    seen.restore.records[ONE]["history"].append(move("RESTORED", "RESTORING"))


def without_a_why(seen: Evidence) -> None:
    seen.restore.records[ONE]["history"][-1]["why"] = ""


def still_in_a_queue(seen: Evidence) -> None:
    seen.restore.waiting.append(ONE)


def untold(seen: Evidence) -> None:
    seen.records["ami-1"]["history"].pop()


def told_twice(seen: Evidence) -> None:
    seen.records["ami-1"]["history"] *= 2


def pointed_unasked(seen: Evidence) -> None:
    seen.restore.records[ONE]["wishes"]["point_ssm_parameters"] = False


def made_again_unreported(seen: Evidence) -> None:
    """By a run that began before the first one was reported."""
    again = ONE.replace(RUN, "later")
    seen.restore.summaries[RUN]["ended_at"] = "2026-01-03"
    seen.restore.records[again] = seen.restore.records[ONE] | {"run_id": "later", "planned_at": "2026-01-02"}
    seen.restore.images["ami-3"] = SimpleNamespace(  # type: ignore[assignment]  # all that is looked at
        image_id="ami-3", state="available"
    )
    seen.restore.starts.append(Start(again, "ami-3", 0, "RESTORING"))


def shared_unasked(seen: Evidence) -> None:
    seen.restore.records[ONE]["wishes"]["share_with"] = []


def held_for_ever(seen: Evidence) -> None:
    seen.restore.lease["holder"] = RUN


def on_the_lease_for_ever(seen: Evidence) -> None:
    seen.restore.lease["in_flight"] = {ONE}


def waits_for_ever(seen: Evidence) -> None:
    seen.restore.waiting_runs.add(RUN)


BREACHES: list[tuple[Callable[[Evidence], Any], Harm]] = [
    (invariants.no_restore_is_started_twice, started_twice),
    (invariants.no_failure_is_reported_of_an_image_that_is_there, says(restore_status="FAILED")),
    (invariants.what_is_restored_is_there, image_gone),
    (invariants.what_is_restored_is_there, image(state="failed")),
    (invariants.what_is_restored_is_there, image(tags=TAGS | {"archiver:object-version": "v0"})),
    (invariants.what_is_restored_is_there, image(name="other")),
    (invariants.what_is_restored_is_there, snapshot_gone),
    (invariants.what_is_restored_is_there, snapshot_untagged),
    (invariants.the_restore_budget_is_the_account_s, started_at_the_budget),
    (invariants.every_call_has_its_intention, started_without_intention),
    (invariants.every_call_has_its_intention, says(restore_status="RESTORING")),
    (invariants.every_restore_has_a_decision, says(reason="")),
    (invariants.every_restore_has_a_decision, no_summary),
    (invariants.every_restore_has_a_decision, counted_wrong),
    (invariants.every_restore_has_a_decision, forgotten_at_the_plan),
    (invariants.a_dry_run_changes_nothing, dry_and_done),
    (invariants.restores_only_move_forward, back_again),
    (invariants.restores_only_move_forward, without_a_why),
    (invariants.restores_only_move_forward, says(restore_status="FAILED")),
    (invariants.what_waits_is_in_one_queue, still_in_a_queue),
    (invariants.what_waits_is_in_one_queue, says(restore_status="PLANNED")),
    (invariants.the_original_tells_each_restore_once, untold),
    (invariants.the_original_tells_each_restore_once, told_twice),
    (invariants.nothing_is_shared_or_pointed_unasked, pointed_unasked),
    (invariants.nothing_is_shared_or_pointed_unasked, shared_unasked),
    (invariants.an_equal_request_makes_no_second_image, made_again_unreported),
    (invariants.nothing_is_shared_or_pointed_unasked, image(launch_permissions=[OTHER, {"UserId": "1"}])),
    (invariants.nothing_is_shared_or_pointed_unasked, image(state="pending")),
    (invariants.the_restores_converge, says(restore_status="RESTORING")),
    (invariants.the_restores_converge, held_for_ever),
    (invariants.the_restores_converge, on_the_lease_for_ever),
    (invariants.the_restores_converge, waits_for_ever),
    (invariants.one_bad_restore_never_stops_another, says(restore_status="FAILED")),
]


@pytest.mark.parametrize(("invariant", "harm"), BREACHES, ids=lambda value: value.__name__)
def test_an_invariant_notices(invariant: Callable[[Evidence], Any], harm: Harm) -> None:
    seen = a_good_restore()
    assert list(invariant(seen)) == []
    harm(seen)
    assert list(invariant(seen)) != []


def test_a_good_restore_breaks_none() -> None:
    assert breaches(a_good_restore(), at_rest=True, before=a_good_restore()) == []


def test_every_invariant_has_a_breach() -> None:
    assert {invariant for invariant, _ in BREACHES} == {*invariants.ALWAYS, *invariants.AT_REST}


@pytest.mark.parametrize(
    "harm",
    [
        lambda seen: seen.restore.records.clear(),
        lambda seen: seen.restore.records[ONE]["history"].pop(),
        lambda seen: seen.restore.records[ONE].update(restored_image_id="ami-3"),
    ],
    ids=["record-gone", "history-rewritten", "another-image"],
)
def test_a_restore_that_is_forgotten_is_noticed(harm: Harm) -> None:
    seen = deepcopy(a_good_restore())
    harm(seen)
    assert list(invariants.no_restore_is_forgotten(a_good_restore(), seen)) != []


def test_who_watches_ec2_notes_what_was_in_flight_at_each_start_whoever_had_started_it(theatre: Theatre) -> None:
    scenario = RESTORES["restore-foreign"]
    with scenario.world(theatre) as world:
        scenario.stage(world)
        scenario.play(world)
        starts = collect(world).restore.starts
    assert [(start.in_flight_gib, start.status) for start in starts] == [(0, "RESTORING"), (10, "RESTORING")]
