"""What the functions are told by their environment: written at synth by `to_env`, read by `from_env`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Any, Literal

from ami_archiver.errors import BadSettings
from ami_archiver.policy import Policy
from ami_archiver.serialization import Unreadable, dump, read, stored_as

AdmissionRule = Literal["aws", "strict"]


@dataclass(frozen=True, slots=True)
class Settings:
    """One stack's settings, the same for all of its functions.

    `policies` travel as one JSON text without defaults; Lambda allows 4 KB of environment in all, which synth checks.
    """

    table_name: str
    bucket_name: str
    bucket_key_arn: str
    topic_arn: str
    account_id: str
    policies: tuple[Policy, ...]
    in_flight_budget_gib: float = 600
    restore_budget_gib: float = 300
    """AWS's limit on the images that are being restored, by their size after the restore."""
    parameter_prefixes: tuple[str, ...] = ()
    """How the names of SSM parameters begin that a restore may point at the new image."""
    admission_rule: AdmissionRule = "aws"
    wait_min_seconds: int = 30
    wait_max_seconds: int = 900
    retire_stop_percent: float = 10
    """More than this share of the account's images in one run: none of them goes, and a person is told."""
    run_limit_hours: float = 20
    """A run that is still waiting for a store after this long ends; the next run adopts what is left."""

    @property
    def run_limit(self) -> timedelta:
        return timedelta(hours=self.run_limit_hours)

    def policy(self, name: str) -> Policy | None:
        return next((policy for policy in self.policies if policy.name == name), None)

    @property
    def retiring(self) -> tuple[Policy, ...]:
        """The policies whose originals may go."""
        return tuple(policy for policy in self.policies if policy.retires)

    def to_env(self) -> dict[str, str]:
        """The environment that `from_env` reads back: texts as they are, all else as JSON."""
        values = dump(self) | {"POLICIES": dump(self.policies, compact=True)}
        return {
            name: value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
            for name, value in values.items()
        }

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Settings:
        """Raises BadSettings, which names the variable, its value and what is allowed."""
        names = {f.name.upper(): f.type in TEXTS for f in fields(cls)}
        values = {name: env[name] if is_text else _parsed(env[name]) for name, is_text in names.items() if name in env}
        try:
            return read(cls, values, closed=True)
        except Unreadable as error:
            raise BadSettings(f"environment variable {error}; deploy the stack again") from error


TEXTS = ("str", "AdmissionRule")
"""Types of settings that are no JSON in the environment."""
stored_as(Settings, **{f.name: f.name.upper() for f in fields(Settings)})


def _parsed(text: str) -> Any:
    """What is no JSON stays a text, which is then not of the type that it must be."""
    try:
        return json.loads(text)
    except ValueError:
        return text
