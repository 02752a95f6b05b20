"""A broken export is one sentence that says where."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from local_cloud.fleet.export import load_fleet
from local_cloud.fleet.fleet import FleetError

ID, SNAP = "ami-0123456789abcdef0", "snap-0123456789abcdef0"
GOOD = {"ImageId": "ami-00000000000000000"}
GOOD_SNAPSHOT = {"SnapshotId": "snap-00000000", "VolumeSize": 8}


def complaint(tmp_path: Path, content: str | bytes) -> str:
    path = tmp_path / "export.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(FleetError) as caught:
        load_fleet(path)
    return str(caught.value).removeprefix(f"{tmp_path}/")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", "export.json: is not JSON"),
        ("ami-1", "export.json: is not JSON"),
        ('"text"', "export.json: has neither Images nor Snapshots; expected {"),
        ('{"Reservations": []}', "export.json: has neither Images nor Snapshots; expected {"),
        ('{"Images": [{"ImageId": "ami-1', "export.json: is not JSON"),
        ('[{"ImageId": "ami-12345678"}, {,}]', "export.json: is not JSON in UTF-8 (after "),
        ("[]\n[]", "export.json: is not JSON"),
        ('[{"VolumeSize": NaN}]', "export.json: is not JSON"),
        (b'[{"Name": "\xff"}]', "export.json: is not JSON in UTF-8"),
        ("[]".encode("utf-16"), "export.json: is not JSON in UTF-8"),
    ],
)
def test_file_that_is_no_export_is_refused(tmp_path: Path, content: str | bytes, expected: str) -> None:
    assert complaint(tmp_path, content).startswith(expected)


def image(**fields: Any) -> dict[str, Any]:
    return {"ImageId": ID, **fields}


def mapping(**ebs: Any) -> dict[str, Any]:
    return image(BlockDeviceMappings=[{"DeviceName": "/dev/sda1", "Ebs": ebs}])


def snapshot(**fields: Any) -> dict[str, Any]:
    return {"SnapshotId": SNAP, "VolumeSize": 8} | fields


@pytest.mark.parametrize(
    ("section", "entry", "expected"),
    [
        ("Images", "ami-1", "expected an object, not 'ami-1'"),
        ("Images", {"Name": "web"}, "ImageId"),
        ("Images", image(ImageId=17), "ImageId 17"),
        ("Images", image(ImageId="ami-XYZ"), "ImageId 'ami-XYZ'"),
        ("Images", GOOD, f"{GOOD['ImageId']} has been there before"),
        ("Images", image(CreationDate="yesterday"), "CreationDate 'yesterday'"),
        ("Images", image(CreationDate="2024-03-01T12:00:00"), "CreationDate '2024-03-01T12:00:00'"),
        ("Images", image(CreationDate="0001-01-01T00:00:00+14:00"), "CreationDate"),
        ("Images", image(Name=["web"]), "Name ['web']"),
        ("Images", image(OwnerId="self"), "OwnerId 'self'"),
        ("Images", image(Public="false"), "Public 'false'"),
        ("Images", image(State="fine"), "State 'fine'"),
        ("Images", image(Tags={"Archive": "true"}), "Tags {'Archive': 'true'}"),
        ("Images", image(Tags=[{"Value": "x"}]), "Tags [{'Value': 'x'}]"),
        ("Images", image(LaunchPermissions=["all"]), "LaunchPermissions"),
        ("Images", image(StateReason="none"), "StateReason 'none'"),
        ("Images", image(BlockDeviceMappings=7), "BlockDeviceMappings 7"),
        ("Images", image(ImageAllowed="yes"), "Invalid type for parameter ImageAllowed"),
        ("Images", image(ImageWatermarks=["mine"]), "Invalid type for parameter ImageWatermarks"),
        ("Images", mapping(VolumeSize=-8), "VolumeSize -8"),
        ("Images", mapping(VolumeSize="8"), "BlockDeviceMappings"),
        ("Images", mapping(VolumeSize=8.5), "VolumeSize 8.5"),
        ("Images", mapping(SnapshotId="vol-1"), "SnapshotId 'vol-1'"),
        ("Images", mapping(SnapshotId="snap-12345678"), "/dev/sda1: VolumeSize is missing, and no file has its snap"),
        ("Snapshots", snapshot(SnapshotId="snap-0"), "SnapshotId 'snap-0'"),
        ("Snapshots", snapshot(VolumeSize=None), "VolumeSize"),
        ("Snapshots", snapshot(VolumeSize=0), "VolumeSize 0"),
        ("Snapshots", snapshot(FullSnapshotSizeInBytes="1"), "FullSnapshotSizeInBytes '1'"),
        ("Snapshots", snapshot(Progress="101%"), "Progress '101%'"),
        ("Snapshots", snapshot(StorageTier="deep"), "StorageTier 'deep'"),
        ("Snapshots", snapshot(CompletionTime="soon"), "Invalid type for parameter CompletionTime"),
        ("Snapshots", GOOD_SNAPSHOT, "snap-00000000 has been there before"),
        ("InUse", {"ImageId": ID}, "kind"),
        ("InUse", {"ImageId": ID, "Kind": "cron"}, "kind"),
        ("InUse", {"ImageId": ID, "Kind": "instance"}, f"no file has the image {ID}"),
    ],
)
def test_broken_entry_is_named_with_its_place(tmp_path: Path, section: str, entry: Any, expected: str) -> None:
    document: dict[str, list[Any]] = {"Images": [GOOD], "Snapshots": [GOOD_SNAPSHOT], "InUse": []}
    document[section].append(entry)
    place = f"export.json: {section}[{len(document[section]) - 1}]: "
    assert complaint(tmp_path, json.dumps(document, indent=4)).startswith(place + expected)


def test_entry_of_a_bare_list_must_have_an_id(tmp_path: Path) -> None:
    assert complaint(tmp_path, '[{"Name": "x"}]') == "export.json: [0]: neither ImageId nor SnapshotId is there"


def test_duplicate_in_another_file_is_named_with_its_file(tmp_path: Path) -> None:
    for name in ("a.json", "b.json"):
        (tmp_path / name).write_text(json.dumps([GOOD]))
    with pytest.raises(FleetError, match=r"b\.json: \[0\]: ami-0+ has been there before"):
        load_fleet(tmp_path / "a.json", tmp_path / "b.json")


def test_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(FleetError, match=r"nowhere\.json: cannot be read: No such file or directory"):
        load_fleet(tmp_path / "nowhere.json")
    with pytest.raises(FleetError, match="cannot be read: Is a directory"):
        load_fleet(tmp_path)
    with pytest.raises(FleetError, match="no file to load a fleet from"):
        load_fleet()
