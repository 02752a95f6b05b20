"""AWS as anybody with credentials sees it: the clients, and what the stack's outputs name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from demo.scene import ACCOUNT_ID, REGION
from local_cloud import clients

STACK = "AmiArchiver"
DEMO, TEAM_B, OWNER, PAST = "demo", "team-b", "owner", "before-the-demo"
"""Names in the log of calls: who looks on, who else stores images, who deletes one and wants it back, and who has used
images before."""


class Aws:
    """One client per service, made when it is first asked for."""

    def __init__(self, endpoint_url: str, caller: str = DEMO) -> None:
        self._endpoint_url = endpoint_url
        self._caller = caller
        self._clients: dict[str, Any] = {}

    def __getattr__(self, service: str) -> Any:
        """`aws.ec2`, `aws.s3`, and so on."""
        if service.startswith("_"):
            raise AttributeError(service)
        if service not in self._clients:
            self._clients[service] = clients.client(
                service, ACCOUNT_ID, REGION, self._endpoint_url, app_id=self._caller
            )
        return self._clients[service]


@dataclass(frozen=True, slots=True)
class Stack:
    """What the deployed stack has made."""

    workflow_arn: str
    restore_workflow_arn: str
    watch_workflow_arn: str
    bucket: str
    table: str


def deployed(aws: Aws) -> Stack:
    """What the stack made, by its outputs."""
    found = aws.cloudformation.describe_stacks(StackName=STACK)["Stacks"][0]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in found["Outputs"]}
    return Stack(
        workflow_arn=outputs["ArchiveWorkflowArn"],
        restore_workflow_arn=outputs["RestoreWorkflowArn"],
        watch_workflow_arn=outputs["WatchWorkflowArn"],
        bucket=outputs["ArchiveBucketName"],
        table=outputs["ArchiveTableName"],
    )


def originals(aws: Aws) -> dict[str, str]:
    """Every image and snapshot of the account by id, with its state."""
    found: dict[str, str] = {}
    for page in aws.ec2.get_paginator("describe_images").paginate(
        Owners=["self"], IncludeDisabled=True, PaginationConfig={"PageSize": 1000}
    ):
        found |= {image["ImageId"]: image["State"] for image in page["Images"]}
    for page in aws.ec2.get_paginator("describe_snapshots").paginate(
        OwnerIds=["self"], PaginationConfig={"PageSize": 1000}
    ):
        found |= {snapshot["SnapshotId"]: snapshot["State"] for snapshot in page["Snapshots"]}
    return found
