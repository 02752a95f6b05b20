"""What the functions are told by their environment: written at synth by `to_env`, read by `from_env`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, fields
from typing import Any, Literal, get_args

from ami_archiver.errors import BadSettings
from ami_archiver.policy import Policy, RetireRules, UseKind

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

    def policy(self, name: str) -> Policy | None:
        return next((policy for policy in self.policies if policy.name == name), None)

    @property
    def retiring(self) -> tuple[Policy, ...]:
        """The policies whose originals may go."""
        return tuple(policy for policy in self.policies if policy.retires)

    def to_env(self) -> dict[str, str]:
        """The environment that `from_env` reads back."""
        env = {f.name.upper(): str(getattr(self, f.name)) for f in fields(self)}
        return env | {
            "POLICIES": json.dumps([_compact(p) for p in self.policies], separators=(",", ":")),
            "PARAMETER_PREFIXES": json.dumps(self.parameter_prefixes),
        }

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Settings:
        """Raises BadSettings, which names the variable, its value and what is allowed."""
        values: dict[str, Any] = {}
        for f in fields(cls):
            name = f.name.upper()
            if name in env:
                values[f.name] = _parse(name, env[name], str(f.type))
            elif f.default is MISSING:
                raise BadSettings(f"environment variable {name} is missing; deploy the stack again")
        return cls(**values)


def _parse(name: str, text: str, kind: str) -> Any:
    try:
        match kind:
            case "float":
                return float(text)
            case "int":
                return int(text)
            case "AdmissionRule":
                if text not in get_args(AdmissionRule):
                    raise ValueError(f"allowed are {', '.join(get_args(AdmissionRule))}")
                return text
            case "tuple[Policy, ...]":
                return tuple(_policy(raw) for raw in json.loads(text))
            case "tuple[str, ...]":
                return tuple(map(str, json.loads(text)))
            case _:
                return text
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise BadSettings(f"environment variable {name} is {text!r}: {error}; deploy the stack again") from error


def _compact(policy: Policy) -> dict[str, Any]:
    values = _without_defaults(policy, asdict(policy))
    return values | ({"retire": rules} if (rules := _without_defaults(policy.retire, asdict(policy.retire))) else {})


def _without_defaults(of: Policy | RetireRules, values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        f.name: values[f.name]
        for f in fields(of)
        if not (f.default is not MISSING and values[f.name] == f.default)
        and not (f.default_factory is not MISSING and getattr(of, f.name) == f.default_factory())
    }


def _policy(raw: dict[str, Any]) -> Policy:
    raw = dict(raw)
    for key in ("tags", "exclude_tags"):
        if key in raw:
            raw[key] = {name: tuple(values) for name, values in raw[key].items()}
    if "name_patterns" in raw:
        raw["name_patterns"] = tuple(raw["name_patterns"])
    if "retire" in raw:
        rules = raw["retire"]
        ignored = tuple(map(UseKind, rules.get("ignore_unknown_uses", ())))
        raw["retire"] = RetireRules(**{**rules, "ignore_unknown_uses": ignored})
    return Policy(**raw)
