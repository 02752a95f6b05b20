"""EC2's reports on who outside the account uses an image.

https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/your-ec2-ami-usage.html
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from ami_archiver.adapters.aws_errors import translated
from ami_archiver.adapters.clients import paged
from ami_archiver.adapters.ec2_originals import refusal_of
from ami_archiver.errors import AccessDenied
from ami_archiver.model import Refusal
from ami_archiver.retire.model import UsageReport

logger = logging.getLogger(__name__)

INSTANCE, TEMPLATE, DEPTH = "ec2:Instance", "ec2:LaunchTemplate", "version-depth"
TEMPLATE_VERSIONS = 20
"""So many newest versions of every launch template count; EC2's own default."""
ASKED_FOR = [
    {"ResourceType": INSTANCE},
    {
        "ResourceType": TEMPLATE,
        "ResourceTypeOptions": [{"OptionName": DEPTH, "OptionValues": [str(TEMPLATE_VERSIONS)]}],
    },
]


class Ec2UsageReports:
    """EC2's image usage reports: asked for first, readable some time later."""

    def __init__(self, client: Any, account_id: str) -> None:
        self._ec2 = client
        self._account_id = account_id

    def newest(self, image_id: str) -> UsageReport | Refusal | None:
        """Reports that somebody else has asked for count too, if they are about all accounts and no less than ours."""
        found = paged(self._ec2, "describe_image_usage_reports", "ImageUsageReports", image_id, ImageIds=[image_id])
        try:
            reports = [_report(raw) for raw in found if _counts(raw)]
        except (ClientError, AccessDenied) as error:
            refusal = refusal_of(error)
            return None if refusal.code.startswith("InvalidAMIID.") else refusal
        return max(reports, key=lambda report: (report.created_at, report.report_id), default=None)

    def ask(self, image_id: str) -> Refusal | None:
        """Let EC2 make a report on all accounts; why it does not."""
        try:
            with translated(image_id):
                self._ec2.create_image_usage_report(ImageId=image_id, ResourceTypes=ASKED_FOR)
        except (ClientError, AccessDenied) as error:
            return refusal_of(error)
        return None

    def accounts(self, report_id: str) -> tuple[str, ...]:
        """Where the entries cannot be read, somebody may use the image: that is an entry too."""
        uses: dict[str, dict[str, int]] = {}
        operation, member = "describe_image_usage_report_entries", "ImageUsageReportEntries"
        try:
            for raw in paged(self._ec2, operation, member, report_id, ReportIds=[report_id]):
                account, count = raw.get("AccountId", "unknown"), raw.get("UsageCount", 1)
                if account != self._account_id and count:
                    uses.setdefault(account, {})[raw.get("ResourceType", "resources")] = count
        except (ClientError, AccessDenied) as error:
            logger.warning("image usage report unreadable", extra={"report_id": report_id, "reason": str(error)})
            return (f"accounts that EC2 does not name: its usage report {report_id} cannot be read",)
        return tuple(f"account {account} ({_counted(kinds)})" for account, kinds in sorted(uses.items()))


def _report(raw: Mapping[str, Any]) -> UsageReport:
    return UsageReport(raw["ReportId"], raw["CreationTime"], raw.get("State") == "available")


def _counts(raw: Mapping[str, Any]) -> bool:
    """Not one that has failed, or that is not about all that may use the image: all accounts, instances, and as many
    versions of launch templates as we would ask for."""
    asked = {kind.get("ResourceType"): kind.get("ResourceTypeOptions", []) for kind in raw.get("ResourceTypes", [])}
    depths = [
        int(value)
        for option in asked.get(TEMPLATE, [])
        if option.get("OptionName") == DEPTH
        for value in option.get("OptionValues", [])
        if value.isdecimal()
    ]
    if raw.get("State") == "error" or raw.get("AccountIds") or not asked.keys() >= {INSTANCE, TEMPLATE}:
        return False
    return max(depths, default=TEMPLATE_VERSIONS) >= TEMPLATE_VERSIONS


def _counted(kinds: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
