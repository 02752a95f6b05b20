"""What others do in the account: who uses images, a team that stores its own, and who stored one into the archive."""

from __future__ import annotations

import time

from botocore.exceptions import ClientError

from demo.aws import Aws, Stack
from demo.scene import BUDGET_GIB, OTHER_ACCOUNT_ID, Scene
from demo.stage import StageFailed
from demo.watch import Look

TEAM_BUCKET = "team-b-images"
AT_ONCE = 2
"""Images that the team begins with."""
TEMPLATE, TEMPLATE_VERSION = "crm-by-hand", 7
"""No Auto Scaling group launches from it; a person does."""
_OBJECT_SECONDS = 30


def use_images(past: Aws, scene: Scene) -> None:
    """What no fleet's file can say of who uses its images: a launch template's versions, a share that has ended."""
    if scene.in_template:
        template = {"LaunchTemplateName": TEMPLATE}
        past.ec2.create_launch_template(**template, LaunchTemplateData={"InstanceType": "t3.micro"})
        for version in range(2, TEMPLATE_VERSION + 1):
            newest = {"ImageId": scene.in_template} if version == TEMPLATE_VERSION else {}
            past.ec2.create_launch_template_version(
                **template, LaunchTemplateData={"InstanceType": "t3.small"} | newest
            )
    if scene.used_elsewhere:
        ended = {"Remove": [{"UserId": OTHER_ACCOUNT_ID}]}
        past.ec2.modify_image_attribute(ImageId=scene.used_elsewhere, LaunchPermission=ended)
        kinds = [{"ResourceType": "ec2:Instance"}, {"ResourceType": "ec2:LaunchTemplate"}]
        past.ec2.create_image_usage_report(ImageId=scene.used_elsewhere, ResourceTypes=kinds)


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
        self._at_once = list(image_ids[:AT_ONCE])
        self._later = list(image_ids[AT_ONCE:])
        self._ours_before: set[str] = set()
        if image_ids:
            aws.s3.create_bucket(Bucket=TEAM_BUCKET)

    def go_on(self, look: Look) -> None:
        """Store its first images as soon as the archiver has selected something, the others while it stores.

        So they are in each other's way. What EC2 refuses, the next call tries again.
        """
        ours = {task.image_id for task in look.running if not task.foreign}
        settled = ours and ours == self._ours_before
        self._ours_before = ours
        if look.decisions:
            while self._at_once and self._started(self._at_once[0]):
                del self._at_once[0]
        room = settled and not look.foreign_gib and look.in_flight_gib < BUDGET_GIB
        if room and not self._at_once and self._later and self._started(self._later[0]):
            del self._later[0]

    def _started(self, image_id: str) -> bool:
        try:
            self._aws.ec2.create_store_image_task(ImageId=image_id, Bucket=TEAM_BUCKET)
        except ClientError:
            return False
        return True
