"""What a person reads about originals: what was done, or would be, to each of them, and why."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ami_archiver.model import RETIRING, Decision, DecisionLine
from ami_archiver.retire.model import Saved, saved_as_json
from ami_archiver.summary import LISTED, lines_on_originals, list_snapshots, summarize_originals

IN_USE = "InUse: used by launch template lt-0abc version 7; change it to another image first"
RETIRED, DISABLED, ANNOUNCED, KEPT = RETIRING


def line(image_id: str, decision: Decision, why: str = "nothing was found that keeps it", gib: float = 8) -> Any:
    return DecisionLine(image_id, "nightly", decision, why, gib)


def originals(
    *, done: tuple[DecisionLine, ...] = (), would: tuple[DecisionLine, ...] = (), **more: Any
) -> dict[str, Any]:
    """As the step puts it together."""
    usual = {"stopped": None, "first_runs": [], "awaiting_approval": 0, "snapshots_left": 0}
    nothing = saved_as_json(Saved())
    usual |= {"saved": nothing, "saved_total": nothing}
    return summarize_originals({"done": done, "would": would}, **(usual | {"run_id": "run-1"} | more))


def test_dry_run_says_of_each_image_what_it_would_do_and_why_it_would_keep_it() -> None:
    summary = originals(would=(line("ami-3", KEPT, IN_USE), line("ami-2", DISABLED), line("ami-1", RETIRED, gib=2.5)))
    assert lines_on_originals(summary) == [
        "",
        "Originals, without doing it: would retire 1 (2.5 GiB), would disable 1 (8 GiB), would keep 1 (8 GiB)",
        "  ami-1  Would retire: nothing was found that keeps it",
        "  ami-2  Would disable: nothing was found that keeps it",
        f"  ami-3  Would keep: {IN_USE}",
    ]


def test_what_was_done_is_told_in_the_past() -> None:
    summary = originals(
        done=(
            line("ami-1", RETIRED, "object k, version v, is whole"),
            line("ami-2", DISABLED, "object k, version v, is whole"),
            line("ami-3", ANNOUNCED, "'disable' on 2026-02-01; to object, tag the image archiver:hold"),
            line("ami-4", KEPT, IN_USE),
        )
    )
    assert lines_on_originals(summary)[1:] == [
        "Originals: retired 1 (8 GiB), disabled 1 (8 GiB), announced 1 (8 GiB), kept 1 (8 GiB)",
        "  ami-1  Retired: object k, version v, is whole",
        "  ami-2  Disabled: object k, version v, is whole",
        "  ami-3  Announced: 'disable' on 2026-02-01; to object, tag the image archiver:hold",
        f"  ami-4  Kept: {IN_USE}",
    ]


def test_nothing_is_said_where_no_original_was_due() -> None:
    assert lines_on_originals(originals()) == []
    assert lines_on_originals({}) == []


def test_summary_counts_every_decision_about_originals_also_those_that_did_not_occur() -> None:
    counted = originals(done=(line("ami-1", KEPT, IN_USE),))
    assert list(counted["done"]) == ["retired", "disabled", "announced", "kept"]
    assert counted["done"]["retired"] == {"images": 0, "gib": 0, "listed": []}
    assert counted["done"]["kept"] == {
        "images": 1,
        "gib": 8,
        "listed": [{"image_id": "ami-1", "policy": "nightly", "reason": IN_USE}],
    }


def test_images_are_named_up_to_a_limit_counted_beyond_and_where_all_are_is_said() -> None:
    lines = tuple(line(f"ami-{n}", KEPT, IN_USE) for n in range(LISTED + 3))
    summary = originals(would=lines)
    assert len(summary["would"]["kept"]["listed"]) == LISTED
    text = lines_on_originals(summary)
    assert len(text) == LISTED + 3
    assert text[-1] == "  Would keep … and 3 more, in the table under RUN#run-1"


def test_the_longest_summary_is_small_enough_for_the_state_machine_and_its_text_for_sns() -> None:
    many = tuple(line(f"ami-{n:017x}", each, "x" * 2000) for each in RETIRING for n in range(LISTED + 1))
    summary = originals(done=many, would=many)
    assert len(json.dumps(summary)) < 190_000  # of 262,144 bytes: a run's failed and deferred images need theirs
    assert len("\n".join(lines_on_originals(summary))) < 190_000
    reason = summary["done"]["kept"]["listed"][0]["reason"]
    assert (len(reason), reason[-2:]) == (300, " …")


def test_stopped_run_says_so_with_the_reason() -> None:
    text = lines_on_originals(originals(stopped="TooMany: 12 images would go; raise account.retire_stop_percent"))
    assert text[1] == (
        "Stopped, so no original goes in this run: TooMany: 12 images would go; raise account.retire_stop_percent"
    )


@pytest.mark.parametrize(
    ("policies", "words"),
    [(["nightly"], "policy nightly may"), (["golden", "nightly"], "policies golden, nightly may")],
)
def test_first_run_of_a_policy_says_that_it_only_looked(policies: list[str], words: str) -> None:
    (told_of,) = [each for each in lines_on_originals(originals(first_runs=policies)) if each.startswith("First run")]
    assert words in told_of
    assert "this run changed nothing; the next run acts" in told_of


@pytest.mark.parametrize(("waiting", "words"), [(1, "1 original waits"), (2, "2 originals wait")])
def test_run_that_waits_for_approval_says_how_it_is_given(waiting: int, words: str) -> None:
    (asked,) = lines_on_originals(originals(awaiting_approval=waiting))[1:]
    assert asked == f"{words} for approval: make approve RUN=run-1, or make reject RUN=run-1 WHY='…'"


@pytest.mark.parametrize(("left", "words"), [(1, "1 snapshot of"), (2, "2 snapshots of")])
def test_snapshots_that_could_not_be_deleted_are_never_forgotten(left: int, words: str) -> None:
    (reminder,) = lines_on_originals(originals(snapshots_left=left))[1:]
    assert reminder.startswith(words)
    assert "every run tries again" in reminder


def saved(**fields: float) -> dict[str, Any]:
    usual = {"images": 2, "stored_gib": 100, "snapshot_gib": 100, "object_gib": 60, "object_dollars_month": 0.24}
    values: dict[str, Any] = usual | {"freed_at_least_gib": 100, "freed_at_most_gib": 100} | fields
    return saved_as_json(Saved(**values))


def test_what_was_saved_is_made_up_before_the_reader_s_eyes() -> None:
    assert lines_on_originals(originals(saved=saved()))[1:] == [
        "Saved by this run: $4.76 a month, by 2 originals",
        "  snapshots before: $5.00 a month for the 100 GiB that are freed, of 100 GiB deleted",
        "  objects now: $0.24 a month for 60 GiB in S3",
        "  once: $0.61 for the blocks that EC2 read to store them, and at most $0.10 for requests "
        "(list prices of us-east-1, 2026-11-24)",
    ]


def test_what_other_snapshots_hold_is_not_saved_and_the_text_says_so() -> None:
    text = lines_on_originals(originals(saved_total=saved(freed_at_least_gib=40, freed_at_most_gib=40)))
    assert text[1] == "Saved in total: $1.76 a month, by 2 originals"
    assert text[2] == (
        "  snapshots before: $2.00 a month for the 40 GiB that are freed, of 100 GiB deleted; "
        "other snapshots hold the rest, which is paid for as before"
    )


def test_what_cannot_be_computed_is_a_range_that_may_reach_below_nothing() -> None:
    text = lines_on_originals(originals(saved=saved(freed_at_least_gib=0)))
    assert text[1] == "Saved by this run: -$0.24 to $4.76 a month, by 2 originals"
    assert "$0.00 to $5.00 a month for the 0 to 100 GiB" in text[2]
    assert "cannot be known" in text[2]


def test_what_the_recycle_bin_keeps_is_told_with_its_cost_and_the_day_from_which_it_saves() -> None:
    of_run = saved(recycle_bin_dollars=5) | {"saves_from": "2026-12-24"}
    text = lines_on_originals(originals(saved=of_run, saved_total=saved(recycle_bin_dollars=12)))
    assert text[5] == (
        "  once: at most $5.00 for the Recycle Bin, which keeps what was deleted until 2026-12-24: "
        "it saves from that day on"
    )
    assert text[10] == "  once: at most $12.00 for what the Recycle Bin keeps or has kept"


def test_snapshots_that_are_left_are_named_with_their_reasons() -> None:
    left = [DecisionLine("snap-1", "nightly", KEPT, "of ami-1: SnapshotLocked: so; wait for the lock to end")]
    text = lines_on_originals(originals(snapshots_left=1, snapshots_left_listed=list_snapshots(left)))
    assert text[2] == "  snap-1  of ami-1: SnapshotLocked: so; wait for the lock to end"
