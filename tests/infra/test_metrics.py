"""What the alarms look for is what the functions print."""

from __future__ import annotations

import json

import pytest
from aws_lambda_powertools import Metrics

from handlers import telemetry
from infra.asset import SOURCE
from tests.support.assembly import CloudAssembly


@pytest.fixture(autouse=True)
def _no_figures_of_other_tests() -> None:
    telemetry.metrics.clear_metrics()


def test_figures_are_published_where_the_alarm_looks_for_them(
    cloud_assembly: CloudAssembly, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    resources = cloud_assembly.template["Resources"].values()
    (alarm,) = [r["Properties"] for r in resources if r["Properties"].get("MetricName") == "ImagesFailed"]
    (dimension,) = alarm["Dimensions"]
    (environment,) = {
        (variables["POWERTOOLS_METRICS_NAMESPACE"], variables["POWERTOOLS_SERVICE_NAME"])
        for variables in (r["Properties"].get("Environment", {}).get("Variables", {}) for r in resources)
        if "POWERTOOLS_SERVICE_NAME" in variables
    }
    monkeypatch.setattr(telemetry, "metrics", Metrics(namespace=environment[0], service=environment[1]))

    telemetry.measure({"ImagesFailed": 2, "ImagesStored": 0})

    printed = json.loads(capsys.readouterr().out)
    (described,) = printed["_aws"]["CloudWatchMetrics"]
    assert (described["Namespace"], described["Dimensions"]) == (alarm["Namespace"], [[dimension["Name"]]])
    assert printed[dimension["Name"]] == dimension["Value"]
    assert (printed["ImagesFailed"], printed["ImagesStored"]) == ([2.0], [0.0])


def test_every_figure_that_an_alarm_looks_for_is_one_of_a_steps(cloud_assembly: CloudAssembly) -> None:
    alarms = [r["Properties"] for r in cloud_assembly.template["Resources"].values() if "Alarm" in r["Type"]]
    watched = {alarm["MetricName"] for alarm in alarms if alarm["Namespace"] == "AmiArchiver"}
    steps = "".join(file.read_text() for file in SOURCE.glob("ami_archiver/**/steps/*.py"))
    assert watched == {
        *("ArchivesDiffering", "ImagesFailed", "RestoresFailed", "RetirementsStopped", "RunSeconds", "SnapshotsLeft")
    }
    assert {name for name in watched if f'"{name}":' in steps} == watched


def test_a_step_without_figures_publishes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    telemetry.measure({})
    assert capsys.readouterr().out == ""
