"""Nights of the real functions, by the definition that `cdk synth` writes, in virtual time, with everything counted."""

from __future__ import annotations

import importlib
import io
import json
import logging
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from functools import cache
from typing import Any
from unittest.mock import patch

from ami_archiver import bootstrap
from benchmarks.meter import Bill, Meter, MeteredCloud
from local_cloud.fleet.fleet import Fleet
from local_cloud.settings import CloudSettings, EngineSettings
from tests.support.archive import TABLE, Archive
from tests.support.assembly import ROOT, STACK, synthesized
from tests.support.handlers import Context
from tests.support.state_machine import Execution, StateMachine, definition_of

MEMORY_MIB = {"handlers.select_images.handler": 1024}
"""As infra/functions.py; the others have 512."""
OTHERS_MIB = 512


class Stage:
    """One stack in an empty account. Make it by `stages`."""

    def __init__(self, cloud: MeteredCloud, meter: Meter, definition: Mapping[str, Any], **settings: Any) -> None:
        self.cloud = cloud
        self.meter = meter
        self.archive = Archive(cloud, **settings)
        meter.finished()
        names = {state["Resource"] for state in definition["States"].values() if state["Type"] == "Task"}
        functions = {name: self._function(name) for name in names if name.startswith("handlers.")}
        self._machine = StateMachine(definition, functions, cloud.advance, cloud.clock.now)
        self._nights = 0

    def night(self, policy: str = "nightly", **given: Any) -> tuple[Bill, dict[str, Any]]:
        """A whole run, hand-overs included: what it used, and its summary."""
        self._nights += 1
        begun = self.cloud.clock.seconds()
        first = self._machine.start({"policy": policy, **given}, f"execution-{self._nights}")
        last = first.last
        if last.status != "SUCCEEDED":
            raise RuntimeError(f"the night ended with {last.error}: {last.cause}")
        bill, summary = self.meter.finished(), last.output
        bill.images_stored = summary["decisions"]["stored"]
        bill.stored_gib = summary.get("stored_gib", 0.0)
        bill.night_seconds = self.cloud.clock.seconds() - begun
        bill.transitions = sum(execution.transitions for execution in _chain(first))
        return bill, summary

    def _function(self, name: str) -> Callable[[Any], Any]:
        handler = importlib.import_module(name.rpartition(".")[0]).handler

        def invoke(event: Any) -> Any:
            log = io.StringIO()
            with (
                patch.object(bootstrap, "app", lambda: self.archive.app),
                patch.object(bootstrap, "retire_app", self.archive.retirer),
                redirect_stdout(log),
                _logging_into(log),
                self.meter.function(MEMORY_MIB.get(name, OTHERS_MIB)),
            ):
                result = handler(event, Context())
            self.meter.bill.log_bytes += len(log.getvalue())
            return result

        return invoke


def _chain(execution: Execution) -> Iterator[Execution]:
    yield execution
    for started in execution.started:
        yield from _chain(started)


@contextmanager
def _logging_into(stream: io.StringIO) -> Iterator[None]:
    """The functions' log, as Lambda would get it."""
    telemetry = importlib.import_module("handlers.telemetry")
    handlers = (telemetry.logger.registered_handler, *logging.getLogger("ami_archiver").handlers)
    before = [
        (handler, handler.setStream(stream)) for handler in handlers if isinstance(handler, logging.StreamHandler)
    ]
    try:
        yield
    finally:
        for handler, was in before:
            handler.setStream(was or sys.stdout)


@cache
def workflow_definition() -> Mapping[str, Any]:
    """ArchiveWorkflow's, synthesized once per state of the sources."""
    assembly = synthesized(ROOT / "archiver.toml")
    return definition_of(assembly.directory / f"{STACK}.template.json", "ArchiveWorkflow")


@contextmanager
def stages() -> Iterator[Callable[..., Stage]]:
    """Makes stages, one after the other, in one process's cloud; each is empty."""
    environment = {
        "POWERTOOLS_SERVICE_NAME": "ami-archiver",
        "POWERTOOLS_METRICS_NAMESPACE": "AmiArchiver",
        "AWS_LAMBDA_FUNCTION_NAME": "function",
    }
    with patch.dict(os.environ, environment), MeteredCloud() as cloud:
        telemetry = importlib.import_module("handlers.telemetry")  # perhaps imported before, without the environment
        telemetry.metrics.provider.namespace = environment["POWERTOOLS_METRICS_NAMESPACE"]
        meter = Meter(cloud, TABLE)

        def stage(fleet: Fleet | None = None, engine: Mapping[str, Any] | None = None, **settings: Any) -> Stage:
            cloud.settings = CloudSettings(engine=EngineSettings(**(engine or {})))
            cloud.reset()
            made = Stage(cloud, meter, workflow_definition(), **settings)
            if fleet is not None:
                cloud.add_fleet(fleet)
            return made

        yield stage


def as_json(value: Any) -> str:
    return json.dumps(value, indent=2, default=str)
