"""The functions' environment: what synth writes, they read back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ami_archiver.errors import BadSettings
from ami_archiver.policy import Policy
from ami_archiver.settings import Settings
from tests.support.domain import KEY_ARN, policy

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
TAGS = st.dictionaries(TEXT, st.lists(TEXT, min_size=1, max_size=3).map(tuple), max_size=3)
NUMBER = st.floats(0, 1e6, allow_nan=False)
POLICY = st.builds(
    Policy,
    name=TEXT,
    tags=TAGS,
    exclude_tags=TAGS,
    name_patterns=st.lists(TEXT, max_size=3).map(tuple),
    min_age_days=NUMBER,
    keep_newest=st.integers(0, 100),
    group_by_tag=st.none() | TEXT,
    group_by_name=st.none() | TEXT,
    window_hours=st.none() | NUMBER,
    max_images_per_run=st.none() | st.integers(0, 10_000),
    max_gib_per_run=st.none() | NUMBER,
    attempts=st.integers(1, 10),
    object_prefix=TEXT,
    object_tags=st.dictionaries(TEXT, TEXT, max_size=3),
    paused=st.booleans(),
)
SETTINGS = st.builds(
    Settings,
    table_name=TEXT,
    bucket_name=TEXT,
    bucket_key_arn=TEXT,
    topic_arn=TEXT,
    account_id=TEXT,
    policies=st.lists(POLICY, max_size=3).map(tuple),
    in_flight_budget_gib=NUMBER,
    admission_rule=st.sampled_from(["aws", "strict"]),
    wait_min_seconds=st.integers(1, 60),
    wait_max_seconds=st.integers(60, 3600),
    run_limit_hours=NUMBER,
)


def settings(**fields: object) -> Settings:
    given_fields = {"policies": (policy(),), "account_id": "123456789012"} | fields
    return Settings("archive", "archive-bucket", KEY_ARN, "arn:topic", **given_fields)  # type: ignore[arg-type]


@given(SETTINGS)
def test_settings_come_back_from_their_environment_as_they_were(given_settings: Settings) -> None:
    assert Settings.from_env(given_settings.to_env()) == given_settings


def test_policy_in_the_environment_names_only_what_differs_from_the_defaults() -> None:
    assert settings().to_env()["POLICIES"] == '[{"name":"nightly","tags":{"Archive":["true"]}}]'


def test_policy_is_found_by_its_name() -> None:
    both = settings(policies=(policy("a"), policy("b")))
    assert both.policy("b") == policy("b")
    assert both.policy("c") is None


def test_foreign_variables_do_not_matter_and_defaults_need_not_be_there() -> None:
    env = settings().to_env() | {"PATH": "/bin"}
    del env["IN_FLIGHT_BUDGET_GIB"]
    assert Settings.from_env(env) == settings()


def test_missing_variable_is_named() -> None:
    env = settings().to_env()
    del env["TABLE_NAME"]
    with pytest.raises(BadSettings, match=r"^environment variable TABLE_NAME is missing; deploy the stack again$"):
        Settings.from_env(env)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("IN_FLIGHT_BUDGET_GIB", "much", "IN_FLIGHT_BUDGET_GIB is 'much', must be a number"),
        ("WAIT_MIN_SECONDS", "1.5", "WAIT_MIN_SECONDS is 1.5, must be a whole number"),
        ("ADMISSION_RULE", "gcp", "ADMISSION_RULE is 'gcp', must be one of aws, strict"),
        ("POLICIES", "[", "POLICIES is '[', must be a list"),
        ("POLICIES", "5", "POLICIES is 5, must be a list"),
        ("POLICIES", "[5]", "POLICIES[0] is 5, must be an object"),
        ("POLICIES", '[{"name":"a","tags":[]}]', "POLICIES[0].tags is [], must be an object"),
        ("POLICIES", '[{"name":"a"}]', "POLICIES[0].tags is missing"),
        ("POLICIES", '[{"name":"a","tags":{},"colour":1}]', "POLICIES[0] has no 'colour'; it has name, tags"),
        ("POLICIES", '[{"name":"a","tags":{},"retire":{"approval":"no"}}]', "POLICIES[0].retire.approval is 'no'"),
    ],
)
def test_value_that_cannot_be_read_is_named_with_its_variable(name: str, value: str, message: str) -> None:
    with pytest.raises(BadSettings) as error:
        Settings.from_env(settings().to_env() | {name: value})
    assert str(error.value).startswith(f"environment variable {message}")
    assert str(error.value).endswith("; deploy the stack again")
