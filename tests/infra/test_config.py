"""What archiver.toml becomes."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from ami_archiver.policy import Policy, RetireRules, UseKind
from ami_archiver.settings import Settings
from infra import schedule_expression
from infra.config import load_config
from tests.infra.conftest import NOW, SEVERAL
from tests.support.assembly import ROOT


def test_every_key_arrives_where_it_belongs() -> None:
    config = load_config(SEVERAL, NOW)
    first = config.policies[0]

    assert first.policy == Policy(
        name="web",
        tags={"Archive": ("true", "yes"), "Team": ("*",)},
        exclude_tags={"Hold": ("*",)},
        name_patterns=("web-*",),
        min_age_days=1.5,
        keep_newest=2,
        group_by_name=r"^(.+)-\d+$",
        window_hours=4,
        max_images_per_run=10,
        max_gib_per_run=500.5,
        attempts=5,
        object_prefix="{policy}/{account}/{region}/{year}/{month}/{day}",
        object_tags={"CostCenter": "4711", "a key": "ä + - = . _ : / @"},
        storage_class="GLACIER",
        original="retire",
        retire=RetireRules(
            after_verified_days=0,
            after_disabled_days=14.5,
            keep_newest=3,
            not_launched_days=90,
            template_versions=200,
            ignore_unknown_uses=(UseKind.IMAGE_BUILDER, UseKind.SSM_PARAMETERS),
            allow_shared=True,
            approval="explicit",
            approval_hours=22,
            max_images_per_run=20,
            max_gib_per_run=1000.5,
            recycle_bin_days=45,
        ),
    )
    assert (first.expression, first.time_zone) == ("cron(30 2 ? * MON-FRI *)", "Europe/Berlin")
    assert (first.storage_class, first.storage_class_after_days) == ("GLACIER", 0)
    assert [scheduled.policy.paused for scheduled in config.policies] == [False, True, False, False, False, False]
    assert (config.in_flight_budget_gib, config.admission_rule) == (1200, "strict")
    assert (config.wait_min_seconds, config.wait_max_seconds, config.run_limit_hours) == (5, 60, 10)
    assert config.retire_stop_percent == 2.5
    assert config.notification_emails == ("a@example.com", "b@example.com")
    assert config.operator_role_arns == ("arn:aws:iam::123456789012:role/team/operator",)
    assert (config.log_retention_days, config.alarm_without_success_hours) == (365, 168)


def test_what_is_left_out_is_what_the_functions_take_as_default(tmp_path: Path) -> None:
    file = tmp_path / "short.toml"
    file.write_text("[[policy]]\nname = 'a'\nselect.tags.Archive = 'true'\nschedule.expression = 'rate(1 day)'")

    config = load_config(file, NOW)

    assert config.policies[0].policy == Policy(name="a", tags={"Archive": ("true",)})
    assert settings_of(file) == Settings("t", "b", "k", "s", "1", (config.policies[0].policy,))


def test_the_functions_read_from_their_environment_what_the_file_says() -> None:
    settings = settings_of(SEVERAL)
    assert Settings.from_env(settings.to_env()) == settings


def test_a_file_from_windows_is_read(tmp_path: Path) -> None:
    file = tmp_path / "windows.toml"
    file.write_bytes(b"\xef\xbb\xbf" + SEVERAL.read_bytes().replace(b"\n", b"\r\n"))
    assert load_config(file, NOW) == load_config(SEVERAL, NOW)


@pytest.mark.parametrize("name", ["archiver.toml", "archiver.local.toml"])
def test_the_files_that_come_with_the_project_are_valid(name: str) -> None:
    assert load_config(ROOT / name, NOW).policies[0].name == "nightly"


def test_an_original_is_kept_unless_the_policy_says_otherwise() -> None:
    policies = {scheduled.name: scheduled.policy for scheduled in load_config(SEVERAL, NOW).policies}
    assert {name: policy.original for name, policy in policies.items()} == {
        "web": "retire",
        "paused": "disable",
        "tiered": "retire",
        "instant": "keep",
        "deep": "keep",
        "standard": "keep",
    }
    assert policies["tiered"].retire == RetireRules(notify_days=3)
    assert policies["paused"].retire == RetireRules(approval="none")


def test_the_retirement_of_the_example_is_valid_when_it_is_uncommented_and_shows_the_defaults(tmp_path: Path) -> None:
    head, mark, rest = (ROOT / "archiver.toml").read_text().partition("# [policy.retire]")
    lines = (mark + rest.partition("# A second policy")[0]).splitlines()
    # The defaults are notify, no limit, and no rule.
    not_with_the_defaults = ("# approval_hours", "# max_gib_per_run", "# recycle_bin_days")
    table = [line.removeprefix("# ") for line in lines if not line.startswith(not_with_the_defaults)]
    file = tmp_path / "archiver.toml"
    file.write_text("\n".join([head.replace('# original = "keep"', 'original = "retire"'), *table]))
    (scheduled,) = load_config(file, NOW).policies
    assert (scheduled.policy.original, scheduled.policy.retire) == ("retire", RetireRules())
    assert len(lines) - len(table) == 3
    assert f"\n# approval_hours = {RetireRules().approval_hours} " in rest


def test_every_key_of_retirement_is_in_the_example() -> None:
    _, _, table = (ROOT / "archiver.toml").read_text().partition("# [policy.retire]")
    shown = [line.removeprefix("# ").partition(" = ")[0] for line in table.splitlines()]
    assert [key for key in shown if key in {f.name for f in fields(RetireRules)}][: len(fields(RetireRules))] == [
        f.name for f in fields(RetireRules)
    ]


def test_grouping_is_of_use_to_retirement_alone_too(tmp_path: Path) -> None:
    file = tmp_path / "archiver.toml"
    file.write_text(
        "[[policy]]\nname = 'a'\noriginal = 'disable'\nschedule.expression = 'rate(1 day)'\n"
        "select = { tags = { Archive = 'true' }, group_by_tag = 'Family' }"
    )
    assert load_config(file, NOW).policies[0].policy.group_by_tag == "Family"


def test_the_second_policy_of_the_example_is_valid_when_it_is_uncommented(tmp_path: Path) -> None:
    head, mark, second = (ROOT / "archiver.toml").read_text().partition("# [[policy]]\n")
    file = tmp_path / "archiver.toml"
    file.write_text(head + "".join(line.removeprefix("# ") for line in (mark + second).splitlines(keepends=True)))
    nightly, golden = (scheduled.policy for scheduled in load_config(file, NOW).policies)
    assert (nightly.name, nightly.original) == ("nightly", "keep")
    assert (golden.name, golden.original, golden.retire.approval) == ("golden", "retire", "explicit")


def test_every_default_that_the_example_shows_is_the_default(tmp_path: Path) -> None:
    example = (ROOT / "archiver.toml").read_text().splitlines()
    shown = {
        key.strip(): value.partition("#")[0].strip()
        for key, _, value in (line.removeprefix("# ").partition("=") for line in example if line.startswith("# "))
    }
    assert (shown["admission_rule"], shown["wait_min_seconds"], shown["wait_max_seconds"]) == ('"aws"', "30", "900")
    assert (shown["run_limit_hours"], shown["log_retention_days"], shown["retire_stop_percent"]) == ("20", "90", "10")
    assert (shown["alarm_without_success_hours"], shown["attempts"]) == ("26", "3")


@pytest.mark.parametrize(
    "expression",
    [
        "cron(0 2 * * ? *)",
        "cron(0/15 8-18 ? JAN-MAR,DEC 2-6 2026/2)",
        "cron(0 0 LW * ? *)",
        "cron(0 0 15W * ? *)",
        "cron(0 0 ? * FRIL *)",
        "cron(0 0 ? * 6#3 *)",
        "cron(0 0 ? * mon-fri *)",
        "rate(1 minute)",
        "rate(12 hours)",
        "at(2026-12-31T23:59:59)",
    ],
)
def test_expressions_that_eventbridge_scheduler_takes_are_taken(expression: str) -> None:
    assert schedule_expression.problem(expression) is None


def settings_of(file: Path) -> Settings:
    return load_config(file, NOW).settings(
        table_name="t", bucket_name="b", bucket_key_arn="k", topic_arn="s", account_id="1"
    )


def test_an_empty_object_prefix_means_the_root_of_the_bucket(tmp_path: Path) -> None:
    file = tmp_path / "archiver.toml"
    file.write_text(
        '[[policy]]\nname = "nightly"\n[policy.select]\ntags = { Archive = "true" }\n[policy.schedule]\n'
        'expression = "rate(1 day)"\n[policy.store]\nobject_prefix = ""\n'
    )
    assert load_config(file, NOW).policies[0].policy.object_prefix == ""
