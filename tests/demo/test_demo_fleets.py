"""The demo's own fleet, and a real account's export in its place."""

from __future__ import annotations

import json
import tomllib
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ami_archiver.model import RETIRING, Decision
from ami_archiver.retire.reasons import HOLD_TAG
from demo.fleet import built_in
from demo.own_fleet import from_export, parse_tag, selecting_tag
from demo.scene import BUDGET_GIB
from demo.stage import CONFIG, ROOT
from local_cloud.fleet.export import load_fleet
from local_cloud.fleet.fleet import Fleet, FleetError
from local_cloud.fleet.write import write_fleet
from local_cloud.model import GIB

ARCHIVE = ("Archive", "true")


@pytest.fixture
def export(tmp_path: Path):
    """Writes an export of images with these tags; its file."""

    def write(*tags: dict[str, str]) -> Path:
        images = [
            {
                "ImageId": f"ami-{number:017x}",
                "Name": f"image {number}",
                "OwnerId": "999999999999",
                "CreationDate": "2025-01-01T00:00:00.000Z",
                "BlockDeviceMappings": [
                    {"DeviceName": "/dev/xvda", "Ebs": {"SnapshotId": f"snap-{number:017x}", "VolumeSize": 10}}
                ],
                "Tags": [{"Key": key, "Value": value} for key, value in each.items()],
            }
            for number, each in enumerate(tags)
        ]
        path = tmp_path / "images.json"
        path.write_text(json.dumps({"Images": images}))
        return path

    return write


def archived(fleet: Fleet) -> list[str]:
    return [image.name for image in fleet.images if image.tags.get("Archive") == "true"]


def test_the_own_fleet_has_forty_images_and_one_of_everything() -> None:
    scene = built_in(datetime(2026, 1, 1, tzinfo=UTC))
    snapshots = {snapshot.snapshot_id: snapshot for snapshot in scene.fleet.snapshots}
    sizes = {
        image.image_id: sum(
            (snapshots[s].full_snapshot_size_bytes or 0) / GIB for s in image.snapshot_ids if s in snapshots
        )
        for image in scene.fleet.images
    }
    assert len({image.image_id for image in scene.fleet.images}) == 40
    assert {scene.fails_once, scene.always_fails, scene.stored_before, *scene.foreign} <= sizes.keys()
    assert Counter(scene.expected.values()).keys() == set(Decision) - {Decision.DEFERRED, *RETIRING}
    large = [i for i, d in scene.expected.items() if d is Decision.STORED and sizes[i] > BUDGET_GIB]
    assert len(large) == 2
    assert max(sizes[image_id] for image_id in scene.foreign) < BUDGET_GIB


def test_the_own_fleet_has_originals_that_are_in_use_in_every_way_held_and_protected() -> None:
    scene = built_in(datetime(2026, 1, 1, tzinfo=UTC))
    images = {image.image_id: image for image in scene.fleet.images}
    assert {use.kind for use in scene.fleet.in_use} == {"instance", "ssm-parameter", "other-account"}
    used = {use.image_id for use in scene.fleet.in_use} | {scene.in_template, scene.used_elsewhere}
    other = [
        i for i, image in images.items() if HOLD_TAG in image.tags or image.deregistration_protection != "disabled"
    ]
    assert scene.kept.keys() == used | set(other)
    assert len(scene.kept) == 6
    assert all(scene.expected[image_id] is Decision.STORED for image_id in scene.kept)


def test_the_own_fleet_comes_back_from_its_file_as_it_was(tmp_path: Path) -> None:
    scene = built_in(datetime(2026, 1, 1, tzinfo=UTC))
    write_fleet(scene.fleet, tmp_path / "fleet.json")
    fleet = load_fleet(tmp_path / "fleet.json")
    assert {image.image_id: image.tags for image in fleet.images} == {i.image_id: i.tags for i in scene.fleet.images}
    assert len(fleet.snapshots) == len(scene.fleet.snapshots)
    assert fleet.in_use == scene.fleet.in_use


def test_an_export_without_the_tag_is_archived_whole(export) -> None:
    scene = from_export([export({}, {"Name": "x"})], None, ARCHIVE)
    assert archived(scene.fleet) == ["image 0", "image 1"]
    assert scene.store_gib == 20
    assert "all 2 get it" in scene.notes[0]


def test_of_an_export_with_the_tag_only_the_tagged_images_are_archived(export) -> None:
    scene = from_export([export({}, {"Archive": "true"}, {"Archive": "false"})], None, ARCHIVE)
    assert archived(scene.fleet) == ["image 1"]


def test_another_tag_says_which_images_are_archived(export) -> None:
    scene = from_export([export({"Team": "a"}, {"Team": "b", "Archive": "true"}, {})], ("Team", "a"), ARCHIVE)
    assert archived(scene.fleet) == ["image 0"]


def test_a_tag_that_no_image_has_is_an_error(export) -> None:
    with pytest.raises(FleetError, match=r"none of the 1 images has the tag Team=z"):
        from_export([export({"Team": "a"})], ("Team", "z"), ARCHIVE)


def test_an_export_without_an_image_asks_whether_the_region_is_right(export) -> None:
    with pytest.raises(FleetError, match=r"there is no image .* Is the Region right\?"):
        from_export([export()], None, ARCHIVE)


@pytest.mark.parametrize("text", ["Team", "=a", ""])
def test_a_tag_is_a_key_and_a_value(text: str) -> None:
    with pytest.raises(FleetError, match="expected Key=Value"):
        parse_tag(text)


def test_the_demo_s_policy_goes_by_the_tag_archive() -> None:
    assert selecting_tag(tomllib.loads((ROOT / CONFIG).read_text())) == ARCHIVE
