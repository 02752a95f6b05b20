"""What the functions of a restore may do, action by action, as `test_permissions` says it of the archive's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from infra.config import ConfigError, load_config
from infra.templates import definitions, plain, resources
from tests.infra import test_permissions as archive
from tests.infra.conftest import NOW
from tests.support.assembly import ROOT, synthesized

Template = dict[str, Any]

ALLOWED = {
    "PlanRestore": """
    ec2:DescribeImages               *
    ec2:GetEbsEncryptionByDefault    *
    s3:ListBucket                    bucket
    s3:ListBucketVersions            bucket
    s3:GetObject                     bucket/*
    s3:GetObjectTagging              bucket/*
    kms:Decrypt                      key         via s3
    dynamodb:BatchGetItem            table
    dynamodb:GetItem                 table
    dynamodb:PutItem                 table
    dynamodb:Query                   table
    dynamodb:Query                   table/index/by_status
    dynamodb:UpdateItem              table
    """,
    "FinishRestores": """
    ec2:DescribeImages               *
    ec2:DescribeSnapshots            *
    ec2:ModifyImageAttribute         image/*     if tagged archiver:restore-id
    dynamodb:BatchGetItem            table
    dynamodb:GetItem                 table
    dynamodb:PutItem                 table
    dynamodb:UpdateItem              table
    """,
    "RestoreImages": """
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
    s3:ListBucket                    bucket
    s3:GetObject                     bucket/*
    s3:GetObjectTagging              bucket/*
    s3:RestoreObject                 bucket/*
    kms:Decrypt                      key         via s3
    kms:CreateGrant                  any key     via ec2, ebs, for AWS
    kms:Decrypt                      any key     via ec2, ebs
    kms:DescribeKey                  any key     via ec2, ebs
    kms:GenerateDataKeyWithoutPlaintext any key  via ec2, ebs
    kms:ReEncryptFrom                any key     via ec2, ebs
    dynamodb:BatchGetItem            table
    dynamodb:DeleteItem              table       in RESTORE-QUEUE#*
    dynamodb:GetItem                 table
    dynamodb:PutItem                 table
    dynamodb:Query                   table
    dynamodb:UpdateItem              table
    """,
    "ReportRestore": """
    dynamodb:BatchGetItem            table
    dynamodb:DeleteItem              table       in RESTORE-QUEUE#*
    dynamodb:PutItem                 table
    dynamodb:Query                   table
    dynamodb:UpdateItem              table
    sns:Publish                      topic
    kms:Decrypt                      key         via sns
    kms:GenerateDataKey              key         via sns
    """,
}
OF_PARAMETERS = """
    ssm:GetParameter                 parameter/golden/*
    ssm:GetParameter                 parameter/web-*
    ssm:PutParameter                 parameter/golden/*   to overwrite
    ssm:PutParameter                 parameter/web-*      to overwrite
"""
"""For FinishRestores, where the configuration names those that may be pointed at restored images."""
WORKFLOW = """
    lambda:InvokeFunction            PlanRestore
    lambda:InvokeFunction            FinishRestores
    lambda:InvokeFunction            RestoreImages
    lambda:InvokeFunction            ReportRestore
    states:StartExecution            RestoreWorkflow
"""
FORBIDDEN = ("ec2:DeregisterImage", "ec2:DisableImage", "s3:Put", "s3:Delete", "s3:Abort", "ec2:CreateStoreImageTask")


@pytest.mark.parametrize("who", ALLOWED)
def test_each_role_may_do_exactly_this(template: Template, who: str) -> None:
    assert grants(template, role_of(template, who)) == archive.lines(ALLOWED[who]) | archive.lines(archive.COMMON)


def test_only_parameters_that_the_configuration_names_may_be_changed() -> None:
    template = synthesized(ROOT / "tests/restore/pointing.toml").template
    for who, without in ALLOWED.items():
        of_parameters = OF_PARAMETERS if who == "FinishRestores" else ""
        expected = archive.lines(without) | archive.lines(archive.COMMON) | archive.lines(of_parameters)
        assert grants(template, role_of(template, who)) == expected


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ('"/"', r'parameter_prefixes\[0\] is "/": must be the beginning of SSM parameters'),
        ('"/golden/*"', "must be the beginning of SSM parameters' names, such as '/golden/'"),
        ('"/aws/x"', "must be without the prefixes aws and ssm, which AWS reserves"),
        ('""', "must be the beginning of SSM parameters' names"),
        ("5", "must be text or a list of at least one text"),
        ('["/a", "/a"]', "must be a list without duplicates"),
    ],
)
def test_prefix_of_parameters_that_cannot_be_one_is_refused_at_synth(tmp_path: Path, given: str, what: str) -> None:
    config = tmp_path / "archiver.toml"
    whole = (ROOT / "archiver.toml").read_text()
    config.write_text(whole.replace("[account]", f"[account]\nparameter_prefixes = {given}", 1))
    with pytest.raises(ConfigError, match=what):
        load_config(config, NOW)


def test_the_workflow_may_invoke_its_own_functions_and_hand_over_to_itself(template: Template) -> None:
    (role,) = [name for name in resources(template, "AWS::IAM::Role") if name.startswith("RestoreWorkflowRole")]
    granted = grants(template, role)
    logs_and_traces = {line for line in granted if line.startswith(("logs:", "xray:"))}
    assert granted - logs_and_traces == archive.lines(WORKFLOW)
    assert logs_and_traces == {
        line for line in archive.lines(archive.ALLOWED["ArchiveWorkflow"]) if line.startswith(("logs:", "xray:"))
    }


def test_nobody_may_write_or_delete_objects_or_take_an_image_away(template: Template) -> None:
    granted = {line for who in ALLOWED for line in grants(template, role_of(template, who))}
    assert not [line for line in granted if line.startswith(FORBIDDEN)]


def test_deleting_is_for_what_waits_only(template: Template) -> None:
    granted = {line for who in ALLOWED for line in grants(template, role_of(template, who)) if "DeleteItem" in line}
    assert granted == {"dynamodb:DeleteItem table in RESTORE-QUEUE#*"}


def test_each_answer_of_a_step_has_its_branch_and_no_choice_has_a_default(template: Template) -> None:
    (definition,) = [found for name, found in definitions(template).items() if "RestoreWorkflow" in name]
    choices = {name: state for name, state in definition["States"].items() if state["Type"] == "Choice"}
    assert not [name for name, state in choices.items() if "Default" in state]
    assert {
        name: {rule["StringEquals"]: rule["Next"] for rule in state["Choices"]}
        for name, state in choices.items()
        if name != "IsHandedOver"
    } == {
        "Planned": {"plan_more": "PlanRestore", "restore": "RestoreImages", "report": "ReportRestore"},
        "Restored": {"finish": "FinishRestores", "wait": "Wait", "hand_over": "HandOver", "report": "ReportRestore"},
        "Reported": {"end": "Done"},
    }
    assert [rule["Next"] for rule in choices["IsHandedOver"]["Choices"]] == ["RestoreImages", "PlanRestore"]


def role_of(template: Template, who: str) -> str:
    (name,) = [n for n in resources(template, "AWS::IAM::Role") if n.startswith(f"RestoreFunctions{who}")]
    return name


def grants(template: Template, role: str) -> set[str]:
    """'action resource condition' of every permission of a role, in the table's words."""
    found = set()
    for statement in archive.statements(template, role):
        never = "" if statement["Effect"] == "Allow" else "never"
        for action in archive.listed(statement["Action"]):
            for resource in archive.listed(statement["Resource"]):
                words = [never, action, name_of(plain(resource)), condition_of(statement.get("Condition", {}))]
                found.add(" ".join(filter(None, words)))
    return found


def name_of(arn: str) -> str:
    last = arn.rpartition(":")[2]
    for who in ALLOWED:
        if last.startswith(f"RestoreFunctions{who}"):
            return "log" if last.startswith(f"RestoreFunctions{who}Log") else who
    if last.startswith("RestoreWorkflow"):
        return "RestoreWorkflow"
    return "table/index/by_status" if last.endswith("/index/by_status") else archive.name_of(arn)


def condition_of(condition: dict[str, Any]) -> str:
    if condition == {"ForAnyValue:StringEquals": {"aws:TagKeys": ["archiver:disable", "archiver:deregister"]}}:
        return "with a mark of retirement"
    if condition == {"Null": {"aws:ResourceTag/archiver:restore-id": "false"}}:
        return "if tagged archiver:restore-id"
    for keys in condition.values():
        if "dynamodb:LeadingKeys" in keys:
            return f"in {', '.join(archive.listed(keys['dynamodb:LeadingKeys']))}"
        if keys.get("ssm:Overwrite") == "true":
            return "to overwrite"
    return archive.condition_of(condition)


def test_the_restore_budget_of_the_configuration_reaches_the_functions(template: Template, tmp_path: Path) -> None:
    for function in resources(template, "AWS::Lambda::Function").values():
        assert plain(function["Properties"]["Environment"]["Variables"]["RESTORE_BUDGET_GIB"]) == "300"
    config = tmp_path / "archiver.toml"
    config.write_text((ROOT / "archiver.toml").read_text().replace("[account]", "[account]\nrestore_budget_gib = 0"))
    with pytest.raises(ConfigError, match=r"account.restore_budget_gib is 0: must be above 0"):
        load_config(config, NOW)
