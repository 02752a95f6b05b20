"""A fleet out of a real account: what `aws ec2 describe-images` and `aws ec2 describe-snapshots` print.

    aws ec2 describe-images --owners self --include-disabled > images.json
    aws ec2 describe-snapshots --owner-ids self > snapshots.json

What an export cannot say is filled in:

- A snapshot that an image refers to and no file lists is made from the mapping's VolumeSize (the smallest, where
  several images refer to it), with the image's owner and time, shared with nobody. A list `MissingSnapshots` in a file
  names those that are to stay missing.
- A private image, or a snapshot, of somebody else could be listed only because it was shared with the account that made
  the export: unless the entry carries its permissions, it is shared with that account here too.
- A time that is missing is the day EC2 opened.
"""

from __future__ import annotations

import dataclasses
import mmap
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

import botocore.session
import ijson  # type: ignore[import-untyped]  # comes without types
from botocore.validate import ParamValidator
from pydantic import TypeAdapter, ValidationError

from local_cloud.fleet.fleet import Fleet, FleetError, Use
from local_cloud.model import Image, Snapshot
from local_cloud.sdk_form import image_from_sdk, snapshot_from_sdk
from local_cloud.settings import CloudSettings

SECTIONS = ("Images", "Snapshots", "InUse", "MissingSnapshots")
_EXPECTED = 'expected {"Images": [...]} and/or {"Snapshots": [...]}, or a bare list of either'
_KNOWN = {("", "map_key", section) for section in SECTIONS}
_ID = "(?:[0-9a-f]{8}|[0-9a-f]{17})"
_PATTERNS = {
    name: re.compile(pattern)
    for name, pattern in {
        "ImageId": f"a[mkr]i-{_ID}",
        "SnapshotId": f"snap-{_ID}",
        "OwnerId": "[0-9]{12}",
        "State": "pending|available|invalid|deregistered|transient|failed|error|disabled|completed|recover(able|ing)",
        "VirtualizationType": "hvm|paravirtual",
        "RootDeviceType": "ebs|instance-store",
        "StorageTier": "standard|archive",
        "VolumeSize": "[1-9][0-9]*",
        "Progress": "|[0-9]{1,2}%?|100%?",
    }.items()
}
"""What the words of an entry must look like; of its block devices, too."""
_USE = TypeAdapter(Use)


@dataclass(slots=True)
class _Loading:
    """What has been read so far, and what is to be settled when everything is read."""

    images: dict[str, Image] = field(default_factory=dict)
    snapshots: dict[str, Snapshot] = field(default_factory=dict)
    in_use: list[tuple[str, Use]] = field(default_factory=list)
    """Each with its place in the files."""
    stay_missing: set[str] = field(default_factory=set)
    unsized: list[tuple[str, str, str]] = field(default_factory=list)
    """Mappings that name a snapshot but no size: place, device name, snapshot id."""
    without_permissions: set[str] = field(default_factory=set)
    """Ids of the images and snapshots that came without their permissions."""


def load_fleet(*paths: Path | str, owner_id: str | None = None) -> Fleet:
    """The fleet in the export `paths`: one file with both lists, or several.

    With `owner_id`, the account that owns most of the private images (or else of the snapshots, or else of all images)
    becomes that account, also where it is named in permissions and locations; other owners stay who they are. Nothing
    is renamed if `owner_id` owns something already.
    Raises FleetError, which names the file and the entry.
    """
    if not paths:
        raise FleetError("no file to load a fleet from")
    loading = _Loading()
    for path in paths:
        place = str(path)
        try:
            for place, section, entry in _entries(Path(path)):
                _add(place, section, entry, loading)
        except OSError as error:
            raise FleetError(f"{path}: cannot be read: {error.strerror or error}") from error
        except ijson.JSONError as error:
            raise FleetError(f"{path}: is not JSON in UTF-8 (after {place}): {' '.join(str(error).split())}") from error
        except ValueError as error:
            raise FleetError(f"{place}: {error}") from error
    own = _settle_owners(loading, owner_id)
    _add_missing_snapshots(loading)
    _share_with(own, loading)
    return Fleet(
        images=list(loading.images.values()),
        snapshots=list(loading.snapshots.values()),
        in_use=[use for _, use in loading.in_use],
        owner_id=own,
    )


def _entries(path: Path) -> Iterator[tuple[str, str, Any]]:
    """Place, section and value of every entry, one at a time, so that a file of any size costs the memory of one."""
    with path.open("rb") as file:
        if file.read(3) != b"\xef\xbb\xbf":  # a byte order mark is passed over
            file.seek(0)
        start = file.tell()
        first = next(iter(ijson.basic_parse(file)), ("nothing", None))[0]
        sections = ("",) if first == "start_array" else _mentioned(file) if first == "start_map" else ()
        empty = True
        for section in sections:
            file.seek(start)
            prefix = f"{section}.item" if section else "item"
            for index, value in enumerate(ijson.items(file, prefix, use_float=True)):
                yield f"{path}: {section}[{index}]", section, value
                empty = False
        file.seek(start)
        if empty and first != "start_array" and not any(event in _KNOWN for event in ijson.parse(file)):
            raise ValueError(f"has neither Images nor Snapshots; {_EXPECTED}")


def _mentioned(file: BinaryIO) -> list[str]:
    """The sections that may be there: each that is costs a pass over the file."""
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return [section for section in SECTIONS if content.find(f'"{section}"'.encode()) >= 0]


def _add(place: str, section: str, entry: Any, loading: _Loading) -> None:
    if section == "MissingSnapshots":
        loading.stay_missing.add(entry)
        return
    if not isinstance(entry, dict):
        raise ValueError(f"expected an object, not {entry!r:.60}")
    kind = section or ("Images" if "ImageId" in entry else "Snapshots" if "SnapshotId" in entry else "")
    if not kind:
        raise ValueError("neither ImageId nor SnapshotId is there")
    _check_words(entry)
    if kind == "InUse":
        loading.in_use.append((place, _use(entry)))
    elif kind == "Snapshots":
        snapshot = snapshot_from_sdk(entry)
        _check_rest("Snapshot", snapshot.extra)
        _add_once(loading.snapshots, snapshot.snapshot_id, snapshot)
        if entry.get("CreateVolumePermissions") is None:
            loading.without_permissions.add(snapshot.snapshot_id)
    elif entry.get("ImageType") in (None, "machine"):  # DescribeImages lists kernels and RAM disks, too
        image = image_from_sdk(entry)
        _check_rest("Image", image.extra)
        _add_once(loading.images, image.image_id, image)
        if entry.get("LaunchPermissions") is None and not image.public:
            loading.without_permissions.add(image.image_id)
        unsized = [one for one in image.block_devices if one.snapshot_id and one.volume_size_gib is None]
        loading.unsized.extend((place, one.device_name, one.snapshot_id or "") for one in unsized)


def _add_once(known: dict[str, Any], identity: str, found: Any) -> None:
    if identity in known:
        raise ValueError(f"{identity} has been there before")
    known[identity] = found


def _check_words(entry: dict[str, Any]) -> None:
    for name, pattern in _PATTERNS.items():
        if (value := entry.get(name)) is not None and not pattern.fullmatch(str(value)):
            raise ValueError(f"{name} {value!r:.60} is not one")
    mappings = entry.get("BlockDeviceMappings")
    for mapping in mappings if isinstance(mappings, list) else ():
        if isinstance(mapping, dict) and isinstance(mapping.get("Ebs"), dict):
            _check_words(mapping["Ebs"])


def _check_rest(shape_name: str, rest: dict[str, Any]) -> None:
    """What is carried along untouched must have the SDK's types, or EC2 could not answer with it."""
    if not rest:
        return
    shape = _shape(shape_name)
    known = {name: value for name, value in rest.items() if name in shape.members}
    report = ParamValidator().validate(known, shape).generate_report().splitlines()
    if wrong := [line for line in report if not line.startswith("Unknown parameter")]:
        raise ValueError("; ".join(wrong))


@cache
def _shape(name: str) -> Any:
    return botocore.session.get_session().get_service_model("ec2").shape_for(name)


def _use(entry: dict[str, Any]) -> Use:
    """One entry of `InUse`, which `write_fleet` adds to what AWS prints."""
    names = {one.name.title().replace("_", ""): one.name for one in dataclasses.fields(Use)}
    try:
        return _USE.validate_python({names.get(name, name): value for name, value in entry.items()})
    except ValidationError as error:
        first = error.errors()[0]
        raise ValueError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from error


def _settle_owners(loading: _Loading, owner_id: str | None) -> str:
    """Give the main owner's things, and nobody's, to `owner_id`; answers whose the fleet is."""
    images, snapshots = loading.images.values(), loading.snapshots.values()
    owners = [
        Counter(image.owner_id for image in images if image.owner_id and not image.public),
        Counter(snapshot.owner_id for snapshot in snapshots if snapshot.owner_id),
        Counter(image.owner_id for image in images if image.owner_id),
    ]
    exported_by = next((each.most_common(1)[0][0] for each in owners if each), None)
    if owner_id is None:
        own = exported_by or CloudSettings().account_id
        renamed = ""
    else:
        own = owner_id
        renamed = "" if exported_by is None or any(owner_id in each for each in owners) else exported_by
    for image in images:
        _settle_image(image, renamed, own)
    for snapshot in snapshots:
        if snapshot.owner_id in ("", renamed):
            snapshot.owner_id = own
        if renamed and renamed in snapshot.shared_with:
            snapshot.shared_with = tuple(own if each == renamed else each for each in snapshot.shared_with)
    return own


def _settle_image(image: Image, renamed: str, own: str) -> None:
    if image.owner_id in ("", renamed):
        image.owner_id = own
    if not renamed:
        return
    if image.image_location and image.image_location.startswith(f"{renamed}/"):
        image.image_location = own + image.image_location.removeprefix(renamed)
    for permission in image.launch_permissions:
        if permission.get("UserId") == renamed:
            permission["UserId"] = own


def _add_missing_snapshots(loading: _Loading) -> None:
    for place, device_name, snapshot_id in loading.unsized:
        if snapshot_id not in loading.snapshots and snapshot_id not in loading.stay_missing:
            raise FleetError(
                f"{place}: {device_name}: VolumeSize is missing, and no file has its snapshot {snapshot_id}"
            )
    made: dict[str, Snapshot] = {}
    for image in loading.images.values():
        for device in image.block_devices:
            snapshot_id = device.snapshot_id or ""
            if not snapshot_id or snapshot_id in loading.snapshots or snapshot_id in loading.stay_missing:
                continue
            size_gib = device.volume_size_gib or 0
            if snapshot_id in made:
                made[snapshot_id].volume_size_gib = min(made[snapshot_id].volume_size_gib, size_gib)
                continue
            made[snapshot_id] = Snapshot(
                snapshot_id=snapshot_id,
                owner_id=image.owner_id,
                volume_size_gib=size_gib,
                start_time=image.creation_date,
                encrypted=device.encrypted,
                kms_key_id=device.kms_key_id,
            )
    loading.snapshots.update(made)


def _share_with(own: str, loading: _Loading) -> None:
    for image in loading.images.values():
        if image.owner_id != own and image.image_id in loading.without_permissions:
            image.launch_permissions.append({"UserId": own})
    for snapshot in loading.snapshots.values():
        if snapshot.owner_id != own and snapshot.snapshot_id in loading.without_permissions:
            snapshot.shared_with = (own,)
    for place, use in loading.in_use:
        if use.image_id not in loading.images:
            raise FleetError(f"{place}: no file has the image {use.image_id}")
