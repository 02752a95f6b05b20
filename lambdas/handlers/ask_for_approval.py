"""AskForApproval: keep the task's token, and tell people what waits for their answer."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from ami_archiver import bootstrap
from ami_archiver.retire.steps.approval import ask_for_approval
from handlers.telemetry import logger


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> None:
    """Returns nothing: the answer comes to the state machine by the token, from a person."""
    ask_for_approval(bootstrap.retire_app(), event)
