"""What `make lint` does to the stack: cdk-nag, cfn-lint and statelint over it. Any finding fails it."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aws_cdk as cdk
from cdk_nag import AwsSolutionsChecks
from statelint.config import Config as StatelintConfig
from statelint.linter import Linter

from infra.asset import ROOT
from infra.config import load_config
from infra.stack import AmiArchiver
from infra.templates import definitions

CONFIGURATIONS = ("archiver.toml", "archiver.local.toml")
"""One policy, and several."""


def main() -> int:
    """Prints every finding, and returns 1 if there is one."""
    findings: list[str] = []
    with tempfile.TemporaryDirectory() as scratch:
        templates = []
        for name in CONFIGURATIONS:
            app = cdk.App(
                outdir=str(Path(scratch) / Path(name).stem),
                context=json.loads((ROOT / "cdk.json").read_text())["context"],
                analytics_reporting=False,
            )
            stack = AmiArchiver(app, "AmiArchiver", config=load_config(ROOT / name, datetime.now(UTC)))
            findings += [f"cdk-nag: {name}: {finding}" for finding in _nag(app)]
            template = Path(app.synth().directory) / stack.template_file
            templates.append(template)
            findings += [f"statelint: {name}: {finding}" for finding in _statelint(json.loads(template.read_text()))]
        findings += [f"cfn-lint: {finding}" for finding in _cfn_lint(templates)]
    for finding in findings:
        print(finding)  # noqa: T201 - a command's output
    print(f"Template of {', '.join(CONFIGURATIONS)}: {len(findings) or 'no'} findings")  # noqa: T201 - as above
    return 1 if findings else 0


def _nag(app: cdk.App) -> Iterator[str]:
    """What AWS Solutions' rules find and nobody has acknowledged with a reason."""
    for violation in AwsSolutionsChecks(app).validate_scope(app).violations:
        for resource in violation.violating_resources:
            yield f"{resource.construct_path}: {violation.rule_name}: {violation.description}"


def _statelint(template: dict[str, Any]) -> Iterator[str]:
    for name, definition in definitions(template).items():
        for problem in Linter.validate(json.dumps(_with_float_rates(definition)), StatelintConfig()):
            yield f"{name}: {problem}"


def _with_float_rates(value: Any) -> Any:
    """CDK writes `"BackoffRate": 2`, which AWS takes; statelint insists on a float."""
    if isinstance(value, dict):
        return {k: float(v) if k == "BackoffRate" else _with_float_rates(v) for k, v in value.items()}
    return [_with_float_rates(item) for item in value] if isinstance(value, list) else value


def _cfn_lint(templates: list[Path]) -> Iterator[str]:
    redundant_depends_on = "W3005"  # CDK writes DependsOn beside a reference that says the same
    command = [
        str(Path(sys.executable).parent / "cfn-lint"),
        *("--ignore-checks", redundant_depends_on, "--format", "parseable", "--", *map(str, templates)),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own arguments
    yield from (done.stdout + done.stderr).splitlines()
    if done.returncode != 0 and not done.stdout + done.stderr:
        yield f"ended with exit code {done.returncode}"


if __name__ == "__main__":
    sys.exit(main())
