"""One stored image is deleted by its owner and restored from the archive, as a user would."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable

from botocore.exceptions import ClientError

from demo.aws import Aws, Stack, originals
from demo.night import NightFailed, output_of
from demo.scene import sizes_gib
from demo.side_by_side import SOURCE_TAG, Back, Side, encrypted
from local_cloud.fleet.fleet import Fleet


def smallest(fleet: Fleet, stored: Iterable[str]) -> str | None:
    """The stored image to delete: the smallest that may be deleted with its snapshots, rather an unencrypted one."""
    snapshots = {snapshot.snapshot_id: snapshot for snapshot in fleet.snapshots}
    uses = Counter(snapshot_id for image in fleet.images for snapshot_id in set(image.snapshot_ids))
    sizes, wanted = sizes_gib(fleet), set(stored)
    candidates = []
    for image in fleet.images:
        own = [snapshots[each] for each in image.snapshot_ids if each in snapshots and uses[each] == 1]
        whole = own and len(own) == len(image.snapshot_ids) and not any(each.locked for each in own)
        if image.image_id in wanted and whole and image.deregistration_protection == "disabled":
            candidates.append((any(each.encrypted for each in own), sizes[image.image_id], image.image_id))
    return min(candidates)[2] if candidates else None


def delete_and_restore(owner: Aws, stack: Stack, image_id: str, say: Callable[[str], None]) -> Back:
    """Both with the owner's credentials; what goes wrong is the result's `problem`."""
    original = _side(owner, image_id)
    may_lose_encryption = encrypted(original)
    states = originals(owner)
    deleted = {each: states[each] for each in (image_id, *(each["SnapshotId"] for each in original.snapshots))}
    left = frozenset(deleted)
    restored, problem = None, ""
    try:
        owner.ec2.deregister_image(ImageId=image_id)
        for snapshot in original.snapshots:
            owner.ec2.delete_snapshot(SnapshotId=snapshot["SnapshotId"])
        left = frozenset(originals(owner).keys() & deleted.keys())
        count = len(original.snapshots)
        name = original.image.get("Name") or image_id
        say(f"the owner has deleted {name} ({image_id}) and its {count} snapshot{'s' if count > 1 else ''}")
        restored = _side(owner, _restore(owner, stack, image_id, may_lose_encryption, say))
    except (ClientError, NightFailed) as error:
        problem = str(error)
    return Back(original, deleted, left, restored, problem, may_lose_encryption)


def _restore(owner: Aws, stack: Stack, image_id: str, may_lose_encryption: bool, say: Callable[[str], None]) -> str:
    """The new image's id. Raises NightFailed."""
    given = {"image_ids": [image_id]} | ({"allow_unencrypted": True} if may_lose_encryption else {})
    said = {""}

    def progress() -> None:
        source = [{"Name": f"tag:{SOURCE_TAG}", "Values": [image_id]}]
        found = owner.ec2.describe_images(Owners=["self"], Filters=source)["Images"]
        now = ", ".join(f"{image['ImageId']} is {image['State']}" for image in found)
        if now not in said:
            said.add(now)
            say(now)

    say(f"RestoreWorkflow has started with {json.dumps(given)}")
    summary = output_of(owner, stack.restore_workflow_arn, given, "the restore", progress)
    for line in summary.get("restored", []):
        return str(line["restored_image_id"])
    reasons = [line["reason"] for kind in ("refused", "failed") for line in summary.get(kind, [])]
    raise NightFailed("; ".join(reasons) or f"the restore ended with {summary['outcome']}")


def _side(aws: Aws, image_id: str) -> Side:
    (image,) = aws.ec2.describe_images(ImageIds=[image_id])["Images"]
    ids = [mapping["Ebs"]["SnapshotId"] for mapping in image["BlockDeviceMappings"] if "Ebs" in mapping]
    found = aws.ec2.describe_snapshots(SnapshotIds=ids)["Snapshots"]
    by_id = {snapshot["SnapshotId"]: snapshot for snapshot in found}
    return Side(image, [by_id[each] for each in ids])
