"""archiver.toml → `Config`. Every error names file, key, value and what is allowed; all are listed at once."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ami_archiver.policy import Policy, RetireRules
from ami_archiver.settings import AdmissionRule, Settings
from infra import config_schedules
from infra.config_errors import sentence, sentences
from infra.config_model import ConfigFile, PolicyTable

MAX_CHARACTERS = 1_000_000
"""Hundreds of times what fits into a function's environment: a wrong file, which would take minutes to parse."""
MAX_ENVIRONMENT_BYTES = 4096
"""Lambda's limit on all environment variables of a function together."""
RESERVED_ENVIRONMENT_BYTES = 256
"""For what `functions` adds to `Settings.to_env()`."""


class ConfigError(Exception):
    """`str(error)` has one line for each thing that is wrong with the file."""


@dataclass(frozen=True, slots=True)
class ScheduledPolicy:
    """A policy as the functions know it, and what only the stack needs to know of it."""

    policy: Policy
    expression: str
    time_zone: str
    storage_class_after_days: int

    @property
    def name(self) -> str:
        return self.policy.name

    @property
    def storage_class(self) -> str | None:
        return self.policy.storage_class


@dataclass(frozen=True, slots=True)
class Config:
    """The whole configuration, valid."""

    policies: tuple[ScheduledPolicy, ...]
    in_flight_budget_gib: float = 600
    restore_budget_gib: float = 300
    parameter_prefixes: tuple[str, ...] = ()
    admission_rule: AdmissionRule = "aws"
    wait_min_seconds: int = 30
    wait_max_seconds: int = 900
    run_limit_hours: float = 20
    retire_stop_percent: float = 10
    notification_emails: tuple[str, ...] = ()
    operator_role_arns: tuple[str, ...] = ()
    log_retention_days: int = 90
    alarm_without_success_hours: int = 26
    """0: no such alarm."""

    def retire_rules(self) -> tuple[RetireRules, ...]:
        """One for each policy, whether it lets originals go or not."""
        return tuple(scheduled.policy.retire for scheduled in self.policies)

    def settings(
        self, *, table_name: str, bucket_name: str, bucket_key_arn: str, topic_arn: str, account_id: str
    ) -> Settings:
        """What the functions are told: this configuration, and the names of what the stack made."""
        return Settings(
            table_name=table_name,
            bucket_name=bucket_name,
            bucket_key_arn=bucket_key_arn,
            topic_arn=topic_arn,
            account_id=account_id,
            policies=tuple(scheduled.policy for scheduled in self.policies),
            in_flight_budget_gib=self.in_flight_budget_gib,
            restore_budget_gib=self.restore_budget_gib,
            parameter_prefixes=self.parameter_prefixes,
            admission_rule=self.admission_rule,
            wait_min_seconds=self.wait_min_seconds,
            wait_max_seconds=self.wait_max_seconds,
            run_limit_hours=self.run_limit_hours,
            retire_stop_percent=self.retire_stop_percent,
        )


def load_config(path: Path, now: datetime) -> Config:
    """Reads and validates the file; `now` decides which schedules are in the past. Raises ConfigError."""
    raw = _read(path)
    wrong = [*_duplicate_names(raw)]
    try:
        file = ConfigFile.model_validate(raw)
    except ValidationError as error:
        wrong = [*sentences(error, raw), *wrong]
    else:
        wrong += [sentence(*found, raw) for found in config_schedules.contradictions(file, now)]
    if wrong:
        raise ConfigError("\n".join(f"{path}: {sentence}" for sentence in wrong))
    config = _config(file)
    size = _environment_bytes(config)
    if size > MAX_ENVIRONMENT_BYTES:
        raise ConfigError(
            f"{path}: policy: the policies need {size} bytes of function environment: must be at most "
            f"{MAX_ENVIRONMENT_BYTES} in all (Lambda's limit): shorten patterns, tags and prefixes, or have fewer"
        )
    return config


def _read(path: Path) -> dict[str, Any]:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise ConfigError(f"{path}: there is no such file") from None
    except IsADirectoryError:
        raise ConfigError(f"{path}: is a directory, not a file") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8: {error.reason} at byte {error.start}") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    if len(text) > MAX_CHARACTERS:
        raise ConfigError(
            f"{path}: has {len(text)} characters: must be at most {MAX_CHARACTERS}; is it the right file?"
        )
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: is not TOML: {error}") from None
    except RecursionError:
        raise ConfigError(f"{path}: is nested too deep: must be tables of keys, as in archiver.toml") from None
    if not raw:
        raise ConfigError(f"{path}: is empty: must have at least one [[policy]]")
    return raw


def _duplicate_names(raw: Mapping[str, Any]) -> Iterator[str]:
    tables = raw.get("policy")
    names = [t.get("name") for t in tables if isinstance(t, dict)] if isinstance(tables, list) else []
    for name, count in Counter(n for n in names if isinstance(n, str)).items():
        if count > 1:
            where = ", ".join(f"policy[{i}]" for i, other in enumerate(names) if other == name)
            yield f'name is "{name}" in {where}: must be different in every policy'


def _config(file: ConfigFile) -> Config:
    account = file.account
    return Config(
        policies=tuple(_policy(table) for table in file.policy),
        in_flight_budget_gib=account.in_flight_budget_gib,
        restore_budget_gib=account.restore_budget_gib,
        parameter_prefixes=tuple(account.parameter_prefixes),
        admission_rule=account.admission_rule,
        wait_min_seconds=account.wait_min_seconds,
        wait_max_seconds=account.wait_max_seconds,
        run_limit_hours=account.run_limit_hours,
        retire_stop_percent=account.retire_stop_percent,
        notification_emails=tuple(account.notification_emails),
        operator_role_arns=tuple(account.operator_role_arns),
        log_retention_days=account.log_retention_days,
        alarm_without_success_hours=account.alarm_without_success_hours,
    )


def _policy(table: PolicyTable) -> ScheduledPolicy:
    select, store = table.select, table.store
    policy = Policy(
        name=table.name,
        tags={key: tuple(values) for key, values in select.tags.items()},
        exclude_tags={key: tuple(values) for key, values in select.exclude_tags.items()},
        name_patterns=tuple(select.name_patterns),
        min_age_days=select.min_age_days,
        keep_newest=select.keep_newest,
        group_by_tag=select.group_by_tag,
        group_by_name=select.group_by_name,
        window_hours=store.window_hours,
        max_images_per_run=store.max_images_per_run,
        max_gib_per_run=store.max_gib_per_run,
        attempts=store.attempts,
        object_prefix=store.object_prefix,
        object_tags=dict(store.object_tags),
        storage_class=store.storage_class,
        paused=table.paused,
        original=table.original,
        retire=table.retire.rules(),
    )
    return ScheduledPolicy(
        policy=policy,
        expression=table.schedule.expression,
        time_zone=table.schedule.time_zone,
        storage_class_after_days=store.storage_class_after_days or 0,
    )


def _environment_bytes(config: Config) -> int:
    """How long the functions' environment will be, with the longest names that CloudFormation makes."""
    longest = config.settings(
        table_name="T" * 80, bucket_name="b" * 63, bucket_key_arn="k" * 90, topic_arn="t" * 130, account_id="1" * 12
    ).to_env()
    return RESERVED_ENVIRONMENT_BYTES + sum(len(name) + len(value.encode()) for name, value in longest.items())
