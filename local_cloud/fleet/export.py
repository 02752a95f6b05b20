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

from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from local_cloud.fleet.entries import image_from, is_machine, snapshot_from, use_from
from local_cloud.fleet.fields import Entry, shown
from local_cloud.fleet.fleet import Fleet, FleetError, Use
from local_cloud.fleet.sections import entries_of
from local_cloud.model import Image, Snapshot
from local_cloud.settings import CloudSettings


@dataclass(slots=True)
class _Loading:
    """What has been read so far, and what is to be settled when everything is read."""

    images: dict[str, Image] = field(default_factory=dict)
    snapshots: dict[str, Snapshot] = field(default_factory=dict)
    in_use: list[tuple[Entry, Use]] = field(default_factory=list)
    stay_missing: set[str] = field(default_factory=set)
    unsized: list[tuple[Entry, str, str]] = field(default_factory=list)
    """Mappings that name a snapshot but no size: entry, device name, snapshot id."""
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
        _read_file(Path(path), loading)
    own = _settle_owners(loading, owner_id)
    _add_missing_snapshots(loading)
    _share_with(own, loading)
    return Fleet(
        images=list(loading.images.values()),
        snapshots=list(loading.snapshots.values()),
        in_use=[use for _, use in loading.in_use],
        owner_id=own,
    )


def _read_file(path: Path, loading: _Loading) -> None:
    with closing(entries_of(path)) as entries:
        for section, index, value in entries:
            if section == "MissingSnapshots":
                if not isinstance(value, str):
                    raise FleetError(f"{path}: {section}[{index}]: {shown(value)} is not a snapshot id")
                loading.stay_missing.add(value)
                continue
            entry = Entry(path, section, index, value)
            kind = section or _kind_of(entry)
            if kind == "InUse":
                loading.in_use.append((entry, use_from(entry)))
            elif kind == "Images":
                _add_image(entry, loading)
            else:
                _add_snapshot(entry, loading)


def _kind_of(entry: Entry) -> str:
    """What an entry of a bare list is."""
    if entry.has("ImageId"):
        return "Images"
    if entry.has("SnapshotId"):
        return "Snapshots"
    raise entry.error("neither ImageId nor SnapshotId is there")


def _add_image(entry: Entry, loading: _Loading) -> None:
    if not is_machine(entry):
        return
    private = not entry.has("LaunchPermissions")
    image = image_from(entry)
    if image.image_id in loading.images:
        raise entry.error("the ImageId has been there before")
    loading.images[image.image_id] = image
    if private and not image.public:
        loading.without_permissions.add(image.image_id)
    for device in image.block_devices:
        if device.snapshot_id and device.volume_size_gib is None:
            loading.unsized.append((entry, device.device_name, device.snapshot_id))


def _add_snapshot(entry: Entry, loading: _Loading) -> None:
    private = not entry.has("CreateVolumePermissions")
    snapshot = snapshot_from(entry)
    if snapshot.snapshot_id in loading.snapshots:
        raise entry.error("the SnapshotId has been there before")
    loading.snapshots[snapshot.snapshot_id] = snapshot
    if private:
        loading.without_permissions.add(snapshot.snapshot_id)


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
    for entry, device_name, snapshot_id in loading.unsized:
        if snapshot_id not in loading.snapshots and snapshot_id not in loading.stay_missing:
            raise entry.error(f"{device_name}: VolumeSize is missing, and no file has its snapshot {snapshot_id}")
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
    for entry, use in loading.in_use:
        if use.image_id not in loading.images:
            raise entry.error("no file has this image")
