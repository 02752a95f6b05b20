"""The watch: every archived record is compared with the bucket, whatever became of its image or its policy."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from ami_archiver.adapters.s3_bucket import S3ArchiveBucket
from ami_archiver.adapters.table_runs import SummaryKind
from ami_archiver.errors import BadInput, TemporarilyUnavailable
from ami_archiver.model import ArchiveRecord, IndexedRecord, ListedObject, Status
from ami_archiver.retire import moves
from ami_archiver.settings import Settings
from ami_archiver.steps import watch as step
from ami_archiver.steps.watch import watch_archive
from tests.support.answers import counting, refusing
from tests.support.archive import BUCKET, Archive, client
from tests.support.domain import NOW, policy, verified


def event(archive: Archive, given: Any = None) -> dict[str, Any]:
    return {
        "input": {} if given is None else given,
        "execution_name": f"watch-{archive.cloud.clock.seconds()}",
        "execution_started_at": archive.cloud.clock.now().isoformat(),
    }


def watch(archive: Archive, seconds_left: float = 900.0) -> dict[str, Any]:
    """A whole execution; its summary, with the reasons of `differences` by image id and the `figures` and `mails`."""
    given: dict[str, Any] | None = None
    invocations = 0
    with counting(client(archive.cloud, "sns"), "Publish") as mails:
        while given is None or given["next"] == "watch_more":
            given, figures = watch_archive(archive.app, event(archive, given), lambda: seconds_left)
            invocations += 1
    assert given["next"] == "end"
    told: dict[str, Any] = given["summary"]
    assert archive.app.runs.summary(SummaryKind.WATCHES, told["run_id"]) == told
    reasons = {one["image_id"]: one["reason"] for one in told["differences"]}
    return told | {"reasons": reasons, "figures": figures, "mails": mails, "invocations": invocations}


def archived(archive: Archive, *names: str) -> list[str]:
    image_ids = [archive.image(name) for name in names]
    archive.night()
    assert {archive.status(image_id) for image_id in image_ids} == {"VERIFIED"}
    return image_ids


def delete_object(archive: Archive, image_id: str) -> None:
    client(archive.cloud, "s3").delete_object(Bucket=BUCKET, Key=archive.record(image_id).object_key)


def change(archive: Archive, image_id: str, **attributes: Any) -> None:
    """Change a record's item by hand."""
    item = archive.item(f"IMAGE#{image_id}", "RECORD")
    assert item is not None
    archive.put_item(item | attributes)


def gone(archive: Archive, image_id: str) -> None:
    archive.deregister(image_id)


def no_longer_selected(archive: Archive, image_id: str) -> None:
    client(archive.cloud, "ec2").delete_tags(Resources=[image_id], Tags=[{"Key": "Archive"}])


def policy_removed(archive: Archive, image_id: str) -> None:
    archive.configure(policies=(policy("weekly", tags={"Weekly": ("*",)}),))


def policy_paused(archive: Archive, image_id: str) -> None:
    archive.configure(policies=(policy(paused=True),))


def disabled(archive: Archive, image_id: str) -> None:
    before = archive.record(image_id)
    assert archive.app.records.save(before, moves.disabled(before, "disabled", at=NOW, run_id="run-2"))


def retired(archive: Archive, image_id: str) -> None:
    disabled(archive, image_id)
    before = archive.record(image_id)
    assert archive.app.records.save(before, moves.retired(before, "deregistered", {}, at=NOW, run_id="run-3"))
    archive.deregister(image_id)


@pytest.mark.parametrize(
    "becomes",
    [gone, no_longer_selected, policy_removed, policy_paused, disabled, retired],
    ids=lambda one: one.__name__,
)
def test_object_that_is_gone_or_altered_is_told_whatever_becomes_of_its_original(
    archive: Archive, becomes: Callable[[Archive, str], None]
) -> None:
    deleted, overwritten, whole = archived(archive, "deleted", "overwritten", "whole")
    for image_id in (deleted, overwritten, whole):
        becomes(archive, image_id)
    delete_object(archive, deleted)
    archive.put_object(archive.record(overwritten).object_key, b"something else")
    told = watch(archive)
    assert (told["compared"], told["differing"], told["figures"]) == (3, 2, {"ArchivesDiffering": 2})
    assert told["reasons"].keys() == {deleted, overwritten}
    assert told["reasons"][deleted].startswith("ObjectGone: object nightly/")
    assert told["reasons"][overwritten].startswith("ObjectAltered: object nightly/")
    (mail,) = told["mails"]
    assert mail["Subject"] == "ami-archiver: 2 of 3 archived images differ from what was recorded"
    assert all(f"{image_id}: Object" in mail["Message"] for image_id in (deleted, overwritten))


def test_whole_archive_is_told_in_the_summary_and_by_no_mail(archive: Archive) -> None:
    first, second = *archived(archive, "first"), *archived(archive, "second")
    archive.cloud.advance(timedelta(days=40).total_seconds())
    verified_at = archive.record(first).verified_at
    assert verified_at is not None
    told = watch(archive)
    assert archive.record(second).verified_at != verified_at
    assert (told["compared"], told["differing"], told["differences"], told["mails"]) == (2, 0, [], [])
    assert told["oldest_verified_at"] == verified_at.isoformat()
    assert told["figures"] == {"ArchivesDiffering": 0}


def test_empty_archive_is_watched_too(archive: Archive) -> None:
    told = watch(archive)
    assert (told["compared"], told["differing"], told["oldest_verified_at"]) == (0, 0, None)


def test_only_records_that_say_archived_are_compared(archive: Archive) -> None:
    archived(archive, "archived")
    archive.image("selected")
    archive.select(archive.begin())
    assert watch(archive)["compared"] == 1


def test_object_that_came_after_the_listing_is_no_false_alarm(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    archived(archive, "one")
    monkeypatch.setattr(S3ArchiveBucket, "listing", lambda self: iter(()))
    assert watch(archive)["differing"] == 0


def test_record_whose_object_is_in_another_bucket_says_so(archive: Archive) -> None:
    (image_id,) = archived(archive, "one")
    change(archive, image_id, bucket={"S": "older-bucket"})
    told = watch(archive)
    assert told["reasons"][image_id].startswith("InAnotherBucket: its object nightly/")
    assert "in bucket older-bucket, and this stack watches archive-bucket" in told["reasons"][image_id]


def test_record_that_cannot_be_read_counts_and_hides_no_other(archive: Archive) -> None:
    first, second, third = archived(archive, "first", "second", "third")
    change(archive, second, object_bytes={"S": "many"})
    delete_object(archive, third)
    told = watch(archive)
    assert (told["compared"], told["differing"]) == (3, 2)
    assert told["reasons"][second].startswith(f"BadRecord: record of {second} cannot be read: object_bytes")
    assert told["reasons"][third].startswith("ObjectGone: ")
    assert first not in told["reasons"]


def test_object_that_may_not_be_looked_at_hides_no_other(archive: Archive) -> None:
    secret, deleted = archived(archive, "secret", "deleted")
    for image_id in (secret, deleted):
        delete_object(archive, image_id)
    with refusing(client(archive.cloud, "s3"), "HeadObject", "403", 403, only=lambda p: secret in p["url_path"]):
        told = watch(archive)
    assert told["reasons"][secret].startswith("AccessDenied: HeadObject (nightly/")
    assert told["reasons"][deleted].startswith("ObjectGone: ")


def test_watch_that_runs_out_of_time_goes_on_where_it_was(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(step, "RECORDS_PER_PAGE", 2)
    image_ids = archived(archive, *(f"n{number}" for number in range(7)))
    for image_id in image_ids[:3]:
        disabled(archive, image_id)
    for image_id in image_ids:
        delete_object(archive, image_id)
    told = watch(archive, seconds_left=step.PAGE_SECONDS - 1)
    assert told["reasons"].keys() == set(image_ids)
    assert (told["compared"], told["differing"], told["invocations"]) == (7, 7, 5)
    assert len(told["mails"]) == 1


def test_record_that_moves_on_meanwhile_is_compared_all_the_same(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(step, "RECORDS_PER_PAGE", 1)
    first, second = archived(archive, "first", "second")
    for image_id in (first, second):
        delete_object(archive, image_id)
    state, _ = watch_archive(archive.app, event(archive), lambda: 0.0)
    for image_id in (first, second):
        disabled(archive, image_id)
    while state["next"] == "watch_more":
        state, _ = watch_archive(archive.app, event(archive, state), lambda: 0.0)
    assert {one["image_id"] for one in state["summary"]["differences"]} == {first, second}
    assert (state["summary"]["differing"], len(state["summary"]["differences"])) == (2, 2)


def test_step_that_died_and_is_repeated_tells_the_same(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(step, "RECORDS_PER_PAGE", 1)
    image_ids = archived(archive, "first", "second")
    for image_id in image_ids:
        delete_object(archive, image_id)
    begun = event(archive)
    second_look = iter([False, True])
    with (
        refusing(client(archive.cloud, "s3"), "HeadObject", "503", 503, only=lambda _: next(second_look)),
        pytest.raises(TemporarilyUnavailable),
    ):
        watch_archive(archive.app, begun, lambda: 900.0)
    result, _ = watch_archive(archive.app, begun, lambda: 900.0)
    assert (result["summary"]["compared"], result["summary"]["differing"]) == (2, 2)


def test_mail_names_fifty_and_counts_the_others(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(step, "LISTED", 2)
    for image_id in archived(archive, "first", "second", "third"):
        delete_object(archive, image_id)
    told = watch(archive)
    (mail,) = told["mails"]
    assert (told["differing"], len(told["differences"])) == (3, 2)
    assert f"… and 1 more, in the pages of the table's partition RUN#{told['run_id']}" in mail["Message"]


def test_watch_writes_its_own_items_only(archive: Archive) -> None:
    (image_id,) = archived(archive, "one")
    delete_object(archive, image_id)
    before = archive.items()
    told = watch(archive)
    added = [item for item in archive.items() if item not in before]
    assert {item["pk"]["S"] for item in added} == {f"RUN#{told['run_id']}", "WATCHES"}
    assert all(item in archive.items() for item in before)


@pytest.mark.parametrize(
    "given",
    [
        None,
        [],
        {"policy": "nightly"},
        {"next": "watch_more"},
        {"next": "end"},
        {
            "next": "watch_more",
            "run_id": "r",
            "started_at": NOW.isoformat(),
            "compared": 0,
            "oldest_verified_at": "",
            "after": "STORED|x",
        },
    ],
    ids=str,
)
def test_input_that_a_watch_does_not_take_fails_by_name_and_changes_nothing(archive: Archive, given: Any) -> None:
    with pytest.raises(BadInput):
        watch_archive(archive.app, event(archive) | {"input": given}, lambda: 900.0)
    assert archive.items() == []


class _Many:
    """So many records and objects, each made when it is asked for."""

    def __init__(self, count: int) -> None:
        self._ids = [f"ami-{number:017x}" for number in range(count)]
        self._record = verified()
        self.pages: list[Any] = []

    def listing(self) -> Iterator[ListedObject]:
        for image_id in self._ids:
            yield ListedObject(f"nightly/{image_id}.bin", f"v-{image_id}", 1000, f"e-{image_id}")

    def in_status(self, status: Status, after: str | None) -> Iterator[IndexedRecord]:
        for image_id in self._ids if status is Status.VERIFIED else ():
            yield IndexedRecord(image_id, image_id, self._of(image_id))

    def look(self, key: str) -> None:
        raise AssertionError(f"{key} is as recorded")

    def put_page(self, run_id: str, page: str, lines: list[Any]) -> None:
        self.pages += lines

    def _of(self, image_id: str) -> ArchiveRecord:
        return replace(
            self._record,
            image_id=image_id,
            object_key=f"nightly/{image_id}.bin",
            object_version_id=f"v-{image_id}",
            object_etag=f"e-{image_id}",
        )


def watched_with_peak_mib(count: int) -> tuple[dict[str, Any], float]:
    many = _Many(count)
    settings = Settings("archive", "archive-bucket", "key", "topic", "1", ())
    runs = SimpleNamespace(put_page=many.put_page, pages=lambda run_id, kind: iter(()), put_summary=lambda *_: None)
    app: Any = SimpleNamespace(
        settings=settings,
        clock=SimpleNamespace(now=lambda: NOW + timedelta(minutes=5)),
        bucket=many,
        records=many,
        runs=runs,
    )
    begun = {"input": {}, "execution_name": "watch", "execution_started_at": NOW.isoformat()}
    tracemalloc.start()
    try:
        result, _ = watch_archive(app, begun, lambda: 900.0)
        return result["summary"], tracemalloc.get_traced_memory()[1] / 2**20
    finally:
        tracemalloc.stop()


def test_memory_stays_flat_with_a_hundred_thousand_records() -> None:
    began = time.monotonic()
    told, peak_mib = watched_with_peak_mib(100_000)
    assert (told["compared"], told["differing"]) == (100_000, 0)
    assert peak_mib < 64, "of 512 MiB; most of it are two numbers per object"
    assert time.monotonic() - began < 60
