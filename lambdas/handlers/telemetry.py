"""Structured logs and metrics of the functions."""

from __future__ import annotations

from collections.abc import Mapping

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.logging import utils
from aws_lambda_powertools.metrics import MetricUnit

logger = Logger()
metrics = Metrics()
utils.copy_config_to_registered_loggers(logger, include={"ami_archiver"})

UNITS = {
    "InFlightGiB": MetricUnit.Gigabytes,
    "RestoreInFlightGiB": MetricUnit.Gigabytes,
    "RunSeconds": MetricUnit.Seconds,
}


def measure(figures: Mapping[str, float]) -> None:
    """Publish a step's figures, if it has any; a zero is a figure too."""
    for name, value in figures.items():
        metrics.add_metric(name=name, unit=UNITS.get(name, MetricUnit.Count), value=value)
    if figures:
        metrics.flush_metrics()
