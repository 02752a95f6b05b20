"""What others do in the account: a team that stores its own images, and somebody who stored one into the archive."""

from __future__ import annotations

import time

from botocore.exceptions import ClientError

from demo.aws import Aws, Stack
from demo.stage import StageFailed

TEAM_BUCKET = "team-b-images"
_OBJECT_SECONDS = 30


def store_before(aws: Aws, stack: Stack, image_id: str) -> None:
    """Store the image into the archive bucket as anybody may, and wait for its object."""
    aws.ec2.create_store_image_task(ImageId=image_id, Bucket=stack.bucket)
    end = time.monotonic() + _OBJECT_SECONDS
    while time.monotonic() < end:
        task = aws.ec2.describe_store_image_tasks(ImageIds=[image_id])["StoreImageTaskResults"][0]
        if task["StoreTaskState"] == "Completed":
            return
        time.sleep(0.1)
    raise StageFailed(f"{image_id} was not stored in {_OBJECT_SECONDS} s")


class Team:
    """Another team of the account, which stores into its own bucket and knows nothing of the archiver."""

    def __init__(self, aws: Aws, image_ids: tuple[str, ...]) -> None:
        self._aws = aws
        self._waiting = list(image_ids)
        if self._waiting:
            aws.s3.create_bucket(Bucket=TEAM_BUCKET)

    def store(self) -> None:
        """Start what EC2 lets it start; what is refused is tried again at the next call."""
        while self._waiting:
            try:
                self._aws.ec2.create_store_image_task(ImageId=self._waiting[0], Bucket=TEAM_BUCKET)
            except ClientError:
                return
            del self._waiting[0]
