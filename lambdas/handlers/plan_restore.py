"""PlanRestore: a decision for every object of the request."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from ami_archiver import bootstrap
from ami_archiver.restore.steps.plan import plan_restore
from handlers.telemetry import logger


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    app = bootstrap.restore_app()
    state = plan_restore(app, event, lambda: context.get_remaining_time_in_millis() / 1000)
    return state.to_json()
