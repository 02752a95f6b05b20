"""WatchWorkflow watches the archive every day: one step, repeated until every record is compared.

It depends on no policy: what it watches may have none any more. Its input is {}.
"""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from ami_archiver.run_state import Next
from infra.functions import Functions
from infra.step_workflow import BEGINNING, StepWorkflow


class WatchWorkflow(StepWorkflow):
    """One step that repeats itself."""

    def __init__(self, scope: Construct, construct_id: str, *, functions: Functions, log_retention_days: int) -> None:
        super().__init__(scope, construct_id)
        watch = self._step(
            "WatchArchive",
            functions,
            BEGINNING,
        )
        done = sfn.Succeed(self, "Done", output_path="$.summary")
        watch.next(self._next_after("Watched", {Next.WATCH_MORE: watch, Next.END: done}))
        self._build(
            "WatchWorkflow",
            watch,
            timeout=cdk.Duration.hours(20),
            log_retention_days=log_retention_days,
        )
