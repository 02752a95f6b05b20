"""Makes the uses of a fleet real in a running cloud, with the calls that anybody would make."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from local_cloud.engine.catalog import can_read, can_use
from local_cloud.fleet.fleet import Fleet, Use

ClientFactory = Callable[[str, str | None], Any]
"""A boto3 client of a service for an account (None: the cloud's own)."""

_INSTANCE_TYPES = {"arm64": "t4g.micro"}
_OTHER_INSTANCE_TYPE = "t3.micro"


def apply_use(fleet: Fleet, client_factory: ClientFactory) -> None:
    """Start the instances, launch templates and parameters of `fleet.in_use`, and tag what others own.

    The fleet must be in the cloud's catalog already. botocore's ClientError comes through as it is.
    """
    client = cache(client_factory)
    _tag_foreign(fleet, client)
    instance_types = {
        image.image_id: _INSTANCE_TYPES.get(image.architecture, _OTHER_INSTANCE_TYPE) for image in fleet.images
    }
    for use in fleet.in_use:
        account_id = use.account_id or fleet.owner_id or None
        if use.kind == "ssm-parameter":
            client("ssm", account_id).put_parameter(
                Name=use.name, Value=use.image_id, Type="String", DataType="aws:ec2:image", Overwrite=True
            )
            continue
        ec2 = client("ec2", account_id)
        instance_type = instance_types.get(use.image_id, _OTHER_INSTANCE_TYPE)
        if use.kind == "launch-template":
            _make_launch_template(ec2, use, instance_type)
        else:
            _run_instance(ec2, use, instance_type)


def _tag_foreign(fleet: Fleet, client: ClientFactory) -> None:
    own = fleet.owner_id
    foreign = [
        *((each.image_id, each.tags) for each in fleet.images if each.owner_id != own and can_use(each, own)),
        *((each.snapshot_id, each.tags) for each in fleet.snapshots if each.owner_id != own and can_read(each, own)),
    ]
    for resource_id, tags in foreign:
        if kept := [{"Key": key, "Value": value} for key, value in tags.items() if not key.startswith("aws:")]:
            client("ec2", own).create_tags(Resources=[resource_id], Tags=kept)


def _run_instance(ec2: Any, use: Use, instance_type: str) -> None:
    answer = ec2.run_instances(ImageId=use.image_id, InstanceType=instance_type, MinCount=1, MaxCount=1)
    instance_ids = [instance["InstanceId"] for instance in answer["Instances"]]
    if use.instance_state == "stopped":
        ec2.stop_instances(InstanceIds=instance_ids)
    elif use.instance_state == "terminated":
        ec2.terminate_instances(InstanceIds=instance_ids)


def _make_launch_template(ec2: Any, use: Use, instance_type: str) -> None:
    ec2.create_launch_template(
        LaunchTemplateName=use.name,
        LaunchTemplateData={"ImageId": use.image_id, "InstanceType": instance_type},
    )
    for _ in range(use.newer_versions):
        ec2.create_launch_template_version(
            LaunchTemplateName=use.name, LaunchTemplateData={"InstanceType": instance_type}
        )
