"""The scene of the comparison with Cloud Custodian, played by our side in virtual time."""

from __future__ import annotations

import pytest

from benchmarks.retire_scene import NOTHING, POLICY, SETTINGS, USES, Scene
from local_cloud.in_process import VirtualCloud
from tests.support.archive import Archive
from tests.support.assembly import ROOT


@pytest.fixture
def archive(cloud: VirtualCloud) -> Archive:
    return Archive(cloud, POLICY, **SETTINGS)


@pytest.fixture
def scene(archive: Archive) -> Scene:
    """An image for every use: archived, used since, and looked at in the two nights that delete an original."""
    scene = Scene(archive, 1)
    archive.night()
    scene.begin_uses()
    archive.night()
    archive.night()
    return scene


def test_archiver_deletes_what_nothing_uses_and_none_of_what_something_uses_or_keeps(scene: Scene) -> None:
    deleted = scene.deleted()
    assert deleted.pop(NOTHING) == scene.images[NOTHING]
    assert deleted == {use.what: [] for use in USES if use.what != NOTHING}


def test_every_other_image_is_kept_for_the_use_that_it_was_given(archive: Archive, scene: Scene) -> None:
    for use in USES:
        for image_id in scene.images[use.what]:
            why = archive.record(image_id).retirement.kept_because or ""
            assert why.partition(":")[0] == (use.keep or ""), use.what


def test_document_tells_of_every_use_and_of_the_reason_by_which_its_image_is_kept() -> None:
    section = (ROOT / "docs/retire.md").read_text(encoding="utf-8").partition("\n## Beside Cloud Custodian\n")[2]
    rows = [[cell.strip(" `") for cell in line.split("|")[1:-1]] for line in section.splitlines() if "| 2 |" in line]
    assert [(what, ours, reason) for what, *_, ours, reason in rows] == [
        (use.what, "0" if use.keep else "2", use.keep or "") for use in USES
    ]
