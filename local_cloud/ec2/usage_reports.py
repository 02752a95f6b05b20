"""Image usage reports: which other accounts use an image, and with how many resources."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from local_cloud.ec2.filters import Fields, compile_filters
from local_cloud.ec2.lookup import own_image
from local_cloud.ec2.paging import page
from local_cloud.ec2.references import INSTANCE, LAUNCH_TEMPLATE, version_depth
from local_cloud.ec2.request import Caller, Request, is_account_id, tags_for
from local_cloud.ec2.world import UsageReport, World
from local_cloud.engine.eligibility import check_image_ids
from local_cloud.errors import AwsError
from local_cloud.sdk_form import iso_time, tags_to_sdk

_REPORT_SECONDS = 10.0
"""How long a report is pending, in the clock's seconds; AWS does not say how long it takes there."""
_KEPT_DAYS = 30
_DEFAULT_DEPTH = 20

View = dict[str, Any]
_REPORT_FIELDS: Fields[View] = {
    "creation-time": lambda view: (iso_time(view["CreationTime"]),),
    "state": lambda view: (view["State"],),
}
_ENTRY_FIELDS: Fields[View] = {
    "account-id": lambda entry: (entry["AccountId"],),
    "creation-time": lambda entry: (iso_time(entry["ReportCreationTime"]),),
    "resource-type": lambda entry: (entry["ResourceType"],),
}


def create_image_usage_report(world: World, request: Request) -> dict[str, Any]:
    """The report is pending first, then available; it says how things were when it was asked for."""
    image = own_image(world, request)
    tags = tags_for(request, "image-usage-report")
    depths = _depths(request)
    account_ids = request.params.get("AccountIds", [])
    for account_id in account_ids:
        if not is_account_id(account_id):
            raise AwsError("InvalidParameterValue", f"Value ({account_id}) for parameter AccountIds is invalid.")
    request.stop_if_dry_run()
    now, report_id = world.clock.now(), world.service.new_id("amiur")
    entries = [
        {
            "ReportId": report_id,
            "ImageId": image.image_id,
            "AccountId": account_id,
            "ResourceType": kind,
            "UsageCount": count,
            "ReportCreationTime": now,
        }
        for account_id in sorted(account_ids or world.instances.accounts(request.region))
        if account_id != request.account_id
        for kind, depth in sorted(depths.items())
        if (count := _count(world, Caller(account_id, request.region), image.image_id, kind, depth))
    ]
    view = {
        "ImageId": image.image_id,
        "ReportId": report_id,
        "ResourceTypes": request.params["ResourceTypes"],
        "AccountIds": account_ids,
        "CreationTime": now,
        "ExpirationTime": now + timedelta(days=_KEPT_DAYS),
        "Tags": tags_to_sdk(tags["image-usage-report"]),
    }
    ready_seconds = world.clock.seconds() + _REPORT_SECONDS
    failure = world.service.faults.usage_report_failure
    world.reports[report_id] = UsageReport(request.caller, ready_seconds, failure, entries, view)
    return {"ReportId": report_id}


def _depths(request: Request) -> dict[str, int]:
    depths = {}
    for one in request.params["ResourceTypes"]:
        kind, options = one.get("ResourceType"), one.get("ResourceTypeOptions", [])
        if kind not in (INSTANCE, LAUNCH_TEMPLATE):
            raise AwsError("InvalidParameterValue", f"Value ({kind}) for parameter ResourceType is invalid.")
        if kind == INSTANCE and options:
            raise AwsError("InvalidParameterCombination", f"ResourceTypeOptions are not valid for {kind}")
        depths[kind] = version_depth(options, _DEFAULT_DEPTH)
    if not depths:
        raise AwsError("MissingParameter", "The request must contain the parameter ResourceTypes")
    return depths


def _count(world: World, user: Caller, image_id: str, kind: str, depth: int) -> int:
    if user.account_id not in world.instances.accounts(user.region):
        return 0
    backend = world.instances.backend(user)
    if kind == INSTANCE:
        return sum(instance.image_id == image_id for instance in backend.all_instances())
    return sum(
        any(version.image_id == image_id for version in template.versions[-depth:])
        for template in backend.launch_templates.values()
    )


def describe_image_usage_reports(world: World, request: Request) -> dict[str, Any]:
    accept = compile_filters(request.params.get("Filters", []), _REPORT_FIELDS, _tags)
    views = [report.view | _state(world, report) for report in _reports(world, request)]
    found, token = page(request, views, lambda view: (view["ReportId"],), accept=accept)
    return {"ImageUsageReports": found, "NextToken": token}


def _tags(view: View) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in view["Tags"] or []}


def describe_image_usage_report_entries(world: World, request: Request) -> dict[str, Any]:
    """The entries of reports that are available."""
    accept = compile_filters(request.params.get("Filters", []), _ENTRY_FIELDS)
    reports = [report for report in _reports(world, request) if _state(world, report)["State"] == "available"]
    entries = [entry for report in reports for entry in report.entries]
    found, token = page(
        request,
        entries,
        lambda entry: (entry["ReportId"], entry["AccountId"], entry["ResourceType"]),
        accept=accept,
    )
    return {"ImageUsageReportEntries": found, "NextToken": token}


def _reports(world: World, request: Request) -> list[UsageReport]:
    image_ids, report_ids = request.params.get("ImageIds"), request.params.get("ReportIds")
    check_image_ids(image_ids or [])
    _forget_old(world)
    _check_report_ids(world, request, report_ids or [])
    return [
        report
        for report_id, report in sorted(world.reports.items())
        if report.caller == request.caller
        and (not image_ids or report.view["ImageId"] in image_ids)
        and (not report_ids or report_id in report_ids)
    ]


def _check_report_ids(world: World, request: Request, report_ids: Iterable[str]) -> None:
    for report_id in report_ids:
        report = world.reports.get(report_id)
        if report is None or report.caller != request.caller:
            raise AwsError("InvalidImageUsageReportId.NotFound", f"The image usage report '{report_id}' does not exist")


def _forget_old(world: World) -> None:
    horizon = world.clock.now() - timedelta(days=_KEPT_DAYS)
    for report_id in [one for one, report in world.reports.items() if report.view["CreationTime"] <= horizon]:
        del world.reports[report_id]


def _state(world: World, report: UsageReport) -> View:
    if world.clock.seconds() < report.ready_seconds or world.service.faults.usage_reports_hang:
        return {"State": "pending"}
    return {"State": "error", "StateReason": report.failure} if report.failure else {"State": "available"}
