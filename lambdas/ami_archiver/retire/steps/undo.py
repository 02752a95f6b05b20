"""UndoRetirement: a disabled original is enabled again, shared as the caller confirms, and held."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ami_archiver import sharing
from ami_archiver.errors import BadInput
from ami_archiver.inventory import IMAGE_ID
from ami_archiver.model import ArchiveRecord, Image, Status
from ami_archiver.retire import moves
from ami_archiver.retire.app import RetireApp
from ami_archiver.retire.reasons import DISABLE_TAG, HOLD_TAG

EXAMPLE = '{"image_id": "ami-0123456789abcdef0", "share_with": ["111122223333"], "share_publicly": false}'
KEYS = {"image_id", "share_with", "share_publicly"}


def undo_retirement(app: RetireApp, event: Mapping[str, Any], run_id: str) -> dict[str, Any]:
    """{"image_id", "status", "result", "problems", "not_shared", "to_share"}. Raises BadInput.

    'result' is 'enabled'; 'restore' (the original is deregistered, only a restore brings it back); 'available' (there
    was nothing to undo, the original is there); or 'nothing' (it is not, and the problems say why). 'not_shared' are
    launch permissions that are recorded and that the event did not confirm, 'to_share' is the event that does.
    """
    image_id, confirmed = _parsed(event)
    record = app.record(image_id)
    if record is None:
        raise BadInput(f"image {image_id} has no archive record that can be read: there is nothing to undo")
    if record.status is Status.RETIRED:
        return _answer(record, "restore", [])
    image = app.originals.by_id([image_id]).get(image_id)
    if image is None:
        return _answer(record, "restore", ["the image no longer exists"])
    if record.status is not Status.DISABLED:
        why = f"the image is {image.state}, and its record is {record.status}: the archiver has not disabled it"
        return _answer(record, "available" if image.state == "available" else "nothing", [why])
    return _enable(app, record, image, confirmed, run_id)


def _parsed(event: Any) -> tuple[str, tuple[str, ...]]:
    """(image id, launch permissions that are confirmed). Raises BadInput."""
    image_id = event.get("image_id") if isinstance(event, Mapping) else None
    if not isinstance(image_id, str) or not IMAGE_ID.fullmatch(image_id) or event.keys() - KEYS:
        raise BadInput(f"an undo takes an object like {EXAMPLE}, not {event!r}")
    share_with = sharing.share_with("share_with", event.get("share_with", []))
    publicly = sharing.share_publicly("share_publicly", event.get("share_publicly", False))
    return image_id, sharing.permissions(share_with, publicly)


def _enable(
    app: RetireApp, record: ArchiveRecord, image: Image, confirmed: tuple[str, ...], run_id: str
) -> dict[str, Any]:
    """The hold tag comes first, so that no run disables the image again meanwhile. Done again, it changes nothing."""
    image_id, problems, untagged = record.image_id, [], ""
    if DISABLE_TAG not in image.tags:
        tags = f"Key={DISABLE_TAG},Value={record.policy}"
        untagged = (
            f"; it has no tag {DISABLE_TAG}, and IAM lets undo touch no other image: if it is to come back, run "
            f"`aws ec2 create-tags --resources {image_id} --tags {tags}`, then undo again"
        )
    if HOLD_TAG not in image.tags and (refusal := app.originals.tag([image_id], HOLD_TAG, "undone")):
        problems.append(f"the tag {HOLD_TAG} could not be set, so a later run may disable the image again: {refusal}")
    if image.state != "available" and (refusal := app.originals.enable(image_id)):
        return _answer(record, "nothing", [*problems, f"EC2 did not enable it: {refusal}{untagged}"])
    was_noted = image.state == "available" and record.retirement.disabled_at is None
    recorded = record.facts.launch_permissions
    if recorded is None and not was_noted:
        problems.append("the record does not say with whom it was shared: share it again by hand")
    found = sharing.sharing(recorded or (), confirmed)
    if found.again and (why := app.originals.share(image_id, found.again)):
        problems.append(f"it is not shared again with {', '.join(found.again)}: {why}{untagged}")
    if found.unrecorded and recorded is not None:
        problems.append(f"it is not shared with {', '.join(found.unrecorded)}: that is not recorded of it")
    if was_noted and HOLD_TAG in image.tags and not found.again and not problems:
        return _answer(record, "available", ["the image is available: it was enabled again before"], found.unconfirmed)
    if was_noted:
        return _answer(record, "enabled", problems, found.unconfirmed)
    why = f"enabled again by undo; the tag {HOLD_TAG} keeps it"
    after = moves.enabled_again(record, why, at=app.clock.now(), run_id=run_id)
    if after is not record and not app.retirements.save(record, after):
        problems.append("its record was written by somebody else just now: run the undo again to note it there")
    return _answer(record, "enabled", problems, found.unconfirmed)


def _answer(
    record: ArchiveRecord, result: str, problems: list[str], not_shared: tuple[str, ...] = ()
) -> dict[str, Any]:
    answer = {"image_id": record.image_id, "status": record.status.value, "result": result, "problems": problems}
    if not not_shared:
        return answer | {"not_shared": [], "to_share": None}
    share_with, publicly = sharing.to_confirm(not_shared)
    event = {"image_id": record.image_id, "share_with": share_with} | ({"share_publicly": True} if publicly else {})
    return answer | {"not_shared": list(not_shared), "to_share": event}
