"""What outlives the stack is encrypted, recoverable and closed."""

from __future__ import annotations

from typing import Any

import pytest

from infra.templates import plain, resources

Template = dict[str, Any]
WITHOUT_OBJECTS = (
    "FunctionsReportRun",
    "RestoreFunctionsFinishRestores",
    "RestoreFunctionsReportRestore",
    "RetireFunctionsAskForApproval",
    "RetireFunctionsUndoRetirement",
)
"""Functions that have nothing to do with stored objects."""


def only(template: Template, kind: str) -> dict[str, Any]:
    (found,) = resources(template, kind).values()
    return found


@pytest.mark.parametrize("kind", ["AWS::S3::Bucket", "AWS::S3::BucketPolicy", "AWS::DynamoDB::Table", "AWS::KMS::Key"])
def test_bucket_policy_table_and_key_are_kept_when_the_stack_is_deleted_or_replaces_them(
    template: Template, kind: str
) -> None:
    resource = only(template, kind)
    assert resource["DeletionPolicy"] in ("Retain", "RetainExceptOnCreate")
    assert resource["UpdateReplacePolicy"] == "Retain"


def test_nothing_else_stays_behind_and_only_the_table_after_a_first_deployment_that_failed(template: Template) -> None:
    """The table is protected against deletion, so taking it back would make the rollback fail."""
    policies = {r["Type"]: r["DeletionPolicy"] for r in template["Resources"].values() if "DeletionPolicy" in r}
    assert {kind: policy for kind, policy in policies.items() if policy != "Delete"} == {
        "AWS::S3::Bucket": "RetainExceptOnCreate",
        "AWS::S3::BucketPolicy": "RetainExceptOnCreate",
        "AWS::KMS::Key": "RetainExceptOnCreate",
        "AWS::DynamoDB::Table": "Retain",
    }


def test_the_key_is_the_stacks_own_and_rotates(template: Template) -> None:
    assert only(template, "AWS::KMS::Key")["Properties"]["EnableKeyRotation"] is True


def test_the_bucket_is_versioned_encrypted_with_the_key_and_not_public(template: Template) -> None:
    bucket = only(template, "AWS::S3::Bucket")["Properties"]
    (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    assert rule["BucketKeyEnabled"] is True
    assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
    assert key_of(rule["ServerSideEncryptionByDefault"]["KMSMasterKeyID"], template)
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert bucket["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}


def test_the_bucket_is_reached_over_tls_only(template: Template) -> None:
    statement = next(s for s in bucket_policy(template) if "aws:SecureTransport" in str(s))
    assert (statement["Effect"], statement["Action"]) == ("Deny", "s3:*")
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert len(statement["Resource"]) == 2


def test_objects_are_closed_to_all_but_the_stacks_roles_awss_services_and_the_root_user(template: Template) -> None:
    statement = next(s for s in bucket_policy(template) if s.get("Sid") == "ObjectsOnlyForTheArchiver")
    assert (statement["Effect"], statement["Principal"]) == ("Deny", {"AWS": "*"})
    assert {"s3:GetObject*", "s3:PutObject*", "s3:DeleteObject*", "s3:UpdateObjectEncryption"} <= set(
        statement["Action"]
    )
    conditions = dict(statement["Condition"])
    assert [plain(arn).rpartition(":")[2] for arn in conditions.pop("ArnNotEquals")["aws:PrincipalArn"]] == [
        *(name for name in roles_of_functions(template) if not name.startswith(WITHOUT_OBJECTS)),
        "root",
    ]
    assert conditions == {"BoolIfExists": {"aws:PrincipalIsAWSService": "false", "aws:ViaAWSService": "false"}}


def test_roles_that_the_configuration_names_are_let_in_too(template: Template, several: Template) -> None:
    operator = "arn:aws:iam::123456789012:role/team/operator"
    let_in = [
        next(s for s in bucket_policy(of) if s.get("Sid") == "ObjectsOnlyForTheArchiver")["Condition"]["ArnNotEquals"]
        for of in (template, several)
    ]
    assert operator not in let_in[0]["aws:PrincipalArn"]
    assert operator in let_in[1]["aws:PrincipalArn"]


def test_nobody_is_kept_from_administering_the_bucket(template: Template) -> None:
    denied = next(s for s in bucket_policy(template) if s.get("Sid") == "ObjectsOnlyForTheArchiver")
    assert plain(denied["Resource"]).endswith("/*")
    assert not [action for action in denied["Action"] if "Bucket" in action]


def test_incomplete_uploads_are_aborted(template: Template) -> None:
    rules = only(template, "AWS::S3::Bucket")["Properties"]["LifecycleConfiguration"]["Rules"]
    assert rules[0] == {
        "Id": "abort-incomplete-uploads",
        "Status": "Enabled",
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
    }


def test_each_policys_objects_go_to_its_storage_class_by_their_tag(several: Template) -> None:
    rules = only(several, "AWS::S3::Bucket")["Properties"]["LifecycleConfiguration"]["Rules"][1:]
    moves = {
        rule["TagFilters"][0]["Value"]: (
            rule["Transitions"][0]["StorageClass"],
            rule["Transitions"][0]["TransitionInDays"],
        )
        for rule in rules
    }
    assert moves == {
        "web": ("GLACIER", 0),
        "paused": ("STANDARD_IA", 30),
        "tiered": ("INTELLIGENT_TIERING", 1),
        "instant": ("GLACIER_IR", 7),
        "deep": ("DEEP_ARCHIVE", 36500),
    }
    assert {rule["TagFilters"][0]["Key"] for rule in rules} == {"archiver:policy"}


def test_older_versions_of_objects_become_as_cheap_and_are_kept(several: Template) -> None:
    rules = only(several, "AWS::S3::Bucket")["Properties"]["LifecycleConfiguration"]["Rules"][1:]
    assert len(rules) == 5
    for rule in rules:
        (transition,), (older,) = rule["Transitions"], rule["NoncurrentVersionTransitions"]
        assert older["StorageClass"] == transition["StorageClass"]
        assert older["TransitionInDays"] == max(1, transition["TransitionInDays"])


def test_no_lifecycle_rule_ever_deletes_an_object_or_a_version(several: Template) -> None:
    assert "Expiration" not in str(only(several, "AWS::S3::Bucket"))


def test_the_table_is_on_demand_recoverable_protected_and_encrypted_with_the_key(template: Template) -> None:
    table = only(template, "AWS::DynamoDB::Table")["Properties"]
    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["DeletionProtectionEnabled"] is True
    assert table["SSESpecification"].pop("KMSMasterKeyId")
    assert table["SSESpecification"] == {"SSEEnabled": True, "SSEType": "KMS"}


def test_records_are_found_by_their_keys_and_by_status(template: Template) -> None:
    table = only(template, "AWS::DynamoDB::Table")["Properties"]
    (index,) = table["GlobalSecondaryIndexes"]
    assert [key["AttributeName"] for key in table["KeySchema"]] == ["pk", "sk"]
    assert index["IndexName"] == "by_status"
    assert [key["AttributeName"] for key in index["KeySchema"]] == ["status", "status_order"]


def bucket_policy(template: Template) -> list[dict[str, Any]]:
    statements: list[dict[str, Any]] = only(template, "AWS::S3::BucketPolicy")["Properties"]["PolicyDocument"][
        "Statement"
    ]
    return statements


def key_of(reference: Any, template: Template) -> bool:
    return reference == {"Fn::GetAtt": [next(iter(resources(template, "AWS::KMS::Key"))), "Arn"]}


def roles_of_functions(template: Template) -> list[str]:
    return [
        plain(f["Properties"]["Role"]).rpartition(":")[2] for f in resources(template, "AWS::Lambda::Function").values()
    ]
