"""Image usage reports: how other accounts use an image."""

from __future__ import annotations

from typing import Any

from .scenario import OTHER_ACCOUNT, Cloud, refusal

BOTH = [{"ResourceType": "ec2:Instance"}, {"ResourceType": "ec2:LaunchTemplate"}]
THIRD_ACCOUNT = "111122223333"


def used_image(cloud: Cloud) -> str:
    """An image with two instances and a launch template in another account, one instance in a third, one at home."""
    permissions = [{"UserId": OTHER_ACCOUNT}, {"UserId": THIRD_ACCOUNT}]
    image_id = cloud.add_image(launch_permissions=permissions).image_id
    for account_id, count in ((OTHER_ACCOUNT, 2), (THIRD_ACCOUNT, 1), ("123456789012", 1)):
        cloud.client(account_id).run_instances(ImageId=image_id, MinCount=count, MaxCount=count)
    cloud.client(OTHER_ACCOUNT).create_launch_template(
        LaunchTemplateName="web", LaunchTemplateData={"ImageId": image_id}
    )
    return image_id


def entries(ec2: Any, **arguments: Any) -> list[tuple[str, str, int]]:
    answer = ec2.describe_image_usage_report_entries(**arguments)
    return [(one["AccountId"], one["ResourceType"], one["UsageCount"]) for one in answer["ImageUsageReportEntries"]]


def test_report_counts_the_resources_of_other_accounts(cloud: Cloud, ec2: Any) -> None:
    image_id = used_image(cloud)
    report_id = ec2.create_image_usage_report(ImageId=image_id, ResourceTypes=BOTH)["ReportId"]
    cloud.clock.advance(60)

    assert entries(ec2, ReportIds=[report_id]) == [
        (THIRD_ACCOUNT, "ec2:Instance", 1),
        (OTHER_ACCOUNT, "ec2:Instance", 2),
        (OTHER_ACCOUNT, "ec2:LaunchTemplate", 1),
    ]
    template = [{"Name": "resource-type", "Values": ["ec2:LaunchTemplate"]}]
    assert entries(ec2, ImageIds=[image_id], Filters=template) == [(OTHER_ACCOUNT, "ec2:LaunchTemplate", 1)]


def test_report_can_be_limited_to_accounts(cloud: Cloud, ec2: Any) -> None:
    image_id = used_image(cloud)
    ec2.create_image_usage_report(ImageId=image_id, ResourceTypes=BOTH[:1], AccountIds=[THIRD_ACCOUNT])
    cloud.clock.advance(60)

    assert entries(ec2) == [(THIRD_ACCOUNT, "ec2:Instance", 1)]


def test_report_is_pending_first(cloud: Cloud, ec2: Any) -> None:
    image_id = used_image(cloud)
    tags = [{"ResourceType": "image-usage-report", "Tags": [{"Key": "Run", "Value": "1"}]}]
    ec2.create_image_usage_report(ImageId=image_id, ResourceTypes=BOTH, TagSpecifications=tags)

    (report,) = ec2.describe_image_usage_reports(ImageIds=[image_id])["ImageUsageReports"]
    assert (report["State"], report["ResourceTypes"]) == ("pending", BOTH)
    assert entries(ec2) == []

    cloud.clock.advance(60)
    by_tag = [{"Name": "tag:Run", "Values": ["1"]}]
    (report,) = ec2.describe_image_usage_reports(Filters=by_tag)["ImageUsageReports"]
    assert report["State"] == "available"


def test_report_is_gone_after_thirty_days(cloud: Cloud, ec2: Any) -> None:
    image_id = cloud.add_image().image_id
    ec2.create_image_usage_report(ImageId=image_id, ResourceTypes=BOTH)

    (report,) = ec2.describe_image_usage_reports()["ImageUsageReports"]
    assert (report["ExpirationTime"] - report["CreationTime"]).days == 30
    cloud.clock.advance(31 * 86_400)
    assert ec2.describe_image_usage_reports()["ImageUsageReports"] == []


def test_reports_are_for_the_owner_alone(cloud: Cloud, ec2: Any) -> None:
    image_id = cloud.add_image(launch_permissions=[{"UserId": OTHER_ACCOUNT}]).image_id
    report_id = ec2.create_image_usage_report(ImageId=image_id, ResourceTypes=BOTH)["ReportId"]
    other = cloud.client(OTHER_ACCOUNT)

    assert refusal(other.create_image_usage_report, ImageId=image_id, ResourceTypes=BOTH) == "AuthFailure"
    assert other.describe_image_usage_reports()["ImageUsageReports"] == []
    assert refusal(other.describe_image_usage_reports, ReportIds=[report_id]) == "InvalidImageUsageReportId.NotFound"


def state_and_reason(ec2: Any, report_id: str) -> tuple[str, str | None]:
    (report,) = ec2.describe_image_usage_reports(ReportIds=[report_id])["ImageUsageReports"]
    return report["State"], report.get("StateReason")


def test_report_that_is_held_is_never_ready_until_it_is_let_go(cloud: Cloud, ec2: Any) -> None:
    cloud.service.faults.hold_usage_reports()
    report_id = ec2.create_image_usage_report(ImageId=used_image(cloud), ResourceTypes=BOTH)["ReportId"]

    cloud.clock.advance(86_400)
    assert state_and_reason(ec2, report_id) == ("pending", None)
    assert entries(ec2, ReportIds=[report_id]) == []
    cloud.service.faults.clear()
    assert state_and_reason(ec2, report_id) == ("available", None)
    assert len(entries(ec2, ReportIds=[report_id])) == 3


def test_report_that_fails_says_why_and_has_no_entries(cloud: Cloud, ec2: Any) -> None:
    cloud.service.faults.fail_usage_reports("out of luck")
    report_id = ec2.create_image_usage_report(ImageId=used_image(cloud), ResourceTypes=BOTH)["ReportId"]
    cloud.service.faults.clear()

    assert state_and_reason(ec2, report_id) == ("pending", None)
    cloud.clock.advance(60)
    assert state_and_reason(ec2, report_id) == ("error", "out of luck")
    assert entries(ec2, ReportIds=[report_id]) == []
    in_error = ec2.describe_image_usage_reports(Filters=[{"Name": "state", "Values": ["error"]}])
    assert [one["ReportId"] for one in in_error["ImageUsageReports"]] == [report_id]
