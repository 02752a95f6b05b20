"""SelectImages: a decision for every image of the policy."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from ami_archiver import bootstrap
from ami_archiver.steps.select import select_images
from handlers.telemetry import logger


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    app = bootstrap.app()
    state = select_images(app, event, lambda: context.get_remaining_time_in_millis() / 1000)
    return state.to_json()
