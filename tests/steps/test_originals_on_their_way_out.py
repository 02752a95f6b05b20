"""An image whose original is disabled or gone is archived: a night does not store it again, and watches its object."""

from __future__ import annotations

import pytest

from ami_archiver.model import Status
from ami_archiver.retire import moves
from local_cloud.in_process import VirtualCloud
from tests.support.archive import Archive
from tests.support.domain import NOW


@pytest.fixture
def archive(cloud: VirtualCloud) -> Archive:
    return Archive(cloud)


def archived(archive: Archive, status: Status) -> str:
    """An image that was stored last night, and whose record says since then that its original is on its way out."""
    image_id = archive.image("one")
    archive.night()
    before = archive.record(image_id)
    after = moves.disabled(before, "disabled", at=NOW, run_id="run-2")
    if status is Status.RETIRED:  # and yet it is there: EC2's Recycle Bin gives it back under its own id
        after = moves.retired(after, "deregistered", {}, at=NOW, run_id="run-3")
    assert archive.app.records.save(before, after)
    return image_id


@pytest.mark.parametrize("status", [Status.DISABLED, Status.RETIRED])
def test_image_stays_archived_whatever_becomes_of_its_original(archive: Archive, status: Status) -> None:
    image_id = archived(archive, status)
    before = archive.record(image_id)
    summary = archive.night()
    decision, reason = archive.decisions(summary["run_id"])[image_id]
    assert decision == "already_archived"
    assert f"version {before.object_version_id}" in reason
    assert archive.record(image_id) == before
    assert len(archive.accepted()) == 1


@pytest.mark.parametrize("status", [Status.DISABLED, Status.RETIRED])
def test_object_that_was_altered_is_told_whatever_becomes_of_the_original(archive: Archive, status: Status) -> None:
    image_id = archived(archive, status)
    archive.put_object(archive.record(image_id).object_key, b"something else")
    summary = archive.night()
    decision, reason = archive.decisions(summary["run_id"])[image_id]
    assert decision == "failed"
    assert reason.startswith("ObjectAltered: ")
