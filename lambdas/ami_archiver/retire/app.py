"""What the steps of retirement work with beside what all steps have: the power to take an original away."""

from __future__ import annotations

from functools import cached_property

from ami_archiver.adapters.ebs_blocks import EbsBlocks
from ami_archiver.adapters.ec2_originals import Ec2Originals
from ami_archiver.adapters.ec2_usage_reports import Ec2UsageReports
from ami_archiver.adapters.ec2_uses import Ec2Uses
from ami_archiver.adapters.table_retirements import TableRetirements
from ami_archiver.app import App


class RetireApp(App):
    """An App that can also disable and deregister; no other step gets one."""

    @cached_property
    def originals(self) -> Ec2Originals:
        return Ec2Originals(self.client("ec2"))

    @cached_property
    def uses(self) -> Ec2Uses:
        return Ec2Uses(self.client("ec2"), self.client("autoscaling"), self.client("ssm"))

    @cached_property
    def usage_reports(self) -> Ec2UsageReports:
        return Ec2UsageReports(self.client("ec2"), self.settings.account_id)

    @cached_property
    def blocks(self) -> EbsBlocks:
        return EbsBlocks(self.client("ec2"), self.client("ebs"))

    @cached_property
    def retirements(self) -> TableRetirements:
        return TableRetirements(self.client("dynamodb"), self.settings.table_name)
