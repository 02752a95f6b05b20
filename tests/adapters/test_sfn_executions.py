"""Whether an execution works, by what Step Functions says of it and of those that it was handed over to."""

from __future__ import annotations

from typing import Any

import pytest

from ami_archiver.adapters.services import SfnExecutions
from ami_archiver.errors import AccessDenied, ArchiverError, AwsRefused, TemporarilyUnavailable
from tests.support.answers import counting, refusing
from tests.support.archive import Archive, client

FIRST, SECOND, THIRD = (f"arn:execution:{name}" for name in ("first", "second", "third"))


@pytest.fixture
def sfn(archive: Archive) -> Any:
    return client(archive.cloud, "stepfunctions")


@pytest.fixture
def executions(sfn: Any) -> SfnExecutions:
    return SfnExecutions(lambda: sfn)


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
