"""EC2's Recycle Bin for what retirement deletes: images and snapshots that have the archiver's mark go there first.

The marks say whose they are, so each policy has its own days; nothing else in the account goes into the bin by this.
"""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import aws_rbin as rbin
from constructs import Construct

from ami_archiver.model import Action
from ami_archiver.policy import Policy
from ami_archiver.retire.reasons import MARKS

RESOURCE_TYPES = {"Images": "EC2_IMAGE", "Snapshots": "EBS_SNAPSHOT"}


class RecycleBin(Construct):
    """Two rules for each policy that asks for them, for images and for snapshots."""

    def __init__(self, scope: Construct, construct_id: str, *, policies: Sequence[Policy]) -> None:
        super().__init__(scope, construct_id)
        for policy in policies:
            days = policy.retire.recycle_bin_days
            if days is None or policy.original != "retire":
                continue
            for name, resource_type in RESOURCE_TYPES.items():
                rbin.CfnRule(
                    self,
                    f"{policy.name}{name}",
                    resource_type=resource_type,
                    description=f"ami-archiver: {name.lower()} that policy {policy.name} has let go",
                    resource_tags=[
                        rbin.CfnRule.ResourceTagProperty(
                            resource_tag_key=MARKS[Action.DEREGISTER], resource_tag_value=policy.name
                        )
                    ],
                    retention_period=rbin.CfnRule.RetentionPeriodProperty(
                        retention_period_value=days, retention_period_unit="DAYS"
                    ),
                )
