"""Nights of the real functions, by the definition that `cdk synth` writes, on the local cloud in virtual time.

What the benchmarks need to know of how a function is put together stands here, and nowhere else.
"""

from __future__ import annotations

import importlib
import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

from ami_archiver import bootstrap
from benchmarks.bill import Bill
from local_cloud.in_process import VirtualCloud
from local_cloud.object_store import EC2_CALLER
from local_cloud.settings import CloudSettings, EngineSettings, ThroughputSettings
from tests.support.archive import Archive
from tests.support.assembly import ROOT, STACK, synthesized
from tests.support.handlers import Context
from tests.support.state_machine import Execution, StateMachine, definition_of, handlers_in

POWERTOOLS = {"POWERTOOLS_SERVICE_NAME": "ami-archiver", "POWERTOOLS_METRICS_NAMESPACE": "AmiArchiver"}
"""What every function finds in its environment beside its settings."""


class Stage:
    """One stack in an account of its own that has images of these sizes. Make it by `stage_of`."""

    def __init__(self, cloud: VirtualCloud, sizes_gib: Sequence[float], **settings: Any) -> None:
        self.cloud = cloud
        self.archive = Archive(cloud, **settings)
        self.sizes_gib = {self.archive.image(f"i{number:05}", gib=gib): gib for number, gib in enumerate(sizes_gib)}
        definition = workflow_definition()
        functions = {name: self._function(name) for name in handlers_in(definition)}
        self._machine = StateMachine(definition, functions, cloud.advance, cloud.clock.now)
        self._nights = 0
        self._invocations = 0
        self._function_seconds = 0.0

    def night(self) -> Bill:
        """A whole run of the policy `nightly`, hand-overs included. Raises RuntimeError unless it succeeds."""
        self._nights += 1
        with self.billed() as bill:
            first = self._machine.start({"policy": "nightly"}, f"execution-{self._nights}")
            if first.last.status != "SUCCEEDED":
                raise RuntimeError(f"the night ended with {first.last.error}: {first.last.cause}")
            bill.images_stored = first.last.output["decisions"]["stored"]
            bill.transitions = sum(execution.transitions for execution in _chain(first))
        return bill

    @contextmanager
    def billed(self) -> Iterator[Bill]:
        """What is used meanwhile, by the cloud's log of calls and its store tasks."""
        begun, calls_before, tasks_before = self.cloud.clock.seconds(), len(self.cloud.calls.list()), self._tasks()
        self._invocations, self._function_seconds = 0, 0.0
        bill = Bill()
        yield bill
        bill.invocations, bill.function_seconds = self._invocations, self._function_seconds
        for call in self.cloud.calls.list()[calls_before:]:
            if call.caller != EC2_CALLER:
                bill.add_call(call)
        ours = {image_id: ended for image_id, ended in self._tasks().items() if image_id not in tasks_before}
        bill.stored_gib = sum(self.sizes_gib[image_id] for image_id in ours)
        bill.night_seconds = max(ours.values(), default=begun) - begun

    @contextmanager
    def invocation(self) -> Iterator[None]:
        """One invocation of a function; its processor time has the local cloud's answers in it."""
        begun = time.process_time()
        yield
        self._invocations += 1
        self._function_seconds += time.process_time() - begun

    def _tasks(self) -> dict[str, float]:
        """When the store of each image ended, in the cloud's seconds."""
        tasks = self.cloud.service.store_image_tasks(self.archive.account_id, self.archive.region)
        return {task.image_id: task.ended_seconds or 0.0 for task in tasks}

    def _function(self, name: str) -> Callable[[Any], Any]:
        module, _, function = name.rpartition(".")
        handler = getattr(importlib.import_module(module), function)

        def invoke(event: Any) -> Any:
            with (
                patch.object(bootstrap, "app", lambda: self.archive.app),
                patch.object(bootstrap, "retire_app", self.archive.retirer),
                self.invocation(),
            ):
                return handler(event, Context())

        return invoke


def _chain(execution: Execution) -> Iterator[Execution]:
    yield execution
    for started in execution.started:
        yield from _chain(started)


@cache
def workflow_definition() -> Mapping[str, Any]:
    """ArchiveWorkflow's, synthesized once per state of the sources."""
    assembly = synthesized(ROOT / "archiver.toml")
    return definition_of(assembly.directory / f"{STACK}.template.json", "ArchiveWorkflow")


@contextmanager
def stage_of(sizes_gib: Sequence[float], throughput: ThroughputSettings, **settings: Any) -> Iterator[Stage]:
    """A stage in a cloud of its own, without the functions' log. There may be one at a time in a process."""
    engine = EngineSettings(throughput=throughput)
    logging.disable(logging.CRITICAL)
    try:
        with (
            patch.dict(os.environ, POWERTOOLS | {"AWS_LAMBDA_FUNCTION_NAME": "function"}),
            Path(os.devnull).open("w") as nowhere,
            redirect_stdout(nowhere),
            VirtualCloud(CloudSettings(engine=engine)) as cloud,
        ):
            # Perhaps imported before, without this environment.
            importlib.import_module("handlers.telemetry").metrics.provider.namespace = "AmiArchiver"
            yield Stage(cloud, sizes_gib, **settings)
    finally:
        logging.disable(logging.NOTSET)
