"""Whether EC2 can store an image at all, and how much that is, by what AWS documents.

https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ami-store-restore.html (limitations)
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from ami_archiver.model import GIB, Image, Snapshot

MAX_IMAGE_GIB = 5000


def snapshot_gib(snapshot: Snapshot) -> float:
    """What EC2 has to read: the written blocks, or the volume's size (an upper bound) where AWS does not say."""
    if snapshot.written_bytes:
        return math.ceil(snapshot.written_bytes / GIB * 1000) / 1000
    return float(snapshot.volume_gib)


def image_gib(image: Image, snapshots: Mapping[str, Snapshot]) -> float:
    """The size of an image in GiB of snapshot data; an unseen snapshot counts with its mapping's size."""
    return sum(
        snapshot_gib(snapshots[volume.snapshot_id])
        if volume.snapshot_id in snapshots
        else float(volume.volume_gib or 0)
        for volume in image.volumes
    )


def why_not_storable(image: Image, snapshots: Mapping[str, Snapshot], account_id: str) -> str | None:
    """Why EC2 would refuse to store the image, or None.

    A `disabled` image passes: AWS does not say whether it can be stored, so EC2 decides.
    """
    if image.owner_id != account_id:
        return f"owned by account {image.owner_id}; only this account's own images are archived"
    if image.state not in ("available", "disabled"):
        return f"state is {image.state}, must be available"
    if image.root_device_type != "ebs":
        return f"root device is {image.root_device_type}, only EBS-backed images can be stored"
    if image.virtualization_type != "hvm":
        return f"virtualization is {image.virtualization_type}, only hvm images can be stored"
    if not image.volumes:
        return "has no EBS snapshot"
    for snapshot_id in image.snapshot_ids:
        snapshot = snapshots.get(snapshot_id)
        if snapshot is None:
            return f"snapshot {snapshot_id} is missing or not accessible"
        if snapshot.state != "completed":
            return f"snapshot {snapshot_id} is {snapshot.state}, must be completed"
    size = image_gib(image, snapshots)
    if size > MAX_IMAGE_GIB:
        return f"{size:g} GiB, at most {MAX_IMAGE_GIB} GiB can be stored"
    return None
