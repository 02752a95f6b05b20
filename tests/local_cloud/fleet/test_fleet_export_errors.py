"""A broken export is one sentence that says where."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from local_cloud.fleet.export import load_fleet
from local_cloud.fleet.fleet import FleetError

ID = "ami-0123456789abcdef0"
GOOD = {"ImageId": "ami-00000000000000000"}


def complaint(tmp_path: Path, content: str | bytes, name: str = "images.json") -> str:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(FleetError) as caught:
        load_fleet(path)
    return str(caught.value).removeprefix(f"{tmp_path}/")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", "images.json: is empty; expected {"),
        (" \n ", "images.json: is empty; expected {"),
        ("ami-1", "images.json: is not JSON: Expecting value at line 1, column 1"),
        ("17", "images.json: 17 at the top; expected {"),
        ('"text"', "images.json: 'text' at the top; expected {"),
        ('{"Reservations": []}', "images.json: has neither Images nor Snapshots; expected {"),
        ('{"Images": {}}', "images.json: Images: {} is not a list"),
        ('{"Images": null}', "images.json: Images: None is not a list"),
        ("[\n  {,}]", "images.json: [0]: is not JSON: Expecting property name"),
        ('{"Images": [{"ImageId": "ami-1', "images.json: Images[0]: is not JSON: Unterminated string"),
        ('{"Images": [', "images.json: Images[0]: is not JSON: the file ends too early, Expecting value at line 1"),
        ('{"Images": []', "images.json: is not JSON: the file ends too early, expected ',' at line 1, column 14"),
        ("[]\n[]", "images.json: is not JSON: expected nothing more at line 2, column 1"),
        ("{Images: []}", "images.json: is not JSON: expected a key in double quotes at line 1, column 2"),
        ('[{"VolumeSize": NaN}]', "images.json: [0]: is not JSON: NaN is not JSON at line 1, column 2"),
        (b'[{"Name": "\xff"}]', "images.json: is not UTF-8: invalid start byte"),
        ("[]".encode("utf-16"), "images.json: is UTF-16, not UTF-8 (PowerShell: pipe into Out-File -Encoding utf8)"),
        ("[" * 100_000, "images.json: [0]: is not JSON: nested too deep at line 1, column 2"),
    ],
)
def test_file_that_is_no_export_is_refused(tmp_path: Path, content: str | bytes, expected: str) -> None:
    assert complaint(tmp_path, content).startswith(expected)


def broken_image(**fields: Any) -> dict[str, Any]:
    return {"ImageId": ID, **fields}


def mapping(**ebs: Any) -> dict[str, Any]:
    return broken_image(BlockDeviceMappings=[{"DeviceName": "/dev/sda1", "Ebs": ebs}])


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("ami-1", ": expected an object, not 'ami-1'"),
        (None, ": expected an object, not None"),
        ({"Name": "web"}, ": ImageId is missing"),
        ({"ImageId": ""}, ": ImageId '' is not an id; expected like ami-1234567890abcdef0"),
        ({"ImageId": 17}, ": ImageId 17 is not a string"),
        ({"ImageId": "ami-XYZ"}, ": ImageId 'ami-XYZ' is not an id; expected like ami-1234567890abcdef0"),
        ({"ImageId": "snap-12345678"}, ": ImageId 'snap-12345678' is not an id; expected like ami-1234567890abcdef0"),
        ({"ImageId": GOOD["ImageId"]}, f" ({GOOD['ImageId']}): the ImageId has been there before"),
        (
            broken_image(CreationDate="yesterday"),
            f" ({ID}): CreationDate 'yesterday' is not a time; expected like 2024-03-01T12:00:00.000Z",
        ),
        (broken_image(CreationDate=1709294400), f" ({ID}): CreationDate 1709294400 is not a time"),
        (
            broken_image(CreationDate="2024-03-01T12:00:00"),
            f" ({ID}): CreationDate '2024-03-01T12:00:00' is not a time",
        ),
        (broken_image(CreationDate="0001-01-01T00:00:00+14:00"), f" ({ID}): CreationDate '0001-01-01T00:"),
        (broken_image(Name=["web"]), f" ({ID}): Name ['web'] is not a string"),
        (broken_image(OwnerId=111122223333), f" ({ID}): OwnerId 111122223333 is not a string"),
        (broken_image(OwnerId="self"), f" ({ID}): OwnerId 'self' is not an account id; expected 12 digits"),
        (broken_image(Public="false"), f" ({ID}): Public 'false' is not true or false"),
        (broken_image(State="fine"), f" ({ID}): State 'fine' is unknown; expected one of pending, available,"),
        (broken_image(Tags={"Archive": "true"}), f" ({ID}): Tags {{'Archive': 'true'}} is not a list"),
        (broken_image(Tags=["Archive"]), f" ({ID}): Tags[0]: expected an object, not 'Archive'"),
        (broken_image(Tags=[{"Value": "x"}]), f" ({ID}): Tags[0]: Key is missing"),
        (broken_image(Tags=[{"Key": "a"}, {"Key": "a"}]), f" ({ID}): Tags[1]: the tag 'a' is there twice"),
        (broken_image(LaunchPermissions=[{}]), f" ({ID}): LaunchPermissions[0]: expected exactly one of UserId, "),
        (broken_image(StateReason="none"), f" ({ID}): StateReason: expected an object, not 'none'"),
        (broken_image(BlockDeviceMappings={}), f" ({ID}): BlockDeviceMappings {{}} is not a list"),
        (mapping(VolumeSize=-8), f" ({ID}): BlockDeviceMappings[0]: Ebs: VolumeSize is -8; expected at least 1"),
        (mapping(VolumeSize="8"), f" ({ID}): BlockDeviceMappings[0]: Ebs: VolumeSize '8' is not a whole number"),
        (mapping(VolumeSize=True), f" ({ID}): BlockDeviceMappings[0]: Ebs: VolumeSize True is not a whole number"),
        (mapping(VolumeSize=8.5), f" ({ID}): BlockDeviceMappings[0]: Ebs: VolumeSize 8.5 is not a whole number"),
        (mapping(SnapshotId="vol-1"), f" ({ID}): BlockDeviceMappings[0]: Ebs: SnapshotId 'vol-1' is not an id"),
        (
            mapping(SnapshotId="snap-12345678"),
            f" ({ID}): /dev/sda1: VolumeSize is missing, and no file has its snapshot snap-12345678",
        ),
        (
            broken_image(ImageAllowed="yes"),
            f" ({ID}): ImageAllowed 'yes' has not the type that it has in the SDK's Image",
        ),
        (broken_image(ImageWatermarks=["mine"]), f" ({ID}): ImageWatermarks ['mine'] has not the type"),
        (broken_image(Description="\ud800"), ": has characters that are not text"),
        (broken_image(Extra=[{"a\x00": 1}]), ": has characters that are not text"),
    ],
)
def test_broken_image_is_named_with_its_place(tmp_path: Path, entry: Any, expected: str) -> None:
    content = json.dumps({"Images": [GOOD, entry]}, indent=4)
    assert complaint(tmp_path, content).startswith(f"images.json: Images[1]{expected}")
    bare = json.dumps([GOOD, entry])
    place = "[1]"
    if isinstance(entry, dict) and "ImageId" not in entry:
        expected = ": neither ImageId nor SnapshotId is there"
    assert complaint(tmp_path, bare).startswith(f"images.json: {place}{expected}")


SNAP = "snap-0123456789abcdef0"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"SnapshotId": None}, ": SnapshotId is missing"),
        ({"SnapshotId": "snap-0"}, ": SnapshotId 'snap-0' is not an id; expected like snap-1234567890abcdef0"),
        ({"VolumeSize": None}, f" ({SNAP}): VolumeSize is missing"),
        ({"VolumeSize": 0}, f" ({SNAP}): VolumeSize is 0; expected at least 1"),
        ({"FullSnapshotSizeInBytes": -1}, f" ({SNAP}): FullSnapshotSizeInBytes is -1; expected at least 0"),
        ({"Progress": "all"}, f" ({SNAP}): Progress 'all' is not a percentage; expected like 100%"),
        ({"Progress": "101%"}, f" ({SNAP}): Progress '101%' is not a percentage; expected like 100%"),
        ({"StorageTier": "deep"}, f" ({SNAP}): StorageTier 'deep' is unknown; expected one of standard, archive"),
        ({"CompletionTime": "soon"}, f" ({SNAP}): CompletionTime 'soon' has not the type"),
        ({"CompletionDurationMinutes": True}, f" ({SNAP}): CompletionDurationMinutes True has not the type"),
        ({"StartTime": "soon"}, f" ({SNAP}): StartTime 'soon' is not a time"),
        ({"SnapshotId": "snap-00000000"}, " (snap-00000000): the SnapshotId has been there before"),
    ],
)
def test_broken_snapshot_is_named_with_its_place(tmp_path: Path, fields: dict[str, Any], expected: str) -> None:
    first = {"SnapshotId": "snap-00000000", "VolumeSize": 8}
    content = json.dumps({"Snapshots": [first, {"SnapshotId": SNAP, "VolumeSize": 8} | fields]})
    assert complaint(tmp_path, content, "snapshots.json").startswith(f"snapshots.json: Snapshots[1]{expected}")


@pytest.mark.parametrize(
    ("use", "expected"),
    [
        ({"ImageId": ID}, f"InUse[0] ({ID}): Kind is missing; expected one of instance, launch-template,"),
        ({"ImageId": ID, "Kind": "cron"}, f"InUse[0] ({ID}): Kind 'cron' is unknown; expected one of instance,"),
        ({"ImageId": ID, "Kind": "instance"}, f"InUse[0] ({ID}): no file has this image"),
    ],
)
def test_broken_use_is_named_with_its_place(tmp_path: Path, use: dict[str, Any], expected: str) -> None:
    content = json.dumps({"Images": [GOOD], "InUse": [use]})
    assert complaint(tmp_path, content).startswith(f"images.json: {expected}")


def test_missing_snapshots_must_be_ids(tmp_path: Path) -> None:
    content = json.dumps({"Images": [], "MissingSnapshots": [{}]})
    assert complaint(tmp_path, content) == "images.json: MissingSnapshots[0]: {} is not a snapshot id"


def test_duplicate_in_another_file_is_named_with_its_file(tmp_path: Path) -> None:
    for name in ("a.json", "b.json"):
        (tmp_path / name).write_text(json.dumps([GOOD]))
    with pytest.raises(FleetError, match=r"b\.json: \[0\] \(ami-0+\): the ImageId has been there before"):
        load_fleet(tmp_path / "a.json", tmp_path / "b.json")


def test_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(FleetError, match=r"nowhere\.json: cannot be read: No such file or directory"):
        load_fleet(tmp_path / "nowhere.json")
    with pytest.raises(FleetError, match="cannot be read: Is a directory"):
        load_fleet(tmp_path)
    with pytest.raises(FleetError, match="no file to load a fleet from"):
        load_fleet()
