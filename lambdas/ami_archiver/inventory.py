"""What lies in the bucket, held small: two 64-bit numbers per object, about 150 bytes, however long its key."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ami_archiver.model import ArchiveRecord, ListedObject

IMAGE_ID = re.compile(r"ami-([0-9a-f]{8}|[0-9a-f]{17})")
"""Since 2018 they have 17 digits; older images keep their 8."""


def image_id_of(key: str) -> str:
    """The image id that an object key ends in, '' for another kind of object: EC2 names objects <image-id>.bin."""
    name = key.rsplit("/", 1)[-1]
    return name.removesuffix(".bin") if name.endswith(".bin") else ""


class Inventory:
    """Answers, without a call per image, whether an object is there now as it was recorded.

    Built from one listing of current versions. A hash that collides (1 in 2^64 per pair) would call an altered object
    whole; the look before anything is retired does not go through here.
    """

    def __init__(self, objects: Iterable[ListedObject]) -> None:
        self._hashes: set[int] = set()
        for listed in objects:
            self._hashes.add(hash(image_id_of(listed.key)))
            self._hashes.add(hash((listed.key, listed.version_id, listed.size_bytes, listed.etag)))

    def has_image(self, image_id: str) -> bool:
        return hash(image_id) in self._hashes

    def has_recorded(self, record: ArchiveRecord) -> bool:
        """Whether the record's object is current, with the version, size and ETag that were recorded."""
        recorded = (record.object_key, record.object_version_id, record.object_bytes, record.object_etag)
        return hash(recorded) in self._hashes
