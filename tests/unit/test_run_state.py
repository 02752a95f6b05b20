"""What a run starts with and what its steps hand on: bad input is named, and nothing is guessed."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from ami_archiver.errors import BadInput
from ami_archiver.run_state import BY_HAND, Next, Outcome, RunState, begin
from ami_archiver.settings import Settings
from tests.support.domain import KEY_ARN, policy

SETTINGS = Settings("archive", "bucket", KEY_ARN, "topic", "123456789012", (policy("nightly"), policy("weekly")))
EXAMPLE = '{"policy": "nightly", "dry_run": false}'
EVENT: dict[str, Any] = {
    "input": {"policy": "nightly"},
    "execution_name": "execution-1",
    "execution_started_at": "2026-01-01T02:00:00.123Z",
}
STATE = begin(EVENT, SETTINGS)


def refusal(event: object) -> str:
    with pytest.raises(BadInput) as refused:
        begin(event, SETTINGS)
    return str(refused.value)


def test_run_starts_with_selection_under_an_id_that_sorts_by_time() -> None:
    assert STATE.run_id.startswith("20260101T020000-nightly-")
    assert (STATE.policy, STATE.dry_run, STATE.next, STATE.outcome) == (
        "nightly",
        False,
        Next.SELECT_MORE,
        Outcome.WORKED,
    )


def test_run_has_the_same_id_however_often_its_first_step_is_repeated() -> None:
    assert begin(EVENT, SETTINGS) == STATE
    assert begin(EVENT | {"execution_name": "execution-2"}, SETTINGS).run_id != STATE.run_id


def test_run_knows_the_execution_that_began_it_where_the_state_machine_tells_it() -> None:
    arn = "arn:aws:states:us-east-1:123456789012:execution:archive:execution-1"
    assert begin(EVENT | {"execution_arn": arn}, SETTINGS).execution_arn == arn
    assert STATE.execution_arn is None


def test_state_of_a_release_that_did_not_know_its_execution_is_read() -> None:
    raw = STATE.to_json()
    del raw["execution_arn"]
    assert RunState.from_json(raw) == STATE


def test_start_is_kept_in_utc() -> None:
    state = begin(EVENT | {"execution_started_at": "2026-01-01T04:00:00+02:00"}, SETTINGS)
    assert state.to_json()["started_at"] == "2026-01-01T02:00:00+00:00"


def test_dry_run_is_one() -> None:
    state = begin(EVENT | {"input": {"policy": "weekly", "dry_run": True}}, SETTINGS)
    assert (state.policy, state.dry_run, state.outcome) == ("weekly", True, Outcome.DRY_RUN)


@pytest.mark.parametrize("event", [None, [], "x", {}, {"input": None}, {"input": []}, {"input": "nightly"}])
def test_input_that_is_no_object_is_shown_an_example(event: object) -> None:
    given = event.get("input") if isinstance(event, dict) else None
    assert refusal(event) == f"a run takes an object like {EXAMPLE}: it is {given!r}, must be an object"


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"policy": "nightly", "run_id": "x", "force": True}, "it has no 'force', 'run_id'; it has policy, dry_run"),
        ({}, "policy is missing"),
        ({"policy": None}, "policy is None, must be a text"),
        ({"policy": ["nightly"]}, "policy is ['nightly'], must be a text"),
        ({"policy": "nightly", "dry_run": "true"}, "dry_run is 'true', must be true or false"),
        ({"policy": "nightly", "dry_run": 1}, "dry_run is 1, must be true or false"),
        ({"policy": "nightly", "dry_run": None}, "dry_run is None, must be true or false"),
    ],
)
def test_input_that_is_wrong_says_what_is(given: dict[str, Any], why: str) -> None:
    assert refusal(EVENT | {"input": given}) == f"a run takes an object like {EXAMPLE}: {why}"


@pytest.mark.parametrize("name", ["hourly", ""])
def test_unknown_policy_is_named_with_those_there_are(name: str) -> None:
    assert refusal(EVENT | {"input": {"policy": name}}) == f"'policy' is {name!r}, must be one of 'nightly', 'weekly'"


@pytest.mark.parametrize(
    ("change", "detail"),
    [
        ({"execution_started_at": "yesterday"}, "ValueError(\"Invalid isoformat string: 'yesterday'\")"),
        ({"execution_started_at": 5}, "TypeError('fromisoformat: argument must be str')"),
        ({"execution_started_at": None}, "TypeError('fromisoformat: argument must be str')"),
    ],
)
def test_start_that_is_no_time_is_the_state_machines_fault(change: dict[str, Any], detail: str) -> None:
    assert refusal(EVENT | change) == f"the state machine must hand over the execution's name and start: {detail}"


@pytest.mark.parametrize("missing", ["execution_name", "execution_started_at"])
def test_execution_must_be_told(missing: str) -> None:
    event = {key: value for key, value in EVENT.items() if key != missing}
    assert refusal(event) == f"the state machine must hand over the execution's name and start: KeyError('{missing}')"


def test_state_comes_back_from_json_as_it_was() -> None:
    state = STATE.then(Next.WAIT, loops=7, wait_seconds=30, selected_gib=12.0, counts={"stored": 1}, next_token="t")
    assert RunState.from_json(json.loads(json.dumps(state.to_json()))) == state


def test_state_from_the_state_machine_may_have_lost_the_point_of_a_whole_number() -> None:
    assert RunState.from_json(STATE.to_json() | {"selected_gib": 12}).selected_gib == 12


def unreadable(raw: object) -> str:
    with pytest.raises(BadInput) as refused:
        RunState.from_json(raw)
    return str(refused.value)


def test_state_must_be_an_object() -> None:
    assert unreadable([]) == f"the state of a run cannot be read: it is [], must be an object; {BY_HAND}"


@pytest.mark.parametrize("missing", ["run_id", "policy", "dry_run", "started_at", "next"])
def test_state_without_what_a_step_needs_names_it(missing: str) -> None:
    raw = {key: value for key, value in STATE.to_json().items() if key != missing}
    assert unreadable(raw) == f"the state of a run cannot be read: {missing} is missing; {BY_HAND}"


def test_state_with_unknown_keys_names_them_and_those_it_has() -> None:
    message = unreadable(STATE.to_json() | {"images": [], "all": 1})
    what = "the state of a run cannot be read: it has no 'all', 'images'; it has run_id, started_at, next, policy,"
    assert message.startswith(what)


@pytest.mark.parametrize(
    ("name", "value", "must"),
    [
        ("run_id", 5, "a text"),
        ("policy", None, "a text"),
        ("dry_run", "false", "true or false"),
        ("dry_run", 0, "true or false"),
        ("started_at", 0, "a time with its zone, such as 2026-01-31T02:00:00+00:00"),
        ("started_at", "2026-01-01T02:00:00", "a time with its zone, such as 2026-01-31T02:00:00+00:00"),
        ("started_at", "now", "a time with its zone, such as 2026-01-31T02:00:00+00:00"),
        ("loops", "7", "a whole number"),
        ("loops", True, "a whole number"),
        ("wait_seconds", None, "a whole number"),
        ("selected_images", 1.5, "a whole number"),
        ("selected_gib", "1", "a number"),
        ("selected_gib", True, "a number"),
        ("counts", [], "an object"),
        ("next_token", ["a"], "a text"),
        ("retire", "later", "one of plan, act, done"),
        ("outcome", "won", "one of worked, joined, met, dry_run, nothing_matched"),
        ("outcome", None, "a text"),
        ("approval", "yes", "an object"),
    ],
)
def test_state_with_a_wrong_value_names_key_and_value_and_what_it_must_be(name: str, value: object, must: str) -> None:
    message = unreadable(STATE.to_json() | {name: value})
    assert message == f"the state of a run cannot be read: {name} is {value!r}, must be {must}; {BY_HAND}"


def test_value_that_is_long_is_named_by_its_beginning() -> None:
    assert len(unreadable(STATE.to_json() | {"next": "x" * 100_000})) < 700


def test_start_is_a_time_in_utc() -> None:
    assert STATE.started_at.utcoffset() == timedelta(0)
