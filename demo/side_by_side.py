"""An image before it was deleted and after its restore, as EC2 shows both. Pure functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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


def encrypted(side: Side) -> bool:
    return any(snapshot.get("Encrypted") for snapshot in side.snapshots)


def rows(original: Side, restored: Side, *, may_lose_encryption: bool) -> list[Row]:
    """Everything that is compared, in the order in which it is shown."""
    differing = {"image id", "created", "made from", "snapshots"}
    if may_lose_encryption and encrypted(original):
        differing.add("encrypted")
    found = []
    for name, (compared, shown) in _ATTRIBUTES.items():
        one, two = compared(original), compared(restored)
        verdict = Verdict.MUST_DIFFER if name in differing else Verdict.EQUAL
        if name == "snapshots":
            right = len(one) == len(two) and not set(one) & set(two)
        elif name == "made from":
            right = two == {original.image["ImageId"]}
        else:
            right = (one != two) is (name in differing)
        found.append(Row(name, shown(original), shown(restored), verdict if right else Verdict.FALSE))
    return found


def _devices(side: Side) -> list[dict[str, Any]]:
    found = []
    for mapping in side.image.get("BlockDeviceMappings", []):
        ebs = {key: value for key, value in mapping.get("Ebs", {}).items() if key not in _NOT_OF_THE_DEVICE}
        found.append({**mapping, "Ebs": ebs})
    return found


def _device_lines(side: Side) -> str:
    shown = []
    for mapping in side.image.get("BlockDeviceMappings", []):
        ebs = mapping.get("Ebs", {})
        what = f"{ebs['VolumeSize']} GiB {ebs.get('VolumeType', '')}" if ebs else mapping.get("VirtualName", "")
        shown.append(f"{mapping['DeviceName']} {what}".rstrip())
    return "\n".join(shown) or "-"


def _further(side: Side) -> dict[str, Any]:
    return {key: side.image[key] for key in _FURTHER if key in side.image}


def _written(side: Side) -> list[tuple[Any, ...]]:
    """What must be equal of the snapshots."""
    return [
        (each.get("VolumeSize"), each.get("FullSnapshotSizeInBytes"), each.get("Description"), _tags(each))
        for each in side.snapshots
    ]


def _written_lines(side: Side) -> str:
    sizes = [each.get("FullSnapshotSizeInBytes") for each in side.snapshots]
    return "\n".join(f"{size / _GIB:,.1f} GiB" if size else "unknown" for size in sizes)


def _all_tags(described: Mapping[str, Any]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in described.get("Tags", [])}


def _tags(described: Mapping[str, Any]) -> dict[str, str]:
    return {key: value for key, value in sorted(_all_tags(described).items()) if not key.startswith(OWN_TAG)}


def _tag_lines(side: Side) -> str:
    return "\n".join(f"{key}={value}" for key, value in _tags(side.image).items()) or "-"


def _sources(side: Side) -> set[str | None]:
    """Which images an image and its snapshots say that they were."""
    return {_all_tags(each).get(SOURCE_TAG) for each in (side.image, *side.snapshots)}


def _snapshot_ids(side: Side) -> list[str]:
    return [snapshot["SnapshotId"] for snapshot in side.snapshots]


def _attribute(key: str) -> tuple[Callable[[Side], Any], Callable[[Side], str]]:
    return lambda side: side.image.get(key), lambda side: str(side.image.get(key) or "-")


_ATTRIBUTES: Mapping[str, tuple[Callable[[Side], Any], Callable[[Side], str]]] = {
    "image id": _attribute("ImageId"),
    "created": _attribute("CreationDate"),
    "name": _attribute("Name"),
    "description": _attribute("Description"),
    "tags": (lambda side: _tags(side.image), _tag_lines),
    "made from": (_sources, lambda side: ", ".join(sorted(each or "-" for each in _sources(side)))),
    "architecture": _attribute("Architecture"),
    "boot mode": _attribute("BootMode"),
    "devices": (_devices, _device_lines),
    "further": (_further, lambda side: f"{len(_further(side))} more attributes"),
    "snapshots": (_snapshot_ids, lambda side: "\n".join(_snapshot_ids(side))),
    "written": (_written, _written_lines),
    "encrypted": (encrypted, lambda side: "yes" if encrypted(side) else "no"),
}
"""By its name in the table: what is compared of an attribute, and what is shown of it."""
