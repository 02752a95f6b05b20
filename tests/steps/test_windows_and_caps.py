"""What a night leaves: the store window, the cap per run; the rest goes first next night. And nights that only look."""

from __future__ import annotations

from datetime import timedelta

from ami_archiver.adapters.table_runs import SummaryKind
from ami_archiver.run_state import Next
from local_cloud.in_process import VirtualCloud
from tests.support.archive import Archive, full_id
from tests.support.domain import policy
from tests.support.queue import queued


def test_window_that_closes_defers_the_rest_which_goes_first_next_night(cloud: VirtualCloud) -> None:
    archive = Archive(cloud, policy(window_hours=1))
    first = {archive.image(f"i{number}", gib=300 + number) for number in range(6)}
    summary = archive.night()
    counts = summary["decisions"]
    assert counts["stored"] + counts["deferred"] == 6
    assert counts["deferred"] > 0
    assert summary["deferred_gib"] > 0
    closes = cloud.clock.at(0) + timedelta(hours=1)
    assert all(call.at < closes for call in archive.starts())
    deferred = first - set(archive.accepted())
    assert {archive.status(image_id) for image_id in deferred} == {"SELECTED"}
    assert {archive.record(image_id).decision for image_id in deferred} == {"deferred"}

    cloud.advance(22 * 3600)
    archive.image("new", gib=900)
    before = len(archive.starts())
    archive.night()
    order = [call.parameters["ImageId"] for call in archive.starts()[before:]]
    assert set(order[: min(len(deferred), 2)]) <= deferred
    assert order.index(full_id("new")) >= min(len(deferred), 2) if full_id("new") in order else True


def test_failed_store_is_not_started_again_after_the_window_but_next_night(cloud: VirtualCloud) -> None:
    archive = Archive(cloud, policy(window_hours=1))
    image_id = archive.image("one", gib=500)
    cloud.service.faults.fail_store(image_id, at_percent=90)
    summary = archive.night()
    assert summary["decisions"]["deferred"] == 1
    assert archive.accepted() == {image_id: 1}
    assert archive.record("one").attempts == 1
    cloud.advance(22 * 3600)
    assert archive.night()["decisions"]["stored"] == 1
    assert archive.accepted() == {image_id: 2}


def test_store_that_runs_when_the_window_closes_is_brought_to_its_end(cloud: VirtualCloud) -> None:
    archive = Archive(cloud, policy(window_hours=1))
    archive.image("one", gib=2000)
    summary = archive.night()
    assert summary["decisions"]["stored"] == 1
    assert summary["seconds"] > 3600


def test_window_that_is_shortened_while_a_run_works_closes_as_it_is_configured_now(cloud: VirtualCloud) -> None:
    archive = Archive(cloud, policy(window_hours=8))
    archive.image("a", gib=700)
    archive.image("b", gib=650)
    state = archive.go_to(archive.select(archive.begin()), Next.WAIT)
    archive.configure(policies=(policy(window_hours=0.1),))
    summary = archive.go_on(state)
    assert (summary["decisions"]["stored"], summary["decisions"]["deferred"]) == (1, 1)


def test_closed_window_of_one_policy_does_not_close_the_other_ones(cloud: VirtualCloud) -> None:
    archive = Archive(cloud, policy("nightly", window_hours=0), policy("weekly", tags={"Weekly": ("*",)}))
    archive.image("a")
    archive.image("b", tags={"Weekly": ""})
    working = archive.select(archive.begin("nightly"))
    joining = archive.select(archive.begin("weekly"))
    own = archive.go_on(working)
    theirs = archive.app.runs.summary(SummaryKind.RUNS, joining.run_id)
    assert theirs is not None
    assert (own["decisions"]["deferred"], theirs["decisions"]["stored"]) == (1, 1)


def test_cap_in_images_takes_so_many_every_night_until_all_are_stored(cloud: VirtualCloud) -> None:
    archive = Archive(cloud, policy(max_images_per_run=2))
    for number in range(5):
        archive.image(f"i{number}")
    nights = [archive.night()["decisions"] for _ in range(4)]
    assert [night["stored"] for night in nights] == [2, 2, 1, 0]
    assert [night["deferred"] for night in nights] == [3, 1, 0, 0]


def test_image_above_the_cap_says_so_and_has_no_record_yet(cloud: VirtualCloud) -> None:
    archive = Archive(cloud, policy(max_images_per_run=1))
    archive.image("a")
    archive.image("b")
    summary = archive.night()
    deferred = {reason for decision, reason in archive.decisions(summary["run_id"]).values() if decision == "deferred"}
    assert deferred == {"cap of 1 images per run is reached; a later run takes it"}
    assert len([item for item in archive.items() if item["sk"]["S"] == "RECORD"]) == 1


def test_cap_in_gib_is_kept_but_one_oversize_image_still_gets_its_night(cloud: VirtualCloud) -> None:
    archive = Archive(cloud, policy(max_gib_per_run=100))
    sizes = {archive.image(f"i{gib}", gib=gib): gib for gib in (60, 50, 40, 250)}
    total = []
    for _ in range(4):
        before = set(archive.accepted())
        archive.night()
        total.append([sizes[image_id] for image_id in set(archive.accepted()) - before])
    assert sorted(gib for night in total for gib in night) == [40, 50, 60, 250]
    assert all(sum(night) <= 100 or len(night) == 1 for night in total)


def test_backlog_counts_towards_the_cap(cloud: VirtualCloud) -> None:
    archive = Archive(cloud, policy(max_images_per_run=2, window_hours=0))
    for number in range(4):
        archive.image(f"i{number}")
    archive.night()
    archive.night()
    assert len(queued(archive.app.records)) == 2


def test_dry_run_decides_and_counts_but_records_and_starts_nothing(cloud: VirtualCloud) -> None:
    archive = Archive(cloud, policy(exclude_tags={"Hold": ("*",)}))
    archive.image("a", gib=10)
    archive.image("b", gib=20)
    archive.image("bad", state="failed")
    archive.image("held", tags={"Archive": "true", "Hold": ""})
    adopted = archive.image("adopted")
    archive.put_object(f"nightly/{adopted}.bin")
    summary = archive.night(dry_run=True)
    assert (summary["outcome"], summary["would_store"], summary["would_store_gib"]) == ("dry_run", 2, 30)
    assert summary["decisions"] == {
        "stored": 0,
        "already_archived": 1,
        "deferred": 0,
        "ineligible": 1,
        "excluded": 1,
        "failed": 0,
    }
    assert archive.starts() == []
    assert [(item["pk"]["S"], item["sk"]["S"]) for item in archive.items()] == [("RUNS", summary["run_id"])]
    assert archive.app.runs.summary(SummaryKind.RUNS, summary["run_id"]) == summary


def test_dry_run_beside_a_working_run_does_not_disturb_it(cloud: VirtualCloud) -> None:
    archive = Archive(cloud)
    archive.image("a")
    state = archive.select(archive.begin())
    archive.image("b")
    summary = archive.night(dry_run=True)
    assert (summary["outcome"], summary["would_store"], summary["decisions"]["deferred"]) == ("dry_run", 1, 1)
    assert archive.go_on(state)["decisions"]["stored"] == 1


def test_dry_run_respects_the_cap(cloud: VirtualCloud) -> None:
    archive = Archive(cloud, policy(max_images_per_run=1))
    archive.image("a")
    archive.image("b")
    summary = archive.night(dry_run=True)
    assert (summary["would_store"], summary["decisions"]["deferred"]) == (1, 1)
