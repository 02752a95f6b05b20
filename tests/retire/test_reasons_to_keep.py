"""The table: every reason to keep an original, each alone and each in combination with every other.

Whatever of it is there, no call that takes an original away leaves the process; alone, the record names what keeps it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import combinations
from typing import Any

import pytest

from ami_archiver.policy import UseKind
from ami_archiver.retire.reasons import Keep
from local_cloud.in_process import VirtualCloud
from local_cloud.model import BlockDevice
from tests.support.archive import BUCKET, client
from tests.support.retirement import NIGHTLY, RULES, Retiring

OTHER = "444455556666"
POLICY = replace(NIGHTLY, exclude_tags={"Exclude": ("*",)}, group_by_tag="Group", retire=replace(RULES, keep_newest=1))
"""An image without the tag Group is in no group."""


@dataclass(frozen=True)
class Cause:
    """Something about the world that keeps one image."""

    keep: Keep
    says: str
    """What the reason says, with {i} for the image id and {s} for its snapshot's."""
    bring_about: Callable[[Retiring, str], Any]
    only: str = "both"
    """The action that it can be brought about before."""


def instance(retiring: Retiring, image_id: str, state: str = "running") -> None:
    found = retiring.ec2.run_instances(ImageId=image_id, MinCount=1, MaxCount=1, InstanceType="t3.micro")
    if state == "stopped":
        retiring.ec2.stop_instances(InstanceIds=[found["Instances"][0]["InstanceId"]])


def template(retiring: Retiring, image_id: str, newer: int = 0) -> str:
    """A launch template whose first version names the image, with so many newer versions that do not."""
    name = f"template-{image_id}-{newer}"
    made = retiring.ec2.create_launch_template(LaunchTemplateName=name, LaunchTemplateData={"ImageId": image_id})
    for _ in range(newer):
        retiring.ec2.create_launch_template_version(
            LaunchTemplateName=name, LaunchTemplateData={"InstanceType": "t3.micro"}
        )
    template_id: str = made["LaunchTemplate"]["LaunchTemplateId"]
    return template_id


def parameter(retiring: Retiring, image_id: str) -> None:
    ssm = client(retiring.cloud, "ssm")
    ssm.put_parameter(Name=f"/golden/{image_id}", Value=image_id, Type="String", DataType="aws:ec2:image")


def recipe(retiring: Retiring, image_id: str) -> None:
    arn = f"arn:aws:imagebuilder:us-east-1:{retiring.archive.account_id}:image-recipe/{image_id}/1.0.0"
    retiring.cloud.catalog.add_recipe(arn, image_id)


def used_by_another_account(retiring: Retiring, image_id: str) -> None:
    """Launched while it was shared, which it is not any more."""
    share(retiring, image_id)
    other = retiring.cloud.client("ec2", OTHER)
    other.run_instances(ImageId=image_id, MinCount=1, MaxCount=1, InstanceType="t3.micro")
    retiring.ec2.modify_image_attribute(ImageId=image_id, LaunchPermission={"Remove": [{"UserId": OTHER}]})


def share(retiring: Retiring, image_id: str, **permission: str) -> None:
    retiring.ec2.modify_image_attribute(ImageId=image_id, LaunchPermission={"Add": [permission or {"UserId": OTHER}]})


def tag(retiring: Retiring, image_id: str, key: str, value: str = "please") -> None:
    retiring.ec2.create_tags(Resources=[image_id], Tags=[{"Key": key, "Value": value}])


def untag(retiring: Retiring, image_id: str) -> None:
    retiring.ec2.delete_tags(Resources=[image_id], Tags=[{"Key": "Archive"}])


def lock(retiring: Retiring, image_id: str) -> None:
    (snapshot_id,) = retiring.snapshots(image_id)
    retiring.ec2.lock_snapshot(SnapshotId=snapshot_id, LockMode="governance", LockDuration=365)


def delete_object(retiring: Retiring, image_id: str) -> None:
    key = retiring.archive.record(image_id).object_key
    client(retiring.cloud, "s3").delete_object(Bucket=BUCKET, Key=key)


def alter_object(retiring: Retiring, image_id: str) -> None:
    retiring.archive.put_object(retiring.archive.record(image_id).object_key, b"something else")


def enable(retiring: Retiring, image_id: str) -> None:
    retiring.ec2.enable_image(ImageId=image_id)


def deregister(retiring: Retiring, image_id: str) -> None:
    retiring.archive.deregister(image_id)


def protect(retiring: Retiring, image_id: str) -> None:
    retiring.ec2.enable_image_deregistration_protection(ImageId=image_id)


def launched_lately(retiring: Retiring, image_id: str) -> None:
    image = retiring.cloud.catalog.images(retiring.archive.region)[image_id]
    image.last_launched_time = retiring.cloud.clock.now() - timedelta(days=5)


CAUSES = {
    "running instance": Cause(Keep.IN_USE, "instance i-", instance, "disable"),
    "stopped instance": Cause(Keep.IN_USE, "instance i-", lambda r, i: instance(r, i, "stopped"), "disable"),
    "launch template": Cause(Keep.IN_USE, "launch template lt-", template),
    "older version of a launch template": Cause(Keep.IN_USE, "version 1", lambda r, i: template(r, i, newer=3)),
    "default version below the depth": Cause(Keep.IN_USE, "version 1", lambda r, i: template(r, i, newer=12)),
    "SSM parameter": Cause(Keep.IN_USE, "SSM parameter /golden/{i}", parameter),
    "Image Builder recipe": Cause(Keep.IN_USE, "Image Builder recipe", recipe),
    "instance of another account": Cause(Keep.USED_BY_ACCOUNT, f"account {OTHER}", used_by_another_account, "disable"),
    "shared": Cause(Keep.SHARED, f"user:{OTHER}", share, "disable"),
    "public": Cause(Keep.SHARED, "group:all", lambda r, i: share(r, i, Group="all"), "disable"),
    "protected": Cause(Keep.PROTECTED, "enabled-without-cooldown", protect),
    "locked snapshot": Cause(Keep.SNAPSHOT_LOCKED, "snapshot {s} is locked (governance)", lock),
    "hold tag": Cause(Keep.ON_HOLD, "archiver:hold=please", lambda r, i: tag(r, i, "archiver:hold")),
    "excluding tag": Cause(Keep.NOT_SELECTED, "tag Exclude=please", lambda r, i: tag(r, i, "Exclude")),
    "tag taken off": Cause(Keep.NOT_SELECTED, "policy 'nightly' does not select it any more", untag),
    "newest of its group": Cause(Keep.AMONG_NEWEST, "group 'g-{i}'", lambda r, i: tag(r, i, "Group", f"g-{i}")),
    "launched lately": Cause(Keep.RECENTLY_LAUNCHED, "it was launched on", launched_lately),
    "object gone": Cause(Keep.OBJECT_NOT_WHOLE, "is gone", delete_object),
    "object altered": Cause(Keep.OBJECT_NOT_WHOLE, "was altered: version", alter_object),
    "enabled again": Cause(Keep.ENABLED_AGAIN, "somebody has enabled", enable, "deregister"),
    "deregistered by somebody": Cause(Keep.ORIGINAL_GONE, "no longer exists", deregister),
}
ACCOUNT_WIDE = {
    "references denied": (Keep.USE_UNKNOWN, [("ec2", "DescribeImageReferences")]),
    "usage reports denied": (Keep.USAGE_UNKNOWN, [("ec2", "DescribeImageUsageReports")]),
    "usage reports refused": (Keep.USAGE_UNKNOWN, [("ec2", "CreateImageUsageReport")]),
    "launch permissions denied": (Keep.SHARING_UNKNOWN, [("ec2", "DescribeImageAttribute")]),
    "locks denied": (Keep.LOCKS_UNKNOWN, [("ec2", "DescribeLockedSnapshots")]),
    "objects cannot be read": (Keep.OBJECT_UNREADABLE, [("s3", "GetObject")]),
    "objects cannot be looked at": (Keep.OBJECT_UNREADABLE, [("s3", "HeadObject")]),
}

ACTIONS = ("disable", "deregister")
USES_THE_IMAGE = {"running instance", "stopped instance", "instance of another account"}


def possible(names: tuple[str, ...], action: str) -> bool:
    return all(CAUSES[name].only in ("both", action) for name in names)


def due(retiring: Retiring, names: list[str], action: str) -> list[str]:
    make = retiring.due if action == "disable" else retiring.disabled
    image_ids: list[str] = make(*names)
    return image_ids


def name_of(number: int) -> str:
    return f"i{number:04}"


def worst_last(names: tuple[str, ...]) -> list[str]:
    """What makes other causes impossible, such as that the image is gone, comes last; what launches it, first."""
    return sorted(names, key=lambda name: (name == "deregistered by somebody", name not in USES_THE_IMAGE))


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("together", [1, 2])
def test_original_with_any_reason_stays_whatever_other_reason_there_is(
    cloud: VirtualCloud, action: str, together: int
) -> None:
    retiring = Retiring(cloud, POLICY)
    cases = [names for names in combinations(CAUSES, together) if possible(names, action)]
    images = retiring.many_due([name_of(number) for number in range(len(cases))], disabled=action == "deregister")
    retiring.rules(max_images_per_run=10_000)
    for image_id, names in zip(images, cases, strict=True):
        for name in worst_last(names):
            CAUSES[name].bring_about(retiring, image_id)
    with retiring.no_power_used():
        retiring.night()
    statuses = {retiring.status(image_id) for image_id in images}
    assert statuses == {"VERIFIED" if action == "disable" else "DISABLED"}
    for image_id, names in zip(images, cases, strict=True):
        why = retiring.kept_because(image_id) or ""
        assert why.partition(":")[0] in {CAUSES[name].keep for name in names}, names
        if together == 1:
            snapshot_id = image_id.replace("ami-", "snap-")
            assert CAUSES[names[0]].says.format(i=image_id, s=snapshot_id) in why


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("cause", ACCOUNT_WIDE)
def test_original_stays_while_a_question_cannot_be_asked(retiring: Retiring, action: str, cause: str) -> None:
    (image_id,) = due(retiring, ["web"], action)
    keep, denied = ACCOUNT_WIDE[cause]
    for service, operation in denied:
        retiring.cloud.service.faults.deny(f"{service}:{operation}")
    with retiring.no_power_used():
        originals = retiring.night()
    assert originals["done"]["kept"]["listed"][0]["reason"].startswith(f"{keep}: ")
    assert (retiring.kept_because(image_id) or "").startswith(f"{keep}: ")


@pytest.mark.parametrize("action", ACTIONS)
def test_recipe_keeps_its_image_where_references_are_denied(retiring: Retiring, action: str) -> None:
    (image_id,) = due(retiring, ["web"], action)
    recipe(retiring, image_id)
    retiring.cloud.service.faults.deny("ec2:DescribeImageReferences")
    with retiring.no_power_used():
        retiring.night()
    assert (retiring.kept_because(image_id) or "").startswith(
        "UseUnknown: it could not be asked which Image Builder recipes use it; grant ec2:DescribeImageReferences"
    )


def test_kind_of_use_that_cannot_be_asked_for_keeps_nothing_where_the_policy_ignores_it(retiring: Retiring) -> None:
    free, used = retiring.due("free", "used")
    instance(retiring, used)
    retiring.cloud.service.faults.deny("ec2:DescribeImageReferences")
    retiring.cloud.service.faults.deny("autoscaling:DescribeAutoScalingGroups")
    retiring.rules(ignore_unknown_uses=(UseKind.IMAGE_BUILDER,))
    retiring.night()
    assert (retiring.kept_because(free) or "").startswith("UseUnknown: it could not be asked which Auto Scaling groups")
    retiring.rules(ignore_unknown_uses=(UseKind.IMAGE_BUILDER, UseKind.AUTO_SCALING))
    retiring.night()
    assert (retiring.state(free), retiring.state(used)) == ("disabled", "available")
    assert (retiring.kept_because(used) or "").startswith("InUse: used by instance i-")


@pytest.mark.parametrize("action", ACTIONS)
def test_original_goes_once_nothing_keeps_it_any_more(retiring: Retiring, action: str) -> None:
    (image_id,) = due(retiring, ["web"], action)
    tag(retiring, image_id, "archiver:hold")
    retiring.night()
    assert (retiring.kept_because(image_id) or "").startswith("OnHold: ")
    retiring.ec2.delete_tags(Resources=[image_id], Tags=[{"Key": "archiver:hold"}])
    retiring.night()
    assert retiring.state(image_id) == ("disabled" if action == "disable" else None)
    assert retiring.kept_because(image_id) is None


def test_original_without_any_reason_goes(retiring: Retiring) -> None:
    (image_id,) = retiring.due("web")
    retiring.night()
    assert retiring.power() == [("DisableImage", image_id)]
    retiring.days(RULES.after_disabled_days)
    retiring.night()
    assert retiring.power() == [("DisableImage", image_id), ("DeregisterImage", image_id)]


def test_snapshot_that_another_image_uses_stays(retiring: Retiring) -> None:
    (image_id,) = retiring.disabled("web")
    (snapshot_id,) = retiring.snapshots(image_id)
    retiring.archive.image(
        "sibling", snapshot_id=snapshot_id, tags={}, block_devices=(BlockDevice("/dev/xvda", snapshot_id, 10),)
    )
    retiring.night()
    assert (retiring.state(image_id), retiring.snapshots(image_id)) == (None, [snapshot_id])
    assert retiring.archive.record(image_id).retirement.snapshots[snapshot_id].startswith("kept: another image uses it")


def test_every_reason_by_which_the_state_of_the_world_keeps_an_original_is_in_the_table() -> None:
    of_time_and_people = {
        *(Keep.NOT_VERIFIED, Keep.GRACE_PERIOD, Keep.ANNOUNCED, Keep.NOT_APPROVED, Keep.TOO_MANY),
        *(Keep.NOT_ALLOWED, Keep.NOT_MARKED, Keep.CAP_REACHED),
        *(Keep.CHANGED_MEANWHILE, Keep.EC2_UNWILLING, Keep.USAGE_PENDING, Keep.STATE, Keep.NOT_OWNED),
    }
    in_table = {cause.keep for cause in CAUSES.values()} | {keep for keep, _ in ACCOUNT_WIDE.values()}
    assert in_table == set(Keep) - of_time_and_people
