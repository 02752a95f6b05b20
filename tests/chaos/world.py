"""One stack in virtual time: the real handlers, driven by the synthesized workflow, and whoever else is around."""

from __future__ import annotations

import contextlib
import importlib
import json
import logging
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import botocore.endpoint
from botocore.awsrequest import AWSPreparedRequest, AWSResponse

from ami_archiver import bootstrap
from ami_archiver.app import App
from ami_archiver.errors import LeaseLost
from ami_archiver.policy import Policy
from local_cloud.in_process import VirtualCloud
from local_cloud.settings import CloudSettings, EngineSettings
from tests.chaos.restore_evidence import RestoreRun, RestoreWitness
from tests.chaos.retirement_witness import Witness
from tests.chaos.wire import Disturbance, Wire, WiredCloud
from tests.support.archive import BUCKET, Archive
from tests.support.restore import Restores
from tests.support.state_machine import Execution, Killed, Running, StateMachine, definition_of, handler_of, handlers_in

DAY_SECONDS = 86_400
TRANSITIONS = 10_000
"""No play needs as many; an execution that does never ends."""


class NeverEnds(Exception):
    """An execution went on and on."""


@dataclass
class Context:
    """What Lambda hands to a handler."""

    seconds_left: float = 900
    function_name: str = "function"
    function_version: str = "1"
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = "arn:aws:lambda:us-east-1:123456789012:function:function"
    aws_request_id: str = "request"

    def get_remaining_time_in_millis(self) -> int:
        return int(self.seconds_left * 1000)


@dataclass
class Run:
    """An execution, and what its policy was to find when it was started."""

    policy: str
    execution: Execution
    images: set[str] = field(default_factory=set)


class Theatre:
    """One process's cloud, clients and definitions; makes a new world for every play."""

    def __init__(self, cloud: VirtualCloud, definition: Mapping[str, Any], restoring: Mapping[str, Any]) -> None:
        self.cloud = cloud
        self.wire = Wire(cloud)
        self.definition = definition
        """ArchiveWorkflow's."""
        self.restoring = restoring
        """RestoreWorkflow's."""

    @contextlib.contextmanager
    def world(
        self,
        *policies: Policy,
        engine: Mapping[str, Any] | None = None,
        disturbance: Disturbance | None = None,
        **settings: Any,
    ) -> Iterator[World]:
        """An empty account with the stack in it; `engine` sets the image service, `settings` the stack."""
        self.cloud.settings = CloudSettings(engine=EngineSettings(**(engine or {})))
        self.cloud.reset()
        self.wire.begin(disturbance or Disturbance())
        random.seed(1)  # botocore's jitter
        # Only what takes effect at once is put aside: other tests of the process want their logs.
        telemetry = importlib.import_module("handlers.telemetry")
        level = telemetry.logger.log_level
        archiver_level = logging.getLogger("ami_archiver").level
        with (
            patch.object(botocore.endpoint, "time", SimpleNamespace(sleep=self.cloud.advance)),
            patch.dict("os.environ", POWERTOOLS_METRICS_DISABLED="true"),
        ):
            telemetry.logger.setLevel(logging.CRITICAL)
            logging.getLogger("ami_archiver").setLevel(logging.CRITICAL)
            try:
                yield World(self, Archive(WiredCloud(self.cloud, self.wire), *policies, **settings))  # type: ignore[arg-type]
            finally:
                telemetry.logger.setLevel(level)
                logging.getLogger("ami_archiver").setLevel(archiver_level)


def theatre_of(cloud: VirtualCloud, template: Path) -> Theatre:
    """With the workflows of a synthesized template."""
    return Theatre(cloud, definition_of(template, "ArchiveWorkflow"), definition_of(template, "RestoreWorkflow"))


class World:
    """Time, an account, and a stack whose functions may die and be repeated."""

    def __init__(self, theatre: Theatre, archive: Archive) -> None:
        self.cloud = theatre.cloud
        self.wire = theatre.wire
        self.archive = archive
        self.runs: list[Run] = []
        self.turns: list[str] = []
        """The run ids of the looks that held the lease, in the order in which they began."""
        self.touched: set[str] = set()
        """Images whose record or object people have laid hands on."""
        self.may_fail: set[str] = set()
        """Images that cannot be stored any more, or that EC2 fails to store."""
        self.deletable: set[str] = set()
        """Images that people deregistered."""
        self.seconds_left = 900.0
        self.skews: list[timedelta] = []
        """The clocks of the function instances, in turn."""
        self.waiting: Running | None = None
        """An execution that goes on later."""
        self._steps: list[tuple[str, Any]] = []
        """The steps under way, the innermost last, with their events."""
        self._warm: App | None = None
        self.undisturbed = False
        """Whether the steps' calls are neither counted nor disturbed."""
        self.disturbed: tuple[str, ...] = ("handlers.",)
        """How the names of the handlers begin whose calls are, unless nothing is."""
        self.restores = Restores(archive)
        """Lays archived objects down, and makes the restores' function instances."""
        self.restore_runs: list[RestoreRun] = []
        self.parameters: set[str] = set()
        """Names of the SSM parameters that there are."""
        self.witness = Witness(self)
        self.restore_witness = RestoreWitness(self)
        self.wire.watch = self._watch
        archive.executions.look = self._execution
        names = handlers_in(theatre.definition) | handlers_in(theatre.restoring)
        self._functions = {name: self._function(name) for name in names}
        self._machine, self._restoring = (
            StateMachine(definition, self._functions, self.cloud.advance, self.cloud.clock.now)
            for definition in (theatre.definition, theatre.restoring)
        )
        self._names = 0

    # The workflow

    def begin(self, policy: str = "nightly") -> Running:
        """An execution as the schedule starts it, before its first state."""
        self._names += 1
        running = self._machine.begin({"policy": policy, "dry_run": False}, f"execution-{self._names}")
        self.runs.append(Run(policy, running.execution, self.found_by(policy)))
        return running

    def step(self, running: Running) -> bool:
        """Visit the next state; False when the execution has ended."""
        if running.execution.transitions > TRANSITIONS:
            raise NeverEnds(f"{running.execution.name}: {running.state_input}")
        if running.execution.status == "RUNNING":
            restores = any(run.execution is running.execution for run in self.restore_runs)
            (self._restoring if restores else self._machine).step(running)
        return running.execution.status == "RUNNING"

    def answer(self, running: Running, output: Any) -> None:
        """What a person says to the execution that asks. Raises TaskTimedOut."""
        if isinstance(output, dict) and output.get("approved") is True:
            self.witness.approved.add(running.state_input["run_id"])
        self._machine.answer(running.execution.tokens[-1], output)

    def go_on(self, running: Running) -> Execution:
        """To the end of the execution."""
        while self.step(running):
            pass
        return running.execution

    def night(self, policy: str = "nightly") -> Execution:
        """A whole execution."""
        return self.go_on(self.begin(policy))

    def begin_restore(self, **given: Any) -> Running:
        """An execution of RestoreWorkflow, before its first state."""
        self._names += 1
        running = self._restoring.begin(given, f"restore-{self._names}")
        self.restore_runs.append(RestoreRun(given, running.execution))
        return running

    def restore(self, **given: Any) -> Execution:
        """A whole execution."""
        return self.go_on(self.begin_restore(**given))

    def stop(self, execution: Execution) -> None:
        """StopExecution: the state machine goes no further; a function that is at work goes on to its end."""
        if execution.status == "RUNNING":
            execution.status = "ABORTED"

    def next_night(self) -> None:
        """Sleep until the schedules' time."""
        self.wire.disturbance.next_night()
        self.cloud.advance(DAY_SECONDS - self.cloud.clock.seconds() % DAY_SECONDS)

    def come_to_rest(self, nights: int = 5) -> None:
        """At least one more night of every policy, undisturbed, and more while something is left to do."""
        self.undisturbed = True
        for _ in range(nights):
            for policy in self.archive.settings.policies:
                self.next_night()
                self.night(policy.name)
            if not self._open():
                return

    # Everybody else

    def repeat_step(self) -> None:
        """Run the step under way a second time, from its beginning to its end."""
        self.invoke(*self._steps[-1])

    def invoke(self, name: str, event: Any) -> Any:
        """Run a function, by its handler's name, as Lambda does."""
        return self._functions[name](json.loads(json.dumps(event)))

    def object_of(self, image_id: str) -> str | None:
        """The key of an image's current object, as S3 lists it."""
        listed = self.cloud_client("s3").list_objects_v2(Bucket=BUCKET).get("Contents", [])
        return next((raw["Key"] for raw in listed if raw["Key"].endswith(f"{image_id}.bin")), None)

    def restart(self) -> None:
        """A deployment: the next step has a new function instance, with the settings of now."""
        self._warm = None

    def cloud_client(self, name: str) -> Any:
        """A client that nothing disturbs outside of steps."""
        return self.wire.client(name)

    @property
    def restoring(self) -> bool:
        """Whether a step of a restore is under way."""
        return bool(self._steps) and self._steps[-1][0].startswith("handlers.restore.")

    def _watch(self, operation: str, request: AWSPreparedRequest, send: Callable[[], AWSResponse]) -> AWSResponse:
        return self.witness.watch(operation, request, lambda: self.restore_witness.watch(operation, request, send))

    def _execution(self, arn: str) -> dict[str, Any] | None:
        found = [run.execution for run in self.runs]
        for execution in found:
            found += execution.started
        return next((one.described for one in found if arn == f"arn:{one.name}"), None)

    def _open(self) -> bool:
        items = self.cloud_client("dynamodb").scan(TableName=self.archive.settings.table_name)["Items"]
        return any(
            "holder" in item or item.get("status", {}).get("S") in ("SELECTED", "STORING", "STORED") for item in items
        )

    def found_by(self, name: str) -> set[str]:
        policy = self.archive.settings.policy(name)
        return {
            image.image_id
            for image in self.cloud.catalog.images(self.archive.region).values()
            if image.owner_id == self.archive.account_id
            and policy is not None
            and all(image.tags.get(key) in values for key, values in policy.tags.items())
        }

    def _function(self, name: str) -> Callable[[Any], Any]:
        handler = handler_of(name)
        works = name == "handlers.archive.store"

        def invoke(event: Any) -> Any:
            if not self.undisturbed and not self._steps:
                self.wire.step(name.removeprefix("handlers."))
            turn = len(self.turns)
            if works:
                self.turns.append(event["run_id"])
            telemetry = importlib.import_module("handlers.telemetry")
            app = self._app()
            retirer = self.archive.retirer()
            retirer.clock = app.clock
            self._steps.append((name, event))
            with (
                patch.object(bootstrap, "app", lambda: app),
                patch.object(bootstrap, "retire_app", lambda: retirer),
                self.wire.listening(not self.undisturbed and name.startswith(self.disturbed)),
            ):
                try:
                    return handler(event, Context(self.seconds_left))
                except Killed:
                    self._warm = None
                    raise
                except LeaseLost:
                    if works:
                        del self.turns[turn]
                    raise
                finally:
                    self._steps.pop()
                    telemetry.metrics.clear_metrics()  # where they are disabled, nobody else does

        return invoke

    def _app(self) -> App:
        if self.skews:
            self.skews.append(self.skews.pop(0))
            return self.archive.worker(self.skews[-1])
        if self._warm is None:
            self._warm = self.archive.worker()
        return self._warm
