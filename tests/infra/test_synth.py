"""`cdk synth` with the real app.py."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import aws_cdk as cdk
import pytest

from infra.config import ConfigError
from infra.main import path_of
from tests.infra.conftest import SEVERAL
from tests.support.assembly import ROOT, CloudAssembly, synthesize


def test_the_same_commit_gives_the_same_template_and_asset_twice(
    several_assembly: CloudAssembly, tmp_path: Path
) -> None:
    done = synthesize(SEVERAL, tmp_path / "again")
    again = CloudAssembly(tmp_path / "again")
    assert again.template == several_assembly.template
    assert again.asset.name == several_assembly.asset.name
    assert (
        f"{SEVERAL}: web, cron(30 2 ? * MON-FRI *) Europe/Berlin; paused, paused; tiered, at(2099-01-01T02:00:00) "
        "America/New_York; instant, rate(1 day) UTC; deep, cron(0 3 L * ? 2026-2199) UTC; standard, "
    ) in done.stderr, "it says which file was read"


@pytest.mark.parametrize("key", ["conf", "Config", "config-file", "confg"])
def test_a_misspelled_config_is_an_error_instead_of_a_deployment_of_another_file(key: str) -> None:
    context = json.loads((ROOT / "cdk.json").read_text())["context"] | {key: "other.toml"}
    with pytest.raises(ConfigError, match=f"-c {key}=... is not known: did you mean -c config=PATH"):
        path_of(cdk.App(context=context))


def test_an_error_in_the_configuration_is_a_message_and_exit_code_1_without_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "archiver.toml").write_text("[[policy]]\nname = 'nightly'\nselect.tags.A = 'b'\nretention = 3")
    done = app(tmp_path)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-2:] == [
        'archiver.toml: policy[0] "nightly": schedule is missing',
        'archiver.toml: policy[0] "nightly": retention is not a key: the keys are name, paused, original, select, '
        "schedule, store, retire",
    ]
    assert "Traceback" not in done.stderr


def test_the_feature_flags_are_those_that_the_pinned_cdk_recommends() -> None:
    """So that `cdk synth` says nothing about flags, and an upgrade of the CDK shows what it would change."""
    flags = ROOT / "node_modules/aws-cdk/lib/init-templates/.recommended-feature-flags.json"
    ours = json.loads((ROOT / "cdk.json").read_text())["context"]
    assert ours.keys() == json.loads(flags.read_text()).keys()


def app(cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """As the CDK's command line calls it, from a place where neither Node nor the sources are on a path."""
    return subprocess.run(
        [sys.executable, ROOT / "app.py"],
        cwd=cwd,
        env={"PATH": os.defpath, "HOME": str(cwd), "CDK_OUTDIR": str(cwd / "out"), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
