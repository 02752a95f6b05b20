"""What outlives the stack: the archive bucket, the table of archive records, and the key of both."""

from __future__ import annotations

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.config import ScheduledPolicy

BY_STATUS = "by_status"
POLICY_TAG = "archiver:policy"
"""The object tag that says which policy an object belongs to; the lifecycle rules go by it."""


class Storage(Construct):
    """Bucket, its policy, table, key: versioned or recoverable, encrypted, and kept when the stack is deleted.

    A first deployment that fails takes bucket and key with it, which would cost money and hold nothing. Not the table:
    its deletion protection would make the rollback fail, and an empty one costs nothing.
    """

    def __init__(self, scope: Construct, construct_id: str, *, policies: Sequence[ScheduledPolicy]) -> None:
        super().__init__(scope, construct_id)
        self.key = kms.Key(
            self,
            "Key",
            description="Encrypts the image archive: stored objects, archive records, notifications",
            enable_key_rotation=True,
            removal_policy=cdk.RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
        )
        self.bucket = _bucket(self, self.key, policies)
        self.table = _table(self, self.key)

    def only_for(self, roles: Sequence[iam.IRole], operator_role_arns: Sequence[str]) -> None:
        """Closes the stored objects to everybody but these roles and AWS's services.

        A service counts when it acts on somebody's behalf too: that is how EC2 stores and restores, and an operator
        whose own permissions allow it can restore with the plain AWS CLI years from now. The account's root user is
        left in, to open what a mistake has closed. Only reading, writing and deleting objects is denied: whoever
        administers the bucket can still change this policy, and CloudTrail shows it.

        `aws:PrincipalArn` of an assumed role is the ARN of the role, not of the session, so one entry is enough.
        https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-principalarn
        """
        account_root = f"arn:{cdk.Aws.PARTITION}:iam::{cdk.Aws.ACCOUNT_ID}:root"
        self.bucket.add_to_resource_policy(
            iam.PolicyStatement(
                sid="ObjectsOnlyForTheArchiver",
                effect=iam.Effect.DENY,
                principals=[iam.AnyPrincipal()],
                actions=[
                    "s3:AbortMultipartUpload",
                    "s3:BypassGovernanceRetention",
                    "s3:DeleteObject*",
                    "s3:GetObject*",
                    "s3:PutObject*",
                    "s3:ReplicateDelete",
                    "s3:ReplicateObject",
                    "s3:RestoreObject",
                    "s3:UpdateObjectEncryption",
                ],
                resources=[self.bucket.arn_for_objects("*")],
                conditions={
                    "ArnNotEquals": {
                        "aws:PrincipalArn": [*(role.role_arn for role in roles), *operator_role_arns, account_root]
                    },
                    "BoolIfExists": {"aws:PrincipalIsAWSService": "false", "aws:ViaAWSService": "false"},
                },
            )
        )


def _bucket(scope: Construct, key: kms.IKey, policies: Sequence[ScheduledPolicy]) -> s3.Bucket:
    bucket = s3.Bucket(
        scope,
        "Bucket",
        versioned=True,
        encryption=s3.BucketEncryption.KMS,
        encryption_key=key,
        bucket_key_enabled=True,
        enforce_ssl=True,
        block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
        object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
        removal_policy=cdk.RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
        lifecycle_rules=[
            s3.LifecycleRule(
                id="abort-incomplete-uploads", abort_incomplete_multipart_upload_after=cdk.Duration.days(7)
            ),
            *(_transition(policy) for policy in policies if policy.storage_class is not None),
        ],
    )
    if bucket.policy is None:
        raise TypeError(f"{bucket.node.path} has no policy")  # enforce_ssl makes one
    bucket.policy.apply_removal_policy(cdk.RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE)
    cdk.Validations.of(bucket).acknowledge(
        cdk.Acknowledgment(
            id="AwsSolutions-S1",
            reason="Who touched an object is in CloudTrail's data events, which an account switches on, not one "
            "stack; a bucket of access logs would need the same protection as the archive and tell less.",
        )
    )
    return bucket


def _transition(policy: ScheduledPolicy) -> s3.LifecycleRule:
    """Noncurrent versions move as well, and are kept: an object that was overwritten is evidence, and may cost less."""
    storage_class = s3.StorageClass(policy.storage_class or "")
    days = policy.storage_class_after_days
    return s3.LifecycleRule(
        id=f"policy-{policy.name}",
        tag_filters={POLICY_TAG: policy.name},
        transitions=[s3.Transition(storage_class=storage_class, transition_after=cdk.Duration.days(days))],
        noncurrent_version_transitions=[
            s3.NoncurrentVersionTransition(
                storage_class=storage_class,
                transition_after=cdk.Duration.days(max(days, 1)),  # AWS documents 0 for the others only
            )
        ],
    )


def _table(scope: Construct, key: kms.IKey) -> dynamodb.Table:
    table = dynamodb.Table(
        scope,
        "Table",
        partition_key=dynamodb.Attribute(name="pk", type=dynamodb.AttributeType.STRING),
        sort_key=dynamodb.Attribute(name="sk", type=dynamodb.AttributeType.STRING),
        billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
        encryption=dynamodb.TableEncryption.CUSTOMER_MANAGED,
        encryption_key=key,
        point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
            point_in_time_recovery_enabled=True
        ),
        deletion_protection=True,
        removal_policy=cdk.RemovalPolicy.RETAIN,
    )
    table.add_global_secondary_index(
        index_name=BY_STATUS,
        partition_key=dynamodb.Attribute(name="status", type=dynamodb.AttributeType.STRING),
        sort_key=dynamodb.Attribute(name="status_order", type=dynamodb.AttributeType.STRING),
        projection_type=dynamodb.ProjectionType.ALL,
    )
    return table
