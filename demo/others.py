"""What others do in the account: who uses images, a team that stores its own, and who stored one into the archive."""

from __future__ import annotations

from botocore.exceptions import ClientError

from demo.aws import Aws, Stack
from demo.scene import OTHER_ACCOUNT_ID, Scene
from demo.watch import Look

TEAM_BUCKET = "team-b-images"
TEMPLATE, TEMPLATE_VERSION = "crm-by-hand", 7
"""No Auto Scaling group launches from it; a person does."""


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
    """Store the image into the archive bucket as anybody may, and wait until that is done."""
    aws.ec2.create_store_image_task(ImageId=image_id, Bucket=stack.bucket)
    done = aws.ec2.get_waiter("store_image_task_complete")
    done.wait(ImageIds=[image_id], WaiterConfig={"Delay": 1, "MaxAttempts": 30})


class Team:
    """Another team of the account, which stores into its own bucket and knows nothing of the archiver."""

    def __init__(self, aws: Aws, image_ids: tuple[str, ...]) -> None:
        self._aws = aws
        self._left = list(image_ids)
        if image_ids:
            aws.s3.create_bucket(Bucket=TEAM_BUCKET)

    def go_on(self, look: Look) -> None:
        """Store its images once the archiver has selected something; what EC2 refuses, the next call tries again."""
        if look.decisions:
            self._left = [image_id for image_id in self._left if not self._has_started(image_id)]

    def _has_started(self, image_id: str) -> bool:
        try:
            self._aws.ec2.create_store_image_task(ImageId=image_id, Bucket=TEAM_BUCKET)
        except ClientError:
            return False
        return True
