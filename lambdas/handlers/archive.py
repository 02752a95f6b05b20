"""The functions of ArchiveWorkflow and WatchWorkflow, one per state: unpack, call one step, return."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from ami_archiver import bootstrap
from ami_archiver.run_state import Next, RunState
from ami_archiver.steps.report import report_run
from ami_archiver.steps.select import select_images
from ami_archiver.steps.store_images import store_images
from ami_archiver.steps.watch import watch_archive
from handlers.telemetry import answer, logger, measure, seconds_left

Event = dict[str, Any]


@logger.inject_lambda_context
def select(event: Event, context: LambdaContext) -> Event:
    return select_images(bootstrap.app(), event, seconds_left(context)).to_json()


@logger.inject_lambda_context
def store(event: Event, context: LambdaContext) -> Event:
    return answer(*store_images(bootstrap.app(), RunState.from_json(event)))


@logger.inject_lambda_context
def report(event: Event, context: LambdaContext) -> Event:
    state, figures, summary = report_run(bootstrap.app(), RunState.from_json(event))
    ended = state.next is Next.END  # otherwise another step reads what is returned, and a run's state has no summary
    return answer(state, figures) | ({"summary": summary} if ended else {})


@logger.inject_lambda_context
def watch(event: Event, context: LambdaContext) -> Event:
    state, figures = watch_archive(bootstrap.app(), event, seconds_left(context))
    measure(figures)
    return state
