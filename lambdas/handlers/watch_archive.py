"""WatchArchive: compare every archived record with the bucket."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from ami_archiver import bootstrap
from ami_archiver.steps.watch import watch_archive
from handlers.telemetry import logger, measure


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    state, figures = watch_archive(bootstrap.app(), event, lambda: context.get_remaining_time_in_millis() / 1000)
    measure(figures)
    return state
