"""What a restore takes, and what it says about anything else."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from ami_archiver.errors import BadInput
from ami_archiver.restore.model import RestoreOptions
from ami_archiver.restore.request import Query, RestoreRequest, parse
from ami_archiver.restore.state import RestoreState, begin

ID = "ami-0123456789abcdef0"
IDS = {"image_ids": [ID]}
ORGANIZATION = "arn:aws:organizations::123456789012:organization/o-abcdefghij"


def test_everything_that_can_be_asked_for() -> None:
    given = {
        "query": {
            "policy": "nightly",
            "tag": {"key": "Application", "value": "web"},
            "name_pattern": "web-*",
            "stored_after": "2026-01-01",
            "stored_before": "2026-02-01T12:00:00+01:00",
            "newest_per_group": True,
        },
        "name": "{name}-{date}",
        "tags": {"Reason": "audit"},
        "storage_tier_speed": "Bulk",
        "thaw_days": 3,
        "share_with": ["111122223333", ORGANIZATION],
        "share_publicly": True,
        "point_ssm_parameters": True,
        "allow_unencrypted": True,
        "dry_run": True,
    }
    assert parse(given) == RestoreRequest(
        query=Query(
            policy="nightly",
            tag=("Application", "web"),
            name_pattern="web-*",
            stored_after=datetime(2026, 1, 1, tzinfo=UTC),
            stored_before=datetime(2026, 2, 1, 11, tzinfo=UTC),
            newest_per_group=True,
        ),
        options=RestoreOptions(
            "{name}-{date}", {"Reason": "audit"}, "Bulk", 3, ("111122223333", ORGANIZATION), True, True, True
        ),
        dry_run=True,
    )


def test_image_that_is_named_twice_is_restored_once() -> None:
    assert parse({"image_ids": [ID, ID]}).image_ids == (ID,)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], "a restore takes an object like"),
        ({}, "a restore takes exactly one of image_ids, object_keys, query, not none"),
        (IDS | {"object_keys": ["a.bin"]}, "exactly one of image_ids, object_keys, query, not image_ids, object_keys"),
        (IDS | {"images": []}, "not 'images'"),
        ({"image_ids": ID}, "image_ids is 'ami-0123456789abcdef0', must be a list"),
        ({"image_ids": []}, "image_ids is [], must be a list of at least one text"),
        ({"image_ids": ["ami-XYZ"]}, "image_ids has 'ami-XYZ', must be ids like ami-0123456789abcdef0"),
        ({"object_keys": ["s3://bucket/a.bin"]}, "must be keys of objects in the archive bucket, without it"),
        ({"query": {}}, "query is {}, must be an object with one or more of policy, tag"),
        ({"query": {"colour": "red"}}, "a query takes policy, tag"),
        ({"query": {"tag": {"key": "A"}}}, "query.tag is {'key': 'A'}, must be an object like"),
        ({"query": {"stored_after": "yesterday"}}, "query.stored_after is 'yesterday', must be a date like"),
        (
            {"query": {"stored_after": "2026-02-01", "stored_before": "2026-01-01"}},
            "query.stored_after is '2026-02-01', must be before stored_before, '2026-01-01'",
        ),
        ({"query": {"policy": None}}, "policy of a query is None, must have a value or be left out"),
        ({"query": {"policy": 5}}, "query.policy is 5, must be a text"),
        ({"query": {"newest_per_group": "yes"}}, "query.newest_per_group is 'yes', must be true or false"),
        (IDS | {"name": "{image}"}, "has the field {image}; allowed are {name}, {image_id}, {date}"),
        (IDS | {"name": "a*b"}, "name is 'a*b': must be of letters, digits, spaces"),
        (IDS | {"name": "{name"}, "name is '{name': must be of letters"),
        (IDS | {"name": 7}, "name is 7, must be a text"),
        (IDS | {"tags": {"archiver:x": "y"}}, "tags has the key 'archiver:x'"),
        (IDS | {"tags": {"x": 1}}, "tags['x'] is 1, must be a text"),
        (IDS | {"storage_tier_speed": "Fast"}, "storage_tier_speed is 'Fast', must be one of Expedited"),
        (IDS | {"thaw_days": 0}, "thaw_days is 0, must be a whole number from 1 to 90"),
        (IDS | {"thaw_days": True}, "thaw_days is True, must be a whole number"),
        (IDS | {"share_again": True}, "allow_unencrypted, dry_run, not 'share_again'"),
        (IDS | {"share_with": "111122223333"}, "share_with is '111122223333', must be a list"),
        (IDS | {"share_with": ["1111"]}, "'share_with' has '1111', must be account ids of 12 digits, or ARNs of"),
        (IDS | {"share_with": ["all"]}, "to share with everybody, set 'share_publicly' to true"),
        (IDS | {"share_with": ["111122223333"] * 101}, "must be a list of at most 100 accounts"),
        (IDS | {"share_publicly": 1}, "share_publicly is 1, must be true or false"),
        (IDS | {"dry_run": None}, "dry_run of a restore is None, must have a value or be left out"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_value_and_what_is_allowed(given: Any, message: str) -> None:
    with pytest.raises(BadInput) as error:
        parse(given)
    assert message in str(error.value)


def event(**changes: Any) -> dict[str, Any]:
    return {"input": IDS, "execution_name": "x", "execution_started_at": "2026-01-01T02:00:00Z"} | changes


def test_run_id_sorts_by_time_and_is_the_same_however_often_the_step_is_repeated() -> None:
    state, _ = begin(event())
    assert state.run_id.startswith("20260101T020000-restore-")
    assert begin(event())[0] == state


@pytest.mark.parametrize("wrong", [None, [], {}, {"input": IDS}, event(execution_started_at="noon"), event(input=7)])
def test_what_the_state_machine_hands_over_wrongly_is_bad_input(wrong: Any) -> None:
    with pytest.raises(BadInput):
        begin(wrong)


def test_state_survives_the_state_machine() -> None:
    state, _ = begin(event(input=IDS | {"share_with": [ORGANIZATION], "share_publicly": True}))
    assert RestoreState.from_json(json.loads(json.dumps(state.to_json()))) == state
    assert state.confirmed == (f"organization:{ORGANIZATION}", "group:all")


@pytest.mark.parametrize(
    "change",
    [
        {"colour": 1},
        {"run_id": 7},
        {"next": "dance"},
        {"progressed_at": "noon"},
        {"planned": True},
        {"share_with": "111122223333"},
        {"share_with": ["all"]},
        {"share_publicly": "true"},
    ],
)
def test_state_that_is_malformed_is_bad_input(change: dict[str, Any]) -> None:
    with pytest.raises(BadInput):
        RestoreState.from_json(begin(event())[0].to_json() | change)
