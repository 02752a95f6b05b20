"""Each reason why the plan refuses an object, alone: the object is as it was archived but for one thing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ami_archiver import lifecycle
from ami_archiver.model import ArchiveRecord, Origin, RestoreFacts, StoredObject
from ami_archiver.restore.model import RestoreOptions
from ami_archiver.restore.planning import Account, Candidate, source_image_id, why_not_restorable
from tests.support.domain import IMAGE_ID, NOW, OBJECT_KEY, stored_object, storing
from tests.support.reasons import named

ACCOUNT = Account("archive-bucket", "us-east-1", encrypts_by_default=False, budget_gib=300)


def archived(found: StoredObject, tags: int = 0) -> ArchiveRecord:
    record = lifecycle.verify(storing(), found, "complete", at=NOW, run_id="run-1")
    origin = Origin(tags={f"Tag{number}": "x" for number in range(tags)})
    return replace(record, facts=RestoreFacts(encrypted=False), origin=origin)


def why_not(found: StoredObject | None, record: ArchiveRecord | None, **wishes: Any) -> str | None:
    reason = why_not_restorable(Candidate(OBJECT_KEY, IMAGE_ID, record, found), RestoreOptions(**wishes), ACCOUNT)
    return named(reason) if reason else None


WHOLE = stored_object(checksum="SHA256:c1")


def test_object_that_is_as_it_was_archived_is_restored() -> None:
    assert why_not(WHOLE, archived(WHOLE)) is None


@pytest.mark.parametrize(
    "change", [{"version_id": "v2"}, {"size_bytes": 999}, {"etag": "e2"}, {"checksum": "SHA256:c2"}]
)
def test_object_that_differs_in_anything_that_was_recorded_is_refused(change: dict[str, Any]) -> None:
    assert why_not(replace(WHOLE, **change), archived(WHOLE)) == "ObjectAltered"


def test_checksum_that_may_not_be_seen_refuses_nothing() -> None:
    assert why_not(replace(WHOLE, checksum=None), archived(WHOLE)) is None


def test_object_that_is_thawed_already_needs_no_speed_that_its_class_has() -> None:
    frozen = replace(WHOLE, frozen_class="DEEP_ARCHIVE")
    assert why_not(frozen, archived(WHOLE), storage_tier_speed="Expedited") == "NoSuchRetrieval"
    assert why_not(replace(frozen, thaw="thawed"), archived(WHOLE), storage_tier_speed="Expedited") is None


@pytest.mark.parametrize(("original", "wished", "reason"), [(44, 0, None), (43, 1, None), (44, 1, "TooManyTags")])
def test_tags_of_original_request_and_restore_together_are_at_most_fifty(
    original: int, wished: int, reason: str | None
) -> None:
    tags = {f"Wished{number}": "x" for number in range(wished)}
    assert why_not(WHOLE, archived(WHOLE, original), tags=tags) == reason


def test_tag_that_replaces_one_of_the_original_counts_once() -> None:
    assert why_not(WHOLE, archived(WHOLE, 44), tags={"Tag0": "y"}) is None


@pytest.mark.parametrize(
    ("key", "tags", "image_id"),
    [
        ("theirs/some.bin", {"archiver:image-id": IMAGE_ID}, IMAGE_ID),
        (OBJECT_KEY, {}, IMAGE_ID),
        ("theirs/some.bin", {}, ""),
    ],
)
def test_image_of_an_object_without_a_record_is_known_by_its_tag_or_its_name(
    key: str, tags: dict[str, str], image_id: str
) -> None:
    assert source_image_id(key, stored_object(key=key, tags=tags)) == image_id
