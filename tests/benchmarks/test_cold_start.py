"""What a function loads until its first answer: its own step, and no library that it can do without."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.cold_start import CONTEXT, function_environment
from benchmarks.tables import ROOT

HANDLERS = sorted(path.stem for path in (ROOT / "lambdas/handlers").glob("*.py") if "def handler(" in path.read_text())
USERS = {
    "ami_archiver.restore": {"check_restores", "plan_restore", "report_restore", "start_restores"},
    "ami_archiver.retire": {"ask_for_approval", "plan_retirement", "retire_images", "undo_retirement"},
}
"""Which functions a package is for."""
SHARED = {
    "ami_archiver.restore",
    "ami_archiver.restore.tags",
    "ami_archiver.retire",
    "ami_archiver.retire.summary",
}
"""Few lines each: by which tag an image of a restore is known, and what a run's report says of originals."""

SCRIPT = """
import importlib, json, sys
def loaded(*packages):
    return sorted(name for name in sys.modules if name.split(".")[0] in packages)
ours = {}
for name in sys.argv[1:]:
    for module in loaded("ami_archiver", "handlers"):
        del sys.modules[module]
    handler = importlib.import_module(f"handlers.{name}").handler
    clients = sys.modules["ami_archiver.adapters.clients"]
    clients.ec2 = clients.s3 = clients.dynamodb = object
    try:
        handler({}, Context())
    except Exception as error:
        assert type(error).__name__ == "BadInput", repr(error)
    ours[name] = loaded("ami_archiver")
print(json.dumps([ours, loaded("boto3", "s3transfer")]))
"""


@pytest.fixture(scope="module")
def modules() -> tuple[dict[str, list[str]], list[str]]:
    """(our modules by handler, needless ones of others) in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", CONTEXT + SCRIPT, *HANDLERS],
        env=function_environment() | {"PYTHONPATH": str(ROOT / "lambdas")},
        check=True,
        capture_output=True,
        text=True,
        cwd=Path("/"),
    )
    ours, needless = json.loads(done.stdout.splitlines()[-1])
    return ours, needless


def test_a_function_loads_neither_boto3_nor_what_only_the_others_need(
    modules: tuple[dict[str, list[str]], list[str]],
) -> None:
    ours, needless = modules
    assert needless == []
    for handler in HANDLERS:
        foreign = tuple(package for package, users in USERS.items() if handler not in users)
        assert [name for name in ours[handler] if name.startswith(foreign) and name not in SHARED] == []


def test_a_function_loads_no_other_step_s_modules(modules: tuple[dict[str, list[str]], list[str]]) -> None:
    assert not {"ami_archiver.steps.check", "ami_archiver.steps.select"} & set(modules[0]["start_store_tasks"])
    assert "ami_archiver.restore.steps.plan" not in modules[0]["check_restores"]
