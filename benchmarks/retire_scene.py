"""A small account in which every image is archived and old, and most are used by something: who deletes which?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from ami_archiver.policy import Policy, RetireRules
from ami_archiver.retire.reasons import HOLD_TAG, Keep
from tests.support.account import Account
from tests.support.archive import BUCKET, Archive, client

OTHER = "444455556666"
"""Another account."""
GROUP_TAG = "Group"
POLICY = Policy(
    "nightly",
    {"Archive": ("true",)},
    group_by_tag=GROUP_TAG,
    original="retire",
    retire=RetireRules(after_verified_days=0, after_disabled_days=0, approval="none"),
)
"""ami-archiver's defaults, but that it announces nothing and knows no grace period, as the other one."""
SETTINGS = {"retire_stop_percent": 100}
"""The stop is not what keeps an image here, either."""
GIB = 4.0
NOTHING = "nothing"


@dataclass(frozen=True)
class Use:
    """What uses an image, and how that comes about."""

    what: str
    begin: Callable[[Account, str], object]
    keep: Keep | None = Keep.IN_USE
    """Why ami-archiver keeps it; None: it does not."""


def _launch(account: Account, image_id: str) -> object:
    return account.instance(image_id)


def _launch_and_stop(account: Account, image_id: str) -> object:
    return account.ec2.stop_instances(InstanceIds=[account.instance(image_id)])


def _template(account: Account, image_id: str) -> str:
    return account.template(image_id, name=f"template-{image_id}")


def _older_version(account: Account, image_id: str) -> str:
    """Version 1 of three; the newest, which is the default, names another image."""
    name = f"template-{image_id}"
    template_id = account.template(image_id, name=name)
    for _ in range(2):
        account.ec2.create_launch_template_version(
            LaunchTemplateName=name, LaunchTemplateData={"InstanceType": "t3.micro"}
        )
    account.ec2.modify_launch_template(LaunchTemplateName=name, DefaultVersion="3")
    return template_id


def _group_by_template(account: Account, image_id: str) -> None:
    template = {"LaunchTemplateId": _template(account, image_id), "Version": "$Latest"}
    account.group(f"group-{image_id}", LaunchTemplate=template)


def _configuration(account: Account, image_id: str) -> str:
    name = f"configuration-{image_id}"
    account.scaling.create_launch_configuration(LaunchConfigurationName=name, ImageId=image_id, InstanceType="t3.micro")
    return name


def _group_by_configuration(account: Account, image_id: str) -> None:
    account.group(f"group-{image_id}", LaunchConfigurationName=_configuration(account, image_id))


def _spot_fleet(account: Account, image_id: str) -> object:
    """One that has no instances just now."""
    return account.fleet(TargetCapacity=0, LaunchSpecifications=[{"ImageId": image_id, "InstanceType": "t3.micro"}])


def _parameter(account: Account, image_id: str) -> object:
    return account.ssm.put_parameter(
        Name=f"/golden/{image_id}", Value=image_id, Type="String", DataType="aws:ec2:image"
    )


def _recipe(account: Account, image_id: str) -> None:
    arn = f"arn:aws:imagebuilder:us-east-1:{account.archive.account_id}:image-recipe/{image_id}/1.0.0"
    account.archive.cloud.catalog.add_recipe(arn, image_id)


def _share(account: Account, image_id: str) -> object:
    permission = {"Add": [{"UserId": OTHER}]}
    return account.ec2.modify_image_attribute(ImageId=image_id, LaunchPermission=permission)


def _launch_elsewhere(account: Account, image_id: str) -> object:
    _share(account, image_id)
    other = account.archive.cloud.client("ec2", OTHER)
    other.run_instances(ImageId=image_id, MinCount=1, MaxCount=1, InstanceType="t3.micro")
    permission = {"Remove": [{"UserId": OTHER}]}
    return account.ec2.modify_image_attribute(ImageId=image_id, LaunchPermission=permission)


def _launched_last_week(account: Account, image_id: str) -> None:
    """By an instance that is gone: EC2 only says when."""
    cloud = account.archive.cloud
    cloud.catalog.images(account.archive.region)[image_id].last_launched_time = cloud.clock.now() - timedelta(days=7)


def _tag(key: str) -> Callable[[Account, str], object]:
    return lambda account, image_id: account.ec2.create_tags(
        Resources=[image_id], Tags=[{"Key": key, "Value": f"of-{image_id}"}]
    )


def _protect(account: Account, image_id: str) -> object:
    return account.ec2.enable_image_deregistration_protection(ImageId=image_id)


def _lock(account: Account, image_id: str) -> object:
    snapshot_id = image_id.replace("ami-", "snap-")
    return account.ec2.lock_snapshot(SnapshotId=snapshot_id, LockMode="governance", LockDuration=365)


def _delete_object(account: Account, image_id: str) -> object:
    key = account.archive.record(image_id).object_key
    return client(account.archive.cloud, "s3").delete_object(Bucket=BUCKET, Key=key)


def _alter_object(account: Account, image_id: str) -> object:
    return account.archive.put_object(account.archive.record(image_id).object_key or "", b"something else")


USES = (
    Use(NOTHING, lambda _account, _image_id: None, None),
    Use("running instance", _launch),
    Use("stopped instance", _launch_and_stop),
    Use("Auto Scaling group by launch template", _group_by_template),
    Use("Auto Scaling group by launch configuration", _group_by_configuration),
    Use("launch template outside a group", _template),
    Use("older version of a launch template", _older_version),
    Use("launch configuration outside a group", _configuration),
    Use("spot fleet without instances", _spot_fleet),
    Use("SSM parameter", _parameter),
    Use("Image Builder recipe", _recipe),
    Use("instance of another account, not shared any more", _launch_elsewhere, Keep.USED_BY_ACCOUNT),
    Use("shared with another account", _share, Keep.SHARED),
    Use("launched last week", _launched_last_week, Keep.RECENTLY_LAUNCHED),
    Use("newest of its group", _tag(GROUP_TAG), Keep.AMONG_NEWEST),
    Use("hold tag", _tag(HOLD_TAG), Keep.ON_HOLD),
    Use("deregistration protection", _protect, Keep.PROTECTED),
    Use("locked snapshot", _lock, Keep.SNAPSHOT_LOCKED),
    Use("object missing from the archive", _delete_object, Keep.OBJECT_NOT_WHOLE),
    Use("object altered in the archive", _alter_object, Keep.OBJECT_NOT_WHOLE),
)


class Scene:
    """`each` images for every use, made at once; what uses them comes with `begin_uses`, once they are archived."""

    def __init__(self, archive: Archive, each: int) -> None:
        self._account = Account(archive)
        self.images = {
            use.what: [archive.image(f"{number:02}{letter}", GIB) for letter in "abcdefghij"[:each]]
            for number, use in enumerate(USES)
        }
        """By what uses them."""

    def begin_uses(self) -> None:
        for use in USES:
            for image_id in self.images[use.what]:
                use.begin(self._account, image_id)

    def deleted(self) -> dict[str, list[str]]:
        """The images of each use that are not there any more."""
        pages = self._account.ec2.get_paginator("describe_images").paginate(Owners=["self"], IncludeDisabled=True)
        there = {image["ImageId"] for page in pages for image in page["Images"]}
        return {what: [one for one in image_ids if one not in there] for what, image_ids in self.images.items()}
