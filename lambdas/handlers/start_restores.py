"""StartRestores: thaw what is due, and fill the account's restore budget."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from ami_archiver import bootstrap
from ami_archiver.restore.state import RestoreState
from ami_archiver.restore.steps.start import start_restores
from handlers.telemetry import logger, measure


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    state, figures = start_restores(bootstrap.restore_app(), RestoreState.from_json(event))
    measure(figures)
    return state.to_json()
