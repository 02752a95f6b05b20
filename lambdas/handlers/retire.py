"""The functions of retirement: unpack, call one step, return."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from ami_archiver import bootstrap
from ami_archiver.retire.steps.step import ask_for_approval, plan_retirement, retire_images
from ami_archiver.retire.steps.undo import undo_retirement
from ami_archiver.run_state import RunState
from handlers.telemetry import answer, logger, seconds_left

Event = dict[str, Any]


@logger.inject_lambda_context
def plan(event: Event, context: LambdaContext) -> Event:
    return answer(*plan_retirement(bootstrap.retire_app(), RunState.from_json(event), seconds_left(context)))


@logger.inject_lambda_context
def retire(event: Event, context: LambdaContext) -> Event:
    return answer(*retire_images(bootstrap.retire_app(), RunState.from_json(event), seconds_left(context)))


@logger.inject_lambda_context
def ask(event: Event, context: LambdaContext) -> None:
    """Returns nothing: the answer comes to the state machine by the token, from a person."""
    ask_for_approval(bootstrap.retire_app(), event)


@logger.inject_lambda_context
def undo(event: Event, context: LambdaContext) -> Event:
    """An operator calls it, no workflow does. The call's own id stands where the record's history names a run."""
    return undo_retirement(bootstrap.retire_app(), event, f"undo-{context.aws_request_id}")
