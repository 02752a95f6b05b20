"""EC2's reports on who outside the account uses an image."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ami_archiver.adapters.ec2_usage_reports import ASKED_FOR, Ec2UsageReports
from ami_archiver.errors import TemporarilyUnavailable
from ami_archiver.model import Refusal
from ami_archiver.retire.model import UsageReport
from tests.support.answers import answering, refusing
from tests.support.archive import Archive, client

OTHER, THIRD = "111122223333", "999999999999"
GONE = "ami-00000000000000009"
NOW = datetime(2026, 1, 1, 2, 0, tzinfo=UTC)


@pytest.fixture
def ec2(archive: Archive) -> Any:
    return client(archive.cloud, "ec2")


@pytest.fixture
def reports(archive: Archive, ec2: Any) -> Ec2UsageReports:
    return Ec2UsageReports(ec2, archive.account_id)


def shared(archive: Archive, name: str = "one") -> str:
    permissions = [{"UserId": OTHER}, {"UserId": THIRD}]
    return archive.image(name, launch_permissions=permissions)


def launch(archive: Archive, account_id: str, image_id: str, count: int = 1) -> None:
    ec2 = archive.cloud.client("ec2", account_id)
    ec2.run_instances(ImageId=image_id, MinCount=count, MaxCount=count, InstanceType="t3.micro")


def newest(reports: Ec2UsageReports, image_id: str = "ami-1") -> UsageReport:
    found = reports.newest(image_id)
    assert isinstance(found, UsageReport)
    return found


def raw(report_id: str, *, age_hours: float = 0, **fields: Any) -> dict[str, Any]:
    """A report as DescribeImageUsageReports shows it."""
    return {
        "ReportId": report_id,
        "ImageId": "ami-1",
        "State": "available",
        "CreationTime": NOW - timedelta(hours=age_hours),
        "ResourceTypes": ASKED_FOR,
        "AccountIds": [],
    } | fields


def test_report_is_pending_then_available_and_names_who_uses_the_image(
    archive: Archive, reports: Ec2UsageReports
) -> None:
    image_id = shared(archive)
    launch(archive, OTHER, image_id, 2)
    archive.cloud.client("ec2", OTHER).create_launch_template(
        LaunchTemplateName="web", LaunchTemplateData={"ImageId": image_id}
    )
    launch(archive, THIRD, image_id)
    launch(archive, archive.account_id, image_id)
    assert reports.newest(image_id) is None
    assert reports.ask(image_id) is None
    created, pending = archive.cloud.clock.now(), newest(reports, image_id)
    assert pending == UsageReport(pending.report_id, created, available=False)
    archive.cloud.advance(3600)
    assert newest(reports, image_id) == replace(pending, available=True)
    assert reports.accounts(pending.report_id) == (
        f"account {OTHER} (2 ec2:Instance, 1 ec2:LaunchTemplate)",
        f"account {THIRD} (1 ec2:Instance)",
    )


def test_image_that_nobody_else_uses_has_an_empty_report(archive: Archive, reports: Ec2UsageReports) -> None:
    image_id = shared(archive)
    reports.ask(image_id)
    archive.cloud.advance(3600)
    assert reports.accounts(newest(reports, image_id).report_id) == ()


def test_entries_of_the_own_account_are_not_others_and_none_is_no_use(
    archive: Archive, reports: Ec2UsageReports, ec2: Any
) -> None:
    entries = [
        {"AccountId": archive.account_id, "ResourceType": "ec2:Instance", "UsageCount": 3},
        {"AccountId": OTHER, "ResourceType": "ec2:Instance", "UsageCount": 0},
        {"AccountId": THIRD, "ResourceType": "ec2:Instance"},
    ]
    first = {"ImageUsageReportEntries": entries[:2], "NextToken": "t"}
    with answering(ec2, "DescribeImageUsageReportEntries", first, {"ImageUsageReportEntries": entries[2:]}):
        assert reports.accounts("amiur-1") == (f"account {THIRD} (1 ec2:Instance)",)


def test_newest_report_counts(archive: Archive, reports: Ec2UsageReports) -> None:
    image_id = shared(archive)
    reports.ask(image_id)
    archive.cloud.advance(3600)
    reports.ask(image_id)
    assert newest(reports, image_id).created_at == archive.cloud.clock.now()


def test_failed_report_is_ignored(archive: Archive, reports: Ec2UsageReports) -> None:
    image_id = shared(archive)
    reports.ask(image_id)
    archive.cloud.advance(3600)
    whole = newest(reports, image_id)
    archive.cloud.service.faults.fail_usage_reports()
    reports.ask(image_id)
    archive.cloud.advance(3600)
    assert newest(reports, image_id) == whole


def test_report_that_never_comes_stays_pending(archive: Archive, reports: Ec2UsageReports) -> None:
    image_id = shared(archive)
    reports.ask(image_id)
    archive.cloud.service.faults.hold_usage_reports()
    archive.cloud.advance(24 * 3600)
    assert not newest(reports, image_id).available


@pytest.mark.parametrize(
    "fields",
    [
        {"AccountIds": [OTHER]},
        {"ResourceTypes": ASKED_FOR[:1]},
        {"ResourceTypes": ASKED_FOR[1:]},
        {"ResourceTypes": []},
        {
            "ResourceTypes": [
                ASKED_FOR[0],
                {
                    "ResourceType": "ec2:LaunchTemplate",
                    "ResourceTypeOptions": [{"OptionName": "version-depth", "OptionValues": ["1"]}],
                },
            ]
        },
        {"State": "error"},
    ],
    ids=["some accounts", "instances only", "templates only", "nothing", "fewer versions", "failed"],
)
def test_report_that_says_less_than_ours_would_is_no_proof(
    reports: Ec2UsageReports, ec2: Any, fields: dict[str, Any]
) -> None:
    listed = {"ImageUsageReports": [raw("amiur-old", age_hours=5), raw("amiur-new", **fields)]}
    with answering(ec2, "DescribeImageUsageReports", listed):
        assert newest(reports).report_id == "amiur-old"


def test_report_of_somebody_else_that_says_as_much_is_as_good(reports: Ec2UsageReports, ec2: Any) -> None:
    plain = [{"ResourceType": "ec2:Instance"}, {"ResourceType": "ec2:LaunchTemplate"}]
    page = {"ImageUsageReports": [raw("amiur-1", age_hours=1, ResourceTypes=plain)], "NextToken": "t"}
    with answering(ec2, "DescribeImageUsageReports", page, {"ImageUsageReports": [raw("amiur-2", age_hours=2)]}):
        assert newest(reports).report_id == "amiur-1"


def test_image_that_ec2_does_not_know_has_no_report(reports: Ec2UsageReports, ec2: Any) -> None:
    with refusing(ec2, "DescribeImageUsageReports", "InvalidAMIID.NotFound"):
        assert reports.newest(GONE) is None


@pytest.mark.parametrize("code", ["UnauthorizedOperation", "UnsupportedOperation", "InvalidAction"])
def test_reports_that_cannot_be_asked_for_are_unknown(archive: Archive, reports: Ec2UsageReports, code: str) -> None:
    for operation in ("DescribeImageUsageReports", "CreateImageUsageReport"):
        archive.cloud.service.faults.deny(operation, code)
    image_id = shared(archive)
    for answer in (reports.newest(image_id), reports.ask(image_id)):
        assert isinstance(answer, Refusal)
        assert answer.code == code


@pytest.mark.parametrize("code", ["UnauthorizedOperation", "InvalidImageUsageReportId.NotFound"])
def test_entries_that_cannot_be_read_may_name_somebody(archive: Archive, reports: Ec2UsageReports, code: str) -> None:
    archive.cloud.service.faults.deny("DescribeImageUsageReportEntries", code)
    assert reports.accounts("amiur-1") == ("accounts that EC2 does not name: its usage report amiur-1 cannot be read",)


@pytest.mark.parametrize(
    "operation", ["DescribeImageUsageReports", "CreateImageUsageReport", "DescribeImageUsageReportEntries"]
)
def test_throttle_is_temporary(reports: Ec2UsageReports, ec2: Any, operation: str) -> None:
    ask = {
        "DescribeImageUsageReports": lambda: reports.newest(GONE),
        "CreateImageUsageReport": lambda: reports.ask(GONE),
        "DescribeImageUsageReportEntries": lambda: reports.accounts("amiur-1"),
    }[operation]
    with refusing(ec2, operation, "RequestLimitExceeded", 503), pytest.raises(TemporarilyUnavailable):
        ask()
