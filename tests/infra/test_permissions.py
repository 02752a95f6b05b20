"""Who may do what, action by action. A change of a role is a change of this table."""

from __future__ import annotations

import json
from collections.abc import Iterable
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

import cfnlint
import pytest

from ami_archiver.model import Action
from ami_archiver.retire.reasons import HOLD_TAG, MARKS
from infra.templates import plain, resources
from tests.support.assembly import ROOT, synthesized

Template = dict[str, Any]

EVERY_FUNCTION = """
    logs:CreateLogStream             log
    logs:PutLogEvents                log
    xray:PutTelemetryRecords         *
    xray:PutTraceSegments            *
    kms:Decrypt                      key         via dynamodb
    kms:DescribeKey                  key         via dynamodb
    kms:Encrypt                      key         via dynamodb
    kms:GenerateDataKey              key         via dynamodb
"""
EVERY_WORKFLOW = """
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
"""
LOOKS_AT_OBJECTS = """
    s3:ListBucket                    bucket
    s3:GetObject                     bucket/*
    s3:GetObjectTagging              bucket/*
    kms:Decrypt                      key         via s3
"""
NOTIFIES = """
    sns:Publish                      topic
    kms:Decrypt                      key         via sns
    kms:GenerateDataKey              key         via sns
"""
WRITES_RECORDS = """
    dynamodb:GetItem                 table
    dynamodb:PutItem                 table
    dynamodb:UpdateItem              table
"""
LETS_EC2_USE_KEYS = """
    kms:CreateGrant                  any key     via ec2, ebs, for AWS
    kms:Decrypt                      any key     via ec2, ebs
    kms:DescribeKey                  any key     via ec2, ebs
"""
RETIRES = f"""
    ec2:DeleteTags                   image/*       only archiver:retire-on, archiver:disable, archiver:deregister
    ec2:DeleteTags                   snapshot/*    only archiver:retire-on, archiver:disable, archiver:deregister
    ec2:CreateImageUsageReport       image/*
    ec2:CreateImageUsageReport       image-usage-report/*
    ec2:DescribeImageAttribute       image/*
    ec2:DescribeImageReferences      *
    ec2:DescribeImageUsageReportEntries *
    ec2:DescribeImageUsageReports    *
    ec2:DescribeImages               *
    ec2:DescribeInstances            *
    ec2:DescribeLaunchTemplateVersions *
    ec2:DescribeLaunchTemplates      *
    ec2:DescribeLockedSnapshots      *
    ec2:DescribeSnapshots            *
    ec2:DescribeSpotFleetRequests    *
    autoscaling:DescribeAutoScalingGroups *
    autoscaling:DescribeLaunchConfigurations *
    imagebuilder:GetContainerRecipe  *             called via ec2-images
    imagebuilder:ListContainerRecipes *            called via ec2-images
    imagebuilder:ListImageRecipes    *             called via ec2-images
    ssm:DescribeParameters           *
    ssm:GetParameters                any parameter
    s3:GetObjectVersion              bucket/*
    dynamodb:Query                   table
    {LOOKS_AT_OBJECTS}{WRITES_RECORDS}
"""
"""What plan and retirement both look at, and that what stays loses its announcement and its marks."""
FUNCTIONS = {
    "SelectImages": f"""
    ec2:DescribeImageAttribute       image/*
    ec2:DescribeImageReferences      *
    ec2:DescribeImages               *
    ec2:DescribeSnapshots            *
    ssm:DescribeParameters           *           called via ec2-images
    ssm:GetParameters                *           called via ec2-images
    s3:ListBucketVersions            bucket
    dynamodb:BatchGetItem            table
    states:DescribeExecution         ArchiveWorkflow's executions
    {LOOKS_AT_OBJECTS}{WRITES_RECORDS}""",
    "StoreImages": f"""
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
    s3:ListBucketVersions            bucket
    s3:AbortMultipartUpload          bucket/*
    s3:DeleteObject                  bucket/*
    s3:PutObject                     bucket/*
    s3:PutObjectTagging              bucket/*
    kms:GenerateDataKey              key         via s3
    dynamodb:BatchGetItem            table
    dynamodb:ConditionCheckItem      table
    dynamodb:DeleteItem              table       in QUEUE
    dynamodb:Query                   table
    {LOOKS_AT_OBJECTS}{LETS_EC2_USE_KEYS}{WRITES_RECORDS}""",
    "ReportRun": f"""
    dynamodb:Query                   table
    {NOTIFIES}{WRITES_RECORDS}""",
    "WatchArchive": f"""
    s3:ListBucketVersions            bucket
    dynamodb:PutItem                 table       in RUN#*-watch-*, WATCHES
    dynamodb:Query                   table
    dynamodb:Query                   table/index/by_status
    {LOOKS_AT_OBJECTS}{NOTIFIES}""",
    "PlanRestore": f"""
    ec2:DescribeImages               *
    ec2:GetEbsEncryptionByDefault    *
    s3:ListBucketVersions            bucket
    dynamodb:BatchGetItem            table
    dynamodb:Query                   table
    dynamodb:Query                   table/index/by_status
    {LOOKS_AT_OBJECTS}{WRITES_RECORDS}""",
    "RestoreImages": f"""
    never ec2:CreateTags             *           with a mark of retirement
    ec2:CreateRestoreImageTask       image/*
    ec2:CreateRestoreImageTask       snapshot/*
    ec2:CreateTags                   image/*
    ec2:CreateTags                   snapshot/*
    ec2:DescribeImages               *
    ec2:DescribeSnapshots            *
    ec2:DescribeTags                 *
    ec2:GetEbsEncryptionByDefault    *
    ebs:CompleteSnapshot             snapshot/*
    ebs:PutSnapshotBlock             snapshot/*
    ebs:StartSnapshot                snapshot/*
    s3:RestoreObject                 bucket/*
    kms:GenerateDataKeyWithoutPlaintext any key  via ec2, ebs
    kms:ReEncryptFrom                any key     via ec2, ebs
    dynamodb:BatchGetItem            table
    dynamodb:DeleteItem              table       in RESTORE-QUEUE#*
    dynamodb:Query                   table
    {LOOKS_AT_OBJECTS}{LETS_EC2_USE_KEYS}{WRITES_RECORDS}""",
    "FinishRestores": f"""
    ec2:DescribeImages               *
    ec2:DescribeSnapshots            *
    ec2:ModifyImageAttribute         image/*     if tagged archiver:restore-id
    dynamodb:BatchGetItem            table
    {WRITES_RECORDS}""",
    "ReportRestore": f"""
    dynamodb:BatchGetItem            table
    dynamodb:DeleteItem              table       in RESTORE-QUEUE#*
    dynamodb:Query                   table
    dynamodb:PutItem                 table
    dynamodb:UpdateItem              table
    {NOTIFIES}""",
    "PlanRetirement": f"""
    ec2:CreateTags                   image/*     only {", ".join(("archiver:retire-on", *MARKS.values()))} unless held
    ec2:CreateTags                   snapshot/*  only archiver:deregister
    dynamodb:Query                   table/index/by_status
    {RETIRES}""",
    "RetireImages": f"""
    ec2:DeregisterImage              image/*     if tagged archiver:deregister unless held
    ec2:DisableImage                 image/*     if tagged archiver:disable unless held
    ec2:DeleteSnapshot               snapshot/*  if tagged archiver:deregister unless held
    ebs:ListChangedBlocks            snapshot/*
    dynamodb:BatchGetItem            table
    dynamodb:DeleteItem              table       in SNAPSHOTS
    {RETIRES}""",
    "AskForApproval": f"""
    dynamodb:PutItem                 table
    dynamodb:Query                   table
    {NOTIFIES}""",
    "UndoRetirement": """
    ec2:CreateTags                   image/*     only archiver:hold
    ec2:DescribeImages               *
    ec2:EnableImage                  image/*     if tagged archiver:disable
    ec2:ModifyImageAttribute         image/*     if tagged archiver:disable
    dynamodb:BatchGetItem            table
    dynamodb:PutItem                 table
    dynamodb:UpdateItem              table
    """,
}
OTHERS = {
    "ArchiveWorkflow": f"""
    lambda:InvokeFunction            SelectImages
    lambda:InvokeFunction            StoreImages
    lambda:InvokeFunction            ReportRun
    lambda:InvokeFunction            PlanRetirement
    lambda:InvokeFunction            RetireImages
    lambda:InvokeFunction            AskForApproval
    states:StartExecution            ArchiveWorkflow
    {EVERY_WORKFLOW}""",
    "RestoreWorkflow": f"""
    lambda:InvokeFunction            PlanRestore
    lambda:InvokeFunction            RestoreImages
    lambda:InvokeFunction            FinishRestores
    lambda:InvokeFunction            ReportRestore
    states:StartExecution            RestoreWorkflow
    {EVERY_WORKFLOW}""",
    "WatchWorkflow": f"""
    lambda:InvokeFunction            WatchArchive
    {EVERY_WORKFLOW}""",
    "Schedule of ArchiveWorkflow": """
    sqs:SendMessage                  dead letters
    states:StartExecution            ArchiveWorkflow
    """,
    "Schedule of WatchWorkflow": """
    sqs:SendMessage                  dead letters
    states:StartExecution            WatchWorkflow
    """,
}
OF_PARAMETERS = """
    ssm:GetParameter                 parameter/golden/*
    ssm:GetParameter                 parameter/web-*
    ssm:PutParameter                 parameter/golden/*   to overwrite
    ssm:PutParameter                 parameter/web-*      to overwrite
"""
"""For FinishRestores, where the configuration names those that may be pointed at restored images."""
ONLY = {
    "ec2:DeregisterImage": {"RetireImages"},
    "ec2:DisableImage": {"RetireImages"},
    "ec2:DeleteSnapshot": {"RetireImages"},
    "ec2:EnableImage": {"UndoRetirement"},
    "ec2:ModifyImageAttribute": {"FinishRestores", "UndoRetirement"},
    "ec2:CreateTags": {"PlanRetirement", "RestoreImages", "UndoRetirement"},
    "ec2:CreateStoreImageTask": {"StoreImages"},
    "ec2:CreateRestoreImageTask": {"RestoreImages"},
    "s3:PutObject": {"StoreImages"},
    "s3:DeleteObject": {"StoreImages"},
    "ssm:PutParameter": {"FinishRestores"},
    "dynamodb:DeleteItem": {"StoreImages", "RestoreImages", "ReportRestore", "RetireImages"},
}
"""Of all roles there are, these."""
NOBODY = (
    "ec2:DisableImageDeregistrationProtection",
    "ec2:UnlockSnapshot",
    "s3:BypassGovernanceRetention",
    "s3:DeleteObjectVersion",
    "s3:PutBucketPolicy",
    "s3:PutObjectLegalHold",
    "s3:PutObjectRetention",
    "dynamodb:DeleteTable",
    "states:SendTaskSuccess",
)


@pytest.fixture(scope="module")
def pointing() -> Template:
    """Of a configuration that names SSM parameters."""
    return synthesized(ROOT / "tests/restore/pointing.toml").template


@pytest.mark.parametrize("who", [*FUNCTIONS, *OTHERS])
def test_each_role_may_do_exactly_this(template: Template, who: str) -> None:
    expected = lines(FUNCTIONS[who]) | lines(EVERY_FUNCTION) if who in FUNCTIONS else lines(OTHERS[who])
    assert grants(template, who) == expected


@pytest.mark.parametrize("who", FUNCTIONS)
def test_only_finish_may_change_parameters_and_only_those_that_the_configuration_names(
    template: Template, pointing: Template, who: str
) -> None:
    more = lines(OF_PARAMETERS) if who == "FinishRestores" else set()
    assert grants(pointing, who) - grants(template, who) == more


def test_there_is_no_other_role_and_no_managed_policy(template: Template, several: Template) -> None:
    roles = resources(template, "AWS::IAM::Role")
    assert {role_of(template, who) for who in (*FUNCTIONS, *OTHERS)} == set(roles)
    assert not [name for name, role in roles.items() if "ManagedPolicyArns" in role["Properties"]]
    assert {name_of_role(several, role) for role in resources(several, "AWS::IAM::Role")} == {*FUNCTIONS, *OTHERS}


@pytest.mark.parametrize("which", ["template", "several", "pointing"])
def test_a_power_is_with_those_who_need_it_and_no_wildcard_gives_it_to_others(
    request: pytest.FixtureRequest, which: str
) -> None:
    template: Template = request.getfixturevalue(which)
    expected = {action: who for action, who in ONLY.items() if which == "pointing" or "Parameter" not in action}
    assert {action: who_may(template, action) for action in expected} == expected
    assert {action: who_may(template, action) for action in NOBODY} == {action: set() for action in NOBODY}


def test_only_who_takes_nothing_away_may_set_a_mark_without_which_nothing_is_taken_away(template: Template) -> None:
    taking = {
        statement["Sid"]: statement["Condition"]["Null"]
        for statement in statements(template, role_of(template, "RetireImages"))
        if {"ec2:DeregisterImage", "ec2:DisableImage", "ec2:DeleteSnapshot"} & set(listed(statement["Action"]))
    }
    assert taking == {
        sid: {f"aws:ResourceTag/{MARKS[action]}": "false", f"aws:ResourceTag/{HOLD_TAG}": "true"}
        for sid, action in (
            ("Disable", Action.DISABLE),
            ("Deregister", Action.DEREGISTER),
            ("DeleteSnapshots", Action.DEREGISTER),
        )
    }
    tagging = {who: {line for line in grants(template, who) if "CreateTags" in line} for who in FUNCTIONS}
    unbound = {who for who, found in tagging.items() if any(" only " not in line for line in found)}
    assert unbound == {"RestoreImages"}, "EC2 gives back what tags an image had"
    assert "never ec2:CreateTags * with a mark of retirement" in tagging["RestoreImages"]
    marking = {who for who, found in tagging.items() if any(mark in str(found) for mark in MARKS.values())}
    assert marking == {"PlanRetirement"}


@pytest.mark.parametrize("who", FUNCTIONS)
def test_all_resources_are_allowed_only_where_aws_has_no_resource_level_permission(
    template: Template, who: str
) -> None:
    wide = [line for line in grants(template, who) if line.split()[1] == "*" and "called via" not in line]
    assert not [line for line in wide if has_resources(line.split()[0])]


def test_each_function_and_schedule_takes_its_own_role(several: Template) -> None:
    roles = [plain(f["Properties"]["Role"]) for f in resources(several, "AWS::Lambda::Function").values()]
    assert len(set(roles)) == len(roles) == len(FUNCTIONS)
    for role in resources(several, "AWS::IAM::Role").values():
        (statement,) = role["Properties"]["AssumeRolePolicyDocument"]["Statement"]
        assert list(statement["Principal"]) == ["Service"]


def lines(table: str) -> set[str]:
    return {" ".join(line.split()) for line in table.splitlines() if line.strip()}


def grants(template: Template, who: str) -> set[str]:
    """'action resource condition' of every permission of a role, in the table's words."""
    found = set()
    for statement in statements(template, role_of(template, who)):
        never = "" if statement["Effect"] == "Allow" else "never"
        for action in listed(statement["Action"]):
            for resource in listed(statement["Resource"]):
                words = [never, action, name_of(plain(resource)), condition_of(statement.get("Condition", {}))]
                found.add(" ".join(filter(None, words)))
    return found


def who_may(template: Template, action: str) -> set[str]:
    """Of all roles, whoever has them, also by a wildcard."""
    return {
        name_of_role(template, role)
        for role in resources(template, "AWS::IAM::Role")
        for statement in statements(template, role)
        if statement["Effect"] == "Allow"
        and any(fnmatchcase(action.lower(), pattern.lower()) for pattern in listed(statement["Action"]))
    }


def role_of(template: Template, who: str) -> str:
    (name,) = [role for role in resources(template, "AWS::IAM::Role") if name_of_role(template, role) == who]
    return name


def name_of_role(template: Template, role: str) -> str:
    if role.startswith("SchedulerRole"):
        return f"Schedule of {'Watch' if 'WatchWorkflow' in str(statements(template, role)) else 'Archive'}Workflow"
    return name_of(role.replace("WorkflowRole", "WorkflowArchiveWorkflow") if role.startswith("WorkflowR") else role)


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


NAMES = {
    "StorageBucket": "bucket",
    "StorageTable": "table",
    "StorageKey": "key",
    "NotificationsTopic": "topic",
    "SchedulesDeadLetters": "dead letters",
    "WorkflowArchiveWorkflow": "ArchiveWorkflow",
    "RestoreWorkflow": "RestoreWorkflow",
    "WatchWorkflow": "WatchWorkflow",
}
"""By the beginning of a logical id."""


def name_of(arn: str) -> str:
    before, _, last = arn.rpartition(":")
    if ":execution:" in before and last == "*":
        return f"{name_of(before)}'s executions"
    known = {"arn:aws:kms:us-east-1:*:key/*": "any key", "arn:aws:ssm:us-east-1:*:parameter/*": "any parameter"}
    if arn in known:
        return known[arn]
    for function in FUNCTIONS:
        if f"Functions{function}" in last:
            return "log" if f"{function}Log" in last else function
    for start, name in NAMES.items():
        if last.startswith(start):
            return name + next((end for end in ("/*", "/index/by_status") if last.endswith(end)), "")
    return last


def condition_of(condition: dict[str, Any]) -> str:
    """A condition in the table's words; what it has no words for stands as it is."""
    words = [word for operator, keys in condition.items() for word in _words(operator, keys)]
    if any(word.startswith("only") for word in words) and condition.get("Null", {}).get("aws:TagKeys") != "false":
        words.append("or all of them")  # DeleteTags without tags means that
    return " ".join(words).replace(" ,", ",")


def _words(operator: str, keys: dict[str, Any]) -> Iterable[str]:
    for key, value in sorted(keys.items(), key=lambda item: HOLD_TAG in item[0]):
        values = ", ".join(plain(item).partition(".")[0] for item in listed(value))
        tag = key.removeprefix("aws:ResourceTag/")
        match operator, key, values:
            case "StringEquals", "kms:ViaService", _:
                yield f"via {values}"
            case "Bool", "kms:GrantIsForAWSResource", "true":
                yield ", for AWS"
            case "ForAnyValue:StringEquals", "aws:CalledVia", _:
                yield f"called via {values}"
            case "ForAllValues:StringEquals" | "ForAllValues:StringLike", "dynamodb:LeadingKeys", _:
                yield f"in {values}"
            case "StringEquals", "ssm:Overwrite", "true":
                yield "to overwrite"
            case "ForAnyValue:StringEquals", "aws:TagKeys", "archiver:disable, archiver:deregister":
                yield "with a mark of retirement"
            case "ForAllValues:StringEquals", "aws:TagKeys", _:
                yield f"only {values}"
            case "Null", "aws:TagKeys", "false":
                pass
            case "Null", _, "true" if tag == HOLD_TAG:
                yield "unless held"
            case "Null", _, "false" if tag != key:
                yield f"if tagged {tag}"
            case _:
                yield f"{operator} {key} {values}"


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
