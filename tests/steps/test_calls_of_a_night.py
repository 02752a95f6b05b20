"""How many calls a step makes: what grows with the fleet, what with the night, and what must not grow at all."""

from __future__ import annotations

from collections import Counter

import pytest

from ami_archiver.run_state import Next, RunState
from ami_archiver.steps.start import SIGHT_SECONDS
from tests.support.archive import Archive

IMAGES = 25


def calls(archive: Archive, since: int, service: str | None = None) -> Counter[str]:
    """The functions' own calls since then; what EC2 asks of S3 for itself is no one's bill but EC2's."""
    made = archive.cloud.calls.filter(service=service, since=since)
    return Counter(call.operation for call in made if call.operation not in ("PutObject", "PutObjectTagging"))


def queued(archive: Archive, images: int = IMAGES, gib: float = 10) -> RunState:
    for number in range(images):
        archive.image(f"i{number:03}", gib=gib)
    return archive.select(archive.begin())


def test_selection_asks_ec2_by_the_page_and_never_by_the_image(archive: Archive) -> None:
    queued(archive)
    assert calls(archive, 0, "ec2") == {"DescribeImages": 1, "DescribeSnapshots": 1, "DescribeImageReferences": 3}


def test_selection_of_an_archived_fleet_asks_ec2_once(archive: Archive) -> None:
    archive.go_on(queued(archive))
    before = len(archive.cloud.calls)
    archive.select(archive.begin())
    assert calls(archive, before, "ec2") == {"DescribeImages": 1}


def test_filling_the_budget_asks_ec2_twice_per_image_and_once_for_all(archive: Archive) -> None:
    state = archive.go_to(queued(archive), Next.START)
    before = len(archive.cloud.calls)
    archive.step(state)
    assert calls(archive, before, "ec2") == {
        "DescribeStoreImageTasks": 1,
        "DescribeImageAttribute": IMAGES,
        "CreateStoreImageTask": IMAGES,
    }
    written = calls(archive, before, "dynamodb")
    assert (written["UpdateItem"], written["TransactWriteItems"], written["PutItem"]) == (1, IMAGES, 0)


def test_a_look_asks_ec2_once_however_many_stores_have_ended(archive: Archive) -> None:
    state = archive.go_to(queued(archive), Next.WAIT)
    archive.cloud.advance(3600)
    before = len(archive.cloud.calls)
    archive.step(state.then(Next.CHECK))
    assert calls(archive, before, "ec2") == {"DescribeStoreImageTasks": 1}
    assert archive.status("i000") == "VERIFIED"


def test_a_look_writes_each_image_that_has_ended_the_page_and_the_lease_once(archive: Archive) -> None:
    state = archive.go_to(queued(archive), Next.WAIT)
    archive.cloud.advance(3600)
    before = len(archive.cloud.calls)
    archive.step(state.then(Next.CHECK))
    written = calls(archive, before, "dynamodb")
    assert (written["UpdateItem"], written["PutItem"], written["TransactWriteItems"]) == (IMAGES + 1, 1, 0)
    assert (written["GetItem"], written["BatchGetItem"]) == (1, 1)


def test_a_look_and_the_start_after_it_write_the_lease_once_together(archive: Archive) -> None:
    state = archive.go_to(queued(archive, images=20, gib=60), Next.WAIT)
    archive.cloud.advance(12 * 60)
    before = len(archive.cloud.calls)
    state, _ = archive.step(state.then(Next.CHECK))
    assert state.next is Next.START
    archive.step(state)
    written = calls(archive, before, "dynamodb")
    verified, started = 10, 10
    assert (written["UpdateItem"], written["TransactWriteItems"], written["PutItem"]) == (verified + 1, started, 1)


@pytest.mark.parametrize(("late_seconds", "counts"), [(0, 0), (SIGHT_SECONDS, 0), (SIGHT_SECONDS + 1, 1)])
def test_a_start_goes_by_what_its_look_has_seen_or_where_it_comes_late_counts_itself(
    archive: Archive, late_seconds: int, counts: int
) -> None:
    state = archive.go_to(queued(archive, images=20, gib=60), Next.WAIT)
    archive.cloud.advance(12 * 60)
    state, _ = archive.step(state.then(Next.CHECK))
    archive.cloud.advance(late_seconds)
    before = len(archive.cloud.calls)
    archive.step(state)
    made = calls(archive, before, "ec2")
    assert (made["DescribeStoreImageTasks"], made["CreateStoreImageTask"]) == (counts, 10)


@pytest.mark.parametrize(("minutes", "writes"), [(0.5, 0), (14, 0), (16, 1)])
def test_a_look_that_finds_nothing_new_writes_the_lease_once_it_has_to_be_prolonged_and_no_more(
    archive: Archive, minutes: float, writes: int
) -> None:
    state = archive.go_to(queued(archive, images=1, gib=4000), Next.WAIT)
    archive.cloud.advance(minutes * 60)
    before = len(archive.cloud.calls)
    archive.step(state.then(Next.CHECK))
    assert calls(archive, before, "ec2") == {"DescribeStoreImageTasks": 1}
    written = calls(archive, before, "dynamodb")
    assert (written["UpdateItem"], written["PutItem"], written["TransactWriteItems"]) == (writes, 0, 0)
