"""What app.py runs."""

from __future__ import annotations

import sys
from pathlib import Path

import aws_cdk as cdk

from infra.asset import BundlingError
from infra.config import ConfigError, load_config
from infra.stack import AmiArchiver


def main() -> int:
    """Synthesizes the stack; the exit code. An error in the configuration is a message, not a traceback."""
    app = cdk.App(analytics_reporting=False)
    path = Path(app.node.try_get_context("config") or "archiver.toml")
    try:
        config = load_config(path)
        AmiArchiver(app, "AmiArchiver", config=config)
        app.synth()
    except (ConfigError, BundlingError) as error:
        print(error, file=sys.stderr)  # noqa: T201 - the CDK's command line shows it
        return 1
    return 0
