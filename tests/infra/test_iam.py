"""The evaluator of IAM policies on the examples of AWS's guide, and then on every role of the stack.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html
"""

from __future__ import annotations

from typing import Any

import pytest

from ami_archiver.retire.reasons import HOLD_TAG, MARKS
from infra.templates import resources
from tests.support.iam import Allowed, Denied, Principal, StackPolicies, decide

ANNA = "arn:aws:iam::123456789012:user/anna"
BUCKET = "arn:aws:s3:::amzn-s3-demo-bucket"


def allow(action: Any = "*", resource: Any = "*", **condition: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, "Condition": condition}


def deny(action: Any = "*", resource: Any = "*", **condition: Any) -> dict[str, Any]:
    return allow(action, resource, **condition) | {"Effect": "Deny"}


def allows(*statements: dict[str, Any], action: str = "s3:GetObject", resource: str = f"{BUCKET}/a", **context) -> bool:
    return isinstance(decide(Principal(ANNA, statements), action, resource, context), Allowed)


def holds(operator: str, expected: Any, **context: Any) -> bool:
    """Of a condition about the key `k`."""
    return allows(
        {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {operator: {"k": expected}}}, **context
    )


def test_nothing_is_allowed_without_an_allow_and_a_deny_wins() -> None:
    assert not allows()
    assert allows(allow("s3:*"))
    assert not allows(allow("s3:*"), deny("s3:*", [BUCKET, f"{BUCKET}/*"]))
    assert allows(allow("s3:*"), deny("s3:*", [BUCKET, f"{BUCKET}/*"]), resource="arn:aws:s3:::another/a")


def test_actions_match_in_any_case_and_resources_part_by_part() -> None:
    assert allows(allow("S3:get*", f"{BUCKET}/?"))
    assert not allows(allow("s3:Get?"))
    assert not allows(allow("s3:*", BUCKET))
    assert allows(
        allow("ec2:*", "arn:aws:ec2:*::image/*"), action="ec2:X", resource="arn:aws:ec2:us-east-1::image/ami-1"
    )
    assert not allows(allow("s3:*", "arn:*/a"), resource="arn:aws:s3:::b/a"), "no wildcard reaches over a colon"


def test_not_action_and_not_resource_are_everything_else() -> None:
    """The guide's two examples: all but IAM, and all buckets but one."""
    all_but_iam = {"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}
    assert allows(all_but_iam)
    assert not allows(all_but_iam, action="iam:CreateUser")
    other_buckets = {"Effect": "Deny", "Action": "s3:*", "NotResource": [BUCKET, f"{BUCKET}/*"]}
    assert allows(allow(), other_buckets)
    assert not allows(allow(), other_buckets, resource="arn:aws:s3:::another/a")


@pytest.mark.parametrize(
    ("operator", "expected", "value", "result"),
    [
        ("StringEquals", ["a", "b"], "b", True),
        ("StringEquals", "a", "A", False),
        ("StringEquals", "a", None, False),
        ("StringEqualsIfExists", "a", None, True),
        ("StringEqualsIfExists", "a", "b", False),
        ("StringNotEquals", ["a", "b"], "b", False),
        ("StringNotEquals", ["a", "b"], "c", True),
        ("StringNotEquals", "a", None, True),
        ("StringLike", "home/*", "home/anna", True),
        ("StringNotLike", "home/*", "home/anna", False),
        ("ArnLike", "arn:aws:iam::*:role/*", "arn:aws:iam::123456789012:role/a/b", True),
        ("ArnEquals", "arn:aws:iam::*:role/a", "arn:aws:iam::123456789012:role/b", False),
        ("ArnNotEquals", ["arn:aws:iam::1:role/a", "arn:aws:iam::1:role/b"], "arn:aws:iam::1:role/b", False),
        ("ArnNotEquals", ["arn:aws:iam::1:role/a"], "arn:aws:iam::1:role/b", True),
        ("ArnNotEquals", "arn:aws:iam::1:role/a", None, True),
        ("Bool", "true", "true", True),
        ("Bool", False, "true", False),
        ("Bool", "false", None, False),
        ("BoolIfExists", "false", None, True),
        ("Null", "true", None, True),
        ("Null", "true", "a", False),
        ("Null", "false", "a", True),
        # The guide's page on keys of many values: environment and cost-center are the tags that may be set
        ("ForAllValues:StringEquals", ["environment", "cost-center"], ["environment"], True),
        ("ForAllValues:StringEquals", ["environment", "cost-center"], ["environment", "owner"], False),
        ("ForAllValues:StringEquals", ["environment", "cost-center"], None, True),
        ("ForAnyValue:StringEquals", ["environment", "cost-center"], ["environment", "owner"], True),
        ("ForAnyValue:StringEquals", ["environment", "cost-center"], ["owner"], False),
        ("ForAnyValue:StringEquals", ["environment", "cost-center"], None, False),
        ("ForAnyValue:StringNotEquals", ["environment"], ["environment", "owner"], True),
    ],
)
def test_a_condition_holds_as_the_guide_says(operator: str, expected: Any, value: Any, result: bool) -> None:
    assert holds(operator, expected, **({} if value is None else {"k": value})) is result


def test_all_conditions_of_a_statement_must_hold_and_keys_are_the_same_in_any_case() -> None:
    both = allow(StringEquals={"aws:PrincipalTag/Team": "web"}, Bool={"aws:SecureTransport": "true"})
    assert allows(both, **{"aws:principaltag/team": "web", "aws:SecureTransport": "true"})
    assert not allows(both, **{"aws:PrincipalTag/Team": "web", "aws:SecureTransport": "false"})


def test_what_is_not_known_is_an_error_and_not_a_guess() -> None:
    for operator, expected in (("DateLessThan", "2026-01-01"), ("IpAddress", "10.0.0.0/8"), ("StringEquals", "${a}")):
        with pytest.raises(ValueError, match="not known here"):
            holds(operator, expected, k="x")
    with pytest.raises(ValueError, match="has many values"):
        holds("StringEquals", "a", k=["a", "b"])
    with pytest.raises(ValueError, match="NotPrincipal"):
        allows(allow() | {"NotPrincipal": "*"})


def test_a_resource_policy_lets_in_whom_it_names_and_keeps_out_whom_it_denies() -> None:
    def with_policy(statement: dict[str, Any], *own: dict[str, Any]) -> Allowed | Denied:
        return decide(Principal(ANNA, own), "s3:GetObject", f"{BUCKET}/a", resource_policy=[statement])

    assert with_policy(allow() | {"Principal": {"AWS": ANNA}}) == Allowed(str(allow() | {"Principal": {"AWS": ANNA}}))
    assert isinstance(with_policy(allow() | {"Principal": {"AWS": "arn:aws:iam::123456789012:root"}}), Denied)
    assert with_policy(deny() | {"Principal": "*", "Sid": "No"}, allow()) == Denied("explicitly by No")
    assert isinstance(with_policy(deny() | {"Principal": {"Service": "ec2.amazonaws.com"}}, allow()), Allowed)


# What takes away, shares or unlocks, tried one by one
IMAGE, SNAPSHOT = "arn:aws:ec2:us-east-1::image/ami-1", "arn:aws:ec2:us-east-1::snapshot/snap-1"
EC2 = {
    IMAGE: (
        "CopyImage DeleteTags CreateTags DeregisterImage DisableImage DisableImageBlockPublicAccess "
        "DisableImageDeregistrationProtection EnableImage ModifyImageAttribute ResetImageAttribute "
        "CreateStoreImageTask RestoreImageFromRecycleBin"
    ),
    SNAPSHOT: (
        "CopySnapshot CreateTags DeleteSnapshot DeleteTags DisableSnapshotBlockPublicAccess ModifySnapshotAttribute "
        "ModifySnapshotTier ResetSnapshotAttribute UnlockSnapshot"
    ),
}
S3_OBJECT = (
    "BypassGovernanceRetention DeleteObject DeleteObjectTagging DeleteObjectVersion PutObject PutObjectAcl "
    "PutObjectLegalHold PutObjectRetention PutObjectTagging PutObjectVersionAcl RestoreObject UpdateObjectEncryption"
)
S3_BUCKET = (
    "DeleteBucket DeleteBucketPolicy PutBucketAcl PutBucketObjectLockConfiguration PutBucketOwnershipControls "
    "PutBucketPolicy PutBucketPublicAccessBlock PutBucketVersioning PutEncryptionConfiguration "
    "PutLifecycleConfiguration PutReplicationConfiguration"
)
TABLE = (
    "DeleteItem DeleteResourcePolicy DeleteTable ExportTableToPointInTime PartiQLDelete PutResourcePolicy UpdateTable "
    "UpdateTimeToLive UpdateContinuousBackups BatchWriteItem"
)
KEY = "CreateGrant DisableKey PutKeyPolicy ReplicateKey ScheduleKeyDeletion"
MAY = {
    "SelectImages": set(),
    "StoreImages": {
        "ec2:CreateStoreImageTask",
        "s3:DeleteObject",
        "s3:PutObject",
        "s3:PutObjectTagging",
    },
    "ReportRun": set(),
    "PlanRestore": set(),
    "FinishRestores": set(),
    "RestoreImages": {"ec2:CreateTags", "s3:RestoreObject"},
    "ReportRestore": set(),
    "PlanRetirement": set(),
    "RetireImages": set(),
    "AskForApproval": set(),
    "UndoRetirement": set(),
    "WatchArchive": set(),
}


def tried(stack: StackPolicies) -> list[tuple[str, str]]:
    s3_object = f"{stack.bucket_arn}/nightly/ami-1.bin"
    calls = {f"{service}:{name}": on for service, on, names in (
        ("s3", s3_object, S3_OBJECT), ("s3", stack.bucket_arn, S3_BUCKET),
        ("dynamodb", stack.table_arn, TABLE), ("kms", stack.key_arn, KEY),
    ) for name in names.split()}  # fmt: skip
    return [*calls.items(), *((f"ec2:{name}", on) for on, names in EC2.items() for name in names.split())]


@pytest.mark.parametrize("function", MAY)
def test_what_a_role_may_delete_share_or_unlock_is_this(template: dict[str, Any], function: str) -> None:
    """Of a record's item in the table, and of an image without any tag of ours, where the request sets none either."""
    stack = StackPolicies(template)
    role = stack.role_of(function)
    context = {"dynamodb:LeadingKeys": ["IMAGE#ami-1"], "aws:TagKeys": ["Name"]}
    allowed = {a for a, on in tried(stack) if isinstance(stack.decide(role, a, on, context), Allowed)}
    assert allowed == MAY[function]


def test_every_function_is_tried(template: dict[str, Any]) -> None:
    roles = [name for name in resources(template, "AWS::IAM::Role") if name.startswith(("Functions", "Re", "WatchF"))]
    functions = [name for name in roles if "Workflow" not in name]
    assert len(functions) == len(resources(template, "AWS::Lambda::Function")) == len(MAY)


UNDO = {("UndoRetirement", "ec2:EnableImage"), ("UndoRetirement", "ec2:ModifyImageAttribute")}
TAGGED = {
    "archiver:disable": {("RetireImages", "ec2:DisableImage"), *UNDO},
    "archiver:deregister": {("RetireImages", "ec2:DeregisterImage"), ("RetireImages", "ec2:DeleteSnapshot")},
    "archiver:restore-id": {("FinishRestores", "ec2:ModifyImageAttribute")},
    "archiver:retire-on": set(),
    "archiver:policy": set(),
}
"""What a tag on an image or snapshot opens, and to whom."""


@pytest.mark.parametrize("tag", TAGGED)
def test_nobody_can_touch_an_image_or_snapshot_that_was_not_marked_for_it(template: dict[str, Any], tag: str) -> None:
    """Every call that disables, deregisters, deletes, enables or shares, of every role."""
    context = {f"aws:ResourceTag/{tag}": "nightly", "aws:TagKeys": ["Name"]}
    assert _may(template, context) - _may(template, {"aws:TagKeys": ["Name"]}) == TAGGED[tag]


@pytest.mark.parametrize("mark", MARKS.values())
def test_hold_tag_closes_what_a_mark_has_opened(template: dict[str, Any], mark: str) -> None:
    held = {f"aws:ResourceTag/{mark}": "nightly", f"aws:ResourceTag/{HOLD_TAG}": "audit"}
    assert not [one for one in _may(template, held) if one[0] == "RetireImages"]


def test_only_the_plan_sets_marks_and_it_can_do_nothing_with_them(template: dict[str, Any]) -> None:
    for key in MARKS.values():
        setting = {call for call in _may(template, {"aws:TagKeys": [key]}) if call[1] == "ec2:CreateTags"}
        assert setting == {("PlanRetirement", "ec2:CreateTags")}
    both = {f"aws:ResourceTag/{key}": "nightly" for key in MARKS.values()}
    assert not [one for one in _may(template, both | {"aws:TagKeys": ["Name"]}) if one[0] == "PlanRetirement"]


def _may(template: dict[str, Any], context: dict[str, Any]) -> set[tuple[str, str]]:
    """(function, EC2 action) of all that is allowed on images and snapshots in that context."""
    stack = StackPolicies(template)
    calls = [(f"ec2:{name}", on) for on, names in EC2.items() for name in names.split()]
    return {
        (function, action)
        for function in MAY
        for action, on in calls
        if isinstance(stack.decide(stack.role_of(function), action, on, context), Allowed)
    }


def test_an_image_on_hold_and_a_key_outside_a_service_are_out_of_reach(template: dict[str, Any]) -> None:
    stack = StackPolicies(template)
    retire, start = stack.role_of("RetireImages"), stack.role_of("StoreImages")
    held = {"aws:ResourceTag/archiver:hold": "audit"}
    assert stack.decide(retire, "ec2:DeregisterImage", IMAGE, held) == Denied("nothing allows it")
    assert isinstance(stack.decide(start, "kms:GenerateDataKey", stack.key_arn), Denied)
    through_s3 = {"kms:ViaService": "s3.us-east-1.amazonaws.com"}
    assert isinstance(stack.decide(start, "kms:GenerateDataKey", stack.key_arn, through_s3), Allowed)


def test_a_queue_entry_may_be_deleted_and_nothing_else(template: dict[str, Any]) -> None:
    stack = StackPolicies(template)
    start = stack.role_of("StoreImages")

    def deletes(*keys: str) -> bool:
        context = {"dynamodb:LeadingKeys": keys}
        return isinstance(stack.decide(start, "dynamodb:DeleteItem", stack.table_arn, context), Allowed)

    assert deletes("QUEUE")
    assert not deletes("QUEUE", "IMAGE#ami-1")
