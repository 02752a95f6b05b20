"""An image before it was deleted and after its restore, as EC2 shows both. Pure functions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

OWN_TAG = "archiver:"
"""How the tags begin by which a restored image says where it comes from."""
SOURCE_TAG = "archiver:source-image-id"
_GIB = 1024**3
_FURTHER = (
    *("VirtualizationType", "Hypervisor", "RootDeviceType", "RootDeviceName", "EnaSupport", "SriovNetSupport"),
    *("TpmSupport", "ImdsSupport", "Platform", "PlatformDetails", "UsageOperation"),
)
"""Attributes that must be equal and are shown in one row."""
_NOT_OF_THE_DEVICE = ("SnapshotId", "Encrypted", "KmsKeyId")
"""What a device's mapping says of its snapshot: compared with the snapshots."""


@dataclass(frozen=True, slots=True)
class Side:
    """An image as DescribeImages shows it, its snapshots as DescribeSnapshots does, in the devices' order."""

    image: Mapping[str, Any]
    snapshots: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Back:
    """One image, deleted and restored."""

    original: Side
    deleted: Mapping[str, str]
    """The states of the original and its snapshots by id, a moment before they were deleted."""
    left: frozenset[str]
    """Those that were still there when the restore began."""
    restored: Side | None
    problem: str = ""
    """Why there is nothing restored."""
    may_lose_encryption: bool = False


class Verdict(StrEnum):
    EQUAL = "equal"
    MUST_DIFFER = "must differ"
    FALSE = "FALSE"


@dataclass(frozen=True, slots=True)
class Row:
    """One attribute of both; one line or several."""

    name: str
    original: str
    restored: str
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class _Pair:
    name: str
    original: Any
    restored: Any
    must_differ: bool = False
    shown: tuple[str, str] | None = None

    def row(self) -> Row:
        as_it_should = (self.original != self.restored) is self.must_differ
        verdict = Verdict.MUST_DIFFER if self.must_differ else Verdict.EQUAL
        original, restored = self.shown or (_text(self.original), _text(self.restored))
        return Row(self.name, original, restored, verdict if as_it_should else Verdict.FALSE)


def rows(original: Side, restored: Side, *, may_lose_encryption: bool) -> list[Row]:
    """Everything that is compared, in the order in which it is shown."""
    return [pair.row() for pair in _pairs(original, restored, may_lose_encryption=may_lose_encryption)]


def encrypted(side: Side) -> bool:
    return any(snapshot.get("Encrypted") for snapshot in side.snapshots)


def _pairs(one: Side, two: Side, *, may_lose_encryption: bool) -> Iterator[_Pair]:
    def same(name: str, key: str) -> _Pair:
        return _Pair(name, one.image.get(key), two.image.get(key))

    def differ(name: str, key: str) -> _Pair:
        return _Pair(name, one.image.get(key), two.image.get(key), must_differ=True)

    yield differ("image id", "ImageId")
    yield differ("created", "CreationDate")
    yield same("name", "Name")
    yield same("description", "Description")
    yield _Pair("tags", _tags(one.image), _tags(two.image))
    yield _origin(one, two)
    yield same("architecture", "Architecture")
    yield same("boot mode", "BootMode")
    yield _Pair("devices", _devices(one), _devices(two), shown=(_device_lines(one), _device_lines(two)))
    yield _Pair("further", _further(one), _further(two), shown=(_further_line(one), _further_line(two)))
    yield _snapshot_ids(one, two)
    yield _Pair("written", _written(one), _written(two), shown=(_written_lines(one), _written_lines(two)))
    lost = may_lose_encryption and encrypted(one)
    yield _Pair("encrypted", encrypted(one), encrypted(two), must_differ=lost)


def _origin(one: Side, two: Side) -> _Pair:
    """The restored image and its snapshots must say which image they were; the original had nothing to say of it."""
    wanted = one.image["ImageId"]
    found = {_all_tags(each).get(SOURCE_TAG) for each in (two.image, *two.snapshots)}
    said = _all_tags(two.image).get(SOURCE_TAG) if found == {wanted} else None
    return _Pair("made from", None, said, must_differ=True)


def _snapshot_ids(one: Side, two: Side) -> _Pair:
    """As many as before, and none of them the same."""
    before, now = ([snapshot["SnapshotId"] for snapshot in side.snapshots] for side in (one, two))
    new = len(before) == len(now) and not set(before) & set(now)
    return _Pair("snapshots", False, new, must_differ=True, shown=("\n".join(before), "\n".join(now)))


def _all_tags(described: Mapping[str, Any]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in described.get("Tags", [])}


def _tags(described: Mapping[str, Any]) -> dict[str, str]:
    return {key: value for key, value in sorted(_all_tags(described).items()) if not key.startswith(OWN_TAG)}


def _devices(side: Side) -> list[dict[str, Any]]:
    found = []
    for mapping in side.image.get("BlockDeviceMappings", []):
        ebs = {key: value for key, value in mapping.get("Ebs", {}).items() if key not in _NOT_OF_THE_DEVICE}
        found.append({**mapping, "Ebs": ebs})
    return found


def _device_lines(side: Side) -> str:
    return "\n".join(
        f"{mapping['DeviceName']} {ebs.get('VolumeSize')} GiB {ebs.get('VolumeType', '')}".rstrip()
        if (ebs := mapping.get("Ebs"))
        else f"{mapping['DeviceName']} {mapping.get('VirtualName', '')}"
        for mapping in side.image.get("BlockDeviceMappings", [])
    )


def _further(side: Side) -> dict[str, Any]:
    return {key: side.image[key] for key in _FURTHER if key in side.image}


def _further_line(side: Side) -> str:
    return f"{len(_further(side))} more attributes"


def _written(side: Side) -> list[tuple[Any, ...]]:
    """What must be equal of the snapshots."""
    return [
        (each.get("VolumeSize"), each.get("FullSnapshotSizeInBytes"), each.get("Description"), _tags(each))
        for each in side.snapshots
    ]


def _written_lines(side: Side) -> str:
    sizes = [each.get("FullSnapshotSizeInBytes") for each in side.snapshots]
    return "\n".join(f"{size / _GIB:,.1f} GiB" if size else "unknown" for size in sizes)


def _text(value: Any) -> str:
    match value:
        case None | "":
            return "-"
        case bool():
            return "yes" if value else "no"
        case dict():
            return "\n".join(f"{key}={inner}" for key, inner in value.items()) or "-"
        case _:
            return str(value)
