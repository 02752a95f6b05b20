"""Every error of archiver.toml names the file, the key, the value and what is allowed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from infra.config import ConfigError, load_config
from tests.infra.conftest import NOW

POLICY = """
[[policy]]
name = "nightly"
[policy.select]
tags = { Archive = "true" }
[policy.schedule]
expression = "cron(0 2 * * ? *)"
[policy.store]
"""
A = 'policy[0] "nightly": '
CRON = "cron(minutes hours day-of-month month day-of-week year), rate(N minutes|hours|days) or at(yyyy-mm-ddThh:mm:ss)"
CRON_FIELDS = "minutes hours day-of-month month day-of-week year"
CHARACTERS = "must be made only of letters, digits, spaces and + - = . _ : / @, which S3 allows in tags"
PREFIX_CHARACTERS = "must be made only of letters, digits and ! - _ . * ' ( ) = / besides fields in braces"
PREFIX_PARTS = "must be without a slash at the beginning or end, two slashes in a row, or the parts . and .."
PREFIX_FIELDS = "must be made of text and {policy}, {account}, {region}, {year}, {month}, {day}"
CLASSES = (
    "must be one of STANDARD_IA, INTELLIGENT_TIERING, GLACIER_IR, GLACIER, DEEP_ARCHIVE; for STANDARD, leave the key "
    "out"
)
RETENTION = (
    "must be one of 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, "
    "3653"
)
NO_TAG = "at least one tag: without any, the policy would store every image of the account"
NAME = "must be 1 to 32 characters of a-z, 0-9 and -"

ROLE = "arn:aws:iam::123456789012:role/archive-operator"
NOT_A_ROLE = (
    "arn:aws:iam::123456789012:role/*",
    "*",
    "arn:aws:iam::*:role/operator",
    "arn:aws:iam::123456789012:user/anna",
    "arn:aws:iam::123456789012:root",
    "arn:aws:sts::123456789012:assumed-role/operator/anna",
    "operator",
)

ACCOUNT = [
    ("restore_budget_gib = 0", "is 0: must be above 0"),
    ("in_flight_budget_gib = 0", "is 0: must be above 0"),
    ('in_flight_budget_gib = "600"', 'is "600": must be a number, above 0'),
    ("in_flight_budget_gib = inf", "is Infinity: must be a finite number, above 0"),
    ("in_flight_budget_gib = true", "is true: must be a number, above 0"),
    ('admission_rule = "AWS"', 'is "AWS": must be one of aws, strict'),
    ("wait_min_seconds = 0", "is 0: must be 1 to 3600"),
    ("wait_min_seconds = 1.5", "is 1.5: must be a whole number, 1 to 3600"),
    ("wait_max_seconds = 21601", "is 21601: must be 1 to 21600"),
    ("run_limit_hours = 169", "is 169: must be above 0, at most 168"),
    (
        'notification_emails = "a@example.com"',
        'is "a@example.com": must be a list of e-mail addresses: ["platform@example.com"]',
    ),
    ('operator_role_arns = "admin"', f'is "admin": must be a list of roles\' ARNs: ["{ROLE}"]'),
    (
        'notification_emails = ["a@example.com", "a@example.com"]',
        'is ["a@example.com", "a@example.com"]: must be a list without duplicates',
    ),
    ("log_retention_days = 8", f"is 8: {RETENTION}"),
    ("alarm_without_success_hours = 169", "is 169: must be 1 to 168, or 0 for no such alarm"),
    ("retire_stop_percent = 0", "is 0: must be above 0, at most 100"),
    ("retire_stop_percent = 100.5", "is 100.5: must be above 0, at most 100"),
    ('retire_stop_percent = "10 %"', 'is "10 %": must be a number, above 0, at most 100'),
]

SELECT = [
    ("min_age_days = -3", "is -3: must be 0 or more"),
    ('min_age_days = "3"', 'is "3": must be a number, 0 or more'),
    ("min_age_days = 2026-01-01", "is 2026-01-01: must be a number, 0 or more"),
    ("keep_newest = -1", "is -1: must be 0 or more"),
    ("keep_newest = 1.0", "is 1.0: must be a whole number, 0 or more"),
    ("name_patterns = 3", "is 3: must be text or a list of at least one text"),
    ("name_patterns = []", "is []: must be text or a list of at least one text"),
    (
        'group_by_tag = "Family"',
        'is "Family": does nothing unless select.keep_newest or retire.keep_newest is 1 or more',
    ),
    (
        'group_by_name = "^(a)(b)$"',
        'is "^(a)(b)$": must be a regular expression with exactly one group in parentheses; it has 2',
    ),
    (
        'group_by_name = "^a$"',
        'is "^a$": must be a regular expression with exactly one group in parentheses; it has 0',
    ),
    (
        'group_by_name = "("',
        'is "(": must be a regular expression (missing ), unterminated subpattern at position 0)',
    ),
    ('exclude_tags = "Hold"', 'is "Hold": must be a table of tags'),
]

STORE = [
    ("window_hours = 0", "is 0: must be above 0"),
    ("window_hours = 21", "is 21: must be at most account.run_limit_hours, which is 20"),
    ("max_images_per_run = 0", "is 0: must be 1 or more"),
    ("max_gib_per_run = -0.5", "is -0.5: must be above 0"),
    ("attempts = 11", "is 11: must be 1 to 10"),
    ("attempts = true", "is true: must be a whole number, 1 to 10"),
    ('object_prefix = "{yeer}"', f'is "{{yeer}}": {PREFIX_FIELDS}; {{yeer}} is not one of them'),
    ('object_prefix = "{policy!r}"', f'is "{{policy!r}}": {PREFIX_FIELDS}; {{policy!r}} is not one of them'),
    ('object_prefix = "{policy"', f'is "{{policy": {PREFIX_CHARACTERS}'),
    ('object_prefix = "a b"', f'is "a b": {PREFIX_CHARACTERS}'),
    ('object_prefix = "/a"', f'is "/a": {PREFIX_PARTS}'),
    ('object_prefix = "a//b"', f'is "a//b": {PREFIX_PARTS}'),
    ('object_prefix = "../a"', f'is "../a": {PREFIX_PARTS}'),
    (
        'object_tags = { a = "1", b = "2", c = "3", d = "4" }',
        'is {"a": "1", "b": "2", "c": "3", "d": "4"}: must be a table of at most 3 tags',
    ),
    ('storage_class = "COLD"', f'is "COLD": {CLASSES}'),
    ('storage_class = "STANDARD"', f'is "STANDARD": {CLASSES}'),
    ('storage_class = "GLACIER"', 'is "GLACIER": needs storage_class_after_days, too'),
    ("storage_class_after_days = 1", "is 1: needs storage_class, too"),
    (
        'storage_class_after_days = 29\nstorage_class = "STANDARD_IA"',
        "is 29: must be 30 or more for STANDARD_IA, because S3 requires it",
    ),
]

USES = "instances, launch-templates, auto-scaling, ssm-parameters, image-builder"
RETIRE = [
    ("after_verified_days = -1", "is -1: must be 0 to 36500"),
    ("after_verified_days = 36501", "is 36501: must be 0 to 36500"),
    ('after_verified_days = "30"', 'is "30": must be a number, 0 to 36500'),
    ("after_disabled_days = -0.5", "is -0.5: must be 0 to 36500"),
    ("after_disabled_days = nan", "is NaN: must be a finite number, 0 to 36500"),
    ("keep_newest = -1", "is -1: must be 0 or more"),
    ("keep_newest = 1.5", "is 1.5: must be a whole number, 0 or more"),
    ("not_launched_days = -1", "is -1: must be 0 to 36500"),
    ("template_versions = 0", "is 0: must be 1 to 10000"),
    ("template_versions = 10001", "is 10001: must be 1 to 10000"),
    ("template_versions = true", "is true: must be a whole number, 1 to 10000"),
    ('ignore_unknown_uses = "image-builder"', f'is "image-builder": must be a list of {USES}'),
    ('allow_shared = "yes"', 'is "yes": must be true or false'),
    ("allow_shared = 1", "is 1: must be true or false"),
    ('approval = "auto"', 'is "auto": must be one of none, notify, explicit'),
    ("approval = false", "is false: must be one of none, notify, explicit"),
    ("notify_days = 0", "is 0: must be above 0, at most 365: people need time to object"),
    ("notify_days = 366", "is 366: must be above 0, at most 365: people need time to object"),
    ("approval_hours = 0", "is 0: must be 1 to 720"),
    ("approval_hours = 721", "is 721: must be 1 to 720"),
    ("approval_hours = 1.5", "is 1.5: must be a whole number, 1 to 720"),
    ("max_images_per_run = 0", "is 0: must be 1 to 1000"),
    ("max_images_per_run = 1001", "is 1001: must be 1 to 1000"),
    ("max_gib_per_run = 0", "is 0: must be above 0"),
    ("recycle_bin_days = 0", "is 0: must be 1 to 365"),
    ("recycle_bin_days = 366", "is 366: must be 1 to 365"),
    ("recycle_bin_days = 1.5", "is 1.5: must be a whole number, 1 to 365"),
    ('notify_days = 7\napproval = "none"', 'is 7: does nothing without approval = "notify"'),
    ('notify_days = 7\napproval = "explicit"', 'is 7: does nothing without approval = "notify"'),
    ("approval_hours = 72", 'is 72: does nothing without approval = "explicit"'),
    ('approval_hours = 72\napproval = "none"', 'is 72: does nothing without approval = "explicit"'),
]

SCHEDULE = [
    ('expression = "nightly"', f'is "nightly": must be {CRON}'),
    (
        'expression = "cron(0 2 * * *)"',
        f'is "cron(0 2 * * *)": must have 6 fields in cron(...): {CRON_FIELDS}; it has 5',
    ),
    (
        'expression = "cron(0 24 * * ? *)"',
        "is \"cron(0 24 * * ? *)\": must have 0-23 or * in the field hours, not '24'",
    ),
    (
        'expression = "cron(0 2 * * MOON *)"',
        "is \"cron(0 2 * * MOON *)\": must have 1-7 or SUN-SAT or * in the field day-of-week, not 'MOON'",
    ),
    (
        'expression = "cron(0 2 * * * *)"',
        'is "cron(0 2 * * * *)": must have ? in exactly one of the fields day-of-month and day-of-week',
    ),
    (
        'expression = "cron(0/0 2 * * ? *)"',
        "is \"cron(0/0 2 * * ? *)\": must have 0-59 or * in the field minutes, not '0/0'",
    ),
    (
        'expression = "rate(0 hours)"',
        'is "rate(0 hours)": must be rate(N minutes|hours|days) with a whole N of 1 or more',
    ),
    (
        'expression = "rate(1 week)"',
        'is "rate(1 week)": must be rate(N minutes|hours|days) with a whole N of 1 or more',
    ),
    (
        'expression = "at(2026-02-30T02:00:00)"',
        'is "at(2026-02-30T02:00:00)": must be at(yyyy-mm-ddThh:mm:ss), without a time zone: the key time_zone has it',
    ),
    (
        'time_zone = "Berlin"',
        'is "Berlin": must be a name of the IANA time zone database, such as Europe/Berlin or UTC',
    ),
]

TAGS = [
    (
        "{ }",
        f"select.tags is {{}}: must be {NO_TAG}",
    ),
    (
        '"Archive"',
        f'select.tags is "Archive": must be a table, {NO_TAG}',
    ),
    ("{ Archive = 3 }", "select.tags.Archive is 3: must be text or a list of at least one text"),
    ("{ Archive = [] }", "select.tags.Archive is []: must be text or a list of at least one text"),
    ('{ Archive = "" }', 'select.tags.Archive[0] is "": must be text of 1 to 256 characters'),
    ('{ "a.b" = 3 }', 'select.tags."a.b" is 3: must be text or a list of at least one text'),
    ('{ "" = "x" }', 'select.tags has the key "": must be text of 1 to 128 characters'),
]

OBJECT_TAGS = [
    (
        '{ "aws:x" = "y" }',
        'store.object_tags has the key "aws:x": must be without the prefix aws:, which AWS reserves',
    ),
    (
        '{ "archiver:policy" = "y" }',
        'store.object_tags has the key "archiver:policy": must be without the prefix archiver:, which the '
        "archiver reserves for its own tags",
    ),
    ('{ "a#" = "y" }', f'store.object_tags has the key "a#": {CHARACTERS}'),
    ('{ a = "y#" }', f'store.object_tags.a is "y#": {CHARACTERS}'),
    ("{ a = 1 }", "store.object_tags.a is 1: must be text"),
]

STACK_TAGS = "the stack's own tags are given to `cdk deploy --tags`, those that select images to [policy.select]"
UNKNOWN = [
    ("[account]\nin_flight_budget = 600", "account.in_flight_budget is not a key: did you mean in_flight_budget_gib?"),
    ("[account]\nattempts = 3", "account.attempts is not a key: it belongs in [policy.store]"),
    ("[account]\ntemplate_versions = 3", "account.template_versions is not a key: it belongs in [policy.retire]"),
    ("wait_min_seconds = 3", "wait_min_seconds is not a key: it belongs in [account]"),
    ("[[policies]]", "policies is not a key: did you mean policy?"),
    ("[account]\ntags = { Team = 'a' }", f"account.tags is not a key: {STACK_TAGS}"),
    ("tags = { Team = 'a' }", f"tags is not a key: {STACK_TAGS}"),
    (
        "[store]\nattempts = 2",
        "store is not a key: it belongs to a policy: write [policy.store], below the [[policy]]",
    ),
]


@pytest.fixture
def errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """What load_config says about a file, line by line."""
    monkeypatch.chdir(tmp_path)

    def of(content: str | bytes) -> list[str]:
        file = Path("archiver.toml")
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        with pytest.raises(ConfigError) as raised:
            load_config(file, NOW)
        return str(raised.value).splitlines()

    return of


@pytest.mark.parametrize(("line", "wrong"), ACCOUNT)
def test_a_wrong_account_setting_is_named(errors, line: str, wrong: str) -> None:
    assert errors(f"[account]\n{line}\n{POLICY}") == [f"archiver.toml: account.{key_of(line)} {wrong}"]


@pytest.mark.parametrize(("line", "wrong"), SELECT)
def test_a_wrong_selection_is_named(errors, line: str, wrong: str) -> None:
    file = POLICY.replace("[policy.schedule]", f"{line}\n[policy.schedule]")
    assert errors(file) == [f"archiver.toml: {A}select.{key_of(line)} {wrong}"]


@pytest.mark.parametrize(("line", "wrong"), STORE)
def test_a_wrong_store_setting_is_named(errors, line: str, wrong: str) -> None:
    assert errors(POLICY + line) == [f"archiver.toml: {A}store.{key_of(line)} {wrong}"]


@pytest.mark.parametrize(("line", "wrong"), RETIRE)
def test_a_wrong_setting_of_retirement_is_named(errors, line: str, wrong: str) -> None:
    file = POLICY.replace("[policy.select]", 'original = "retire"\n[policy.select]') + f"[policy.retire]\n{line}"
    assert errors(file) == [f"archiver.toml: {A}retire.{key_of(line)} {wrong}"]


def test_a_kind_of_use_that_nobody_knows_is_named(errors) -> None:
    file = POLICY.replace("[policy.select]", 'original = "retire"\n[policy.select]')
    file += '[policy.retire]\nignore_unknown_uses = ["image-builder", "lambda"]'
    assert errors(file) == [f'archiver.toml: {A}retire.ignore_unknown_uses[1] is "lambda": must be one of {USES}']


@pytest.mark.parametrize("original", ['"delete"', "true", '["keep"]'])
def test_what_happens_to_an_original_is_one_of_three_things(errors, original: str) -> None:
    file = POLICY.replace("[policy.select]", f"original = {original}\n[policy.select]")
    assert errors(file) == [f"archiver.toml: {A}original is {original}: must be one of keep, disable, retire"]


@pytest.mark.parametrize("table", ["keep_newest = 2", 'approval = "none"', ""])
def test_rules_of_retirement_for_originals_that_are_kept_are_a_contradiction(errors, table: str) -> None:
    for original in ("", 'original = "keep"\n'):
        file = POLICY.replace("[policy.select]", f"{original}[policy.select]") + f"[policy.retire]\n{table}"
        (line,) = errors(file)
        assert line.startswith(f"archiver.toml: {A}retire is {{")
        assert line.endswith('}: does nothing while original is "keep": set original = "disable" or "retire"')


@pytest.mark.parametrize("key", ["after_disabled_days", "recycle_bin_days"])
def test_what_is_about_deregistering_is_useless_where_originals_are_only_disabled(errors, key: str) -> None:
    file = POLICY.replace("[policy.select]", 'original = "disable"\n[policy.select]')
    assert errors(f"{file}[policy.retire]\n{key} = 30") == [
        f'archiver.toml: {A}retire.{key} is 30: does nothing without original = "retire"'
    ]


@pytest.mark.parametrize("original", ["keep", "retire"])
def test_a_group_is_useless_when_none_of_its_newest_is_kept(errors, original: str) -> None:
    file = POLICY.replace("[policy.select]", f'original = "{original}"\n[policy.select]')
    file = file.replace("[policy.schedule]", "group_by_name = '(a)'\n[policy.schedule]")
    file += "[policy.retire]\nkeep_newest = 0" if original == "retire" else ""
    assert errors(file) == [
        f'archiver.toml: {A}select.group_by_name is "(a)": '
        "does nothing unless select.keep_newest or retire.keep_newest is 1 or more"
    ]


@pytest.mark.parametrize(("line", "wrong"), SCHEDULE)
def test_a_wrong_schedule_is_named(errors, line: str, wrong: str) -> None:
    key = key_of(line)
    file = POLICY.replace(
        'expression = "cron(0 2 * * ? *)"', line if key == "expression" else f'expression = "rate(1 day)"\n{line}'
    )
    assert errors(file) == [f"archiver.toml: {A}schedule.{key} {wrong}"]


@pytest.mark.parametrize(("tags", "wrong"), TAGS)
def test_wrong_tags_of_images_are_named(errors, tags: str, wrong: str) -> None:
    assert errors(POLICY.replace('{ Archive = "true" }', tags)) == [f"archiver.toml: {A}{wrong}"]


@pytest.mark.parametrize(("tags", "wrong"), OBJECT_TAGS)
def test_object_tags_that_s3_would_refuse_are_named(errors, tags: str, wrong: str) -> None:
    assert errors(f"{POLICY}object_tags = {tags}") == [f"archiver.toml: {A}{wrong}"]


@pytest.mark.parametrize(("text", "wrong"), UNKNOWN)
def test_an_unknown_key_suggests_the_nearest_known_one_or_its_table(errors, text: str, wrong: str) -> None:
    assert errors(f"{text}\n{POLICY}") == [f"archiver.toml: {wrong}"]


def test_no_key_of_another_meaning_is_suggested_for_deleting_objects_which_nothing_here_does(errors) -> None:
    (line,) = errors(f"{POLICY}expire_after_days = 365")
    assert line.startswith(f"archiver.toml: {A}store.expire_after_days is not a key: the keys are window_hours, ")


@pytest.mark.parametrize("sign", ["^", "$", "\\", "|", "+", "{", "}"])
def test_a_regular_expression_is_no_name_pattern(errors, sign: str) -> None:
    file = POLICY.replace("[policy.schedule]", f"name_patterns = ['ok-*', 'web{sign}']\n[policy.schedule]")
    assert errors(file) == [
        f"archiver.toml: {A}select.name_patterns[1] is {json.dumps(f'web{sign}')}: must be a shell pattern such as "
        f"'web-*', not a regular expression: no image's name has {sign}"
    ]


def test_any_text_is_an_asterisk_alone_in_a_name_pattern(errors) -> None:
    file = POLICY.replace("[policy.schedule]", "name_patterns = 'web.*'\n[policy.schedule]")
    assert errors(file) == [
        f"archiver.toml: {A}select.name_patterns[0] is \"web.*\": must be a shell pattern such as 'web-*', "
        "not a regular expression: * alone is any text, [.]* a dot and any"
    ]


@pytest.mark.parametrize("arn", NOT_A_ROLE)
def test_an_operator_is_one_role_and_never_a_wildcard(errors, arn: str) -> None:
    assert errors(f'[account]\noperator_role_arns = ["{arn}"]\n{POLICY}') == [
        f'archiver.toml: account.operator_role_arns[0] is "{arn}": '
        f"must be the ARN of an IAM role, without wildcards: {ROLE}"
    ]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ('{ Archive = "true" }', '{ Archive = "true", Team = "web" }'),
        ('{ Archive = "*" }', '{ Archive = "true" }'),
        ('{ Archive = ["true", "yes"] }', '{ Archive = "yes" }'),
        ('{ Archive = "true" }, exclude_tags = { Team = "web" }', '{ Archive = "true", Team = "web" }'),
        ('{ Archive = "true" }, name_patterns = ["web-*", "api-*"]', '{ Archive = "true" }, name_patterns = "api-*"'),
        ('{ Archive = "true" }, name_patterns = "*"', '{ Archive = "true" }, name_patterns = "api-*"'),
    ],
)
def test_a_policy_that_comes_after_one_that_owns_all_its_images_is_refused(errors, first: str, second: str) -> None:
    assert errors(two_policies(first, second)) == [
        'archiver.toml: policy[1] "second": select finds nothing: every image of it belongs to policy[0] "first", '
        "which comes first: put the narrower policy first, or give them different tags or name_patterns"
    ]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ('{ Archive = "true", Team = "web" }', '{ Archive = "true" }'),
        ('{ Archive = "true" }', '{ Archive = "*" }'),
        ('{ Archive = "true" }', '{ Archive = ["true", "yes"] }'),
        ('{ Archive = "true" }, name_patterns = "api-*"', '{ Archive = "true" }'),
        ('{ Archive = "true" }, name_patterns = "api-*"', '{ Archive = "true" }, name_patterns = ["api-*", "web-*"]'),
    ],
)
def test_a_policy_that_can_find_images_of_its_own_is_taken(tmp_path: Path, first: str, second: str) -> None:
    (tmp_path / "archiver.toml").write_text(two_policies(first, second))
    assert len(load_config(tmp_path / "archiver.toml", NOW).policies) == 2


@pytest.mark.parametrize("key", ["retention", "legal_hold"])
def test_what_later_versions_will_know_is_unknown_now(errors, key: str) -> None:
    file = POLICY.replace("[policy.select]", f'{key} = "x"\n[policy.select]', 1)
    assert errors(file) == [
        f"archiver.toml: {A}{key} is not a key: the keys are name, paused, original, select, schedule, store, retire"
    ]


@pytest.mark.parametrize("name", ["Nightly", "a b", "", "x" * 33])
def test_a_policy_name_that_does_not_fit_into_keys_and_tags_is_refused(errors, name: str) -> None:
    assert errors(POLICY.replace("nightly", name)) == [f'archiver.toml: policy[0] "{name}": name is "{name}": {NAME}']


def test_a_missing_key_is_named(errors) -> None:
    assert errors("[[policy]]\nname = 'nightly'\nselect = {}") == [
        f"archiver.toml: {A}select.tags is missing",
        f"archiver.toml: {A}schedule is missing",
    ]
    assert errors("[[policy]]\npaused = 3")[0] == "archiver.toml: policy[0]: name is missing"


def test_two_ways_of_grouping_contradict_each_other(errors) -> None:
    file = POLICY.replace(
        "[policy.schedule]", "keep_newest = 1\ngroup_by_tag = 'a'\ngroup_by_name = '(b)'\n[policy.schedule]"
    )
    assert errors(file) == [
        f'archiver.toml: {A}select.group_by_tag is "a": cannot be used together with group_by_name: '
        "an image is in one group"
    ]


@pytest.mark.parametrize("excluded", ['"*"', '"true"', '["false", "true"]'])
def test_excluding_all_that_is_selected_is_a_contradiction(errors, excluded: str) -> None:
    file = POLICY.replace("[policy.schedule]", f"exclude_tags = {{ Archive = {excluded} }}\n[policy.schedule]")
    (line,) = errors(file)
    assert line.startswith(f"archiver.toml: {A}select.exclude_tags.Archive is ")
    assert line.endswith(": excludes every image that tags selects")


def test_the_shortest_wait_must_not_be_longer_than_the_longest(errors) -> None:
    assert errors(f"[account]\nwait_min_seconds = 60\nwait_max_seconds = 30\n{POLICY}") == [
        "archiver.toml: account.wait_min_seconds is 60: must be at most wait_max_seconds, which is 30"
    ]


def test_two_policies_of_one_name_are_refused(errors) -> None:
    assert errors(POLICY + POLICY.replace("Archive", "Role")) == [
        'archiver.toml: name is "nightly" in policy[0], policy[1]: must be different in every policy'
    ]


def test_an_object_key_that_would_be_too_long_for_s3_is_refused(errors) -> None:
    prefix = "x" * 1000
    assert errors(f'{POLICY}object_prefix = "{prefix}"') == [
        f'archiver.toml: {A}store.object_prefix is "{"x" * 96}...: '
        "makes object keys of 1026 bytes, S3 allows 1024: shorten it"
    ]


def test_policies_that_do_not_fit_into_a_functions_environment_are_refused(errors) -> None:
    many = "".join(
        POLICY.replace("nightly", f"policy-{number}").replace("Archive", f"Archive{number}") for number in range(70)
    )
    (line,) = errors(many)
    assert line.startswith("archiver.toml: policy: the policies need ")
    assert "bytes of function environment: must be at most 4096 in all (Lambda's limit)" in line


def test_all_errors_of_a_file_are_listed_at_once(errors) -> None:
    file = f"[account]\nwait_min_seconds = 0\n{POLICY}attempts = 0\n{POLICY}retries = 3\n"
    assert errors(file) == [
        "archiver.toml: account.wait_min_seconds is 0: must be 1 to 3600",
        f"archiver.toml: {A}store.attempts is 0: must be 1 to 10",
        'archiver.toml: policy[1] "nightly": store.retries is not a key: the keys are window_hours, '
        "max_images_per_run, max_gib_per_run, attempts, object_prefix, object_tags, storage_class, "
        "storage_class_after_days",
        'archiver.toml: name is "nightly" in policy[0], policy[1]: must be different in every policy',
    ]


def test_what_is_not_a_configuration_file_is_said_plainly(errors) -> None:
    assert errors("") == ["archiver.toml: is empty: must have at least one [[policy]]"]
    assert errors("[account]") == ["archiver.toml: policy is missing"]
    assert errors("policy = []") == ["archiver.toml: policy is []: must be at least one [[policy]]"]
    assert errors("[policy]\nname = 'x'") == [
        'archiver.toml: policy is {"name": "x"}: must be written [[policy]], with double brackets'
    ]
    assert errors("[[policy]") == [
        "archiver.toml: is not TOML: Expected ']]' at the end of an array declaration (at line 1, column 9)"
    ]
    assert errors(b"name = '\xff'") == ["archiver.toml: is not UTF-8: invalid start byte at byte 8"]
    assert errors(POLICY.encode("utf-16"))[0].startswith("archiver.toml: is not UTF-8: ")
    assert errors("name = 'a\0b'")[0].startswith("archiver.toml: is not TOML: ")


def test_a_file_that_is_huge_or_nested_without_end_is_refused_at_once(errors) -> None:
    assert errors(f"{POLICY}# {'x' * 1_000_000}") == [
        f"archiver.toml: has {len(POLICY) + 1_000_002} characters: must be at most 1000000; is it the right file?"
    ]
    assert errors(f"policy = {'[' * 20_000}{']' * 20_000}") == [
        "archiver.toml: is nested too deep: must be tables of keys, as in archiver.toml"
    ]


def test_a_file_that_is_missing_or_a_directory_is_said_plainly(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.toml: there is no such file"):
        load_config(tmp_path / "absent.toml", NOW)
    with pytest.raises(ConfigError, match="is a directory, not a file"):
        load_config(tmp_path, NOW)


def key_of(line: str) -> str:
    return line.partition(" =")[0]


def two_policies(first: str, second: str) -> str:
    return "".join(
        f'[[policy]]\nname = "{name}"\nselect = {{ tags = {select} }}\nschedule.expression = "rate(1 day)"\n'
        for name, select in (("first", first), ("second", second))
    )


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ('"/"', r'parameter_prefixes\[0\] is "/": must be the beginning of SSM parameters'),
        ('"/golden/*"', "must be the beginning of SSM parameters' names, such as '/golden/'"),
        ('"/aws/x"', "must be without the prefixes aws and ssm, which AWS reserves"),
        ('""', "must be the beginning of SSM parameters' names"),
        ("5", "must be text or a list of at least one text"),
        ('["/a", "/a"]', "must be a list without duplicates"),
    ],
)
def test_a_prefix_of_parameters_that_cannot_be_one_is_refused(tmp_path: Path, given: str, what: str) -> None:
    config = tmp_path / "archiver.toml"
    config.write_text(f"[account]\nparameter_prefixes = {given}\n{POLICY}")
    with pytest.raises(ConfigError, match=what):
        load_config(config, NOW)
