"""What app.py runs."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path

import aws_cdk as cdk

from infra.asset import BundlingError
from infra.config import Config, ConfigError, load_config
from infra.stack import AmiArchiver


def main() -> int:
    """Synthesizes the stack; the exit code. An error in the configuration is a message, not a traceback."""
    app = cdk.App(analytics_reporting=False)
    try:
        path = path_of(app)
        config = load_config(path, datetime.now(UTC))
        AmiArchiver(app, "AmiArchiver", config=config)
        app.synth()
    except (ConfigError, BundlingError) as error:
        _say(str(error))
        return 1
    _say(_read(path, config))
    return 0


def path_of(app: cdk.App) -> Path:
    """The configuration's file. The CDK takes any `-c KEY=VALUE`: a misspelled one would deploy archiver.toml.

    Raises ConfigError.
    """
    for key in app.node.get_all_context():
        if key != "config" and get_close_matches(key.lower(), ["config"]):
            raise ConfigError(f"-c {key}=... is not known: did you mean -c config=PATH?")
    return Path(app.node.try_get_context("config") or "archiver.toml")


def _read(path: Path, config: Config) -> str:
    schedules = (
        f"{policy.name}, {'paused' if policy.policy.paused else f'{policy.expression} {policy.time_zone}'}"
        for policy in config.policies
    )
    return f"{path}: {'; '.join(schedules)}"


def _say(text: str) -> None:
    print(text, file=sys.stderr)  # noqa: T201 - the CDK's command line shows it
