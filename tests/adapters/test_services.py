"""SNS, Step Functions and SSM: who is told, whether an execution works, and what points at an image."""

from __future__ import annotations

from typing import Any

import pytest

from ami_archiver.adapters.services import SfnExecutions, SsmParameters
from ami_archiver.errors import AccessDenied, ArchiverError, AwsRefused, TemporarilyUnavailable
from tests.support.answers import counting, refusing
from tests.support.archive import Archive, client

FIRST, SECOND, THIRD = (f"arn:execution:{name}" for name in ("first", "second", "third"))
OLD, NEW = "ami-0aaaaaaaaaaaaaaaa", "ami-0bbbbbbbbbbbbbbbb"


@pytest.fixture
def sfn(archive: Archive) -> Any:
    return client(archive.cloud, "stepfunctions")


@pytest.fixture
def executions(sfn: Any) -> SfnExecutions:
    return SfnExecutions(sfn)


@pytest.mark.parametrize("status", ["SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"])
def test_execution_that_ended_in_any_way_has_ended(archive: Archive, executions: SfnExecutions, status: str) -> None:
    archive.executions.end(FIRST, status)
    assert executions.has_ended(FIRST) is True


@pytest.mark.parametrize("status", ["RUNNING", "PENDING_REDRIVE", "SOMETHING_NEW"])
def test_execution_with_any_other_status_has_not(archive: Archive, executions: SfnExecutions, status: str) -> None:
    archive.executions.end(FIRST, status)
    assert executions.has_ended(FIRST) is False


def test_execution_that_is_unknown_is_neither(archive: Archive, executions: SfnExecutions) -> None:
    archive.executions.described[FIRST] = None
    assert executions.has_ended(FIRST) is None


def test_run_that_was_handed_over_has_ended_with_its_last_execution(
    archive: Archive, executions: SfnExecutions, sfn: Any
) -> None:
    archive.executions.end(FIRST, "SUCCEEDED", ExecutionArn=SECOND)
    archive.executions.end(SECOND, "SUCCEEDED", ExecutionArn=THIRD, StartDate="2026-01-01T02:00:00.000Z")
    assert executions.has_ended(FIRST) is False
    archive.executions.end(THIRD, "SUCCEEDED", run_id="a-run")
    with counting(sfn, "DescribeExecution") as calls:
        assert executions.has_ended(FIRST) is True
    assert len(calls) == 3


def test_execution_that_was_started_a_moment_ago_and_is_not_known_yet_has_not_ended(
    archive: Archive, executions: SfnExecutions
) -> None:
    archive.executions.end(FIRST, "SUCCEEDED", ExecutionArn=SECOND)
    archive.executions.described[SECOND] = None
    assert executions.has_ended(FIRST) is False


@pytest.mark.parametrize(
    ("code", "status", "error"),
    [
        ("AccessDeniedException", 400, AccessDenied),
        ("ThrottlingException", 400, TemporarilyUnavailable),
        ("InternalFailure", 500, TemporarilyUnavailable),
        ("InvalidArn", 400, AwsRefused),
    ],
)
def test_refusal_is_translated(
    executions: SfnExecutions, sfn: Any, code: str, status: int, error: type[ArchiverError]
) -> None:
    with refusing(sfn, "DescribeExecution", code, status), pytest.raises(error, match=FIRST):
        executions.has_ended(FIRST)


def test_topic_gets_subject_and_text(archive: Archive) -> None:
    sns: Any = client(archive.cloud, "sns")
    with counting(sns, "Publish") as calls:
        archive.app.notifier.publish("subject", "text")
    assert (calls[0]["Subject"], calls[0]["Message"]) == ("subject", "text")
    assert calls[0]["TopicArn"] == archive.settings.topic_arn


@pytest.fixture
def ssm(archive: Archive) -> Any:
    return client(archive.cloud, "ssm")


def arn(name: str) -> str:
    return f"arn:aws:ssm:us-east-1:123456789012:parameter/{name.removeprefix('/')}"


def put(ssm: Any, name: str, data_type: str = "aws:ec2:image") -> None:
    ssm.put_parameter(Name=name, Value=OLD, Type="String", DataType=data_type)


def value(ssm: Any, name: str) -> str:
    return str(ssm.get_parameter(Name=name)["Parameter"]["Value"])


@pytest.mark.parametrize("name", ["/golden/web", "golden-web", "/golden-web"])
def test_parameter_of_one_level_is_found_with_its_slash_and_without(ssm: Any, name: str) -> None:
    put(ssm, name)
    assert SsmParameters(ssm).point(arn(name), OLD, NEW) is None
    assert value(ssm, name) == NEW


@pytest.mark.parametrize("data_type", ["aws:ec2:image", "text"])
def test_parameter_keeps_its_data_type(ssm: Any, data_type: str) -> None:
    put(ssm, "/golden/web", data_type)
    SsmParameters(ssm).point(arn("/golden/web"), OLD, NEW)
    assert ssm.get_parameter(Name="/golden/web")["Parameter"]["DataType"] == data_type


def test_pointing_twice_is_as_good_as_once(ssm: Any) -> None:
    put(ssm, "/golden/web")
    parameters = SsmParameters(ssm)
    parameters.point(arn("/golden/web"), OLD, NEW)
    with counting(ssm, "PutParameter") as calls:
        assert parameters.point(arn("/golden/web"), OLD, NEW) is None
    assert calls == []


def test_parameter_that_may_not_be_changed_says_why(ssm: Any) -> None:
    put(ssm, "/golden/web")
    with refusing(ssm, "PutParameter", "AccessDeniedException"):
        why = SsmParameters(ssm).point(arn("/golden/web"), OLD, NEW)
    assert why is not None
    assert "AccessDeniedException" in why
    assert value(ssm, "/golden/web") == OLD
