"""Who may take an original away, and how little else that one may do; action by action, as `test_permissions`."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

import pytest

from ami_archiver.model import Action
from ami_archiver.retire.reasons import HOLD_TAG, MARKS
from infra.templates import plain, resources
from tests.infra import test_permissions as archive

Template = dict[str, Any]

LOOKS = """
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
    s3:ListBucket                    bucket
    s3:GetObject                     bucket/*
    s3:GetObjectTagging              bucket/*
    s3:GetObjectVersion              bucket/*
    kms:Decrypt                      key           via s3
    dynamodb:GetItem                 table
    dynamodb:PutItem                 table
    dynamodb:Query                   table
    dynamodb:UpdateItem              table
    """
"""What both look at, and that what stays loses its announcement and its marks."""
ON_IMAGES = "archiver:retire-on, archiver:disable, archiver:deregister"
ALLOWED = {
    "PlanRetirement": f"""
    ec2:CreateTags                   image/*       only {ON_IMAGES} unless tagged archiver:hold
    ec2:CreateTags                   snapshot/*    only archiver:deregister
    dynamodb:Query                   table/index/by_status
    {LOOKS}
    """,
    "RetireImages": f"""
    ec2:DeregisterImage              image/*       if tagged archiver:deregister unless tagged archiver:hold
    ec2:DisableImage                 image/*       if tagged archiver:disable unless tagged archiver:hold
    ec2:DeleteSnapshot               snapshot/*    if tagged archiver:deregister unless tagged archiver:hold
    ebs:ListChangedBlocks            snapshot/*
    dynamodb:DeleteItem              table         in SNAPSHOTS
    {LOOKS}
    """,
    "AskForApproval": """
    dynamodb:PutItem                 table
    dynamodb:Query                   table
    sns:Publish                      topic
    kms:Decrypt                      key           via sns
    kms:GenerateDataKey              key           via sns
    """,
    "UndoRetirement": """
    ec2:CreateTags                   image/*       only archiver:hold
    ec2:DescribeImages               *
    ec2:EnableImage                  image/*       if tagged archiver:disable
    ec2:ModifyImageAttribute         image/*       if tagged archiver:disable
    dynamodb:GetItem                 table
    dynamodb:PutItem                 table
    dynamodb:UpdateItem              table
    """,
}
TAKES_AWAY = ("ec2:DeregisterImage", "ec2:DisableImage", "ec2:DeleteSnapshot")


@pytest.mark.parametrize("who", ALLOWED)
def test_each_role_may_do_exactly_this(template: Template, who: str) -> None:
    assert grants(template, role_of(template, who)) == archive.lines(ALLOWED[who] + archive.COMMON) - {""}


@pytest.mark.parametrize("which", ["template", "several"])
def test_of_all_roles_in_the_stack_only_the_one_of_retire_images_may_take_an_image_away(
    request: pytest.FixtureRequest, which: str
) -> None:
    template: Template = request.getfixturevalue(which)
    may = {
        (role, action)
        for role, allowed in actions_by_role(template).items()
        for action in TAKES_AWAY
        if any(fnmatchcase(action.lower(), pattern.lower()) for pattern in allowed)
    }
    assert may == {(role_of(template, "RetireImages"), action) for action in TAKES_AWAY}


@pytest.mark.parametrize("which", ["template", "several"])
def test_only_who_takes_nothing_away_may_set_a_mark_without_which_nothing_is_taken_away(
    request: pytest.FixtureRequest, which: str
) -> None:
    template: Template = request.getfixturevalue(which)
    taking = {
        statement["Sid"]: statement.get("Condition", {}).get("Null", {})
        for role in actions_by_role(template)
        for statement in archive.statements(template, role)
        if set(archive.listed(statement["Action"])) & set(TAKES_AWAY)
    }
    assert taking == {
        sid: {f"aws:ResourceTag/{MARKS[action]}": "false", f"aws:ResourceTag/{HOLD_TAG}": "true"}
        for sid, action in (
            ("Disable", Action.DISABLE),
            ("Deregister", Action.DEREGISTER),
            ("DeleteSnapshots", Action.DEREGISTER),
        )
    }
    may_mark = {
        role
        for role in actions_by_role(template)
        for statement in archive.statements(template, role)
        if any(fnmatchcase("ec2:createtags", action.lower()) for action in archive.listed(statement["Action"]))
        and may_set(statement, set(MARKS.values()))
    }
    (restores,) = [role for role in actions_by_role(template) if role.startswith("RestoreFunctionsRestoreImages")]
    assert may_mark == {role_of(template, "PlanRetirement"), restores}  # EC2 gives back what tags an image had


def may_set(statement: dict[str, Any], keys: set[str]) -> bool:
    """Whether a statement lets tags with one of the keys be set: by no condition, or by one that names it."""
    named = statement.get("Condition", {}).get("ForAllValues:StringEquals", {}).get("aws:TagKeys")
    created = statement.get("Condition", {}).get("StringEquals", {}).get("ec2:CreateAction")
    return created is None and (named is None or bool(keys & set(archive.listed(named))))


def test_nobody_in_the_stack_may_delete_an_item_but_from_a_queue_or_the_list_of_snapshots(template: Template) -> None:
    conditions = [
        statement.get("Condition", {})
        for role in actions_by_role(template)
        for statement in archive.statements(template, role)
        if "dynamodb:DeleteItem" in archive.listed(statement["Action"])
    ]
    partitions = [keys.get("dynamodb:LeadingKeys") for condition in conditions for keys in condition.values()]
    assert len(partitions) == len(conditions) == 4
    assert {str(archive.listed(each)) for each in partitions} == {
        "['QUEUE']",
        "['RESTORE-QUEUE#*']",
        "['SNAPSHOTS']",
    }


def test_nobody_in_the_stack_may_end_a_protection_or_a_lock_or_a_hold_or_shorten_a_retention(
    template: Template,
) -> None:
    for role, allowed in actions_by_role(template).items():
        for forbidden in (
            "ec2:DisableImageDeregistrationProtection",
            "ec2:UnlockSnapshot",
            "s3:PutObjectRetention",
            "s3:PutObjectLegalHold",
            "s3:BypassGovernanceRetention",
            "s3:DeleteObjectVersion",
            "states:SendTaskSuccess",
        ):
            assert not [p for p in allowed if fnmatchcase(forbidden.lower(), p.lower())], (role, forbidden)
    for who in ("PlanRetirement", "RetireImages"):
        may = grants(template, role_of(template, who))
        assert not [line for line in may if "Tags" in line and HOLD_TAG in line.partition(" unless ")[0]]


def test_retiring_reads_objects_and_never_writes_or_deletes_one(template: Template) -> None:
    for who in ALLOWED:
        on_objects = [line.split()[0] for line in grants(template, role_of(template, who)) if "s3:" in line]
        assert not [action for action in on_objects if not action.startswith(("s3:Get", "s3:List"))]


def test_all_resources_are_allowed_only_where_aws_has_no_resource_level_permission_or_says_so(
    template: Template,
) -> None:
    for who in ALLOWED:
        granted = grants(template, role_of(template, who))
        wide = {line.split()[0] for line in granted if line.split()[1] == "*" and "called via" not in line}
        assert not [action for action in wide if archive.has_resources(action)]


def role_of(template: Template, who: str) -> str:
    (name,) = [n for n in resources(template, "AWS::IAM::Role") if n.startswith(f"RetireFunctions{who}")]
    return name


def actions_by_role(template: Template) -> dict[str, list[str]]:
    """Everything that the roles of the stack allow, whoever has them."""
    return {
        role: [
            action
            for statement in archive.statements(template, role)
            if statement["Effect"] == "Allow"
            for action in archive.listed(statement["Action"])
        ]
        for role in resources(template, "AWS::IAM::Role")
    }


def grants(template: Template, role: str) -> set[str]:
    """'action resource condition' of every permission of a role, in the table's words."""
    found = set()
    for statement in archive.statements(template, role):
        assert statement["Effect"] == "Allow"
        for action in archive.listed(statement["Action"]):
            for resource in archive.listed(statement["Resource"]):
                words = [action, name_of(plain(resource)), condition_of(statement.get("Condition", {}))]
                found.add(" ".join(filter(None, words)))
    return found


def name_of(arn: str) -> str:
    last = arn.rpartition(":")[2]
    if arn == "arn:aws:ssm:us-east-1:*:parameter/*":
        return "any parameter"
    if last.startswith("RetireFunctions"):
        return "log"
    return "table/index/by_status" if last.endswith("/index/by_status") else archive.name_of(arn)


def condition_of(condition: dict[str, Any]) -> str:
    match condition:
        case {"Null": {"aws:ResourceTag/archiver:hold": "true", **more}} if more and "aws:TagKeys" not in more:
            return f"if tagged {next(iter(more)).partition('/')[2]} unless tagged archiver:hold"
        case {
            "ForAllValues:StringEquals": {"aws:TagKeys": keys},
            "Null": {"aws:TagKeys": "false", "aws:ResourceTag/archiver:hold": "true"},
        }:
            return f"only {', '.join(archive.listed(keys))} unless tagged archiver:hold"
        case {"Null": {"aws:ResourceTag/archiver:disable": "false"}}:
            return "if tagged archiver:disable"
        case {"ForAllValues:StringEquals": {"aws:TagKeys": keys}, "Null": {"aws:TagKeys": "false"}}:
            return f"only {', '.join(archive.listed(keys))}"
        case _:
            return archive.condition_of(condition)
