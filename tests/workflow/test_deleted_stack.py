"""What is left of the archive, and of its protection, when somebody deletes the stack or its first deployment fails."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, WaiterError

from local_cloud.control_client import RunningCloud, start_cloud
from tests.support.assembly import STACK, CloudAssembly, synthesized
from tests.support.deployment import deploy


@pytest.fixture
def cloud() -> Iterator[RunningCloud]:
    with start_cloud() as cloud:
        yield cloud


@pytest.fixture(scope="module")
def assembly() -> CloudAssembly:
    return synthesized(Path(__file__).with_name("deployed.toml"))


def test_the_archive_stays_and_stays_closed_when_the_stack_is_deleted_which_takes_two_words(
    cloud: RunningCloud, assembly: CloudAssembly
) -> None:
    outputs = deploy(cloud, assembly).outputs
    cloudformation = cloud.client("cloudformation")

    with pytest.raises(ClientError, match="TerminationProtection is enabled"):
        cloudformation.delete_stack(StackName=STACK)
    cloudformation.update_termination_protection(StackName=STACK, EnableTerminationProtection=False)
    (stack,) = cloudformation.describe_stacks(StackName=STACK)["Stacks"]
    cloudformation.delete_stack(StackName=STACK)
    cloudformation.get_waiter("stack_delete_complete").wait(
        StackName=stack["StackId"], WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )

    policy = json.loads(cloud.client("s3").get_bucket_policy(Bucket=outputs["ArchiveBucketName"])["Policy"])
    assert "ObjectsOnlyForTheArchiver" in {statement.get("Sid") for statement in policy["Statement"]}
    assert cloud.client("dynamodb").describe_table(TableName=outputs["ArchiveTableName"])
    assert cloud.client("kms").describe_key(KeyId=outputs["ArchiveKeyArn"])["KeyMetadata"]["Enabled"]
    assert cloud.client("lambda").list_functions()["Functions"] == []


def test_a_first_deployment_that_fails_leaves_no_bucket_and_no_key_that_costs(
    cloud: RunningCloud, assembly: CloudAssembly
) -> None:
    class Broken(CloudAssembly):
        @property
        def template(self) -> dict[str, Any]:
            whole = super().template
            first = [name for name, r in whole["Resources"].items() if "Retain" in r.get("DeletionPolicy", "")]
            whole["Resources"]["Last"] = {
                "Type": "AWS::S3::Bucket",
                "Properties": {"LifecycleConfiguration": {"Rules": [{"Status": "Odd", "ExpirationInDays": 1}]}},
                "DependsOn": first,
            }
            return whole

    with pytest.raises(WaiterError, match="ROLLBACK"):
        deploy(cloud, Broken(assembly.directory))
    (stack,) = cloud.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"]
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    assert [b["Name"] for b in cloud.client("s3").list_buckets()["Buckets"] if "storage" in b["Name"]] == []
    kms = cloud.client("kms")
    states = [kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["KeyState"] for key in kms.list_keys()["Keys"]]
    assert set(states) <= {"PendingDeletion"}
    assert len(cloud.client("dynamodb").list_tables()["TableNames"]) == 1
