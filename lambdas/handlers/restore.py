"""The functions of RestoreWorkflow, one per state: unpack, call one step, return."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from ami_archiver import bootstrap
from ami_archiver.restore.state import RestoreState
from ami_archiver.restore.steps.finish_restores import finish_restores
from ami_archiver.restore.steps.plan import plan_restore
from ami_archiver.restore.steps.report import report_restore
from ami_archiver.restore.steps.restore_images import restore_images
from handlers.telemetry import answer, logger, seconds_left

Event = dict[str, Any]


@logger.inject_lambda_context
def plan(event: Event, context: LambdaContext) -> Event:
    return plan_restore(bootstrap.app(), event, seconds_left(context)).to_json()


@logger.inject_lambda_context
def restore(event: Event, context: LambdaContext) -> Event:
    return answer(*restore_images(bootstrap.app(), RestoreState.from_json(event)))


@logger.inject_lambda_context
def finish(event: Event, context: LambdaContext) -> Event:
    return finish_restores(bootstrap.app(), RestoreState.from_json(event)).to_json()


@logger.inject_lambda_context
def report(event: Event, context: LambdaContext) -> Event:
    state, figures, summary = report_restore(bootstrap.app(), RestoreState.from_json(event))
    return answer(state, figures) | {"summary": summary}
