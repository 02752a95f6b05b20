"""The .bin format: one object that carries an image's metadata, its tags and its snapshots' content.

    magic (8 bytes) | header length, CRC-32 of header (4 + 4) | header (JSON)
    for each snapshot: length (8) | its content, deflated
    SHA-256 over everything before it (32)

EC2 does not publish its own format; what matters is that restoring needs this object and nothing else, and that no
truncated or altered object passes. The header has its own check, so that the pending image can be shown before the
content is read.
"""

from __future__ import annotations

import hashlib
import json
import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from local_cloud.model import GIB, Image, Snapshot
from local_cloud.sdk_form import image_from_sdk, image_to_sdk, snapshot_from_sdk, snapshot_to_sdk

MAGIC = b"AMIBIN\x00\x01"
_HEADER_PREFIX = struct.Struct(">II")
_CONTENT_PREFIX = struct.Struct(">Q")
_DIGEST_BYTES = hashlib.sha256().digest_size

_NOT_OF_IMAGE = (
    *("ImageOwnerAlias", "State", "StateReason", "ImageLocation", "Public", "KernelId", "RamdiskId"),
    *("DeregistrationProtection", "DeprecationTime", "LastLaunchedTime"),
    *("SourceImageId", "SourceImageRegion", "SourceInstanceId"),
)
"""What is not kept of an image: what is tied to a Region or an account (with the KMS keys of its devices), launch
permissions, and settings of the original."""
_OF_SNAPSHOT = (
    *("SnapshotId", "OwnerId", "VolumeSize", "FullSnapshotSizeInBytes", "StartTime", "Description"),
    *("Encrypted", "Tags"),
)


class CorruptObject(Exception):
    """The bytes are not a whole, unaltered stored image."""


@dataclass(frozen=True, slots=True)
class StoredImage:
    """What a stored object says: the image as it was, its snapshots in device order, whence and when."""

    image: Image
    snapshots: tuple[Snapshot, ...]
    """With their content, if the whole object was decoded."""
    region: str
    stored_at: datetime


def written_gib(snapshot: Snapshot) -> float:
    """The GiB of written blocks; the volume's size where EC2 does not tell."""
    return (snapshot.full_snapshot_size_bytes or snapshot.volume_size_gib * GIB) / GIB


def content_of(snapshot: Snapshot, bytes_per_gib: int) -> bytes:
    """The snapshot's blocks, scaled down: its own bytes if it has some, else made from its seed, always alike."""
    if snapshot.content is not None:
        return snapshot.content
    size = round(written_gib(snapshot) * bytes_per_gib)
    seed = (snapshot.content_seed or snapshot.snapshot_id).encode()
    return hashlib.shake_256(seed).hexdigest((size + 1) // 2).encode()[:size]


def encode(
    image: Image, snapshots: Sequence[Snapshot], contents: Iterable[bytes], stored_at: datetime, *, region: str
) -> Iterator[bytes]:
    """The object, part by part: the header, one part per snapshot, the checksum. Contents are read lazily."""
    header = json.dumps(
        {
            "image": _image_to_json(image),
            "snapshots": [_snapshot_to_json(snapshot) for snapshot in snapshots],
            "region": region,
            "stored_at": stored_at.isoformat(),
        },
        default=str,
        separators=(",", ":"),
    ).encode()
    digest = hashlib.sha256()
    first = MAGIC + _HEADER_PREFIX.pack(len(header), zlib.crc32(header)) + header
    digest.update(first)
    yield first
    for content in contents:
        deflated = zlib.compress(content)
        part = _CONTENT_PREFIX.pack(len(deflated)) + deflated
        digest.update(part)
        yield part
    yield digest.digest()


def decode(data: bytes) -> StoredImage:
    """The image and its snapshots with their content; CorruptObject unless every byte is as it was written."""
    stored, position = _read_header(data)
    end = len(data) - _DIGEST_BYTES
    if end < position or hashlib.sha256(memoryview(data)[:end]).digest() != data[end:]:
        raise CorruptObject("the checksum does not match: the object is truncated or was altered")
    snapshots = []
    try:
        for snapshot in stored.snapshots:
            (length,) = _CONTENT_PREFIX.unpack_from(data, position)
            position += _CONTENT_PREFIX.size
            content = zlib.decompress(data[position : min(position + length, end)])
            position += length
            snapshots.append(replace(snapshot, content=content))
    except (struct.error, zlib.error) as error:
        raise CorruptObject(f"a snapshot's content cannot be read: {error}") from error
    if position != end:
        raise CorruptObject("the object holds something else than its header says")
    return replace(stored, snapshots=tuple(snapshots))


def decode_header(data: bytes) -> StoredImage:
    """The image and its snapshots without their content; says nothing about whether the content is whole."""
    return _read_header(data)[0]


def _read_header(data: bytes) -> tuple[StoredImage, int]:
    start = len(MAGIC) + _HEADER_PREFIX.size
    if not data.startswith(MAGIC) or len(data) < start:
        raise CorruptObject("this is not a stored image")
    length, checksum = _HEADER_PREFIX.unpack_from(data, len(MAGIC))
    header = data[start : start + length]
    if len(header) != length or zlib.crc32(header) != checksum:
        raise CorruptObject("the header is truncated or was altered")
    try:
        fields = json.loads(header)
        stored = StoredImage(
            image=image_from_sdk(fields["image"]),
            snapshots=tuple(snapshot_from_sdk(snapshot) for snapshot in fields["snapshots"]),
            region=fields["region"],
            stored_at=datetime.fromisoformat(fields["stored_at"]),
        )
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise CorruptObject(f"the header cannot be read: {error!r}") from error
    if not {snapshot.snapshot_id for snapshot in stored.snapshots}.issuperset(stored.image.snapshot_ids):
        raise CorruptObject("the header maps a snapshot that the object does not hold")
    return stored, start + length


def _image_to_json(image: Image) -> dict[str, Any]:
    fields = image_to_sdk(image, image.tags) | {"CreationDate": image.creation_date.isoformat()}
    for device in fields["BlockDeviceMappings"]:
        device.get("Ebs", {}).pop("KmsKeyId", None)
    return {name: value for name, value in fields.items() if name not in _NOT_OF_IMAGE}


def _snapshot_to_json(snapshot: Snapshot) -> dict[str, Any]:
    fields = snapshot_to_sdk(snapshot, snapshot.tags)
    return {name: fields[name] for name in _OF_SNAPSHOT}
