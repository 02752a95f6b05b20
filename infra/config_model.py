"""What archiver.toml may contain, key by key. `config` reads the file and words the errors.

A field's description is what follows 'must be' in an error. Unknown keys are errors; types are strict.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal
from zoneinfo import available_timezones

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from ami_archiver.policy import ANY, PREFIX_FIELDS, Original
from infra import schedule_expression
from infra.config_retire import Retire
from infra.config_table import Table

LOG_RETENTION_DAYS = (
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731),
    *(1096, 1827, 2192, 2557, 2922, 3288, 3653),
)
"""What CloudWatch Logs knows."""
STORAGE_CLASSES = ("STANDARD_IA", "INTELLIGENT_TIERING", "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE")
MAX_OBJECT_TAGS = 3
"""An S3 object has ten tags; EC2 writes up to five (facts about the image), the archiver two."""
MAX_KEY_BYTES = 1024
MAX_ALARM_HOURS = 168
"""CloudWatch looks back no further, in periods of an hour."""
_LONGEST_FIELDS = {"account": "1" * 12, "region": "ap-southeast-99", "year": "2026", "month": "12", "day": "31"}
_FILE_NAME = "/ami-1234567890abcdef0.bin"


def _wrong(allowed: str) -> PydanticCustomError:
    return PydanticCustomError("not_allowed", "must be {allowed}", {"allowed": allowed})


def _one_or_list(value: object) -> object:
    """A single string stands for a list of one."""
    if isinstance(value, str):
        return [value]
    if not isinstance(value, list) or not value:
        raise _wrong("text or a list of at least one text")
    return value


def _unique(values: list[str]) -> list[str]:
    if len(set(values)) != len(values):
        raise _wrong("a list without duplicates")
    return values


def _text(least: int, most: int) -> AfterValidator:
    def check(text: str) -> str:
        if not least <= len(text) <= most:
            raise _wrong(f"text of {least} to {most} characters")
        return text

    return AfterValidator(check)


def _not_aws(text: str) -> str:
    if text.lower().startswith("aws:"):
        raise _wrong("without the prefix aws:, which AWS reserves")
    if text.lower().startswith("archiver:"):
        raise _wrong("without the prefix archiver:, which the archiver reserves for its own tags")
    return text


def _s3_characters(text: str) -> str:
    if not re.fullmatch(r"[\w +\-=.:/@]*", text):
        raise _wrong("made only of letters, digits, spaces and + - = . _ : / @, which S3 allows in tags")
    return text


def _pattern(text: str) -> str:
    if not text:
        raise _wrong("a shell pattern such as 'web-*', not empty")
    if found := re.search(r"[\^$\\|+{}]", text):
        raise _wrong(f"a shell pattern such as 'web-*', not a regular expression: no image's name has {found[0]}")
    if ".*" in text:
        raise _wrong(
            "a shell pattern such as 'web-*', not a regular expression: * alone is any text, [.]* a dot and any"
        )
    return text


def _regex(text: str) -> str:
    try:
        groups = re.compile(text).groups
    except re.error as error:
        raise _wrong(f"a regular expression ({error})") from error
    if groups != 1:
        raise _wrong(f"a regular expression with exactly one group in parentheses; it has {groups}")
    return text


def _expression(text: str) -> str:
    problem = schedule_expression.problem(text)
    if problem:
        raise PydanticCustomError("not_allowed", "{problem}", {"problem": problem})
    return text


def _time_zone(text: str) -> str:
    if text not in available_timezones():
        raise _wrong("a name of the IANA time zone database, such as Europe/Berlin or UTC")
    return text


def _email(text: str) -> str:
    if not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", text):
        raise _wrong("an e-mail address")
    return text


def _role_arn(text: str) -> str:
    if not re.fullmatch(r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+", text, re.ASCII):
        raise _wrong("the ARN of an IAM role, without wildcards: arn:aws:iam::123456789012:role/archive-operator")
    return text


def _parameter_prefix(text: str) -> str:
    if not re.fullmatch(r"/?[A-Za-z0-9_.-][A-Za-z0-9_./-]*", text):
        raise _wrong("the beginning of SSM parameters' names, such as '/golden/': of letters, digits and . - _ / only")
    if text.lstrip("/").lower().startswith(("aws", "ssm")):
        raise _wrong("without the prefixes aws and ssm, which AWS reserves")
    return text


def _prefix(text: str) -> str:
    """'' is the root of the bucket."""
    if not text:
        return text
    fields = re.findall(r"\{([^{}]*)\}", text)
    for field in fields:
        if field not in PREFIX_FIELDS:
            raise _wrong(
                f"made of text and {', '.join(f'{{{f}}}' for f in PREFIX_FIELDS)}; {{{field}}} is not one of them"
            )
    literal = re.sub(r"\{[^{}]*\}", "x", text)
    if not re.fullmatch(r"[A-Za-z0-9!_.*'()=/-]+", literal):
        raise _wrong("made only of letters, digits and ! - _ . * ' ( ) = / besides fields in braces")
    if any(part in ("", ".", "..") for part in literal.split("/")):
        raise _wrong("without a slash at the beginning or end, two slashes in a row, or the parts . and ..")
    return text


def longest_key_bytes(prefix: str, policy: str) -> int:
    """The length of the longest object key that the prefix can give."""
    return len(prefix.format(policy=policy, **_LONGEST_FIELDS)) + len(_FILE_NAME)


TagKey = Annotated[str, _text(1, 128)]
TagValues = Annotated[
    list[Annotated[str, _text(1, 256)]],
    BeforeValidator(_one_or_list),
    AfterValidator(_unique),
]
ObjectTagKey = Annotated[str, _text(1, 128), AfterValidator(_not_aws), AfterValidator(_s3_characters)]
ObjectTagValue = Annotated[str, _text(0, 256), AfterValidator(_s3_characters)]


class Select(Table):
    """`[policy.select]`: which images."""

    tags: dict[TagKey, TagValues] = Field(
        min_length=1,
        description="at least one tag: without any, the policy would store every image of the account",
    )
    exclude_tags: dict[TagKey, TagValues] = Field(default_factory=dict, description="a table of tags")
    name_patterns: Annotated[
        list[Annotated[str, AfterValidator(_pattern)]], BeforeValidator(_one_or_list), AfterValidator(_unique)
    ] = Field(default_factory=list, description="a list of shell patterns")
    min_age_days: float = Field(default=0, ge=0, le=36500, description="0 or more")
    keep_newest: int = Field(default=0, ge=0, description="0 or more")
    group_by_tag: TagKey | None = None
    group_by_name: Annotated[str, AfterValidator(_regex)] | None = None

    def contradictions(self) -> list[tuple[str, str]]:
        found: list[tuple[str, str]] = []
        if self.group_by_tag is not None and self.group_by_name is not None:
            found.append(("group_by_tag", "cannot be used together with group_by_name: an image is in one group"))
        for key, values in self.exclude_tags.items():
            wanted = self.tags.get(key)
            if wanted is not None and (ANY in values or set(wanted) <= set(values)):
                found.append((f"exclude_tags.{key}", "excludes every image that tags selects"))
        return found


class Schedule(Table):
    """`[policy.schedule]`: when."""

    expression: Annotated[str, AfterValidator(_expression)] = Field(description=schedule_expression.ALLOWED)
    time_zone: Annotated[str, AfterValidator(_time_zone)] = Field(default="UTC", description="a time zone's name")


class Store(Table):
    """`[policy.store]`: how many, where to."""

    window_hours: float | None = Field(default=None, gt=0, description="above 0")
    max_images_per_run: int | None = Field(default=None, ge=1, description="1 or more")
    max_gib_per_run: float | None = Field(default=None, gt=0, description="above 0")
    attempts: int = Field(default=3, ge=1, le=10, description="1 to 10")
    object_prefix: Annotated[str, AfterValidator(_prefix)] = Field(default="{policy}", description="text")
    object_tags: dict[ObjectTagKey, ObjectTagValue] = Field(
        default_factory=dict, max_length=MAX_OBJECT_TAGS, description=f"a table of at most {MAX_OBJECT_TAGS} tags"
    )
    storage_class: Literal["STANDARD_IA", "INTELLIGENT_TIERING", "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE"] | None = (
        Field(default=None, description=f"one of {', '.join(STORAGE_CLASSES)}; for STANDARD, leave the key out")
    )
    storage_class_after_days: int | None = Field(default=None, ge=0, le=36500, description="0 or more")

    def contradictions(self) -> list[tuple[str, str]]:
        found: list[tuple[str, str]] = []
        if (self.storage_class is None) != (self.storage_class_after_days is None):
            given, other = "storage_class", "storage_class_after_days"
            if self.storage_class is None:
                given, other = other, given
            found.append((given, f"needs {other}, too"))
        elif self.storage_class == "STANDARD_IA" and (self.storage_class_after_days or 0) < 30:
            found.append(("storage_class_after_days", "must be 30 or more for STANDARD_IA, because S3 requires it"))
        return found


class PolicyTable(Table):
    """`[[policy]]`."""

    name: str = Field(pattern=r"^[a-z0-9-]{1,32}$", description="1 to 32 characters of a-z, 0-9 and -")
    paused: bool = Field(default=False, description="true or false")
    original: Original = Field(default="keep", description="one of keep, disable, retire")
    select: Select
    schedule: Schedule
    store: Store = Field(default_factory=Store)
    retire: Retire = Field(default_factory=Retire)

    def contradictions(self) -> list[tuple[str, str]]:
        found: list[tuple[str, str]] = []
        if self.original == "keep" and self.gives("retire"):
            found.append(("retire", 'does nothing while original is "keep": set original = "disable" or "retire"'))
        found += [(f"retire.{key}", wrong) for key, wrong in self.retire.useless_with(self.original)]
        keeps_newest = self.select.keep_newest or (self.original != "keep" and self.retire.keep_newest)
        for key in ("group_by_tag", "group_by_name"):
            if getattr(self.select, key) is not None and not keeps_newest:
                found.append(
                    (f"select.{key}", "does nothing unless select.keep_newest or retire.keep_newest is 1 or more")
                )
        key_bytes = longest_key_bytes(self.store.object_prefix, self.name)
        if key_bytes > MAX_KEY_BYTES:
            found.append(
                (
                    "store.object_prefix",
                    f"makes object keys of {key_bytes} bytes, S3 allows {MAX_KEY_BYTES}: shorten it",
                )
            )
        return found


class Account(Table):
    """`[account]`: what all policies share."""

    in_flight_budget_gib: float = Field(default=600, gt=0, description="above 0")
    restore_budget_gib: float = Field(default=300, gt=0, description="above 0")
    parameter_prefixes: Annotated[
        list[Annotated[str, AfterValidator(_parameter_prefix)]], BeforeValidator(_one_or_list), AfterValidator(_unique)
    ] = Field(default_factory=list, description="a list of beginnings of SSM parameters' names")
    admission_rule: Literal["aws", "strict"] = Field(default="aws", description="one of aws, strict")
    wait_min_seconds: int = Field(default=30, ge=1, le=3600, description="1 to 3600")
    wait_max_seconds: int = Field(default=900, ge=1, le=21600, description="1 to 21600")
    run_limit_hours: float = Field(default=20, gt=0, le=168, description="above 0, at most 168")
    retire_stop_percent: float = Field(default=10, gt=0, le=100, description="above 0, at most 100")
    notification_emails: Annotated[list[Annotated[str, AfterValidator(_email)]], AfterValidator(_unique)] = Field(
        default_factory=list, description='a list of e-mail addresses: ["platform@example.com"]'
    )
    operator_role_arns: Annotated[list[Annotated[str, AfterValidator(_role_arn)]], AfterValidator(_unique)] = Field(
        default_factory=list, description='a list of roles\' ARNs: ["arn:aws:iam::123456789012:role/archive-operator"]'
    )
    log_retention_days: int = Field(default=90, description=f"one of {', '.join(map(str, LOG_RETENTION_DAYS))}")
    alarm_without_success_hours: int = Field(
        default=26, ge=0, le=MAX_ALARM_HOURS, description=f"1 to {MAX_ALARM_HOURS}, or 0 for no such alarm"
    )

    def contradictions(self) -> list[tuple[str, str]]:
        found: list[tuple[str, str]] = []
        if self.wait_min_seconds > self.wait_max_seconds:
            found.append(("wait_min_seconds", f"must be at most wait_max_seconds, which is {self.wait_max_seconds}"))
        if self.log_retention_days not in LOG_RETENTION_DAYS:
            found.append(("log_retention_days", f"must be one of {', '.join(map(str, LOG_RETENTION_DAYS))}"))
        return found


class ConfigFile(Table):
    """The whole file."""

    account: Account = Field(default_factory=Account)
    policy: list[PolicyTable] = Field(min_length=1, description="at least one [[policy]]")

    def contradictions(self) -> list[tuple[str, str]]:
        limit = self.account.run_limit_hours
        found = [
            (
                f'policy[{index}] "{policy.name}": select',
                f'finds nothing: every image of it belongs to policy[{before}] "{earlier.name}", which comes first: '
                "put the narrower policy first, or give them different tags or name_patterns",
            )
            for index, policy in enumerate(self.policy)
            for before, earlier in enumerate(self.policy[:index])
            if _owns_all_of(earlier.select, policy.select)
        ]
        return found + [
            (
                f'policy[{index}] "{policy.name}": store.window_hours',
                f"is {policy.store.window_hours:g}: must be at most account.run_limit_hours, which is {limit:g}",
            )
            for index, policy in enumerate(self.policy)
            if policy.store.window_hours is not None and policy.store.window_hours > limit
        ]


def _owns_all_of(earlier: Select, later: Select) -> bool:
    """Whether tags and names give each image of the later policy to the earlier one, whatever that then leaves out."""
    by_name = not earlier.name_patterns or ANY in earlier.name_patterns
    return (by_name or (later.name_patterns != [] and set(later.name_patterns) <= set(earlier.name_patterns))) and all(
        key in later.tags and (ANY in values or set(later.tags[key]) <= set(values))
        for key, values in earlier.tags.items()
    )
