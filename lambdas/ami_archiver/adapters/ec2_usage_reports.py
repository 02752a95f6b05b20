"""EC2's reports on who outside the account uses an image.

https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/your-ec2-ami-usage.html
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from ami_archiver.adapters.aws_errors import code_of, translated
from ami_archiver.adapters.ec2_originals import unwilling
from ami_archiver.batches import batches
from ami_archiver.errors import AccessDenied
from ami_archiver.model import Refusal
from ami_archiver.retire.model import UsageReport

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_ec2.type_defs import (
        ImageUsageReportTypeDef,
        ImageUsageResourceTypeRequestTypeDef,
        ImageUsageResourceTypeTypeDef,
    )


logger = logging.getLogger(__name__)

IMAGES_PER_CALL = 10
INSTANCE, TEMPLATE, DEPTH = "ec2:Instance", "ec2:LaunchTemplate", "version-depth"
TEMPLATE_VERSIONS = 20
"""So many newest versions of every launch template count; EC2's own default."""
ASKED_FOR: list[ImageUsageResourceTypeRequestTypeDef] = [
    {"ResourceType": INSTANCE},
    {
        "ResourceType": TEMPLATE,
        "ResourceTypeOptions": [{"OptionName": DEPTH, "OptionValues": [str(TEMPLATE_VERSIONS)]}],
    },
]


class Ec2UsageReports:
    """EC2's image usage reports: asked for first, readable some time later."""

    def __init__(self, client: EC2Client, account_id: str) -> None:
        self._ec2 = client
        self._account_id = account_id

    def newest(self, image_ids: Collection[str]) -> dict[str, UsageReport] | None:
        """Reports that somebody else has asked for count too, if they are about all accounts and no less than ours."""
        found: dict[str, UsageReport] = {}
        try:
            for batch in batches(sorted(set(image_ids)), IMAGES_PER_CALL):
                for report in self._reports(batch):
                    before = found.get(report.image_id)
                    if before is None or _order(before) < _order(report):
                        found[report.image_id] = report
        except (ClientError, AccessDenied) as error:
            logger.warning("image usage reports unknown", extra={"reason": str(error)})
            return None
        return found

    def ask(self, image_id: str) -> str | Refusal:
        """Let EC2 make a report on all accounts; its id."""
        try:
            with translated(image_id):
                return self._ec2.create_image_usage_report(ImageId=image_id, ResourceTypes=ASKED_FOR)["ReportId"]
        except (ClientError, AccessDenied) as error:
            return unwilling(error)

    def accounts(self, report_id: str) -> tuple[str, ...]:
        """Where the entries cannot be read, somebody may use the image: that is an entry too."""
        uses: dict[str, dict[str, int]] = {}
        pages = self._ec2.get_paginator("describe_image_usage_report_entries").paginate(ReportIds=[report_id])
        try:
            with translated(report_id):
                for page in pages:
                    for raw in page.get("ImageUsageReportEntries", []):
                        account = raw.get("AccountId", "unknown")
                        if account != self._account_id and raw.get("UsageCount", 1):
                            uses.setdefault(account, {})[raw.get("ResourceType", "resources")] = raw.get(
                                "UsageCount", 1
                            )
        except (ClientError, AccessDenied) as error:
            logger.warning("image usage report unreadable", extra={"report_id": report_id, "reason": str(error)})
            return (f"accounts that EC2 does not name: its usage report {report_id} cannot be read",)
        return tuple(f"account {account} ({_counted(kinds)})" for account, kinds in sorted(uses.items()))

    def _reports(self, image_ids: Sequence[str]) -> Iterator[UsageReport]:
        """One image that is gone fails a whole call: then each is asked for alone."""
        pages = self._ec2.get_paginator("describe_image_usage_reports").paginate(ImageIds=image_ids)
        try:
            with translated():
                reports = [
                    report for page in pages for raw in page.get("ImageUsageReports", []) if (report := _report(raw))
                ]
        except ClientError as error:
            if not code_of(error).startswith("InvalidAMIID."):
                raise
            reports = [one for each in image_ids for one in self._reports([each])] if len(image_ids) > 1 else []
        yield from reports


def _order(report: UsageReport) -> tuple[float, str]:
    return report.created_at.timestamp(), report.report_id


def _report(raw: ImageUsageReportTypeDef) -> UsageReport | None:
    """None: it has failed, or is not about all that may use the image."""
    if raw.get("State") == "error" or raw.get("AccountIds") or not _covers(raw.get("ResourceTypes", [])):
        return None
    return UsageReport(raw["ReportId"], raw["ImageId"], raw["CreationTime"], raw.get("State") == "available")


def _covers(kinds: Sequence[ImageUsageResourceTypeTypeDef]) -> bool:
    """Instances, and as many versions of launch templates as we would ask for."""
    asked = {raw.get("ResourceType"): raw.get("ResourceTypeOptions", []) for raw in kinds}
    depths = [
        int(value)
        for option in asked.get(TEMPLATE, [])
        if option.get("OptionName") == DEPTH
        for value in option.get("OptionValues", [])
        if value.isdecimal()
    ]
    return asked.keys() >= {INSTANCE, TEMPLATE} and max(depths, default=TEMPLATE_VERSIONS) >= TEMPLATE_VERSIONS


def _counted(kinds: dict[str, int]) -> str:
    return ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
