"""The scene of the comparison with Cloud Custodian, played by our side in virtual time."""

from __future__ import annotations

import pytest

from benchmarks.retire_scene import NOTHING, POLICY, SETTINGS, USES, Scene
from local_cloud.in_process import VirtualCloud
from tests.support.archive import Archive


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
