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

from local_cloud.model import GIB, BlockDevice, Image, Snapshot

MAGIC = b"AMIBIN\x00\x01"
_HEADER_PREFIX = struct.Struct(">II")
_CONTENT_PREFIX = struct.Struct(">Q")
_DIGEST_BYTES = hashlib.sha256().digest_size

_IMAGE_FIELDS = (
    "image_id",
    "name",
    "owner_id",
    "description",
    "architecture",
    "boot_mode",
    "tpm_support",
    "imds_support",
    "ena_support",
    "sriov_net_support",
    "virtualization_type",
    "hypervisor",
    "root_device_type",
    "root_device_name",
    "platform",
    "platform_details",
    "usage_operation",
    "tags",
    "extra",
)
"""What is kept of an image. Not kept: what is tied to a Region or an account (kernel, RAM disk, location, source
instance, KMS keys), launch permissions, and settings of the original (protection, deprecation, last launch)."""

_SNAPSHOT_FIELDS = (
    "snapshot_id",
    "owner_id",
    "volume_size_gib",
    "full_snapshot_size_bytes",
    "description",
    "encrypted",
    "tags",
)
_DEVICE_FIELDS = (
    "device_name",
    "snapshot_id",
    "volume_size_gib",
    "volume_type",
    "delete_on_termination",
    "encrypted",
    "iops",
    "throughput",
    "virtual_name",
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
            image=_image_from_json(fields["image"]),
            snapshots=tuple(_snapshot_from_json(snapshot) for snapshot in fields["snapshots"]),
            region=fields["region"],
            stored_at=datetime.fromisoformat(fields["stored_at"]),
        )
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise CorruptObject(f"the header cannot be read: {error!r}") from error
    if not {snapshot.snapshot_id for snapshot in stored.snapshots}.issuperset(stored.image.snapshot_ids):
        raise CorruptObject("the header maps a snapshot that the object does not hold")
    return stored, start + length


def _image_to_json(image: Image) -> dict[str, Any]:
    fields = {name: getattr(image, name) for name in _IMAGE_FIELDS}
    fields["creation_date"] = image.creation_date.isoformat()
    fields["product_codes"] = image.product_codes
    fields["block_devices"] = [
        {name: getattr(device, name) for name in _DEVICE_FIELDS} for device in image.block_devices
    ]
    return fields


def _image_from_json(fields: dict[str, Any]) -> Image:
    return Image(
        **{name: fields[name] for name in _IMAGE_FIELDS},
        creation_date=datetime.fromisoformat(fields["creation_date"]),
        product_codes=tuple((code, kind) for code, kind in fields["product_codes"]),
        block_devices=tuple(BlockDevice(**device) for device in fields["block_devices"]),
    )


def _snapshot_to_json(snapshot: Snapshot) -> dict[str, Any]:
    fields = {name: getattr(snapshot, name) for name in _SNAPSHOT_FIELDS}
    fields["start_time"] = snapshot.start_time.isoformat()
    return fields


def _snapshot_from_json(fields: dict[str, Any]) -> Snapshot:
    return Snapshot(
        **{name: fields[name] for name in _SNAPSHOT_FIELDS},
        start_time=datetime.fromisoformat(fields["start_time"]),
    )
