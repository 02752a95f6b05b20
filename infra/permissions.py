"""What each function may do, statement by statement; a test lists the outcome action by action.

A `*` as the resource stands only where EC2 has no resource-level permission. Nobody here may disable or deregister an
image, delete an archive record or touch another bucket.
https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from constructs import IConstruct

QUEUE = "QUEUE"
"""The partition of the table whose items may be deleted: an image leaves it when its store is started or given up."""
WATCH_ITEMS = ["RUN#*-watch-*", "WATCHES"]
"""The partitions that the watch writes: its pages and its summaries, and no record."""
IMAGES = f"arn:{cdk.Aws.PARTITION}:ec2:{cdk.Aws.REGION}::image/*"
SNAPSHOTS = f"arn:{cdk.Aws.PARTITION}:ec2:{cdk.Aws.REGION}::snapshot/*"
ALL_KEYS = f"arn:{cdk.Aws.PARTITION}:kms:{cdk.Aws.REGION}:*:key/*"


@dataclass(frozen=True)
class Resources:
    """What the functions work on."""

    bucket: s3.IBucket
    table: dynamodb.ITable
    key: kms.IKey
    topic: sns.ITopic


def acknowledge(scope: IConstruct, on: Resources, parameter_prefixes: Sequence[str]) -> None:
    """cdk-nag wants a reason for every `*` in the roles under the construct."""
    bucket = cdk.Stack.of(scope).get_logical_id(cast("cdk.CfnElement", on.bucket.node.default_child))
    arn, own = "arn:<AWS::Partition>", "<AWS::Region>:<AWS::AccountId>"
    reasons = {
        "*": "EC2's describe calls, what DescribeImageReferences looks at, and X-Ray have no resource-level permission",
        f"<{bucket}.Arn>/*": "The archive bucket is the functions' own; where in it objects go, the policies say",
        f"{arn}:ec2:<AWS::Region>::image/*": "Which images are archived, their tags decide at run time",
        f"{arn}:ec2:<AWS::Region>::snapshot/*": "EC2 reads the snapshots of whatever image is stored",
        f"{arn}:kms:<AWS::Region>:*:key/*": "The keys of those snapshots are not this stack's; only EC2 can use this",
        f"{arn}:ssm:<AWS::Region>:*:parameter/*": "Any parameter may name an image, which then stays",
        f"{arn}:ec2:{own}:image-usage-report/*": "EC2 gives a report its id when it is asked for",
    }
    for prefix in parameter_prefixes:
        reasons[f"{arn}:ssm:{own}:parameter/{prefix.lstrip('/')}*"] = (
            "The configuration names these; which of them pointed at an image, its record says"
        )
    for resource, reason in reasons.items():
        cdk.Validations.of(scope).acknowledge(
            cdk.Acknowledgment(id=f"AwsSolutions-IAM5[Resource::{resource}]", reason=reason)
        )


def select(on: Resources) -> list[iam.PolicyStatement]:
    return [
        describe("DescribeImages", "DescribeSnapshots", "DescribeImageReferences"),
        allow("LaunchPermissions", ["ec2:DescribeImageAttribute"], [IMAGES]),
        allow(
            "ParametersThatReferToImages",
            ["ssm:DescribeParameters", "ssm:GetParameters"],
            ["*"],
            {"ForAnyValue:StringEquals": {"aws:CalledVia": "ec2-images.amazonaws.com"}},
        ),
        list_objects(on),
        *look_at_objects(on),
        *use_table(on, "BatchGetItem", "GetItem", "PutItem", "UpdateItem"),
    ]


def store(on: Resources) -> list[iam.PolicyStatement]:
    return [
        describe("DescribeImages", "DescribeSnapshots", "DescribeStoreImageTasks"),
        list_objects(on),
        *look_at_objects(on),
        allow("LaunchPermissions", ["ec2:DescribeImageAttribute"], [IMAGES]),
        *_store(on),
        *use_table(on, "BatchGetItem", "ConditionCheckItem", "GetItem", "PutItem", "Query", "UpdateItem"),
        leave_queue(on),
    ]


def report(on: Resources) -> list[iam.PolicyStatement]:
    return [
        *use_table(on, "GetItem", "PutItem", "Query", "UpdateItem"),
        *notify(on),
    ]


def watch(on: Resources) -> list[iam.PolicyStatement]:
    return [
        list_objects(on),
        *look_at_objects(on),
        *use_table(on, "Query"),
        find_records(on),
        allow(
            "OwnItems",
            ["dynamodb:PutItem"],
            [on.table.table_arn],
            {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": WATCH_ITEMS}},
        ),
        *notify(on),
    ]


def _store(on: Resources) -> list[iam.PolicyStatement]:
    """What EC2 needs of its caller to store an image: it reads and writes with the caller's permissions.

    AWS documents one list for storing and restoring together; the half that writes snapshots and images is left out.
    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/work-with-ami-store-restore.html
    """
    return [
        allow("StoreImages", ["ec2:CreateStoreImageTask"], [IMAGES]),
        allow("Ec2ReadsForTheStore", ["ec2:DescribeTags", "ec2:GetEbsEncryptionByDefault"], ["*"]),
        allow(
            "Ec2ReadsSnapshotsForTheStore",
            ["ebs:GetSnapshotBlock", "ebs:ListChangedBlocks", "ebs:ListSnapshotBlocks"],
            [SNAPSHOTS],
        ),
        allow(
            "Ec2WritesObjectsForTheStore",
            ["s3:AbortMultipartUpload", "s3:DeleteObject", "s3:PutObject", "s3:PutObjectTagging"],
            [on.bucket.arn_for_objects("*")],
        ),
        use_key(on, "Ec2WritesObjectsWithTheKey", "s3", "GenerateDataKey"),
        allow(
            "Ec2ReadsEncryptedSnapshots",
            ["kms:Decrypt", "kms:DescribeKey"],
            [ALL_KEYS],
            {"StringEquals": {"kms:ViaService": [service("ec2"), service("ebs")]}},
        ),
        allow(
            "Ec2KeepsKeysForTheTask",
            ["kms:CreateGrant"],
            [ALL_KEYS],
            {
                "StringEquals": {"kms:ViaService": [service("ec2"), service("ebs")]},
                "Bool": {"kms:GrantIsForAWSResource": "true"},
            },
        ),
    ]


def list_objects(on: Resources) -> iam.PolicyStatement:
    return allow("ListObjects", ["s3:ListBucketVersions"], [on.bucket.bucket_arn])


def look_at_objects(on: Resources) -> list[iam.PolicyStatement]:
    """Without ListBucket, S3 answers 403 instead of 404 for an object that is not there."""
    return [
        allow("SeeThatObjectsAreAbsent", ["s3:ListBucket"], [on.bucket.bucket_arn]),
        allow(
            "LookAtObjects",
            ["s3:GetObject", "s3:GetObjectTagging"],
            [on.bucket.arn_for_objects("*")],
        ),
        use_key(on, "BucketKey", "s3", "Decrypt"),
    ]


def use_table(on: Resources, *actions: str) -> list[iam.PolicyStatement]:
    """The key's actions are those that DynamoDB documents for every caller of a table with a customer managed key."""
    return [
        allow("Records", [f"dynamodb:{action}" for action in actions], [on.table.table_arn]),
        use_key(on, "TableKey", "dynamodb", "Decrypt", "DescribeKey", "Encrypt", "GenerateDataKey"),
    ]


def find_records(on: Resources) -> iam.PolicyStatement:
    return allow("FindRecords", ["dynamodb:Query"], [f"{on.table.table_arn}/index/by_status"])


def notify(on: Resources) -> list[iam.PolicyStatement]:
    return [
        allow("Notify", ["sns:Publish"], [on.topic.topic_arn]),
        use_key(on, "TopicKey", "sns", "Decrypt", "GenerateDataKey"),
    ]


def leave_queue(on: Resources, keys: str = QUEUE) -> iam.PolicyStatement:
    """Items of these partitions may be deleted; a `*` at the end stands for the run's id."""
    like = "StringLike" if keys.endswith("*") else "StringEquals"
    return allow(
        "LeaveQueue",
        ["dynamodb:DeleteItem"],
        [on.table.table_arn],
        {f"ForAllValues:{like}": {"dynamodb:LeadingKeys": [keys]}},
    )


def describe(*actions: str) -> iam.PolicyStatement:
    return allow("Describe", [f"ec2:{action}" for action in actions], ["*"])


def use_key(on: Resources, sid: str, through: str, *actions: str) -> iam.PolicyStatement:
    """Use of the stack's key, but only through the service."""
    return allow(
        sid,
        [f"kms:{action}" for action in actions],
        [on.key.key_arn],
        {"StringEquals": {"kms:ViaService": service(through)}},
    )


def service(name: str) -> str:
    return f"{name}.{cdk.Aws.REGION}.{cdk.Aws.URL_SUFFIX}"


def allow(
    sid: str, actions: Sequence[str], resources: Sequence[str], conditions: Mapping[str, Any] | None = None
) -> iam.PolicyStatement:
    return iam.PolicyStatement(sid=sid, actions=list(actions), resources=list(resources), conditions=conditions)
