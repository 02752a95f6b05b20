"""What each function of a restore may do, as `permissions` says it of the archive's.

Nobody here may write or delete an object, deregister an image or delete a record, and only restored images may be
shared: IAM looks at their tag. The one thing that reaches beyond the archive is pointing an SSM parameter back, if the
configuration says which, and only where a request asks for it.
"""

from __future__ import annotations

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_iam as iam

from ami_archiver.model import RESTORE_ID_TAG
from ami_archiver.retire.reasons import MARKS
from infra.permissions import (
    ALL_KEYS,
    IMAGES,
    SNAPSHOTS,
    Resources,
    allow,
    describe,
    find_records,
    leave_queue,
    list_objects,
    look_at_objects,
    notify,
    service,
    use_table,
)

RESTORE_QUEUES = "RESTORE-QUEUE#*"
"""The partitions of the table that restores wait in, one per run."""


def plan(on: Resources) -> list[iam.PolicyStatement]:
    return [
        describe("DescribeImages", "GetEbsEncryptionByDefault"),
        list_objects(on),
        *look_at_objects(on),
        *use_table(on, "BatchGetItem", "GetItem", "PutItem", "Query", "UpdateItem"),
        find_records(on),
    ]


def finish(on: Resources, parameter_prefixes: Sequence[str]) -> list[iam.PolicyStatement]:
    return [
        describe("DescribeImages", "DescribeSnapshots"),
        allow(
            "ShareAgain",
            ["ec2:ModifyImageAttribute"],
            [IMAGES],
            {"Null": {f"aws:ResourceTag/{RESTORE_ID_TAG}": "false"}},
        ),
        *_point(parameter_prefixes),
        *use_table(on, "BatchGetItem", "GetItem", "PutItem", "UpdateItem"),
    ]


def _point(parameter_prefixes: Sequence[str]) -> list[iam.PolicyStatement]:
    """Only a parameter that is there may be changed. An ARN has a name without the slash that it may begin with."""
    if not parameter_prefixes:
        return []
    root = f"arn:{cdk.Aws.PARTITION}:ssm:{cdk.Aws.REGION}:{cdk.Aws.ACCOUNT_ID}:parameter"
    parameters = [f"{root}/{prefix.lstrip('/')}*" for prefix in parameter_prefixes]
    return [
        allow("SeeWhereParametersPoint", ["ssm:GetParameter"], parameters),
        allow("PointParametersBack", ["ssm:PutParameter"], parameters, {"StringEquals": {"ssm:Overwrite": "true"}}),
    ]


def restore(on: Resources) -> list[iam.PolicyStatement]:
    return [
        describe("DescribeImages", "DescribeSnapshots", "DescribeTags", "GetEbsEncryptionByDefault"),
        *look_at_objects(on),
        allow("Thaw", ["s3:RestoreObject"], [on.bucket.arn_for_objects("*")]),
        *_restore(),
        *use_table(on, "BatchGetItem", "GetItem", "PutItem", "Query", "UpdateItem"),
        leave_queue(on, RESTORE_QUEUES),
    ]


def report(on: Resources) -> list[iam.PolicyStatement]:
    return [
        *use_table(on, "BatchGetItem", "PutItem", "Query", "UpdateItem"),
        leave_queue(on, RESTORE_QUEUES),
        *notify(on),
    ]


def _restore() -> list[iam.PolicyStatement]:
    """What EC2 needs of its caller to restore an image: it reads and writes with the caller's permissions.

    The other half of AWS's list for storing and restoring. New snapshots are encrypted with the account's default key
    where it has one. https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/work-with-ami-store-restore.html
    """
    ec2_and_ebs = {"kms:ViaService": [service("ec2"), service("ebs")]}
    return [
        allow("RestoreImages", ["ec2:CreateRestoreImageTask", "ec2:CreateTags"], [IMAGES, SNAPSHOTS]),
        iam.PolicyStatement(
            sid="OnlyPlansMarkWhatGoes",
            effect=iam.Effect.DENY,
            actions=["ec2:CreateTags"],
            resources=["*"],
            conditions={"ForAnyValue:StringEquals": {"aws:TagKeys": [*MARKS.values()]}},
        ),
        allow(
            "Ec2WritesSnapshotsForTheRestore",
            ["ebs:CompleteSnapshot", "ebs:PutSnapshotBlock", "ebs:StartSnapshot"],
            [SNAPSHOTS],
        ),
        allow(
            "Ec2EncryptsSnapshots",
            ["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKeyWithoutPlaintext", "kms:ReEncryptFrom"],
            [ALL_KEYS],
            {"StringEquals": ec2_and_ebs},
        ),
        allow(
            "Ec2KeepsKeysForTheTask",
            ["kms:CreateGrant"],
            [ALL_KEYS],
            {"StringEquals": ec2_and_ebs, "Bool": {"kms:GrantIsForAWSResource": "true"}},
        ),
    ]
