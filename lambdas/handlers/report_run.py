"""ReportRun: write the summaries, give the lease back, and tell whoever listens."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from ami_archiver import bootstrap
from ami_archiver.run_state import Next, RunState
from ami_archiver.steps.report import report_run
from handlers.telemetry import logger, measure


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    state, figures, summary = report_run(bootstrap.app(), RunState.from_json(event))
    measure(figures)
    ended = state.next is Next.END  # otherwise another step reads what is returned, and a run's state has no summary
    return state.to_json() | ({"summary": summary} if ended else {})
