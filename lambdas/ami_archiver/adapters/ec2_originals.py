"""EC2's images as something that can go. Nothing else in the archiver asks EC2 to disable or delete anything."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence
from itertools import islice
from typing import Any

from botocore.exceptions import ClientError

from ami_archiver.adapters.aws_errors import code_of, message_of, translated
from ami_archiver.adapters.clients import paged
from ami_archiver.adapters.ec2_images import PAGE_SIZE, VALUES_PER_FILTER, Ec2Images, share
from ami_archiver.batches import batches
from ami_archiver.errors import AccessDenied
from ami_archiver.model import Refusal
from ami_archiver.retire.model import Deregistered, SnapshotEnd

logger = logging.getLogger(__name__)

NO_SUCH_SNAPSHOT = "InvalidSnapshot.NotFound"
SNAPSHOT_IN_USE = "InvalidSnapshot.InUse"

_ENDS = {"success": SnapshotEnd.DELETED, "skipped": SnapshotEnd.SHARED}
"""By DeregisterImage's return code for a snapshot; with any other code it is left."""


class Ec2Originals(Ec2Images):
    """EC2's images as something that can go. Whoever has one has the power to delete."""

    def count(self, enough: int) -> int:
        """How many images the account owns; counting stops at `enough`."""
        request: dict[str, Any] = {
            "Owners": ["self"],
            "IncludeDisabled": True,
            "PaginationConfig": {"PageSize": PAGE_SIZE},
        }
        return len(list(islice(paged(self._ec2, "describe_images", "Images", **request), enough)))

    def locks(self, snapshot_ids: Collection[str]) -> dict[str, str] | None:
        """The state of each lock that still holds, by snapshot; None where this cannot be asked."""
        held: dict[str, str] = {}
        for one in sorted(snapshot_ids):  # one by one: an id that is gone fails the whole call
            try:
                with translated(one):
                    locked = self._ec2.describe_locked_snapshots(SnapshotIds=[one]).get("Snapshots", [])
            except (ClientError, AccessDenied) as error:
                if refusal_of(error).code == NO_SUCH_SNAPSHOT:
                    continue
                logger.warning("snapshot locks unknown", extra={"reason": str(error)})
                return None
            for raw in locked:
                if (state := raw.get("LockState", "unknown")) != "expired":
                    held[one] = state
        return held

    def others_on(self, snapshot_ids: Collection[str], image_id: str) -> set[str]:
        """Those of the snapshots that another image uses as well."""
        return {one for one, images in self._images_on(snapshot_ids).items() if images - {image_id}}

    def _images_on(self, snapshot_ids: Collection[str]) -> dict[str, set[str]]:
        """By snapshot, the images that use it, disabled ones too."""
        users: dict[str, set[str]] = {}
        for batch in batches(sorted(snapshot_ids), VALUES_PER_FILTER):
            with translated():
                answer = self._ec2.describe_images(
                    IncludeDisabled=True, Filters=[{"Name": "block-device-mapping.snapshot-id", "Values": batch}]
                )
            for raw in answer.get("Images", []):
                for mapping in raw.get("BlockDeviceMappings", []):
                    if (one := mapping.get("Ebs", {}).get("SnapshotId")) in batch:
                        users.setdefault(one, set()).add(raw["ImageId"])
        return users

    def disable(self, image_id: str) -> Refusal | None:
        return _asked(image_id, lambda: self._ec2.disable_image(ImageId=image_id))

    def enable(self, image_id: str) -> Refusal | None:
        return _asked(image_id, lambda: self._ec2.enable_image(ImageId=image_id))

    def share(self, image_id: str, permissions: Sequence[str]) -> str | None:
        """Give launch permissions as in RestoreFacts; why EC2 did not take them, or None."""
        return share(self._ec2, image_id, permissions)

    def deregister(self, image_id: str) -> Deregistered | Refusal:
        """With its snapshots, but for those that another image uses."""
        try:
            with translated(image_id):
                answer = self._ec2.deregister_image(ImageId=image_id, DeleteAssociatedSnapshots=True)
        except (ClientError, AccessDenied) as error:
            return refusal_of(error)
        results = answer.get("DeleteSnapshotResults", [])
        return Deregistered({raw["SnapshotId"]: _end(raw.get("ReturnCode", "")) for raw in results})

    def delete_snapshot(self, snapshot_id: str) -> tuple[SnapshotEnd, str]:
        """A snapshot that is gone already is DELETED; one that an image uses is SHARED."""
        refusal = _asked(snapshot_id, lambda: self._ec2.delete_snapshot(SnapshotId=snapshot_id))
        if refusal is None:
            return SnapshotEnd.DELETED, ""
        if refusal.code == NO_SUCH_SNAPSHOT:
            return SnapshotEnd.DELETED, "gone already"
        users = self._images_on([snapshot_id]).get(snapshot_id) if refusal.code == SNAPSHOT_IN_USE else None
        return (SnapshotEnd.SHARED, ", ".join(sorted(users))) if users else (SnapshotEnd.LEFT, refusal.code)

    def tag(self, resource_ids: Collection[str], key: str, value: str) -> Refusal | None:
        """Set a tag on all of the images and snapshots, or on none."""
        ids = sorted(resource_ids)
        return _asked(ids[0], lambda: self._ec2.create_tags(Resources=ids, Tags=[{"Key": key, "Value": value}]))

    def untag(self, resource_ids: Collection[str], keys: Collection[str]) -> None:
        """One by one: a resource that is gone fails the whole call."""
        tags: list[Any] = [{"Key": key} for key in sorted(keys)]
        for one in sorted(resource_ids):
            try:
                with translated(one):
                    self._ec2.delete_tags(Resources=[one], Tags=tags)
            except (ClientError, AccessDenied) as error:
                extra = {"resource_id": one, "reason": str(refusal_of(error))}
                logger.warning("tags not taken off", extra=extra)


def _asked(about: str, call: Callable[[], object]) -> Refusal | None:
    try:
        with translated(about):
            call()
    except (ClientError, AccessDenied) as error:
        return refusal_of(error)
    return None


def _end(code: str) -> tuple[SnapshotEnd, str]:
    end = _ENDS.get(code, SnapshotEnd.LEFT)
    return end, "" if end is not SnapshotEnd.LEFT else code or "no return code"


def refusal_of(error: ClientError | AccessDenied) -> Refusal:
    """What EC2 said, as an answer about this image: a permission may depend on its tags.

    Whom EC2 denies something it tells a text of its own each time, of some thousand characters.
    """
    if isinstance(error, ClientError):
        return Refusal(code_of(error), message_of(error))
    code = code_of(error.__cause__) if isinstance(error.__cause__, ClientError) else type(error).__name__
    return Refusal(code, "the function's role may not do it, or somebody denies it")
