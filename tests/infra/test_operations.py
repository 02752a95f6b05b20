"""Schedules, notifications, alarms, outputs: what an operator meets."""

from __future__ import annotations

import json
from typing import Any

import pytest

from infra.templates import plain, resources
from tests.support.assembly import CloudAssembly

Template = dict[str, Any]


def schedules(template: Template) -> dict[str, dict[str, Any]]:
    """By policy; the watch has none."""
    found = [s["Properties"] for s in resources(template, "AWS::Scheduler::Schedule").values()]
    return {json.loads(schedule["Target"]["Input"]).get("policy"): schedule for schedule in found}


def watch_of(template: Template) -> dict[str, Any]:
    return next(s for policy, s in schedules(template).items() if policy is None)


def test_each_policy_has_its_schedule_in_its_time_zone_and_a_paused_one_is_disabled(several: Template) -> None:
    assert {
        name: (s["ScheduleExpression"], s["ScheduleExpressionTimezone"], s["State"])
        for name, s in schedules(several).items()
        if name
    } == {
        "web": ("cron(30 2 ? * MON-FRI *)", "Europe/Berlin", "ENABLED"),
        "paused": ("rate(12 hours)", "UTC", "DISABLED"),
        "tiered": ("at(2099-01-01T02:00:00)", "America/New_York", "ENABLED"),
        "instant": ("rate(1 day)", "UTC", "ENABLED"),
        "deep": ("cron(0 3 L * ? 2026-2199)", "UTC", "ENABLED"),
        "standard": ("cron(0/15 8-18 1,15 JAN,JUL ? *)", "UTC", "ENABLED"),
    }


def test_a_schedule_starts_the_workflow_on_the_minute_with_its_policy(template: Template) -> None:
    (machine,) = [m for m in resources(template, "AWS::StepFunctions::StateMachine") if "ArchiveWorkflow" in m]
    schedule = schedules(template)["nightly"]
    assert schedule["FlexibleTimeWindow"] == {"Mode": "OFF"}
    assert schedule["Target"]["Arn"] == {"Ref": machine}
    assert json.loads(schedule["Target"]["Input"]) == {"policy": "nightly", "dry_run": False}


@pytest.mark.parametrize("which", ["template", "several"])
def test_the_archive_is_watched_every_day_whatever_the_policies_say(request: pytest.FixtureRequest, which: str) -> None:
    template = request.getfixturevalue(which)
    (machine,) = [m for m in resources(template, "AWS::StepFunctions::StateMachine") if "WatchWorkflow" in m]
    watch = watch_of(template)
    assert (watch["ScheduleExpression"], watch["State"]) == ("rate(1 day)", "ENABLED")
    assert (watch["Target"]["Arn"], json.loads(watch["Target"]["Input"])) == ({"Ref": machine}, {})


def test_a_start_that_does_not_succeed_is_repeated_for_an_hour_and_then_kept(several: Template) -> None:
    (queue,) = resources(several, "AWS::SQS::Queue")
    for schedule in schedules(several).values():
        assert schedule["Target"]["RetryPolicy"] == {"MaximumEventAgeInSeconds": 3600, "MaximumRetryAttempts": 20}
        assert schedule["Target"]["DeadLetterConfig"] == {"Arn": {"Fn::GetAtt": [queue, "Arn"]}}


def test_only_schedules_of_this_stacks_group_may_use_the_role_that_starts_runs(template: Template) -> None:
    (group,) = resources(template, "AWS::Scheduler::ScheduleGroup")
    roles = [r for name, r in resources(template, "AWS::IAM::Role").items() if name.startswith("SchedulerRole")]
    assert len(roles) == 2, "one for each workflow that is started"
    for role in roles:
        (statement,) = role["Properties"]["AssumeRolePolicyDocument"]["Statement"]
        assert statement["Condition"]["StringEquals"] == {
            "aws:SourceAccount": {"Ref": "AWS::AccountId"},
            "aws:SourceArn": {"Fn::GetAtt": [group, "Arn"]},
        }


def test_dead_letters_are_encrypted_kept_for_two_weeks_and_sent_over_tls_only(template: Template) -> None:
    (queue,) = resources(template, "AWS::SQS::Queue").values()
    (policy,) = resources(template, "AWS::SQS::QueuePolicy").values()
    assert queue["Properties"] == {"SqsManagedSseEnabled": True, "MessageRetentionPeriod": 14 * 86400}
    assert "aws:SecureTransport" in str(policy)


def test_notifications_are_encrypted_with_the_stacks_key_and_published_over_tls_only(template: Template) -> None:
    (topic,) = resources(template, "AWS::SNS::Topic").values()
    (key,) = resources(template, "AWS::KMS::Key")
    (policy,) = resources(template, "AWS::SNS::TopicPolicy").values()
    assert topic["Properties"]["KmsMasterKeyId"] == {"Fn::GetAtt": [key, "Arn"]}
    deny = policy["Properties"]["PolicyDocument"]["Statement"][0]
    assert (deny["Effect"], deny["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})


def test_alarms_of_this_account_may_publish_and_use_the_key(template: Template) -> None:
    (key,) = resources(template, "AWS::KMS::Key").values()
    (topic,) = resources(template, "AWS::SNS::TopicPolicy").values()
    for statements, actions in (
        (key["Properties"]["KeyPolicy"]["Statement"], ["kms:Decrypt", "kms:GenerateDataKey"]),
        (topic["Properties"]["PolicyDocument"]["Statement"], "sns:Publish"),
    ):
        (statement,) = [s for s in statements if s.get("Sid") == "AlarmsOfThisAccount"]
        assert statement["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
        assert statement["Action"] == actions
        assert statement["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}


def test_e_mail_addresses_are_subscribed(template: Template, several: Template) -> None:
    assert not resources(template, "AWS::SNS::Subscription")
    subscribed = [s["Properties"] for s in resources(several, "AWS::SNS::Subscription").values()]
    assert [(s["Protocol"], s["Endpoint"]) for s in subscribed] == [
        ("email", "a@example.com"),
        ("email", "b@example.com"),
    ]


def test_there_is_an_alarm_for_each_way_in_which_a_night_can_go_wrong(template: Template) -> None:
    assert {
        (
            a["Namespace"],
            a["MetricName"],
            a["Statistic"],
            a["ComparisonOperator"],
            a["Threshold"],
            a["TreatMissingData"],
        )
        for a in alarms(template)
    } == {
        ("AWS/States", "ExecutionsFailed", "Sum", "GreaterThanThreshold", 0, "notBreaching"),
        ("AWS/States", "ExecutionsTimedOut", "Sum", "GreaterThanThreshold", 0, "notBreaching"),
        ("AWS/States", "ExecutionsAborted", "Sum", "GreaterThanThreshold", 0, "notBreaching"),
        ("AmiArchiver", "ImagesFailed", "Sum", "GreaterThanThreshold", 0, "notBreaching"),
        ("AmiArchiver", "ArchivesDiffering", "Sum", "GreaterThanThreshold", 0, "notBreaching"),
        ("AmiArchiver", "ArchivesDiffering", "SampleCount", "LessThanThreshold", 1, "missing"),
        ("AmiArchiver", "RestoresFailed", "Sum", "GreaterThanThreshold", 0, "notBreaching"),
        ("AmiArchiver", "RetirementsStopped", "Sum", "GreaterThanThreshold", 0, "notBreaching"),
        ("AmiArchiver", "SnapshotsLeft", "Minimum", "GreaterThanThreshold", 0, "notBreaching"),
        ("AWS/SQS", "ApproximateNumberOfMessagesVisible", "Maximum", "GreaterThanThreshold", 0, "notBreaching"),
        ("AmiArchiver", "RunSeconds", "SampleCount", "LessThanThreshold", 1, "missing"),
    }


def test_every_alarm_goes_to_the_topic(template: Template) -> None:
    (topic,) = resources(template, "AWS::SNS::Topic")
    assert {str(alarm["AlarmActions"]) for alarm in alarms(template)} == {str([{"Ref": topic}])}


def test_no_success_rings_when_data_ends_and_not_after_the_first_deployment_which_begins_without_any(
    template: Template,
) -> None:
    """A new alarm's data is insufficient, and only a change of state acts; 'breaching' would ring at once."""
    (topic,) = resources(template, "AWS::SNS::Topic")
    acting = {a["MetricName"]: a["InsufficientDataActions"] for a in alarms(template) if "InsufficientDataActions" in a}
    assert acting == {name: [{"Ref": topic}] for name in ("RunSeconds", "ArchivesDiffering")}


@pytest.mark.parametrize(("which", "hours"), [("template", 26), ("several", 168)])
def test_the_alarm_without_success_looks_back_over_the_configured_hours(
    request: pytest.FixtureRequest, which: str, hours: int
) -> None:
    (alarm,) = [a for a in alarms(request.getfixturevalue(which)) if a["MetricName"] == "RunSeconds"]
    assert (alarm["Period"], alarm["EvaluationPeriods"]) == (3600, hours)
    assert alarm["Period"] * alarm["EvaluationPeriods"] <= 7 * 86400, "CloudWatch's limit for periods of an hour"


def test_a_watch_that_fails_or_is_not_started_alarms(template: Template) -> None:
    (machine,) = [m for m in resources(template, "AWS::StepFunctions::StateMachine") if "WatchWorkflow" in m]
    of_watch = {a["MetricName"] for a in alarms(template) if {"Ref": machine} in [d["Value"] for d in a["Dimensions"]]}
    assert of_watch == {"ExecutionsFailed", "ExecutionsTimedOut"}
    (missing,) = [a for a in alarms(template) if (a["MetricName"], a["Threshold"]) == ("ArchivesDiffering", 1)]
    assert (missing["Period"], missing["EvaluationPeriods"]) == (3600, 26)


def test_snapshots_that_stay_behind_alarm_on_the_third_day_of_a_week_on_which_no_run_could_delete_them(
    template: Template,
) -> None:
    (alarm,) = [a for a in alarms(template) if a["MetricName"] == "SnapshotsLeft"]
    assert (alarm["Period"], alarm["EvaluationPeriods"], alarm["DatapointsToAlarm"]) == (86400, 7, 3)
    assert alarm["Period"] * alarm["EvaluationPeriods"] <= 7 * 86400, (
        "CloudWatch's limit for periods of an hour or more"
    )


def test_the_archivers_own_metrics_are_found_under_the_dimension_that_powertools_writes(template: Template) -> None:
    own = [alarm for alarm in alarms(template) if alarm["Namespace"] == "AmiArchiver"]
    assert {str(alarm["Dimensions"]) for alarm in own} == {str([{"Name": "service", "Value": "ami-archiver"}])}


def test_the_outputs_name_what_people_and_tools_look_for(template: Template) -> None:
    assert {name: plain(output["Value"]).rpartition(":")[2][:14] for name, output in template["Outputs"].items()} == {
        "ArchiveWorkflowArn": "WorkflowArchiv",
        "RestoreWorkflowArn": "RestoreWorkflo",
        "WatchWorkflowArn": "WatchWorkflowC",
        "Policies": "nightly",
        "ArchiveBucketName": "StorageBucket5",
        "ArchiveTableName": "StorageTableB4",
        "ArchiveKeyArn": "StorageKeyBAA9",
        "TopicArn": "NotificationsT",
        "UndoFunctionName": "RetireFunction",
        "DeadLetterQueueUrl": "SchedulesDeadL",
    }


def test_no_resource_has_a_name_of_its_own(template: Template) -> None:
    named = {
        (resource["Type"], key)
        for resource in template["Resources"].values()
        for key in resource.get("Properties", {})
        if key
        in ("Name", "BucketName", "TableName", "FunctionName", "RoleName", "TopicName", "QueueName", "LogGroupName")
        or key in ("StateMachineName", "AlarmName")
    }
    # CDK makes the group's name from the stack's; CloudFormation can make none that a schedule could refer to
    assert named == {("AWS::Scheduler::ScheduleGroup", "Name"), ("AWS::Logs::LogGroup", "LogGroupName")}


def test_log_groups_of_state_machines_have_the_prefix_that_keeps_the_accounts_log_policy_short(
    template: Template,
) -> None:
    """And the stack's name, for a second stack in the account; CloudFormation names those of functions."""
    machines = resources(template, "AWS::StepFunctions::StateMachine").values()
    logs = [m["Properties"]["LoggingConfiguration"]["Destinations"][0] for m in machines]
    groups = resources(template, "AWS::Logs::LogGroup")
    used = [log["CloudWatchLogsLogGroup"]["LogGroupArn"]["Fn::GetAtt"][0] for log in logs]
    assert {plain(groups[name]["Properties"]["LogGroupName"]) for name in used} == {
        "/aws/vendedlogs/states/AWS::StackName-ArchiveWorkflow",
        "/aws/vendedlogs/states/AWS::StackName-RestoreWorkflow",
        "/aws/vendedlogs/states/AWS::StackName-WatchWorkflow",
    }
    assert [name for name, g in groups.items() if "LogGroupName" in g["Properties"]] == used


def test_logical_ids_of_what_is_kept_are_stable_over_configurations(template: Template, several: Template) -> None:
    assert kept(template) == kept(several)
    assert kept(template) == {
        "StorageKeyBAA9457B",
        "StorageBucket5CB7C8EA",
        "StorageBucketPolicy49CFBD91",
        "StorageTableB43FDCE7",
    }


def test_the_stack_fits_any_account_and_region(cloud_assembly: CloudAssembly) -> None:
    manifest = json.loads((cloud_assembly.directory / "manifest.json").read_text())
    assert manifest["artifacts"]["AmiArchiver"]["environment"] == "aws://unknown-account/unknown-region"


def test_the_stack_is_protected_from_being_deleted_by_a_word(cloud_assembly: CloudAssembly) -> None:
    assert cloud_assembly.termination_protection


def kept(template: Template) -> set[str]:
    return {name for name, r in template["Resources"].items() if str(r.get("DeletionPolicy")).startswith("Retain")}


def alarms(template: Template) -> list[dict[str, Any]]:
    return [alarm["Properties"] for alarm in resources(template, "AWS::CloudWatch::Alarm").values()]
