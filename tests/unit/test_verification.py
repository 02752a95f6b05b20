"""Whether an object is the whole archive of an image, and still the one that was recorded."""

from __future__ import annotations

from typing import Any

import pytest

from ami_archiver.verification import IMAGE_TAG, why_altered, why_not_whole
from tests.support.domain import IMAGE_ID, KEY_ARN, OBJECT_KEY, stored_object, verified


def test_whole_object_under_the_buckets_key_has_no_flaw() -> None:
    assert why_not_whole(IMAGE_ID, stored_object(tags={IMAGE_TAG: IMAGE_ID}), KEY_ARN) is None
    assert why_not_whole(IMAGE_ID, stored_object(encryption="aws:kms:dsse"), KEY_ARN) is None


def test_object_that_ec2_stored_for_somebody_else_carries_no_tag_of_ours_and_is_taken() -> None:
    assert why_not_whole(IMAGE_ID, stored_object(tags={"Name": "web"}), KEY_ARN) is None


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        (
            {"size_bytes": 0},
            f"ObjectEmpty: object {OBJECT_KEY} is empty; delete it, then the next run stores the image again",
        ),
        (
            {"key": "nightly/ami-other.bin"},
            f"ObjectMisnamed: object nightly/ami-other.bin is not named {IMAGE_ID}.bin, as EC2 names it; "
            "see in CloudTrail who changed the record's object_key; "
            "the next run takes the image's object or stores it",
        ),
        (
            {"tags": {IMAGE_TAG: "ami-other"}},
            f"ObjectOfAnotherImage: object {OBJECT_KEY} is tagged {IMAGE_TAG}=ami-other; "
            "move it to another key (docs/errors.md has the commands); then the next run stores the image again",
        ),
        (
            {"encryption": "AES256", "kms_key_id": None},
            f"ObjectWrongKey: object {OBJECT_KEY} is encrypted with AES256, the bucket's key is {KEY_ARN}; "
            "give it the stack's key (docs/errors.md has the commands); then the next run takes it",
        ),
        (
            {"encryption": None, "kms_key_id": None},
            f"ObjectWrongKey: object {OBJECT_KEY} is encrypted with nothing, the bucket's key is {KEY_ARN}; "
            "give it the stack's key (docs/errors.md has the commands); then the next run takes it",
        ),
        (
            {"kms_key_id": "arn:other"},
            f"ObjectWrongKey: object {OBJECT_KEY} is encrypted with aws:kms arn:other, the bucket's key is {KEY_ARN}; "
            "give it the stack's key (docs/errors.md has the commands); then the next run takes it",
        ),
    ],
)
def test_flaw_says_what_is_wrong_and_what_to_do(fields: dict[str, Any], reason: str) -> None:
    assert why_not_whole(IMAGE_ID, stored_object(**fields), KEY_ARN) == reason


def test_object_as_it_was_recorded_is_not_altered() -> None:
    assert why_altered(verified(checksum="SHA256:x"), stored_object(checksum="SHA256:x")) is None


def test_deleted_object_of_a_verified_record_says_which_version_to_bring_back() -> None:
    assert why_altered(verified(), None) == (
        f"ObjectGone: object {OBJECT_KEY} is gone; remove the delete marker above version v1"
    )


@pytest.mark.parametrize(
    ("fields", "what"),
    [
        ({"version_id": "v2"}, "version is v2, recorded is v1"),
        ({"size_bytes": 1}, "size in bytes is 1, recorded is 1000"),
        ({"etag": "e2"}, "ETag is e2, recorded is e1"),
        ({"checksum": "SHA256:y"}, "checksum is SHA256:y, recorded is SHA256:x"),
    ],
)
def test_altered_object_says_what_differs_and_what_to_do(fields: dict[str, Any], what: str) -> None:
    found = stored_object(**({"checksum": "SHA256:x"} | fields))
    assert why_altered(verified(checksum="SHA256:x"), found) == (
        f"ObjectAltered: object {OBJECT_KEY} was altered: {what}; make version v1 the current one again"
    )


def test_checksum_that_cannot_be_asked_for_now_is_no_alteration() -> None:
    assert why_altered(verified(checksum="SHA256:x"), stored_object(checksum=None)) is None
