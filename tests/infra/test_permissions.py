"""Who may do what, action by action. A change of a role is a change of this table."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import cfnlint
import pytest

from infra.templates import plain, resources

Template = dict[str, Any]

COMMON = """
    logs:CreateLogStream             log
    logs:PutLogEvents                log
    xray:PutTelemetryRecords         *
    xray:PutTraceSegments            *
    kms:Decrypt                      key         via dynamodb
    kms:DescribeKey                  key         via dynamodb
    kms:Encrypt                      key         via dynamodb
    kms:GenerateDataKey              key         via dynamodb
"""
ALLOWED = {
    "SelectImages": """
    ec2:DescribeImageAttribute       image/*
    ec2:DescribeImageReferences      *
    ec2:DescribeImages               *
    ec2:DescribeSnapshots            *
    ssm:DescribeParameters           *           called via ec2-images
    ssm:GetParameters                *           called via ec2-images
    s3:ListBucket                    bucket
    s3:ListBucketVersions            bucket
    s3:GetObject                     bucket/*
    s3:GetObjectTagging              bucket/*
    kms:Decrypt                      key         via s3
    dynamodb:BatchGetItem            table
    dynamodb:GetItem                 table
    dynamodb:PutItem                 table
    dynamodb:UpdateItem              table
    states:DescribeExecution         ArchiveWorkflow's executions
    """,
    "StoreImages": """
    ec2:CreateStoreImageTask         image/*
    ec2:DescribeImageAttribute       image/*
    ec2:DescribeImages               *
    ec2:DescribeSnapshots            *
    ec2:DescribeStoreImageTasks      *
    ec2:DescribeTags                 *
    ec2:GetEbsEncryptionByDefault    *
    ebs:GetSnapshotBlock             snapshot/*
    ebs:ListChangedBlocks            snapshot/*
    ebs:ListSnapshotBlocks           snapshot/*
    s3:ListBucket                    bucket
    s3:ListBucketVersions            bucket
    s3:AbortMultipartUpload          bucket/*
    s3:DeleteObject                  bucket/*
    s3:GetObject                     bucket/*
    s3:GetObjectTagging              bucket/*
    s3:PutObject                     bucket/*
    s3:PutObjectTagging              bucket/*
    kms:Decrypt                      key         via s3
    kms:GenerateDataKey              key         via s3
    kms:CreateGrant                  any key     via ec2, ebs, for AWS
    kms:Decrypt                      any key     via ec2, ebs
    kms:DescribeKey                  any key     via ec2, ebs
    dynamodb:BatchGetItem            table
    dynamodb:ConditionCheckItem      table
    dynamodb:DeleteItem              table       in QUEUE
    dynamodb:GetItem                 table
    dynamodb:PutItem                 table
    dynamodb:Query                   table
    dynamodb:UpdateItem              table
    """,
    "ReportRun": """
    dynamodb:GetItem                 table
    dynamodb:PutItem                 table
    dynamodb:Query                   table
    dynamodb:UpdateItem              table
    sns:Publish                      topic
    kms:Decrypt                      key         via sns
    kms:GenerateDataKey              key         via sns
    """,
    "WatchArchive": """
    s3:ListBucket                    bucket
    s3:ListBucketVersions            bucket
    s3:GetObject                     bucket/*
    s3:GetObjectTagging              bucket/*
    kms:Decrypt                      key         via s3
    dynamodb:PutItem                 table       in RUN#*-watch-*, WATCHES
    dynamodb:Query                   table
    dynamodb:Query                   table/index/by_status
    sns:Publish                      topic
    kms:Decrypt                      key         via sns
    kms:GenerateDataKey              key         via sns
    """,
    "WatchWorkflow": """
    lambda:InvokeFunction            WatchArchive
    logs:CreateLogDelivery           *
    logs:DeleteLogDelivery           *
    logs:DescribeLogGroups           *
    logs:DescribeResourcePolicies    *
    logs:GetLogDelivery              *
    logs:ListLogDeliveries           *
    logs:PutResourcePolicy           *
    logs:UpdateLogDelivery           *
    xray:GetSamplingRules            *
    xray:GetSamplingTargets          *
    xray:PutTelemetryRecords         *
    xray:PutTraceSegments            *
    """,
    "ArchiveWorkflow": """
    lambda:InvokeFunction            SelectImages
    lambda:InvokeFunction            StoreImages
    lambda:InvokeFunction            StoreImages
    lambda:InvokeFunction            ReportRun
    lambda:InvokeFunction            PlanRetirement
    lambda:InvokeFunction            RetireImages
    lambda:InvokeFunction            AskForApproval
    states:StartExecution            ArchiveWorkflow
    logs:CreateLogDelivery           *
    logs:DeleteLogDelivery           *
    logs:DescribeLogGroups           *
    logs:DescribeResourcePolicies    *
    logs:GetLogDelivery              *
    logs:ListLogDeliveries           *
    logs:PutResourcePolicy           *
    logs:UpdateLogDelivery           *
    xray:GetSamplingRules            *
    xray:GetSamplingTargets          *
    xray:PutTelemetryRecords         *
    xray:PutTraceSegments            *
    """,
    "Schedules": """
    sqs:SendMessage                  dead letters
    states:StartExecution            ArchiveWorkflow
    """,
    "Schedule of the watch": """
    sqs:SendMessage                  dead letters
    states:StartExecution            WatchWorkflow
    """,
}
FUNCTIONS = ("SelectImages", "StoreImages", "StoreImages", "ReportRun", "WatchArchive")


@pytest.mark.parametrize("who", ALLOWED)
def test_each_role_may_do_exactly_this(template: Template, who: str) -> None:
    expected = lines(ALLOWED[who]) | (lines(COMMON) if who in FUNCTIONS else set())
    assert grants(template, who) == expected


def test_there_is_no_other_role_and_no_managed_policy(template: Template) -> None:
    roles = resources(template, "AWS::IAM::Role")
    others = [name for name in roles if name.startswith(("Restore", "Retire"))]  # test_restore_… and test_retire_…
    assert len(roles) - len(others) == len(ALLOWED)
    assert not [name for name, role in roles.items() if "ManagedPolicyArns" in role["Properties"]]


def test_nobody_may_deregister_an_image_or_delete_a_record_or_a_version_or_change_the_bucket(
    template: Template,
) -> None:
    actions = {line.split()[0] for who in ALLOWED for line in grants(template, who)}
    assert not [
        a
        for a in actions
        if "Deregister" in a or "DisableImage" in a or "Version" in a.removesuffix("ListBucketVersions")
    ]
    assert not [a for a in actions if a.startswith("s3:PutBucket") or a.endswith("*")]
    assert [line for who in ALLOWED for line in grants(template, who) if line.startswith("dynamodb:Delete")] == [
        "dynamodb:DeleteItem table in QUEUE"
    ]


@pytest.mark.parametrize("who", FUNCTIONS)
def test_all_resources_are_allowed_only_where_aws_has_no_resource_level_permission(
    template: Template, who: str
) -> None:
    wide = {line.split()[0] for line in grants(template, who) if line.split()[1] == "*"}
    # AWS's own policy for DescribeImageReferences has it so; the condition lets only that call use it
    assert [action for action in wide if has_resources(action)] == (
        ["ssm:GetParameters"] if who == "SelectImages" else []
    )


def test_each_function_and_schedule_takes_its_own_role(several: Template) -> None:
    roles = [plain(f["Properties"]["Role"]) for f in resources(several, "AWS::Lambda::Function").values()]
    assert len(set(roles)) == len(roles) >= len(FUNCTIONS)
    for role in resources(several, "AWS::IAM::Role").values():
        (statement,) = role["Properties"]["AssumeRolePolicyDocument"]["Statement"]
        assert list(statement["Principal"]) == ["Service"]


def lines(table: str) -> set[str]:
    return {" ".join(line.split()) for line in table.strip().splitlines()}


def grants(template: Template, who: str) -> set[str]:
    """'action resource condition' of every permission of a role, in the table's words."""
    found = set()
    for statement in statements(template, role_of(template, who)):
        assert statement["Effect"] == "Allow"
        for action in listed(statement["Action"]):
            for resource in listed(statement["Resource"]):
                words = [action, name_of(plain(resource)), condition_of(statement.get("Condition", {}))]
                found.add(" ".join(filter(None, words)))
    return found


def role_of(template: Template, who: str) -> str:
    if who.startswith("Schedule"):
        started = "WatchWorkflow" if who.endswith("watch") else "WorkflowArchive"
        roles = [name for name in resources(template, "AWS::IAM::Role") if name.startswith("SchedulerRole")]
        (name,) = [role for role in roles if f"'{started}" in str(statements(template, role))]
        return name
    parts = {
        "ArchiveWorkflow": "WorkflowRole",
        "WatchWorkflow": "WatchWorkflowRole",
        "WatchArchive": "WatchFunctionsWatchArchive",
    }
    (name,) = [
        name for name in resources(template, "AWS::IAM::Role") if name.startswith(parts.get(who, f"Functions{who}"))
    ]
    return name


def statements(template: Template, role: str) -> list[dict[str, Any]]:
    inline = template["Resources"][role]["Properties"].get("Policies", [])
    attached = [
        policy["Properties"]
        for policy in resources(template, "AWS::IAM::Policy").values()
        if {"Ref": role} in policy["Properties"]["Roles"]
    ]
    return [s for policy in [*inline, *attached] for s in policy["PolicyDocument"]["Statement"]]


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def name_of(arn: str) -> str:
    names = {
        "StorageBucket": "bucket",
        "StorageTable": "table",
        "StorageKey": "key",
        "NotificationsTopic": "topic",
        "SchedulesDeadLetters": "dead letters",
        "WorkflowArchiveWorkflow": "ArchiveWorkflow",
        "WatchWorkflow": "WatchWorkflow",
        "WatchFunctionsWatchArchiveFunction": "WatchArchive",
        "WatchFunctionsWatchArchiveLog": "log",
        **{f"Functions{name}Function": name for name in FUNCTIONS},
        **{f"Functions{name}Log": "log" for name in FUNCTIONS},
        **{f"RetireFunctions{name}Function": name for name in ("PlanRetirement", "RetireImages", "AskForApproval")},
    }
    before, _, last = arn.rpartition(":")
    if ":execution:" in before and last == "*":
        return f"{name_of(before)}'s executions"
    if arn == "arn:aws:kms:us-east-1:*:key/*":
        return "any key"
    for start, name in names.items():
        if last.startswith(start):
            return name + next((end for end in ("/*", "/index/by_status") if last.endswith(end)), "")
    return last


def condition_of(condition: dict[str, Any]) -> str:
    words = []
    for operator, keys in condition.items():
        for key, value in keys.items():
            values = [plain(item).partition(".")[0] for item in listed(value)]
            match operator, key:
                case "StringEquals", "kms:ViaService":
                    words.append(f"via {', '.join(values)}")
                case "ForAnyValue:StringEquals", "aws:CalledVia":
                    words.append(f"called via {', '.join(values)}")
                case "ForAllValues:StringEquals" | "ForAllValues:StringLike", "dynamodb:LeadingKeys":
                    words.append(f"in {', '.join(values)}")
                case "Bool", "kms:GrantIsForAWSResource":
                    words[-1] += ", for AWS"
                case _:
                    words.append(f"{operator} {key}")
    return " ".join(words)


@cache
def service_authorization() -> dict[str, Any]:
    """AWS's service authorization reference, as cfn-lint carries it."""
    file = Path(cfnlint.__file__).parent / "data/AdditionalSpecs/Policies.json"
    reference: dict[str, Any] = json.loads(file.read_text())
    return reference


def has_resources(action: str) -> bool:
    service, name = action.split(":")
    known = {key.lower(): value for key, value in service_authorization()[service]["Actions"].items()}
    return bool(known[name.lower()].get("Resources"))
