"""The image and snapshots that a restore task makes of what a stored object says."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from local_cloud.engine.stored_object import StoredImage
from local_cloud.errors import AwsError
from local_cloud.model import Image, Snapshot

_NAME = re.compile(r"[\w ()\[\]./\-'@]{3,128}", re.ASCII)


def check_name(name: str) -> None:
    """InvalidAMIName.Malformed unless EC2 allows the image name (docs: RegisterImage, Name)."""
    if not _NAME.fullmatch(name):
        raise AwsError(
            "InvalidAMIName.Malformed",
            "AMI names must be between 3 and 128 characters long, and may contain letters, numbers, '(', ')', '[', "
            "']', ' ', '.', '/', '-', ''', '@' and '_'",
        )


def pending_image(
    stored: StoredImage | None,
    image_id: str,
    name: str,
    account_id: str,
    now: datetime,
    *,
    new_id: Callable[[str], str],
    encrypted: bool,
    image_tags: dict[str, str],
    snapshot_tags: dict[str, str],
) -> tuple[Image, list[Snapshot]]:
    """A pending image with a new id and pending snapshots, nothing of it yet readable.

    `stored` None means that the object's header is unreadable: then there is an image to fail, and no more. The
    stored tags are kept, those of the request on top. Encryption is the account's default, not the original's.
    """
    if stored is None:
        image = Image(image_id, name, account_id, now, state="pending", image_location=f"{account_id}/{name}")
        image.tags.update(image_tags)
        return image, []
    snapshots = [
        replace(
            snapshot,
            snapshot_id=new_id("snap"),
            owner_id=account_id,
            start_time=now,
            state="pending",
            progress_percentage=0,
            encrypted=encrypted,
            tags={**snapshot.tags, **snapshot_tags},
            extra={},
        )
        for snapshot in stored.snapshots
    ]
    new_ids = {old.snapshot_id: new.snapshot_id for old, new in zip(stored.snapshots, snapshots, strict=True)}
    devices = tuple(
        replace(device, snapshot_id=new_ids[device.snapshot_id], encrypted=encrypted) if device.snapshot_id else device
        for device in stored.image.block_devices
    )
    image = replace(
        stored.image,
        image_id=image_id,
        name=name,
        owner_id=account_id,
        creation_date=now,
        state="pending",
        block_devices=devices,
        image_location=f"{account_id}/{name}",
        source_image_id=stored.image.image_id,
        source_image_region=stored.region,
        tags={**stored.image.tags, **image_tags},
        extra=dict(stored.image.extra),
        launch_permissions=[],
    )
    return image, snapshots
