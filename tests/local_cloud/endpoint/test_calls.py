"""The log of calls: every call by its AWS name, with caller, answer and the in-flight sum before it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local_cloud.calls import OTHER_CALLS_KEPT, Call, CallLog, error_code
from local_cloud.operations import Request, identify
from local_cloud.server import LocalCloud
from tests.local_cloud.endpoint.scenes import ACCOUNT, REGION, add_image, unique

SIGNED = "AWS4-HMAC-SHA256 Credential=AKID/20260101/eu-west-1/{}/aws4_request, SignedHeaders=host, Signature=0"


def request(service: str, method: str, target: str, body: bytes = b"", **headers: str) -> Request:
    path, _, query = target.partition("?")
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Request(method, path, query, {"authorization": SIGNED.format(service), **named}, body)


@pytest.mark.parametrize(
    ("asked", "name", "parameters"),
    [
        (request("s3", "PUT", "/b/a/k.bin"), "PutObject", {"Bucket": "b", "Key": "a/k.bin"}),
        (request("s3", "PUT", "/b/k?partNumber=2&uploadId=u"), "UploadPart", {"Bucket": "b", "Key": "k"}),
        (request("s3", "PUT", "/b/k", x_amz_copy_source="/c/k"), "CopyObject", {"Bucket": "b"}),
        (request("s3", "PUT", "/b/k?tagging"), "PutObjectTagging", {"Key": "k"}),
        (request("s3", "POST", "/b/k?restore"), "RestoreObject", {"Key": "k"}),
        (request("s3", "POST", "/b/k?uploads"), "CreateMultipartUpload", {"Key": "k"}),
        (request("s3", "GET", "/b/k?x-id=GetObject"), "GetObject", {"Key": "k"}),
        (request("s3", "HEAD", "/b/k?versionId=v"), "HeadObject", {"versionId": "v"}),
        (request("s3", "GET", "/b?list-type=2&prefix=p"), "ListObjectsV2", {"prefix": "p"}),
        (request("s3", "GET", "/"), "ListBuckets", {}),
        (request("lambda", "POST", "/2015-03-31/functions/f/invocations", b"{}"), "Invoke", {"FunctionName": "f"}),
        (request("scheduler", "POST", "/schedules/s", b'{"State": "ENABLED"}'), "CreateSchedule", {"State": "ENABLED"}),
        (
            request("dynamodb", "POST", "/", b'{"TableName": "t"}', x_amz_target="DynamoDB_20120810.PutItem"),
            "PutItem",
            {"TableName": "t"},
        ),
        (
            request(
                "ec2",
                "POST",
                "/",
                b"Action=DescribeImages&Version=2016-11-15&ImageId.1=ami-1",
                content_type="application/x-www-form-urlencoded; charset=utf-8",
            ),
            "DescribeImages",
            {"ImageId.1": "ami-1"},
        ),
        (request("monitoring", "POST", "/service/Granite/operation/PutMetricData"), "PutMetricData", {}),
        (request("unheard-of", "GET", "/x"), "GET /x", {}),
    ],
)  # fmt: skip
def test_operation_has_its_aws_name(asked: Request, name: str, parameters: dict[str, Any]) -> None:
    operation = identify(asked)
    assert operation.name == name
    assert parameters.items() <= operation.parameters.items()
    assert (operation.signer.access_key, operation.signer.region) == ("AKID", "eu-west-1")


@pytest.mark.parametrize(
    ("headers", "caller", "account_id"),
    [
        ({}, "AKID", ACCOUNT),
        ({"user_agent": "Boto3/1.43 md/Botocore#1.43 ua/2.1 app/StoreImages"}, "StoreImages", ACCOUNT),
        ({"authorization": SIGNED.format("s3").replace("AKID", "999999999999")}, "999999999999", "999999999999"),
        ({"authorization": ""}, "anonymous", ACCOUNT),
    ],
)
def test_caller_is_the_application_or_the_access_key(headers: dict[str, str], caller: str, account_id: str) -> None:
    signer = identify(request("s3", "GET", "/", **headers)).signer
    assert (signer.caller, signer.account_id(ACCOUNT)) == (caller, account_id)


@pytest.mark.parametrize(
    ("status", "headers", "body", "code"),
    [
        (200, {}, b"<Code>no</Code>", None),
        (400, {}, b"<Response><Errors><Error><Code>InvalidAMIID.Malformed</Code>", "InvalidAMIID.Malformed"),
        (400, {}, b'{"__type": "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException"}',
         "ConditionalCheckFailedException"),
        (404, {"x-amzn-errortype": "ResourceNotFoundException:http://x/"}, b"{}", "ResourceNotFoundException"),
        (404, {}, b"", "404"),
    ],
)  # fmt: skip
def test_error_code(status: int, headers: dict[str, str], body: bytes, code: str | None) -> None:
    assert error_code(status, headers, body) == code


def test_calls_over_http_are_logged_with_answer_and_in_flight_sum(local_cloud: LocalCloud) -> None:
    bucket = unique("archive")
    local_cloud.client("s3").create_bucket(Bucket=bucket)
    account = "210987654321"  # nobody else's in-flight sum
    local_cloud.service.faults.occupy(account, REGION, [123_000.0])
    image_id = add_image(local_cloud.catalog, owner_id=account)
    seen = len(local_cloud.calls)
    with pytest.raises(ClientError):
        local_cloud.client("ec2", account).create_store_image_task(ImageId=image_id, Bucket=bucket)
    call = local_cloud.calls.filter(operation="CreateStoreImageTask", since=seen)[-1]
    assert (call.caller, call.account_id, call.region, call.status) == (account, account, REGION, 400)
    assert call.error_code
    assert call.in_flight_gib == pytest.approx(123_000)
    assert call.parameters["ImageId"] == image_id


def test_every_ec2_call_is_kept_and_of_the_others_the_newest() -> None:
    log = CallLog()
    now = datetime(2026, 1, 1, tzinfo=UTC)
    for number in range(OTHER_CALLS_KEPT + 10):
        service = "ec2" if number < 5 else "s3"
        log.append(Call(now, 0.0, "me", service, "Any", 200, None, 0.0))
    assert len(log) == OTHER_CALLS_KEPT + 10
    assert [call.number for call in log.filter("ec2")] == [1, 2, 3, 4, 5]
    assert [call.number for call in log.filter("s3")][:2] == [11, 12]
    assert log.filter(since=OTHER_CALLS_KEPT + 9)[0].number == OTHER_CALLS_KEPT + 10


def test_log_file_has_a_json_line_per_call(tmp_path: Path) -> None:
    log = CallLog(tmp_path / "calls.jsonl")
    log.append(Call(datetime(2026, 1, 1, tzinfo=UTC), 0.1, "me", "s3", "PutObject", 404, "NoSuchBucket", 12.5))
    log.append(Call(datetime(2026, 1, 1, tzinfo=UTC), 0.1, "me", "ec2", "DescribeImages", 200, None, 0.0))
    log.close()
    first, second = [json.loads(line) for line in (tmp_path / "calls.jsonl").read_text().splitlines()]
    assert (first["at"], first["operation"], first["error_code"], first["in_flight_gib"]) == (
        "2026-01-01T00:00:00+00:00",
        "PutObject",
        "NoSuchBucket",
        12.5,
    )
    assert (second["number"], second["error_code"]) == (2, None)
