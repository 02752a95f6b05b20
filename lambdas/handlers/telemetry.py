"""What all functions share: structured logs, metrics, and how long an invocation may still take."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.logging import utils
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from ami_archiver.run_state import State

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


def answer(state: State, figures: Mapping[str, float]) -> dict[str, Any]:
    """What a step says to the state machine; its figures are published."""
    measure(figures)
    return state.to_json()


def seconds_left(context: LambdaContext) -> Callable[[], float]:
    return lambda: context.get_remaining_time_in_millis() / 1000
