"""UndoRetirement: a disabled original is enabled again, shared as it was, and stays until somebody says otherwise."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ami_archiver.errors import BadInput
from ami_archiver.model import ArchiveRecord, Status
from ami_archiver.retire import moves
from ami_archiver.retire.reasons import HOLD_TAG

if TYPE_CHECKING:
    from ami_archiver.retire.app import RetireApp

EXAMPLE = '{"image_id": "ami-0abc…"}'
IMAGE_ID = re.compile(r"ami-[0-9a-f]{8,17}")


def undo_retirement(app: RetireApp, event: Mapping[str, Any], run_id: str) -> dict[str, Any]:
    """{"image_id", "status", "result", "problems"}; result is 'enabled' | 'restore' | 'nothing'. Raises BadInput.

    'restore': the original is deregistered, only a restore brings it back. The hold tag comes first, so that no run
    disables the image again meanwhile.
    """
    image_id = event.get("image_id") if isinstance(event, Mapping) else None
    if not isinstance(image_id, str) or not IMAGE_ID.fullmatch(image_id) or len(event) != 1:
        raise BadInput(f"an undo takes an object like {EXAMPLE}, not {event!r}")
    record = app.retirements.get(image_id)
    if record is None:
        raise BadInput(f"image {image_id} has no archive record that can be read: there is nothing to undo")
    if record.status is Status.RETIRED:
        return _answer(record, "restore", [])
    image = app.originals.by_id([image_id]).get(image_id)
    if image is None:
        return _answer(record, "restore", ["the image is not there any more"])
    if image.state == "available" and record.status is not Status.DISABLED:
        return _answer(record, "nothing", [f"the image is available, and its record is {record.status}"])
    return _enable(app, record, run_id)


def _enable(app: RetireApp, record: ArchiveRecord, run_id: str) -> dict[str, Any]:
    image_id = record.image_id
    problems = []
    if unwilling := app.originals.tag(image_id, HOLD_TAG, "undone"):
        problems.append(f"the tag {HOLD_TAG} could not be set, so a later run may disable the image again: {unwilling}")
    if unwilling := app.originals.enable(image_id):
        return _answer(record, "nothing", [*problems, f"EC2 did not enable it: {unwilling}"])
    permissions = record.facts.launch_permissions
    if permissions is None:
        problems.append("with whom it was shared was never known: share it again by hand")
    elif permissions and (why := app.originals.share(image_id, permissions)):
        problems.append(f"it is not shared again with {', '.join(permissions)}: {why}")
    why = f"enabled again by undo; the tag {HOLD_TAG} keeps it"
    after = moves.enabled_again(record, why, at=app.clock.now(), run_id=run_id)
    if after is not record and not app.retirements.save(record, after):
        problems.append("its record was written by somebody else just now: run the undo again to note it there")
    return _answer(record, "enabled", problems)


def _answer(record: ArchiveRecord, result: str, problems: list[str]) -> dict[str, Any]:
    return {"image_id": record.image_id, "status": record.status.value, "result": result, "problems": problems}
