"""What a whole night does, from selection to report."""

from __future__ import annotations

from ami_archiver.adapters.table_runs import SummaryKind
from local_cloud.in_process import VirtualCloud
from tests.support.answers import counting
from tests.support.archive import Archive, client, full_id

NOTHING = {"stored": 0, "already_archived": 0, "deferred": 0, "ineligible": 0, "excluded": 0, "failed": 0}


def test_empty_account_ends_at_once_with_an_empty_summary(archive: Archive) -> None:
    summary = archive.night()
    assert summary["decisions"] == NOTHING
    assert (summary["outcome"], summary["policy"], summary["seconds"]) == ("worked", "nightly", 0)
    assert archive.app.runs.summary(SummaryKind.RUNS, summary["run_id"]) == summary
    assert archive.app.leases.read().holder is None


def test_images_that_all_fit_are_stored_at_once_and_verified(archive: Archive) -> None:
    for number in range(5):
        archive.image(f"i{number}", gib=10)
    summary = archive.night()
    assert summary["decisions"] == NOTHING | {"stored": 5}
    assert summary["stored_gib"] == 50
    assert {call.at for call in archive.starts()} == {archive.starts()[0].at}
    record = archive.record("i0")
    found = archive.app.bucket.head(record.object_key)
    assert found is not None
    assert (record.status, record.decision, record.attempts) == ("VERIFIED", "stored", 1)
    assert record.object_key == f"nightly/{full_id('i0')}.bin"
    assert (record.object_version_id, record.object_bytes, record.object_etag) == (
        found.version_id,
        found.size_bytes,
        found.etag,
    )
    assert [move.to_status for move in record.history] == ["SELECTED", "STORING", "STORED", "VERIFIED"]
    assert {move.run_id for move in record.history} == {summary["run_id"]}


def test_every_image_of_far_more_than_the_budget_is_stored_in_one_night(archive: Archive) -> None:
    for number in range(9):
        archive.image(f"i{number}", gib=200 + number)
    archive.image("large", gib=800)
    summary = archive.night()
    assert summary["decisions"] == NOTHING | {"stored": 10}
    assert len(archive.object_keys()) == 10
    assert set(archive.accepted().values()) == {1}
    assert all(call.error_code is None and call.in_flight_gib < 600 for call in archive.starts())


def test_object_carries_the_image_and_the_policy_as_tags(archive: Archive) -> None:
    image_id = archive.image("one")
    archive.night()
    found = archive.app.bucket.head(f"nightly/{image_id}.bin")
    assert found is not None
    assert (found.tags["archiver:image-id"], found.tags["archiver:policy"]) == (image_id, "nightly")


def test_summary_is_sent_to_whoever_listens(archive: Archive) -> None:
    archive.image("one")
    with counting(client(archive.cloud, "sns"), "Publish") as calls:
        archive.night()
    (sent,) = calls
    assert sent["Subject"] == "ami-archiver nightly: 1 stored, 0 failed"
    assert "stored            1  (10 GiB)" in sent["Message"]


def test_second_run_stores_nothing_more(archive: Archive) -> None:
    for number in range(4):
        archive.image(f"i{number}")
    archive.night()
    before = len(archive.cloud.calls)
    assert archive.night()["decisions"] == NOTHING | {"already_archived": 4}
    assert "CreateStoreImageTask" not in {call.operation for call in archive.cloud.calls.filter(since=before)}


def test_archived_image_names_its_object_and_version(archive: Archive) -> None:
    image_id = archive.image("one")
    archive.night()
    record = archive.record("one")
    decision = archive.decisions(archive.night()["run_id"])[image_id]
    assert decision == (
        "already_archived",
        f"object nightly/{image_id}.bin, version {record.object_version_id}",
    )


def test_wait_follows_the_progress_and_a_night_needs_few_looks(archive: Archive) -> None:
    for number in range(10):
        archive.image(f"i{number}", gib=300)
    archive.night()
    assert archive.loops <= 120  # a poll every half minute would look 400 times


def test_run_hands_over_to_a_new_execution_after_a_thousand_looks_and_stays_one_run(
    archive: Archive, cloud: VirtualCloud
) -> None:
    archive.image("one", gib=100)
    state = archive.select(archive.begin())
    state = archive.go_to(state, state.next.WAIT)
    state = state.then(state.next.STORE, loops=999)
    state, _ = archive.step(state)
    assert (state.next, state.loops) == ("hand_over", 1000)
    summary = archive.go_on(state)
    assert summary["run_id"] == state.run_id
    assert summary["decisions"]["stored"] == 1
