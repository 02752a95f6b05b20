"""One stored image is deleted by its owner and restored from the archive, as a user would."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterable
from typing import Any

from botocore.exceptions import ClientError

from demo.aws import Aws, Stack, originals
from demo.output import Output
from demo.side_by_side import SOURCE_TAG, Back, Side, encrypted
from local_cloud.fleet.fleet import Fleet
from local_cloud.model import GIB, Snapshot

POLL_SECONDS = 0.5
END_SECONDS = 90
"""By then a restore of a small image must have ended."""


def smallest(fleet: Fleet, stored: Iterable[str]) -> str | None:
    """The stored image to delete: the smallest that may be deleted with its snapshots, rather an unencrypted one."""
    snapshots = {snapshot.snapshot_id: snapshot for snapshot in fleet.snapshots}
    uses = Counter(snapshot_id for image in fleet.images for snapshot_id in set(image.snapshot_ids))
    wanted = set(stored)
    candidates = []
    for image in fleet.images:
        own = [snapshots[each] for each in image.snapshot_ids if each in snapshots and uses[each] == 1]
        whole = own and len(own) == len(image.snapshot_ids) and not any(each.locked for each in own)
        if image.image_id in wanted and whole and image.deregistration_protection == "disabled":
            candidates.append((any(each.encrypted for each in own), sum(map(_bytes, own)), image.image_id))
    return min(candidates)[2] if candidates else None


class Restoration:
    """From the deletion to the restored image. `owner` is whose credentials do both."""

    def __init__(self, owner: Aws, stack: Stack, output: Output) -> None:
        self._aws = owner
        self._stack = stack
        self._output = output

    def run(self, image_id: str) -> Back:
        """Everything; what goes wrong is the result's `problem`."""
        original = self._side(image_id)
        name = original.image.get("Name") or image_id
        may_lose_encryption = encrypted(original)
        states = originals(self._aws)
        ids = (image_id, *(each["SnapshotId"] for each in original.snapshots))
        deleted = {each: states[each] for each in ids}
        left: frozenset[str] = frozenset(ids)
        restored, problem = None, ""
        try:
            self._delete(original)
            left = frozenset(originals(self._aws).keys() & deleted.keys())
            count = len(original.snapshots)
            snapshots = f"{count} snapshot{'s' if count > 1 else ''}"
            self._output.stage(f"the owner has deleted {name} ({image_id}) and its {snapshots}")
            new_id = self._restore(image_id, {"allow_unencrypted": True} if may_lose_encryption else {})
            restored = self._side(new_id)
        except (ClientError, _NotRestored) as error:
            problem = str(error)
        return Back(original, deleted, left, restored, problem, may_lose_encryption)

    def _delete(self, original: Side) -> None:
        self._aws.ec2.deregister_image(ImageId=original.image["ImageId"])
        for snapshot in original.snapshots:
            self._aws.ec2.delete_snapshot(SnapshotId=snapshot["SnapshotId"])

    def _restore(self, image_id: str, wishes: dict[str, Any]) -> str:
        """The new image's id. Raises _NotRestored."""
        given = json.dumps({"image_ids": [image_id], **wishes})
        arn = self._aws.stepfunctions.start_execution(stateMachineArn=self._stack.restore_workflow_arn, input=given)[
            "executionArn"
        ]
        self._output.stage(f"RestoreWorkflow has started with {given}")
        started = time.monotonic()
        seen = ""
        while True:
            execution = self._aws.stepfunctions.describe_execution(executionArn=arn)
            now = self._progress(image_id)
            if now not in ("", seen):
                self._output.stage(now)
                seen = now
            if execution["status"] != "RUNNING":
                return self._new_image(execution)
            if time.monotonic() - started > END_SECONDS:
                raise _NotRestored(f"the restore has not ended in {END_SECONDS} s")
            time.sleep(POLL_SECONDS)

    def _progress(self, image_id: str) -> str:
        found = self._aws.ec2.describe_images(
            Owners=["self"], Filters=[{"Name": f"tag:{SOURCE_TAG}", "Values": [image_id]}]
        )["Images"]
        return ", ".join(f"{image['ImageId']} is {image['State']}" for image in found)

    @staticmethod
    def _new_image(execution: dict[str, Any]) -> str:
        if execution["status"] != "SUCCEEDED":
            raise _NotRestored(f"the run {execution['status']}: {execution.get('cause', '')}")
        summary = json.loads(execution["output"])
        for line in summary.get("restored", []):
            new_id: str = line["restored_image_id"]
            return new_id
        reasons = [line["reason"] for kind in ("refused", "failed") for line in summary.get(kind, [])]
        raise _NotRestored("; ".join(reasons) or f"the run ended with {summary['outcome']}")

    def _side(self, image_id: str) -> Side:
        (image,) = self._aws.ec2.describe_images(ImageIds=[image_id])["Images"]
        ids = [mapping["Ebs"]["SnapshotId"] for mapping in image["BlockDeviceMappings"] if "Ebs" in mapping]
        found = self._aws.ec2.describe_snapshots(SnapshotIds=ids)["Snapshots"]
        by_id = {snapshot["SnapshotId"]: snapshot for snapshot in found}
        return Side(image, [by_id[each] for each in ids])


class _NotRestored(Exception):
    """Why RestoreWorkflow brought no image back."""


def _bytes(snapshot: Snapshot) -> int:
    return snapshot.full_snapshot_size_bytes or snapshot.volume_size_gib * GIB
