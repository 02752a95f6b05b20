"""A fleet written as the export that `load_fleet` reads: AWS's fields, one a line, so that it can be edited."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from local_cloud.fleet.fleet import Fleet, Use
from local_cloud.model import Image, Snapshot
from local_cloud.sdk_form import image_to_sdk, snapshot_to_sdk


def write_fleet(fleet: Fleet, path: Path) -> None:
    """Write `fleet` to `path` in UTF-8. The blocks of snapshots (`content`, `content_seed`) are not written."""
    with path.open("w", encoding="utf-8") as handle:
        handle.writelines(_lines(fleet))


def _lines(fleet: Fleet) -> Iterator[str]:
    """The export piece by piece, so that a large fleet is never in memory twice."""
    known = {snapshot.snapshot_id for snapshot in fleet.snapshots}
    missing = sorted({each for image in fleet.images for each in image.snapshot_ids} - known)
    sections: dict[str, Iterable[Any]] = {
        "Images": map(_image, fleet.images),
        "Snapshots": map(_snapshot, fleet.snapshots),
    }
    if fleet.in_use:
        sections["InUse"] = map(_use, fleet.in_use)
    if missing:
        sections["MissingSnapshots"] = missing
    separator = "{"
    for name, entries in sections.items():
        yield f'{separator}"{name}": ['
        separator = "\n"
        for entry in entries:
            yield separator + json.dumps(entry, ensure_ascii=False, separators=(",\n  ", ": "), default=_time)
            separator = ",\n"
        separator = "\n],\n"
    yield "\n]}\n"


def _image(image: Image) -> dict[str, Any]:
    return _present(image_to_sdk(image, image.tags) | {"LaunchPermissions": image.launch_permissions})


def _snapshot(snapshot: Snapshot) -> dict[str, Any]:
    shared_with = [{"Group": "all"} if one == "all" else {"UserId": one} for one in snapshot.shared_with]
    locked = {"LockState": "governance"} if snapshot.locked else {}
    return _present(snapshot_to_sdk(snapshot, snapshot.tags) | {"CreateVolumePermissions": shared_with} | locked)


def _use(use: Use) -> dict[str, Any]:
    fields = dataclasses.asdict(use)
    return _present({name.title().replace("_", ""): value for name, value in fields.items()})


def _present(fields: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if value is not None}


def _time(moment: Any) -> str:
    text: str = moment.isoformat()
    return text
