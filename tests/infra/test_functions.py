"""The functions: one asset, the same environment, their own handlers and logs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ami_archiver.settings import Settings
from infra.config import load_config
from infra.templates import plain, resources
from tests.infra.conftest import NOW, SEVERAL

Template = dict[str, Any]
HANDLERS = {
    "SelectImages": "handlers.archive.select",
    "StoreImages": "handlers.archive.store",
    "ReportRun": "handlers.archive.report",
    "PlanRestore": "handlers.restore.plan",
    "FinishRestores": "handlers.restore.finish",
    "RestoreImages": "handlers.restore.restore",
    "ReportRestore": "handlers.restore.report",
    "PlanRetirement": "handlers.retire.plan",
    "RetireImages": "handlers.retire.retire",
    "AskForApproval": "handlers.retire.ask",
    "UndoRetirement": "handlers.retire.undo",
    "WatchArchive": "handlers.archive.watch",
}


@pytest.fixture(scope="module")
def functions(template: Template) -> dict[str, dict[str, Any]]:
    return by_name(template)


def by_name(template: Template) -> dict[str, dict[str, Any]]:
    found = [f["Properties"] for f in resources(template, "AWS::Lambda::Function").values()]
    return {f["Environment"]["Variables"]["AWS_SDK_UA_APP_ID"]: f for f in found}


def test_each_step_has_its_handler_and_all_have_one_asset(functions: dict[str, Any], cloud_assembly: Any) -> None:
    assert {name: function["Handler"] for name, function in functions.items()} == HANDLERS
    assert {function["Code"]["S3Key"] for function in functions.values()} == {
        f"{cloud_assembly.asset.name.removeprefix('asset.')}.zip"
    }


@pytest.mark.parametrize("handler", HANDLERS.values())
def test_each_handler_is_in_the_asset(cloud_assembly: Any, handler: str) -> None:
    module, function = handler.rsplit(".", 1)
    source = Path(cloud_assembly.asset, *module.split(".")).with_suffix(".py").read_text()
    assert f"def {function}(" in source


@pytest.mark.parametrize("name", HANDLERS)
def test_a_function_runs_on_arm_with_tracing_json_logs_and_the_time_that_lambda_gives(
    functions: dict[str, Any], name: str
) -> None:
    function = functions[name]
    assert (function["Runtime"], function["Architectures"]) == ("python3.13", ["arm64"])
    assert function["TracingConfig"] == {"Mode": "Active"}
    assert function["LoggingConfig"]["LogFormat"] == "JSON"
    assert function["Timeout"] == 900
    assert 256 <= function["MemorySize"] <= 1024


def test_each_log_group_is_one_functions_and_keeps_its_lines_as_long_as_configured(several: Template) -> None:
    groups = resources(several, "AWS::Logs::LogGroup")
    assert {group["Properties"]["RetentionInDays"] for group in groups.values()} == {365}
    used = [plain(function["LoggingConfig"]["LogGroup"]) for function in by_name(several).values()]
    assert len(set(used)) == len(HANDLERS)
    assert set(used) < set(groups)


@pytest.mark.parametrize("name", HANDLERS)
def test_a_function_reads_from_its_environment_what_the_configuration_says(several: Template, name: str) -> None:
    env = {key: plain(value) for key, value in by_name(several)[name]["Environment"]["Variables"].items()}
    settings = Settings.from_env(env)
    config = load_config(SEVERAL, NOW)
    assert settings.policies == tuple(scheduled.policy for scheduled in config.policies)
    assert (settings.in_flight_budget_gib, settings.admission_rule) == (1200, "strict")
    assert settings.retire_stop_percent == 2.5
    assert settings.bucket_name.startswith("StorageBucket")
    assert settings.table_name.startswith("StorageTable")
    assert settings.account_id == "123456789012"
    assert (env["POWERTOOLS_SERVICE_NAME"], env["POWERTOOLS_METRICS_NAMESPACE"]) == ("ami-archiver", "AmiArchiver")
    assert settings.restore_budget_gib == 300
    assert sum(len(key) + len(value) for key, value in env.items()) < 4096
