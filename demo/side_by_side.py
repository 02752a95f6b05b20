"""An image before it was deleted and after its restore, as EC2 shows both. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

OWN_TAG = "archiver:"
"""How the tags begin by which a restored image says where it comes from."""
SOURCE_TAG = "archiver:source-image-id"
_FURTHER = (
    *("VirtualizationType", "Hypervisor", "RootDeviceType", "RootDeviceName", "EnaSupport", "SriovNetSupport"),
    *("TpmSupport", "ImdsSupport", "Platform", "PlatformDetails", "UsageOperation"),
)
"""Attributes that must be equal and are shown in one row, with the devices' own."""
_SHOWN_OF_A_DEVICE = ("VolumeSize", "VolumeType")
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
    must_differ = {"image id", "created", "made from", "snapshots"}
    if may_lose_encryption and encrypted(original):
        must_differ.add("encrypted")
    one, two = _facts(original), _facts(restored)
    found = []
    for name in one:
        before, now = ("\n".join(facts[name]) or "-" for facts in (one, two))
        if name == "snapshots":
            right = len(one[name]) == len(two[name]) and not set(one[name]) & set(two[name])
        elif name == "made from":
            right = two[name] == one["image id"]
        else:
            right = (before != now) is (name in must_differ)
        verdict = Verdict.MUST_DIFFER if name in must_differ else Verdict.EQUAL
        found.append(Row(name, before, now, verdict if right else Verdict.FALSE))
    return found


def _facts(side: Side) -> dict[str, list[str]]:
    """What is compared and shown of an image, each as lines."""
    image, devices = side.image, side.image.get("BlockDeviceMappings", [])
    sources = {_all_tags(each).get(SOURCE_TAG) or "-" for each in (image, *side.snapshots)}
    return {
        "image id": [image["ImageId"]],
        "created": [image["CreationDate"]],
        "name": [image.get("Name") or "-"],
        "description": [image.get("Description") or "-"],
        "tags": _tags(image),
        "made from": sorted(sources),
        "architecture": [image.get("Architecture") or "-"],
        "boot mode": [image.get("BootMode") or "-"],
        "devices": [_device(mapping) for mapping in devices],
        "further": [
            *(f"{key}={image[key]}" for key in _FURTHER if key in image),
            *(f"{mapping['DeviceName']} {each}" for mapping in devices for each in _of_the_device(mapping)),
        ],
        "snapshots": [snapshot["SnapshotId"] for snapshot in side.snapshots],
        "written": [line for snapshot in side.snapshots for line in _written(snapshot)],
        "encrypted": ["yes" if encrypted(side) else "no"],
    }


def _device(mapping: Mapping[str, Any]) -> str:
    ebs = mapping.get("Ebs")
    what = f"{ebs['VolumeSize']} GiB {ebs.get('VolumeType', '')}" if ebs else mapping.get("VirtualName", "")
    return f"{mapping['DeviceName']} {what}".rstrip()


def _of_the_device(mapping: Mapping[str, Any]) -> list[str]:
    ebs = mapping.get("Ebs", {})
    return [f"{key}={ebs[key]}" for key in sorted(ebs.keys() - {*_SHOWN_OF_A_DEVICE, *_NOT_OF_THE_DEVICE})]


def _written(snapshot: Mapping[str, Any]) -> list[str]:
    """What must be equal of a snapshot."""
    size = snapshot.get("FullSnapshotSizeInBytes")
    written = f"{size:,} B" if size else "unknown"
    return [f"{written} of {snapshot.get('VolumeSize')} GiB", snapshot.get("Description") or "-", *_tags(snapshot)]


def _all_tags(described: Mapping[str, Any]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in described.get("Tags", [])}


def _tags(described: Mapping[str, Any]) -> list[str]:
    return [f"{key}={value}" for key, value in sorted(_all_tags(described).items()) if not key.startswith(OWN_TAG)]
