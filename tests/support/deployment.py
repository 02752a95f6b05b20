"""The synthesized stack, deployed to a local cloud in a process of its own: by CloudFormation, not the command line.

`cdk deploy` does the same in twenty seconds; `make demo` and tests/local_cloud/endpoint/test_cdk.py run the real one.
"""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local_cloud.control_client import RunningCloud
from tests.support.assembly import STACK, CloudAssembly

ASSETS = "cdk-hnb659fds-assets-123456789012-us-east-1"
VERSION_PARAMETER = "/cdk-bootstrap/hnb659fds/version"


@dataclass(frozen=True)
class Deployment:
    """A deployed stack."""

    cloud: RunningCloud
    outputs: dict[str, str]

    @property
    def workflow_arn(self) -> str:
        return self.outputs["ArchiveWorkflowArn"]

    def start(self, given: Any, name: str | None = None) -> str:
        """Start an execution; its ARN."""
        more = {"name": name} if name else {}
        started = self.cloud.client("stepfunctions").start_execution(
            stateMachineArn=self.workflow_arn, input=json.dumps(given), **more
        )
        return str(started["executionArn"])

    def execution(self, arn: str) -> dict[str, Any]:
        described: dict[str, Any] = self.cloud.client("stepfunctions").describe_execution(executionArn=arn)
        return described

    def item(self, pk: str, sk: str) -> dict[str, Any] | None:
        """An item of the archive table, in DynamoDB's own notation."""
        key = {"pk": {"S": pk}, "sk": {"S": sk}}
        answer = self.cloud.client("dynamodb").get_item(TableName=self.outputs["ArchiveTableName"], Key=key)
        item: dict[str, Any] | None = answer.get("Item")
        return item

    def object_keys(self) -> list[str]:
        listed = self.cloud.client("s3").list_objects_v2(Bucket=self.outputs["ArchiveBucketName"])
        return sorted(entry["Key"] for entry in listed.get("Contents", []))


def deploy(cloud: RunningCloud, assembly: CloudAssembly) -> Deployment:
    """What `cdk bootstrap` and `cdk deploy` do, as far as the stack needs it."""
    s3, cloudformation = cloud.client("s3"), cloud.client("cloudformation")
    cloud.client("ssm").put_parameter(Name=VERSION_PARAMETER, Value="30", Type="String")
    s3.create_bucket(Bucket=ASSETS)
    template = assembly.template
    s3.put_object(Bucket=ASSETS, Key=_asset_key(template), Body=_zipped(assembly.asset))
    s3.put_object(Bucket=ASSETS, Key="template.json", Body=json.dumps(template).encode())
    cloudformation.create_stack(
        StackName=STACK,
        TemplateURL=f"{cloud.endpoint_url}/{ASSETS}/template.json",
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"],
        EnableTerminationProtection=assembly.termination_protection,
    )
    cloudformation.get_waiter("stack_create_complete").wait(
        StackName=STACK, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )
    (stack,) = cloudformation.describe_stacks(StackName=STACK)["Stacks"]
    return Deployment(cloud, {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]})


def _asset_key(template: dict[str, Any]) -> str:
    keys = {
        resource["Properties"]["Code"]["S3Key"]
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::Lambda::Function" and "S3Key" in resource["Properties"]["Code"]
    }
    assert len(keys) == 1, f"one asset for all functions, not {keys}"
    return str(keys.pop())


def _zipped(directory: Path) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(path for path in directory.rglob("*") if path.is_file()):
            archive.write(file, file.relative_to(directory))
    return buffer.getvalue()
