"""EC2's store tasks. https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ami-store-restore.html"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from ami_archiver.adapters.aws_errors import THROTTLED, code_of, message_of, translated
from ami_archiver.adapters.clients import paged
from ami_archiver.batches import batches
from ami_archiver.errors import AccessDenied
from ami_archiver.model import Refusal, StoreTask

IDS_PER_CALL = 20
"""DescribeStoreImageTasks takes at most 20 image ids, and no MaxResults with them."""
PAGE_SIZE = 200
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
"""The start of a task that does not tell it: before any store was asked for."""

ABOUT_THE_IMAGE = frozenset(
    {
        "InvalidAMIID.NotFound",
        "InvalidAMIID.Malformed",
        "InvalidAMIID.Unavailable",
        "InvalidSnapshot.NotFound",
        "InvalidSnapshotID.Malformed",
        "AuthFailure",
        "OperationNotPermitted",
    }
)


class Ec2StoreTasks:
    """EC2's store tasks."""

    def __init__(self, client: Any) -> None:
        self._ec2 = client

    def in_progress(self) -> list[StoreTask]:
        """Every task in progress in the account and Region, whoever started it."""
        return list(self._all({"Name": "task-state", "Values": ["InProgress"]}))

    def newest(self, image_ids: Collection[str], bucket: str) -> dict[str, StoreTask]:
        """The newest task into that bucket of each image that has one that EC2 remembers (31 days)."""
        found: dict[str, StoreTask] = {}
        elsewhere: set[str] = set()
        for batch in batches(sorted(image_ids), IDS_PER_CALL):
            with translated():
                answer = self._ec2.describe_store_image_tasks(ImageIds=batch)
            for raw in answer.get("StoreImageTaskResults", []):
                task = _task(raw)
                if task.bucket == bucket:
                    found[task.image_id] = task
                else:
                    elsewhere.add(task.image_id)
        if elsewhere:  # by id only the newest task comes back, which here went into somebody else's bucket
            for task in self._all():  # EC2 has a filter for the bucket, but AWS does not say how it takes a path
                if task.image_id in elsewhere and task.bucket == bucket:
                    found[task.image_id] = task
                    elsewhere.remove(task.image_id)
                if not elsewhere:
                    break
        return found

    def start(self, image_id: str, bucket: str, prefix: str, tags: Mapping[str, str]) -> Refusal | None:
        """Why EC2 did not take it, or None: the object will be <prefix>/<image id>.bin."""
        try:
            with translated(image_id, throttling=False):
                self._ec2.create_store_image_task(
                    ImageId=image_id,
                    Bucket=f"{bucket}/{prefix}" if prefix else bucket,
                    S3ObjectTags=[{"Key": key, "Value": value} for key, value in tags.items()],
                )
        except AccessDenied as error:
            return Refusal("AccessDenied", error.what, denied=True)
        except ClientError as error:
            code = code_of(error)
            return Refusal(code, message_of(error), own_fault=code in ABOUT_THE_IMAGE, throttled=code in THROTTLED)
        return None

    def _all(self, *filters: dict[str, Any]) -> Iterator[StoreTask]:
        request: dict[str, Any] = {"Filters": filters, "PaginationConfig": {"PageSize": PAGE_SIZE}}
        return map(_task, paged(self._ec2, "describe_store_image_tasks", "StoreImageTaskResults", **request))


def _task(raw: dict[str, Any]) -> StoreTask:
    """The SDK calls every field optional, and a state is text: what EC2 does not call ended is in progress.

    Nor does AWS say whether the bucket comes with the path that the store was asked for.
    """
    state = raw.get("StoreTaskState")
    return StoreTask(
        image_id=raw.get("AmiId", ""),
        bucket=raw.get("Bucket", "").partition("/")[0],
        object_key=raw.get("S3objectKey", ""),
        state="Completed" if state == "Completed" else "Failed" if state == "Failed" else "InProgress",
        progress_percentage=raw.get("ProgressPercentage", 0),
        started_at=raw.get("TaskStartTime", LONG_AGO),
        failure_reason=raw.get("StoreTaskFailureReason") or "",
    )
