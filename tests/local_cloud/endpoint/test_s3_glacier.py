"""RestoreObject, `x-amz-restore` and InvalidObjectState, on the cloud's clock."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from local_cloud.errors import AwsError
from local_cloud.in_process import VirtualCloud
from local_cloud.server import LocalCloud
from tests.local_cloud.endpoint.scenes import ACCOUNT, unique, until

HOUR = 3600
DAY = 24 * HOUR
BUCKET = "archive-bucket"
KEY = "images/ami-1.bin"


@pytest.fixture
def s3(virtual_cloud: VirtualCloud) -> Any:
    s3 = virtual_cloud.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    return s3


def put(s3: Any, storage_class: str) -> str:
    return str(s3.put_object(Bucket=BUCKET, Key=KEY, Body=b"blocks", StorageClass=storage_class)["VersionId"])


def restore(s3: Any, tier: str | None = None, days: int = 3) -> int:
    request: dict[str, Any] = {"Days": days}
    if tier:
        request["GlacierJobParameters"] = {"Tier": tier}
    answer = s3.restore_object(Bucket=BUCKET, Key=KEY, RestoreRequest=request)
    return int(answer["ResponseMetadata"]["HTTPStatusCode"])


def restore_header(s3: Any, **version: str) -> str | None:
    header: str | None = s3.head_object(Bucket=BUCKET, Key=KEY, **version).get("Restore")
    return header


def test_archived_object_is_not_handed_out(s3: Any, virtual_cloud: VirtualCloud) -> None:
    version = put(s3, "GLACIER")
    for asked in ({}, {"VersionId": version}):
        with pytest.raises(ClientError) as refused:
            s3.get_object(Bucket=BUCKET, Key=KEY, **asked)
        assert refused.value.response["Error"]["Code"] == "InvalidObjectState"
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    assert s3.head_object(Bucket=BUCKET, Key=KEY)["StorageClass"] == "GLACIER"
    with pytest.raises(AwsError) as as_ec2:
        virtual_cloud.service.objects.read(ACCOUNT, BUCKET, KEY)
    assert as_ec2.value.code == "InvalidObjectState"


def test_instant_retrieval_is_handed_out_and_not_restored(s3: Any) -> None:
    put(s3, "GLACIER_IR")
    assert s3.get_object(Bucket=BUCKET, Key=KEY)["Body"].read() == b"blocks"
    with pytest.raises(ClientError, match="InvalidObjectState"):
        restore(s3)


@pytest.mark.parametrize(
    ("storage_class", "tier", "not_before_hours", "at_the_latest_hours"),
    [
        ("GLACIER", "Expedited", 1 / 60, 5 / 60),
        ("GLACIER", "Standard", 3, 5),
        ("GLACIER", None, 3, 5),
        ("GLACIER", "Bulk", 5, 12),
        ("DEEP_ARCHIVE", "Standard", 1, 12),
        ("DEEP_ARCHIVE", "Bulk", 12, 48),
    ],
)
def test_restore_takes_the_hours_of_its_tier(
    s3: Any,
    virtual_cloud: VirtualCloud,
    storage_class: str,
    tier: str | None,
    not_before_hours: float,
    at_the_latest_hours: float,
) -> None:
    version = put(s3, storage_class)
    assert restore(s3, tier) == 202
    virtual_cloud.advance(not_before_hours * HOUR - 1)
    assert restore_header(s3) == 'ongoing-request="true"'
    assert not virtual_cloud.service.objects.head(ACCOUNT, BUCKET, KEY).readable  # type: ignore[union-attr]
    with pytest.raises(ClientError, match="InvalidObjectState"):
        s3.get_object(Bucket=BUCKET, Key=KEY)
    virtual_cloud.advance((at_the_latest_hours - not_before_hours) * HOUR + 1)
    assert 'ongoing-request="false"' in (restore_header(s3) or "")
    assert 'ongoing-request="false"' in (restore_header(s3, VersionId=version) or "")
    assert s3.get_object(Bucket=BUCKET, Key=KEY)["Body"].read() == b"blocks"
    assert virtual_cloud.service.objects.read(ACCOUNT, BUCKET, KEY) == b"blocks"


def test_restored_copy_goes_at_the_midnight_after_its_days(s3: Any, virtual_cloud: VirtualCloud) -> None:
    put(s3, "GLACIER")  # the clock stands at 2026-01-01 02:00
    restore(s3, "Expedited", days=2)
    virtual_cloud.advance(HOUR)
    assert 'expiry-date="Sun, 04 Jan 2026 00:00:00 GMT"' in (restore_header(s3) or "")
    virtual_cloud.advance(2 * DAY + 20 * HOUR)
    s3.get_object(Bucket=BUCKET, Key=KEY)
    virtual_cloud.advance(HOUR)
    assert restore_header(s3) is None
    with pytest.raises(ClientError, match="InvalidObjectState"):
        s3.get_object(Bucket=BUCKET, Key=KEY)


def test_restore_again_while_it_runs_is_refused_and_afterwards_moves_the_expiry(
    s3: Any, virtual_cloud: VirtualCloud
) -> None:
    put(s3, "GLACIER")
    restore(s3, "Expedited", days=1)
    with pytest.raises(ClientError) as refused:
        restore(s3, "Expedited", days=1)
    assert refused.value.response["Error"]["Code"] == "RestoreAlreadyInProgress"
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 409
    virtual_cloud.advance(HOUR)
    assert restore(s3, days=9) == 200
    assert "Sun, 11 Jan 2026" in (restore_header(s3) or "")


@pytest.mark.parametrize(
    ("storage_class", "tier", "code"),
    [
        ("STANDARD", "Standard", "ObjectAlreadyInActiveTierError"),
        ("DEEP_ARCHIVE", "Expedited", "InvalidArgument"),
    ],
)
def test_restore_that_makes_no_sense_is_refused(s3: Any, storage_class: str, tier: str, code: str) -> None:
    put(s3, storage_class)
    with pytest.raises(ClientError) as refused:
        restore(s3, tier)
    assert refused.value.response["Error"]["Code"] == code


def test_hours_pass_as_fast_as_a_sped_up_cloud(local_cloud: LocalCloud) -> None:
    s3, bucket = local_cloud.client("s3"), unique("archive")
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="k", Body=b"blocks", StorageClass="GLACIER")
    s3.restore_object(Bucket=bucket, Key="k", RestoreRequest={"Days": 1, "GlacierJobParameters": {"Tier": "Expedited"}})
    assert s3.head_object(Bucket=bucket, Key="k")["Restore"] == 'ongoing-request="true"'
    until(lambda: 'ongoing-request="false"' in s3.head_object(Bucket=bucket, Key="k")["Restore"])  # 0.1 to 0.5 s
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"blocks"
