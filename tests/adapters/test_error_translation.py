"""AWS's errors become ours by code and status; what is no trouble of AWS's passes as it is."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ami_archiver.adapters.aws_errors import translated
from ami_archiver.adapters.table_runs import SummaryKind
from ami_archiver.errors import AccessDenied, AwsRefused, TemporarilyUnavailable
from ami_archiver.model import Refusal
from local_cloud.in_process import VirtualCloud
from tests.support.answers import CLOSED, CONNECT_TIMEOUT, NO_CONNECTION, READ_TIMEOUT, refusing, unreachable
from tests.support.archive import Archive, client
from tests.support.domain import IMAGE_ID, NOW

ANSWERED = ("permissions", "start")
"""What AWS denies of these is an answer about one image, and nothing is raised."""
CALLS: dict[str, tuple[str, str, Any]] = {
    "in progress": ("ec2", "DescribeStoreImageTasks", lambda app: app.store_tasks.in_progress()),
    "start": ("ec2", "CreateStoreImageTask", lambda app: app.store_tasks.start(IMAGE_ID, "b", "p", {})),
    "images": ("ec2", "DescribeImages", lambda app: app.images.by_id([IMAGE_ID])),
    "pages": ("ec2", "DescribeImages", lambda app: list(app.images.pages(app.settings.policies[0]))),
    "snapshots": ("ec2", "DescribeSnapshots", lambda app: app.images.snapshots(["snap-1"])),
    "permissions": ("ec2", "DescribeImageAttribute", lambda app: app.images.launch_permissions(IMAGE_ID)),
    "look": ("s3", "HeadObject", lambda app: app.bucket.head("k")),
    "listing": ("s3", "ListObjectVersions", lambda app: list(app.bucket.listing())),
    "records": ("dynamodb", "BatchGetItem", lambda app: app.records.get([IMAGE_ID])),
    "queue": ("dynamodb", "Query", lambda app: list(app.records.nights())),
    "lease": ("dynamodb", "UpdateItem", lambda app: app.leases.renew("run", NOW)),
    "read lease": ("dynamodb", "GetItem", lambda app: app.leases.read()),
    "summary": ("dynamodb", "PutItem", lambda app: app.runs.put_summary(SummaryKind.RUNS, "run", {})),
    "pages of a run": ("dynamodb", "Query", lambda app: list(app.runs.pages("run", "SELECT#"))),
    "publish": ("sns", "Publish", lambda app: app.notifier.publish("subject", "text")),
}
ONE_OF_EACH_SERVICE = ["in progress", "look", "records", "publish"]


def refused(cloud: VirtualCloud, call: str, code: str, status: int) -> AbstractContextManager[Any]:
    service, operation, _ = CALLS[call]
    return refusing(client(cloud, service), operation, code, status)


def test_throttled_store_is_refused_without_blaming_the_image(archive: Archive) -> None:
    with refused(archive.cloud, "start", "RequestLimitExceeded", 503):
        answer = CALLS["start"][2](archive.app)
    assert answer == Refusal("RequestLimitExceeded", "injected", throttled=True)


@pytest.mark.parametrize("call", sorted(CALLS.keys() - {"start"}))
def test_throttle_is_temporary_in_every_other_call(archive: Archive, call: str) -> None:
    with refused(archive.cloud, call, "Throttling", 400), pytest.raises(TemporarilyUnavailable, match="Throttling"):
        CALLS[call][2](archive.app)


@pytest.mark.parametrize("call", ONE_OF_EACH_SERVICE)
@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("RequestLimitExceeded", 503),
        ("SlowDown", 503),
        ("InternalError", 500),
        ("ServiceUnavailable", 503),
        ("500", 500),
        ("ProvisionedThroughputExceededException", 400),
        ("TransactionConflictException", 400),
        ("RequestTimeout", 400),
        ("TooManyRequests", 429),
    ],
)
def test_trouble_inside_aws_is_temporary(archive: Archive, call: str, code: str, status: int) -> None:
    with refused(archive.cloud, call, code, status), pytest.raises(TemporarilyUnavailable, match=code):
        CALLS[call][2](archive.app)


@pytest.mark.parametrize("call", ONE_OF_EACH_SERVICE)
@pytest.mark.parametrize(
    "error", [READ_TIMEOUT, CONNECT_TIMEOUT, NO_CONNECTION, CLOSED], ids=lambda e: type(e).__name__
)
def test_no_answer_is_temporary(archive: Archive, call: str, error: Exception) -> None:
    service, operation, ask = CALLS[call]
    with (
        unreachable(client(archive.cloud, service), operation, error),
        pytest.raises(TemporarilyUnavailable, match="no answer from AWS"),
    ):
        ask(archive.app)


@pytest.mark.parametrize("call", [name for name in CALLS if name not in ANSWERED])
@pytest.mark.parametrize("code", ["AccessDenied", "UnauthorizedOperation", "AccessDeniedException"])
def test_missing_permission_is_named_with_operation_and_what_to_do(archive: Archive, call: str, code: str) -> None:
    operation = CALLS[call][1]
    with (
        refused(archive.cloud, call, code, 403),
        pytest.raises(AccessDenied, match=rf"^{operation}.*{code}.*Grant the action to the function's role"),
    ):
        CALLS[call][2](archive.app)


def test_denied_call_is_told_without_what_only_iam_can_read(archive: Archive) -> None:
    encoded = {
        "Code": "UnauthorizedOperation",
        "Message": f"Not you. Encoded authorization failure message: {'x' * 999}",
    }
    with pytest.raises(AccessDenied) as error, translated("ami-1"):
        raise ClientError({"Error": encoded}, "CreateStoreImageTask")
    assert error.value.what == "CreateStoreImageTask (ami-1): UnauthorizedOperation: Not you."


def test_denied_start_is_a_refusal_that_says_so(archive: Archive) -> None:
    with refused(archive.cloud, "start", "UnauthorizedOperation", 403):
        answer = CALLS["start"][2](archive.app)
    what = f"CreateStoreImageTask ({IMAGE_ID}): UnauthorizedOperation: injected"
    assert answer == Refusal("AccessDenied", what, denied=True)


def test_head_without_a_code_is_told_by_its_status(archive: Archive) -> None:
    with refused(archive.cloud, "look", "403", 403), pytest.raises(AccessDenied):
        archive.app.bucket.head("k")


def test_message_names_what_the_call_was_about(archive: Archive) -> None:
    with (
        refused(archive.cloud, "look", "SlowDown", 503),
        pytest.raises(TemporarilyUnavailable, match=r"^HeadObject \(nightly/x\.bin\): SlowDown: injected\. The step"),
    ):
        archive.app.bucket.head("nightly/x.bin")


@pytest.mark.parametrize(
    ("call", "code"),
    [
        ("records", "ResourceNotFoundException"),
        ("look", "NoSuchBucket"),
        ("listing", "NoSuchBucket"),
        ("publish", "NotFoundException"),
        ("summary", "KMSDisabledException"),
        ("in progress", "InvalidParameterValue"),
    ],
)
def test_refusal_that_nobody_expects_has_a_name_and_says_what_to_look_at(
    archive: Archive, call: str, code: str
) -> None:
    operation = CALLS[call][1]
    with (
        refused(archive.cloud, call, code, 400),
        pytest.raises(AwsRefused, match=rf"^{operation}.*{code}: injected\. See whether what the stack made") as error,
    ):
        CALLS[call][2](archive.app)
    assert type(error.value).__name__ == AwsRefused.__name__
