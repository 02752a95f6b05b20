"""What S3 says of the stored objects."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest

from ami_archiver.adapters.s3_bucket import S3ArchiveBucket
from ami_archiver.errors import AccessDenied, TemporarilyUnavailable
from tests.support.answers import answering, counting, refusing
from tests.support.archive import BUCKET, Archive, client

KEY = "nightly/ami-1.bin"


@pytest.fixture
def s3(archive: Archive) -> Any:
    return client(archive.cloud, "s3")


def test_absent_object_is_none(archive: Archive) -> None:
    assert archive.app.bucket.head(KEY) is None


def test_object_is_seen_with_size_version_etag_key_and_tags(archive: Archive, s3: Any) -> None:
    put = s3.put_object(Bucket=BUCKET, Key=KEY, Body=b"12345", Tagging="Team=web")
    found = archive.app.bucket.head(KEY)
    assert found is not None
    assert (found.key, found.size_bytes, found.version_id) == (KEY, 5, put["VersionId"])
    assert found.etag == put["ETag"].strip('"')
    assert (found.encryption, found.kms_key_id) == ("aws:kms", archive.settings.bucket_key_arn)
    assert found.tags == {"Team": "web"}


def test_deleted_object_is_none_and_is_there_again_without_its_delete_marker(archive: Archive, s3: Any) -> None:
    s3.put_object(Bucket=BUCKET, Key=KEY, Body=b"1")
    marker = s3.delete_object(Bucket=BUCKET, Key=KEY)["VersionId"]
    assert archive.app.bucket.head(KEY) is None
    assert list(archive.app.bucket.listing()) == []
    s3.delete_object(Bucket=BUCKET, Key=KEY, VersionId=marker)
    assert archive.app.bucket.head(KEY) is not None


def test_altered_object_has_another_version_and_etag(archive: Archive, s3: Any) -> None:
    s3.put_object(Bucket=BUCKET, Key=KEY, Body=b"1")
    before = archive.app.bucket.head(KEY)
    s3.put_object(Bucket=BUCKET, Key=KEY, Body=b"2")
    after = archive.app.bucket.head(KEY)
    assert before is not None
    assert after is not None
    assert before.version_id != after.version_id
    assert before.etag != after.etag


def test_object_under_another_key_shows_that_key(archive: Archive, s3: Any) -> None:
    other = client(archive.cloud, "kms").create_key()["KeyMetadata"]["Arn"]
    s3.put_object(Bucket=BUCKET, Key=KEY, Body=b"1", ServerSideEncryption="aws:kms", SSEKMSKeyId=other)
    found = archive.app.bucket.head(KEY)
    assert found is not None
    assert found.kms_key_id == other


@pytest.mark.parametrize("algorithm", ["CRC64NVME", "SHA256", "SHA1", "CRC32C", "CRC32"])
def test_checksum_is_recorded_with_its_algorithm(archive: Archive, s3: Any, algorithm: str) -> None:
    head = {"ContentLength": 1, "ETag": '"e"', "VersionId": "v", f"Checksum{algorithm}": "abc="}
    with answering(s3, "HeadObject", head), answering(s3, "GetObjectTagging", {"TagSet": []}):
        found = archive.app.bucket.head(KEY)
    assert found is not None
    assert found.checksum == f"{algorithm}:abc="


def test_object_without_a_checksum_has_none(archive: Archive, s3: Any) -> None:
    with (
        answering(s3, "HeadObject", {"ContentLength": 1, "ETag": '"e"'}),
        answering(s3, "GetObjectTagging", {"TagSet": []}),
    ):
        found = archive.app.bucket.head(KEY)
    assert found is not None
    assert (found.checksum, found.version_id, found.encryption) == (None, "null", None)


def test_object_under_a_key_that_may_not_be_used_is_seen_without_its_checksum(archive: Archive, s3: Any) -> None:
    s3.put_object(Bucket=BUCKET, Key=KEY, Body=b"1")

    def asks_for_checksum(params: Any) -> bool:
        return "x-amz-checksum-mode" in params["headers"]

    with refusing(s3, "HeadObject", "403", 403, only=asks_for_checksum) as calls:
        found = archive.app.bucket.head(KEY)
    assert found is not None
    assert found.checksum is None
    assert len(calls) == 2


def test_object_that_may_not_be_seen_at_all_is_access_denied(archive: Archive, s3: Any) -> None:
    with refusing(s3, "HeadObject", "403", 403), pytest.raises(AccessDenied):
        archive.app.bucket.head(KEY)


def test_object_deleted_between_the_two_calls_is_none(archive: Archive, s3: Any) -> None:
    s3.put_object(Bucket=BUCKET, Key=KEY, Body=b"1")
    with refusing(s3, "GetObjectTagging", "NoSuchKey", 404):
        assert archive.app.bucket.head(KEY) is None


def test_listing_has_the_current_version_of_each_object_only(archive: Archive, s3: Any) -> None:
    for body in (b"1", b"22"):
        s3.put_object(Bucket=BUCKET, Key=KEY, Body=body)
    (listed,) = archive.app.bucket.listing()
    found = archive.app.bucket.head(KEY)
    assert found is not None
    assert (listed.key, listed.version_id, listed.size_bytes, listed.etag) == (
        KEY,
        found.version_id,
        2,
        found.etag,
    )


def test_listing_goes_on_beyond_a_thousand_objects(archive: Archive, s3: Any) -> None:
    def page(numbers: range, **more: Any) -> dict[str, Any]:
        version = {"VersionId": "v", "Size": 1, "ETag": '"e"', "IsLatest": True}
        return {"Versions": [version | {"Key": f"{number:05}.bin"} for number in numbers], **more}

    first = page(range(1000), IsTruncated=True, NextKeyMarker="00999.bin", NextVersionIdMarker="v")
    second = page(range(1000, 1500), IsTruncated=False)
    with answering(s3, "ListObjectVersions", first, second) as calls:
        assert len({listed.key for listed in archive.app.bucket.listing()}) == 1500
    assert len(calls) == 2
    assert "key-marker=00999.bin" in calls[1]["url"]


def test_version_whose_first_byte_comes_is_readable(archive: Archive, s3: Any) -> None:
    version_id = s3.put_object(Bucket=BUCKET, Key=KEY, Body=b"12345")["VersionId"]
    with counting(s3, "GetObject") as calls:
        assert bucket(archive).unreadable(KEY, version_id) is None
    assert calls[0]["headers"]["Range"] == "bytes=0-0"
    assert f"versionId={version_id}" in calls[0]["url"]


def test_older_version_is_readable_too(archive: Archive, s3: Any) -> None:
    old, _ = (s3.put_object(Bucket=BUCKET, Key=KEY, Body=body)["VersionId"] for body in (b"1", b"2"))
    assert bucket(archive).unreadable(KEY, old) is None


def test_version_that_is_gone_is_unreadable(archive: Archive, s3: Any) -> None:
    version_id = s3.put_object(Bucket=BUCKET, Key=KEY, Body=b"1")["VersionId"]
    s3.delete_object(Bucket=BUCKET, Key=KEY, VersionId=version_id)
    assert bucket(archive).unreadable(KEY, version_id) in ("NoSuchVersion", "NoSuchKey")


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("AccessDenied", 403),
        ("KMS.DisabledException", 400),
        ("KMS.NotFoundException", 400),
        ("InvalidObjectState", 403),
        ("InvalidRange", 416),
        ("NoSuchBucket", 404),
    ],
)
def test_object_that_cannot_be_read_says_why_by_its_code(archive: Archive, s3: Any, code: str, status: int) -> None:
    with refusing(s3, "GetObject", code, status):
        assert bucket(archive).unreadable(KEY, "v1") == code


def test_answer_without_a_byte_is_no_proof(archive: Archive, s3: Any) -> None:
    with answering(s3, "GetObject", {"Body": BytesIO(b"")}):
        assert bucket(archive).unreadable(KEY, "v1") == "EmptyAnswer"


def test_throttled_read_is_temporary(archive: Archive, s3: Any) -> None:
    with refusing(s3, "GetObject", "SlowDown", 503), pytest.raises(TemporarilyUnavailable):
        bucket(archive).unreadable(KEY, "v1")


def bucket(archive: Archive) -> S3ArchiveBucket:
    return S3ArchiveBucket(client(archive.cloud, "s3"), BUCKET)
