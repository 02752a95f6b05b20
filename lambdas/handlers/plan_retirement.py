"""PlanRetirement: find the originals that may go, announce and mark them, and say why the others stay."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from ami_archiver import bootstrap
from ami_archiver.retire.steps.step import plan_retirement
from ami_archiver.run_state import RunState
from handlers.telemetry import logger, measure


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    app = bootstrap.retire_app()
    state, figures = plan_retirement(
        app, RunState.from_json(event), lambda: context.get_remaining_time_in_millis() / 1000
    )
    measure(figures)
    return state.to_json()
