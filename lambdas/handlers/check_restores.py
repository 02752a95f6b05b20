"""CheckRestores: finish what EC2 has ended, and say what comes next."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from ami_archiver import bootstrap
from ami_archiver.restore.state import RestoreState
from ami_archiver.restore.steps.check import check_restores
from handlers.telemetry import logger, measure


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    state, figures = check_restores(bootstrap.restore_app(), RestoreState.from_json(event))
    measure(figures)
    return state.to_json()
