"""EC2's restores. https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ami-store-restore.html"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError

from ami_archiver.adapters.aws_errors import THROTTLED, code_of, message_of, translated
from ami_archiver.adapters.clients import paged
from ami_archiver.adapters.ec2_images import (
    PAGE_SIZE,
    VALUES_PER_FILTER,
    image_of,
    literal,
    raw_snapshots_by,
    share,
    snapshot_of,
)
from ami_archiver.batches import batches
from ami_archiver.eligibility import image_gib, snapshot_gib
from ami_archiver.errors import AccessDenied
from ami_archiver.model import RESTORE_ID_TAG, Refusal, Snapshot
from ami_archiver.restore.model import RestoredImage

NAME_TAKEN = "InvalidAMIName.Duplicate"
ABOUT_THE_RESTORE = frozenset(
    {
        NAME_TAKEN,
        "InvalidAMIName.Malformed",
        "InvalidBucket.NotFound",
        "InvalidBucketName",
        "InvalidObjectState",
        "InvalidParameterValue",
        "InvalidTagKey.Malformed",
        "MissingParameter",
        "NoSuchBucket",
        "NoSuchKey",
        "OperationNotPermitted",
        "TagLimitExceeded",
    }
)


class Ec2Restores:
    """EC2's restores. There is no call that describes one: it is seen by its image and snapshots."""

    def __init__(self, client: Any) -> None:
        self._ec2 = client

    def encrypts_by_default(self) -> bool:
        with translated():
            return bool(self._ec2.get_ebs_encryption_by_default().get("EbsEncryptionByDefault"))

    def start(
        self, bucket: str, key: str, name: str, image_tags: Mapping[str, str], snapshot_tags: Mapping[str, str]
    ) -> str | Refusal:
        """The new image's id."""
        try:
            with translated(key, throttling=False):
                answer = self._ec2.create_restore_image_task(
                    Bucket=bucket,
                    ObjectKey=key,
                    Name=name,
                    TagSpecifications=[
                        {"ResourceType": "image", "Tags": _tags(image_tags)},
                        {"ResourceType": "snapshot", "Tags": _tags(snapshot_tags)},
                    ],
                )
        except AccessDenied as error:
            return Refusal("AccessDenied", error.what, denied=True)
        except ClientError as error:
            code = code_of(error)
            return Refusal(code, message_of(error), own_fault=code in ABOUT_THE_RESTORE, throttled=code in THROTTLED)
        return str(answer["ImageId"])

    def is_name_taken(self, refusal: Refusal) -> bool:
        return refusal.code == NAME_TAKEN

    def pending(self) -> list[RestoredImage]:
        """This account's images that are not yet available, whoever makes them."""
        pending = {"Name": "state", "Values": ["pending"]}
        request: dict[str, Any] = {
            "Owners": ["self"],
            "Filters": [pending],
            "PaginationConfig": {"PageSize": PAGE_SIZE},
        }
        return self._seen(list(paged(self._ec2, "describe_images", "Images", **request)))

    def by_id(self, image_ids: Collection[str]) -> dict[str, RestoredImage]:
        """Those of the images that can be seen; the others are left out."""
        return {image.image_id: image for image in self._seen(self._filtered("image-id", image_ids))}

    def named(self, names: Collection[str]) -> dict[str, RestoredImage]:
        """This account's images by name, of those names that are taken; without sizes and progress."""
        found = self._filtered("name", [literal(name) for name in names])
        return {raw["Name"]: _restored(raw, {}) for raw in found}

    def share(self, image_id: str, permissions: Sequence[str]) -> str | None:
        """Give launch permissions as in RestoreFacts; why EC2 did not take them, or None."""
        return share(self._ec2, image_id, permissions)

    def _filtered(self, name: str, values: Iterable[str]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for batch in batches(sorted(set(values)), VALUES_PER_FILTER):
            request: dict[str, Any] = {
                "Owners": ["self"],
                "IncludeDisabled": True,
                "Filters": [{"Name": name, "Values": batch}],
            }
            with translated():
                answer = self._ec2.describe_images(**request)
            found += answer["Images"]
        return found

    def _seen(self, raw_images: Sequence[dict[str, Any]]) -> list[RestoredImage]:
        """With sizes and progress, which only snapshots have; those of images that have arrived are not asked for."""
        wanted = [s for raw in raw_images if raw.get("State") == "pending" for s in image_of(raw).snapshot_ids]
        snapshots = {
            raw["SnapshotId"]: (snapshot_of(raw), _percentage(raw.get("Progress", "")))
            for raw in raw_snapshots_by(self._ec2, "snapshot-id", wanted)
        }
        return [_restored(raw, snapshots) for raw in raw_images]


def _restored(raw: dict[str, Any], snapshots: Mapping[str, tuple[Snapshot, int]]) -> RestoredImage:
    image = image_of(raw)
    own = [snapshots[one] for one in image.snapshot_ids if one in snapshots]
    gib = image_gib(image, {snapshot.snapshot_id: snapshot for snapshot, _ in own})
    done = sum(snapshot_gib(snapshot) * percentage for snapshot, percentage in own)
    return RestoredImage(
        image_id=image.image_id,
        name=image.name,
        state=image.state,
        state_reason=raw.get("StateReason", {}).get("Message", ""),
        created_at=image.creation_date,
        gib=gib,
        progress_percentage=int(done / gib) if gib else 0,
        restore_id=image.tags.get(RESTORE_ID_TAG),
        made_of_instance=bool(raw.get("SourceInstanceId")),
    )


def _percentage(text: str) -> int:
    digits = text.removesuffix("%")
    return int(digits) if digits.isdigit() else 0


def _tags(tags: Mapping[str, str]) -> list[dict[str, Any]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]
