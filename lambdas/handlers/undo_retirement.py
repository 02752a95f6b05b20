"""UndoRetirement: enable a disabled original again. An operator calls it, no workflow does."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from ami_archiver import bootstrap
from ami_archiver.retire.steps.undo import undo_retirement
from handlers.telemetry import logger


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """The call's own id stands where the record's history names a run."""
    return undo_retirement(bootstrap.retire_app(), event, f"undo-{context.aws_request_id}")
