"""EC2's images as something that can go. Nothing else in the archiver asks EC2 to disable or delete anything."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from ami_archiver.adapters.aws_errors import code_of, message_of, translated
from ami_archiver.adapters.ec2_images import PAGE_SIZE, VALUES_PER_FILTER, Ec2Images
from ami_archiver.adapters.ec2_shares import share
from ami_archiver.batches import batches
from ami_archiver.errors import AccessDenied
from ami_archiver.model import Refusal
from ami_archiver.retire.model import Deregistered, SnapshotEnd

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import DescribeImagesRequestTypeDef, TagTypeDef


logger = logging.getLogger(__name__)

NO_SUCH_SNAPSHOT = "InvalidSnapshot.NotFound"
SNAPSHOT_IN_USE = "InvalidSnapshot.InUse"
LOCKS_PER_CALL = 100

_ENDS = {"success": SnapshotEnd.DELETED, "skipped": SnapshotEnd.SHARED}
"""By DeregisterImage's return code for a snapshot; with any other code it is left."""


class Ec2Originals(Ec2Images):
    """EC2's images as something that can go. One who implements this has the power to delete."""

    def count(self, enough: int) -> int:
        """How many images the account owns; counting stops at `enough`."""
        request: DescribeImagesRequestTypeDef = {"Owners": ["self"], "IncludeDisabled": True, "MaxResults": PAGE_SIZE}
        owned = 0
        while True:
            with translated():
                answer = self._ec2.describe_images(**request)
            owned += len(answer.get("Images", []))
            token = answer.get("NextToken")
            if owned >= enough or not token:
                return min(owned, enough)
            request["NextToken"] = token

    def launch_permissions(self, image_id: str) -> tuple[str, ...] | None:
        """As in RestoreFacts; None where the image is gone."""
        try:
            return super().launch_permissions(image_id)
        except AccessDenied as error:
            logger.warning("launch permissions unknown", extra={"image_id": image_id, "reason": str(error)})
            return None

    def locks(self, snapshot_ids: Collection[str]) -> dict[str, str] | None:
        """The state of each lock that still holds, by snapshot; None where this cannot be asked."""
        held: dict[str, str] = {}
        try:
            for batch in batches(sorted(set(snapshot_ids)), LOCKS_PER_CALL):
                held |= self._locks(batch)
        except (ClientError, AccessDenied) as error:
            logger.warning("snapshot locks unknown", extra={"reason": str(error)})
            return None
        return held

    def _locks(self, snapshot_ids: Sequence[str]) -> dict[str, str]:
        """One id that is gone fails a whole call: then each is asked for alone."""
        try:
            return dict(self._locks_of(snapshot_ids))
        except ClientError as error:
            if code_of(error) != NO_SUCH_SNAPSHOT:
                raise
        if len(snapshot_ids) == 1:
            return {}
        return {one: state for each in snapshot_ids for one, state in self._locks([each]).items()}

    def _locks_of(self, snapshot_ids: Sequence[str]) -> Iterator[tuple[str, str]]:
        more: dict[str, Any] = {}
        while True:
            with translated():
                answer = self._ec2.describe_locked_snapshots(SnapshotIds=snapshot_ids, **more)
            for raw in answer.get("Snapshots", []):
                if raw.get("LockState") != "expired":
                    yield raw["SnapshotId"], raw.get("LockState", "unknown")
            if not answer.get("NextToken"):
                return
            more = {"NextToken": answer["NextToken"]}

    def others_on(self, snapshot_ids: Collection[str], image_id: str) -> set[str]:
        """Those of the snapshots that another image uses as well."""
        return {one for one, images in self._images_on(snapshot_ids).items() if images - {image_id}}

    def _images_on(self, snapshot_ids: Collection[str]) -> dict[str, set[str]]:
        """By snapshot, the images that use it, disabled ones too."""
        users: dict[str, set[str]] = {}
        wanted = sorted(set(snapshot_ids))
        for batch in batches(wanted, VALUES_PER_FILTER):
            with translated():
                answer = self._ec2.describe_images(
                    IncludeDisabled=True, Filters=[{"Name": "block-device-mapping.snapshot-id", "Values": batch}]
                )
            for raw in answer.get("Images", []):
                for mapping in raw.get("BlockDeviceMappings", []):
                    if (one := mapping.get("Ebs", {}).get("SnapshotId")) in wanted:
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
            return unwilling(error)
        results = answer.get("DeleteSnapshotResults", [])
        return Deregistered({raw["SnapshotId"]: _end(raw.get("ReturnCode", "")) for raw in results})

    def delete_snapshot(self, snapshot_id: str) -> tuple[SnapshotEnd, str]:
        """A snapshot that is gone already is DELETED; one that an image uses is SHARED."""
        try:
            with translated(snapshot_id):
                self._ec2.delete_snapshot(SnapshotId=snapshot_id)
        except AccessDenied as error:
            return SnapshotEnd.LEFT, unwilling(error).code
        except ClientError as error:
            code = code_of(error)
            if code == NO_SUCH_SNAPSHOT:
                return SnapshotEnd.DELETED, "gone already"
            users = self._images_on([snapshot_id]).get(snapshot_id) if code == SNAPSHOT_IN_USE else None
            return (SnapshotEnd.SHARED, ", ".join(sorted(users))) if users else (SnapshotEnd.LEFT, code)
        return SnapshotEnd.DELETED, ""

    def mark(self, resource_ids: Collection[str], key: str, value: str) -> Refusal | None:
        """Set a tag on all of the images and snapshots, or on none."""
        tag: TagTypeDef = {"Key": key, "Value": value}
        ids = sorted(resource_ids)
        return _asked(ids[0], lambda: self._ec2.create_tags(Resources=ids, Tags=[tag]))

    def unmark(self, resource_ids: Collection[str], keys: Collection[str]) -> None:
        """One by one: a resource that is gone fails the whole call."""
        tags: list[TagTypeDef] = [{"Key": key} for key in sorted(keys)]
        for one in sorted(resource_ids):
            unwilling = _asked(one, partial(self._ec2.delete_tags, Resources=[one], Tags=tags))
            if unwilling:
                logger.warning("mark not taken off", extra={"resource_id": one, "reason": str(unwilling)})

    def tag(self, image_id: str, key: str, value: str | None) -> Refusal | None:
        """Set a tag, or take it off (None)."""
        if value is None:
            return _asked(image_id, lambda: self._ec2.delete_tags(Resources=[image_id], Tags=[{"Key": key}]))
        tag: TagTypeDef = {"Key": key, "Value": value}
        return _asked(image_id, lambda: self._ec2.create_tags(Resources=[image_id], Tags=[tag]))


def _asked(image_id: str, call: Callable[[], object]) -> Refusal | None:
    try:
        with translated(image_id):
            call()
    except (ClientError, AccessDenied) as error:
        return unwilling(error)
    return None


def _end(code: str) -> tuple[SnapshotEnd, str]:
    end = _ENDS.get(code, SnapshotEnd.LEFT)
    return end, "" if end is not SnapshotEnd.LEFT else code or "no return code"


def unwilling(error: ClientError | AccessDenied) -> Refusal:
    """What EC2 said, as an answer about this image: a permission may depend on its tags.

    Whom EC2 denies something it tells a text of its own each time, of some thousand characters.
    """
    if isinstance(error, ClientError):
        return Refusal(code_of(error), message_of(error))
    code = code_of(error.__cause__) if isinstance(error.__cause__, ClientError) else type(error).__name__
    return Refusal(code, "the function's role may not do it, or somebody denies it")
