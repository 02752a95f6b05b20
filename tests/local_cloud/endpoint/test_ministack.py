"""What this project needs of MiniStack: what was missing and is added here, and what must not get lost.

If a test of the first kind fails after an update of MiniStack, look whether the addition is still needed.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local_cloud.s3.gaps import managed_key_arn
from local_cloud.server import LocalCloud
from tests.local_cloud.endpoint.scenes import ACCOUNT, REGION, ROLE, run_machine, unique, until, zipped

FUNCTION = """
import os
import boto3

class LeaseLost(Exception):
    pass

def handler(event, context):
    if event.get("lost"):
        raise LeaseLost("another run took over")
    boto3.client("sts").get_caller_identity()
    ours = {name: os.environ.get(name) for name in ("PYTHONPATH", "LOG_LEVEL")}
    return {"app": os.environ["AWS_SDK_UA_APP_ID"], "name": context.function_name, **ours}
"""


def make_function(cloud: LocalCloud) -> tuple[str, str]:
    """A function of the runtime that the project uses; its name and ARN."""
    name = unique("function")
    arn = cloud.client("lambda").create_function(
        FunctionName=name,
        Runtime="python3.13",
        Architectures=["arm64"],
        Role=ROLE,
        Handler="index.handler",
        Timeout=20,
        Environment={"Variables": {"AWS_SDK_UA_APP_ID": name}},
        Code={"ZipFile": zipped(FUNCTION)},
    )["FunctionArn"]
    return name, arn


def task(arn: str, **more: Any) -> dict[str, Any]:
    return {"Type": "Task", "Resource": arn, "End": True, **more}


def test_function_runs_with_its_environment_and_is_the_caller_of_its_calls(local_cloud: LocalCloud) -> None:
    name, _ = make_function(local_cloud)
    answer = local_cloud.client("lambda").invoke(FunctionName=name, Payload=b"{}")
    assert json.load(answer["Payload"]) == {"app": name, "name": name, "PYTHONPATH": None, "LOG_LEVEL": None}
    (call,) = local_cloud.calls.filter(caller=name)
    assert (call.service, call.operation) == ("sts", "GetCallerIdentity")


def test_exception_of_a_function_has_its_name(local_cloud: LocalCloud) -> None:
    name, arn = make_function(local_cloud)
    answer = local_cloud.client("lambda").invoke(FunctionName=name, Payload=b'{"lost": true}')
    error = json.load(answer["Payload"])
    assert answer["FunctionError"] == "Unhandled"
    assert (error["errorType"], error["errorMessage"]) == ("LeaseLost", "another run took over")
    assert "in handler" in error["stackTrace"][0]

    caught = {"StartAt": "A", "States": {
        "A": task(arn, Catch=[{"ErrorEquals": ["LeaseLost"], "ResultPath": "$.error", "Next": "B"}]),
        "B": {"Type": "Fail", "ErrorPath": "$.error.Error", "CausePath": "$.error.Cause"},
    }}  # fmt: skip
    execution = run_machine(local_cloud, caught, {"lost": True})
    assert (execution["status"], execution["error"]) == ("FAILED", "LeaseLost")
    retried = {"StartAt": "A", "States": {"A": task(arn, Retry=[{
        "ErrorEquals": ["LeaseLost"], "IntervalSeconds": 1, "MaxAttempts": 1, "BackoffRate": 1.0,
    }])}}  # fmt: skip
    assert run_machine(local_cloud, retried, {"lost": True})["error"] == "LeaseLost"
    (machine,) = [m for m in machines(local_cloud) if '"Retry"' in m["definition"]]
    arn = local_cloud.client("stepfunctions").list_executions(stateMachineArn=machine["stateMachineArn"])
    history = local_cloud.client("stepfunctions").get_execution_history(
        executionArn=arn["executions"][0]["executionArn"]
    )["events"]
    assert len([event for event in history if event["type"] in ("LambdaFunctionFailed", "TaskFailed")]) == 2


def machines(cloud: LocalCloud) -> list[dict[str, Any]]:
    sfn = cloud.client("stepfunctions")
    listed = sfn.list_state_machines()["stateMachines"]
    return [sfn.describe_state_machine(stateMachineArn=machine["stateMachineArn"]) for machine in listed]


def test_machine_waits_as_long_as_its_input_says_and_knows_itself(local_cloud: LocalCloud) -> None:
    definition = {"StartAt": "A", "States": {
        "A": {"Type": "Wait", "SecondsPath": "$.seconds", "Next": "B"},
        "B": {"Type": "Pass", "End": True, "Parameters": {
            "id.$": "$$.Execution.Id", "start.$": "$$.Execution.StartTime", "state.$": "$$.State.Name",
            "entered.$": "$$.State.EnteredTime", "input.$": "$$.Execution.Input.seconds",
        }},
    }}  # fmt: skip
    execution = run_machine(local_cloud, definition, {"seconds": 1})
    output = json.loads(execution["output"])
    assert output["id"] == execution["executionArn"]
    assert (output["state"], output["input"]) == ("B", 1)
    assert output["entered"] > output["start"]
    assert (execution["stopDate"] - execution["startDate"]).total_seconds() >= 1


def test_machine_hands_over_to_a_new_execution(local_cloud: LocalCloud) -> None:
    sfn = local_cloud.client("stepfunctions")
    child = sfn.create_state_machine(
        name=unique("child"), roleArn=ROLE,
        definition=json.dumps({"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}}),
    )["stateMachineArn"]  # fmt: skip
    hand_over = {"StartAt": "A", "States": {"A": {
        "Type": "Task", "Resource": "arn:aws:states:::states:startExecution", "End": True,
        "Parameters": {"StateMachineArn": child, "Input": {"run_id.$": "$.run_id"}},
    }}}  # fmt: skip
    assert run_machine(local_cloud, hand_over, {"run_id": "r1"})["status"] == "SUCCEEDED"
    (started,) = sfn.list_executions(stateMachineArn=child)["executions"]

    def output() -> str | None:
        found: str | None = sfn.describe_execution(executionArn=started["executionArn"]).get("output")
        return found

    assert json.loads(until(output)) == {"run_id": "r1"}


def test_bucket_of_a_stack_has_all_its_properties(local_cloud: LocalCloud) -> None:
    key = local_cloud.client("kms").create_key()["KeyMetadata"]["Arn"]
    by_default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
    bucket = stack_bucket(
        local_cloud,
        VersioningConfiguration={"Status": "Enabled"},
        BucketEncryption={"ServerSideEncryptionConfiguration": [
            {"BucketKeyEnabled": True, "ServerSideEncryptionByDefault": by_default}
        ]},
        OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
        Tags=[{"Key": "project", "Value": "archive"}],
        LifecycleConfiguration={"Rules": [
            {"Id": "abort", "Status": "Enabled", "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 3}},
            {"Id": "cold", "Status": "Enabled", "Prefix": "nightly/", "TagFilters": [{"Key": "k", "Value": "v"}],
             "Transitions": [{"StorageClass": "GLACIER", "TransitionInDays": 30}],
             "NoncurrentVersionExpiration": {"NoncurrentDays": 90}},
            {"Id": "size", "Status": "Disabled", "ObjectSizeGreaterThan": "131072", "ExpirationInDays": 9},
        ]},
    )  # fmt: skip
    s3 = local_cloud.client("s3")
    (default,) = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert default["ApplyServerSideEncryptionByDefault"] == by_default
    abort, cold, size = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    assert abort["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 3}
    assert cold["Filter"]["And"]["Prefix"] == "nightly/"
    assert cold["Filter"]["And"]["Tags"] == [{"Key": "k", "Value": "v"}]
    assert cold["Transitions"] == [{"Days": 30, "StorageClass": "GLACIER"}]
    assert cold["NoncurrentVersionExpiration"] == {"NoncurrentDays": 90}
    assert (size["Filter"], size["Expiration"]) == ({"ObjectSizeGreaterThan": 131072}, {"Days": 9})
    assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == [{"Key": "project", "Value": "archive"}]
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    assert s3.put_object(Bucket=bucket, Key="k", Body=b"")["SSEKMSKeyId"] == key


def test_kms_encryption_without_a_key_uses_the_managed_key(local_cloud: LocalCloud) -> None:
    by_default = {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}
    bucket = stack_bucket(local_cloud, BucketEncryption={"ServerSideEncryptionConfiguration": [by_default]})
    s3 = local_cloud.client("s3")
    s3.put_object(Bucket=bucket, Key="default", Body=b"")
    s3.put_object(Bucket=bucket, Key="asked", Body=b"", ServerSideEncryption="aws:kms")
    for key in ("default", "asked"):
        assert s3.head_object(Bucket=bucket, Key=key)["SSEKMSKeyId"] == managed_key_arn(ACCOUNT, REGION)


def test_bucket_property_that_s3_refuses_fails_the_stack(local_cloud: LocalCloud) -> None:
    expires_at_once = {"Id": "x", "Status": "Enabled", "ExpirationInDays": 0}
    with pytest.raises(AssertionError, match="rejected"):
        stack_bucket(local_cloud, LifecycleConfiguration={"Rules": [expires_at_once]})


def stack_bucket(cloud: LocalCloud, **properties: Any) -> str:
    """Deploy a stack with one bucket; its name."""
    cloudformation, name = cloud.client("cloudformation"), unique("stack")
    template = {
        "Resources": {"Bucket": {"Type": "AWS::S3::Bucket", "Properties": properties}},
        "Outputs": {"Name": {"Value": {"Ref": "Bucket"}}},
    }
    cloudformation.create_stack(StackName=name, TemplateBody=json.dumps(template))

    def done() -> dict[str, Any] | None:
        stack: dict[str, Any] = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
        return None if "IN_PROGRESS" in stack["StackStatus"] else stack

    stack = until(done)
    if stack["StackStatus"] != "CREATE_COMPLETE":
        events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
        raise AssertionError([event.get("ResourceStatusReason") for event in events])
    return str(stack["Outputs"][0]["OutputValue"])


def test_stack_may_have_a_rule_of_the_recycle_bin(local_cloud: LocalCloud) -> None:
    cloudformation, name = local_cloud.client("cloudformation"), unique("bin")
    rule = {"ResourceType": "EC2_IMAGE", "RetentionPeriod": {"RetentionPeriodUnit": "DAYS", "RetentionPeriodValue": 7}}
    template = {"Resources": {"Rule": {"Type": "AWS::Rbin::Rule", "Properties": rule}}}
    cloudformation.create_stack(StackName=name, TemplateBody=json.dumps(template))
    cloudformation.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
    cloudformation.delete_stack(StackName=name)
    cloudformation.get_waiter("stack_delete_complete").wait(StackName=name, WaiterConfig={"Delay": 1})


def test_record_is_written_by_condition_and_found_by_index(local_cloud: LocalCloud) -> None:
    dynamodb, table = local_cloud.client("dynamodb"), unique("records")
    dynamodb.create_table(
        TableName=table,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "status", "at")],
        GlobalSecondaryIndexes=[{
            "IndexName": "by-status",
            "KeySchema": [
                {"AttributeName": "status", "KeyType": "HASH"}, {"AttributeName": "at", "KeyType": "RANGE"},
            ],
            "Projection": {"ProjectionType": "ALL"},
        }],
        BillingMode="PAY_PER_REQUEST",
        DeletionProtectionEnabled=True,
    )  # fmt: skip
    for number in (2, 1):
        item = {"pk": {"S": f"ami-{number}"}, "status": {"S": "STORED"}, "at": {"S": str(number)}}
        dynamodb.put_item(TableName=table, Item=item, ConditionExpression="attribute_not_exists(pk)")
    with pytest.raises(ClientError, match="ConditionalCheckFailedException"):
        dynamodb.put_item(TableName=table, Item=item, ConditionExpression="attribute_not_exists(pk)")
    found = dynamodb.query(
        TableName=table,
        IndexName="by-status",
        KeyConditionExpression="#s = :s",
        ExpressionAttributeNames={"#s": "status"},
        ExpressionAttributeValues={":s": {"S": "STORED"}},
    )["Items"]
    assert [item["pk"]["S"] for item in found] == ["ami-1", "ami-2"]
    with pytest.raises(ClientError, match="deletion"):
        dynamodb.delete_table(TableName=table)
