"""The services that are answered here and not by MiniStack, by the name that requests to them are signed with."""

from __future__ import annotations

from collections.abc import Mapping

from local_cloud.auto_scaling import AutoScaling
from local_cloud.ebs_direct import EbsDirect
from local_cloud.ec2.app import Ec2
from local_cloud.endpoint import Handler


def own_services(ec2: Ec2) -> Mapping[str, Handler]:
    return {"ec2": ec2, "autoscaling": AutoScaling(ec2), "ebs": EbsDirect(ec2)}
