"""What each function of retirement may do, as `permissions` says it of the archive's.

Who marks is not who deletes. PlanRetirement alone may set the tags that mark an image and its snapshots, and takes
nothing away. RetireImages alone may disable and deregister images and delete snapshots; IAM holds it to what has the
mark and keeps it from what has the hold tag, whatever the function believes. It may take those tags off and set none.
Both may read stored objects, and neither write nor delete one.
"""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_iam as iam

from ami_archiver.model import Action
from ami_archiver.retire.reasons import DISABLE_TAG, HOLD_TAG, MARKS, RETIRE_ON_TAG
from infra.permissions import (
    IMAGES,
    SNAPSHOTS,
    Resources,
    allow,
    describe,
    find_records,
    leave_queue,
    look_at_objects,
    notify,
    use_table,
)

LEFT_SNAPSHOTS = "SNAPSHOTS"
"""The partition of the table whose items may be deleted: a snapshot leaves it when it is known to be gone."""
_PARAMETERS = f"arn:{cdk.Aws.PARTITION}:ssm:{cdk.Aws.REGION}:*:parameter/*"
"""Those of AWS, which belong to no account, and of accounts that share some: a launch template may name any."""
_REPORTS = f"arn:{cdk.Aws.PARTITION}:ec2:{cdk.Aws.REGION}:{cdk.Aws.ACCOUNT_ID}:image-usage-report/*"


def plan(on: Resources) -> list[iam.PolicyStatement]:
    on_images = _only_tags(RETIRE_ON_TAG, *MARKS.values())
    unheld = on_images | {"Null": on_images["Null"] | {f"aws:ResourceTag/{HOLD_TAG}": "true"}}
    return [
        allow("AnnounceAndMarkImages", ["ec2:CreateTags"], [IMAGES], unheld),
        allow("MarkSnapshots", ["ec2:CreateTags"], [SNAPSHOTS], _only_tags(MARKS[Action.DEREGISTER])),
        *_look(on),
        find_records(on),
    ]


def retire(on: Resources) -> list[iam.PolicyStatement]:
    return [
        *_take_away(),
        allow("SeeWhatSnapshotsShare", ["ebs:ListChangedBlocks"], [SNAPSHOTS]),
        *_look(on, "BatchGetItem"),
        leave_queue(on, LEFT_SNAPSHOTS),
    ]


def _look(on: Resources, *more: str) -> list[iam.PolicyStatement]:
    """What both do: look at everything, say what stays, and take announcement and marks off what stays.

    `more`: what else one of them does with the table.
    """
    return [
        allow(
            "TakeOffAnnouncementAndMarks",
            ["ec2:DeleteTags"],
            [IMAGES, SNAPSHOTS],
            _only_tags(RETIRE_ON_TAG, *MARKS.values()),
        ),
        describe("DescribeImages", "DescribeLockedSnapshots", "DescribeSnapshots"),
        allow("LaunchPermissions", ["ec2:DescribeImageAttribute"], [IMAGES]),
        *_look_for_uses(),
        *look_at_objects(on),
        allow("ReadRecordedVersions", ["s3:GetObjectVersion"], [on.bucket.arn_for_objects("*")]),
        *use_table(on, "GetItem", "PutItem", "Query", "UpdateItem", *more),
    ]


def ask(on: Resources) -> list[iam.PolicyStatement]:
    return [
        *use_table(on, "PutItem", "Query"),
        *notify(on),
    ]


def undo(on: Resources) -> list[iam.PolicyStatement]:
    """Only of an image that the archiver was to disable, whatever the table says."""
    return [
        describe("DescribeImages"),
        allow(
            "EnableAndShareAgain",
            ["ec2:EnableImage", "ec2:ModifyImageAttribute"],
            [IMAGES],
            {"Null": {f"aws:ResourceTag/{DISABLE_TAG}": "false"}},
        ),
        allow("Hold", ["ec2:CreateTags"], [IMAGES], _only_tags(HOLD_TAG)),
        *use_table(on, "BatchGetItem", "PutItem", "UpdateItem"),
    ]


def _take_away() -> list[iam.PolicyStatement]:
    """The tags are looked at by the function too; here they hold even if one is set in the very last moment, and
    whatever the table says."""
    return [
        allow("Disable", ["ec2:DisableImage"], [IMAGES], _marked(Action.DISABLE)),
        allow("Deregister", ["ec2:DeregisterImage"], [IMAGES], _marked(Action.DEREGISTER)),
        allow("DeleteSnapshots", ["ec2:DeleteSnapshot"], [SNAPSHOTS], _marked(Action.DEREGISTER)),
    ]


def _marked(action: Action) -> dict[str, dict[str, str]]:
    return {"Null": {f"aws:ResourceTag/{MARKS[action]}": "false", f"aws:ResourceTag/{HOLD_TAG}": "true"}}


def _look_for_uses() -> list[iam.PolicyStatement]:
    """DescribeImageReferences needs of its caller what it looks at; without that call the function looks by itself.

    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-ami-references.html
    """
    return [
        allow(
            "LookForUses",
            [
                "autoscaling:DescribeAutoScalingGroups",
                "autoscaling:DescribeLaunchConfigurations",
                "ec2:DescribeImageReferences",
                "ec2:DescribeImageUsageReportEntries",
                "ec2:DescribeImageUsageReports",
                "ec2:DescribeInstances",
                "ec2:DescribeLaunchTemplates",
                "ec2:DescribeLaunchTemplateVersions",
                "ec2:DescribeSpotFleetRequests",
                "ssm:DescribeParameters",
            ],
            ["*"],
        ),
        allow("ReadParametersThatMayNameImages", ["ssm:GetParameters"], [_PARAMETERS]),
        allow(
            "RecipesThatReferToImages",
            ["imagebuilder:GetContainerRecipe", "imagebuilder:ListContainerRecipes", "imagebuilder:ListImageRecipes"],
            ["*"],
            {"ForAnyValue:StringEquals": {"aws:CalledVia": "ec2-images.amazonaws.com"}},
        ),
        allow("AskWhoElseUsesThem", ["ec2:CreateImageUsageReport"], [IMAGES, _REPORTS]),
    ]


def _only_tags(*keys: str) -> dict[str, dict[str, str | list[str]]]:
    """No other tag is set or taken off, and never all of them: DeleteTags without tags means that."""
    return {"ForAllValues:StringEquals": {"aws:TagKeys": list(keys)}, "Null": {"aws:TagKeys": "false"}}
