"""Fleets whose images were made of one long-lived instance each, so that the snapshots of a family share blocks."""

from __future__ import annotations

from local_cloud.fleet.fleet import Fleet
from local_cloud.model import NO_VOLUME


def on_one_volume(fleet: Fleet) -> Fleet:
    """Lets all versions of an application have been made of the same volumes, device by device; returns the fleet.

    A volume never shrinks, so a later version's snapshot is of a volume at least as large as the one before. A snapshot
    that two images are on stays with the first. What each changed is made up (`Snapshot.changed_bytes`).
    """
    snapshots = {each.snapshot_id: each for each in fleet.snapshots}
    volumes: dict[tuple[str, str], tuple[str, int]] = {}
    seen: set[str] = set()
    for image in sorted(fleet.images, key=lambda one: (one.creation_date, one.image_id)):
        for device in image.block_devices:
            snapshot = snapshots.get(device.snapshot_id or "")
            if snapshot is None or snapshot.volume_id == NO_VOLUME or snapshot.snapshot_id in seen:
                continue
            seen.add(snapshot.snapshot_id)
            of = (image.tags.get("Application", image.image_id), device.device_name)
            volume_id, size_gib = volumes.get(of, (snapshot.volume_id, 0))
            snapshot.volume_id, snapshot.volume_size_gib = volume_id, max(size_gib, snapshot.volume_size_gib)
            device.volume_size_gib = snapshot.volume_size_gib
            volumes[of] = (volume_id, snapshot.volume_size_gib)
    return fleet
