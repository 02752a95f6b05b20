"""The demonstration from beginning to end."""

from __future__ import annotations

import contextlib
import json
import threading
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from ami_archiver.model import Decision
from demo import plan, report, stage
from demo.archive import Archive
from demo.aws import OWNER, PAST, TEAM_B, Aws, Stack, deployed, originals
from demo.claims import ALWAYS_REASON, ONCE_REASON, check
from demo.evidence import Evidence
from demo.fleet import built_in
from demo.night import Execution, Night, NightFailed, output_of
from demo.others import Team, store_before, use_images
from demo.own_fleet import from_export, parse_tag, selecting_tag
from demo.report import Output
from demo.restored import delete_and_restore, smallest
from demo.scene import ACCOUNT_ID, BUDGET_GIB, REGION, Scene
from demo.view import LiveView, PlainView
from demo.watch import Watch
from local_cloud.control_client import ControlError, RunningCloud, start_cloud
from local_cloud.fleet.fleet import FleetError
from local_cloud.fleet.write import write_fleet

SPEED = 400
"""Seconds of the simulated world in one second."""
SCHEDULE_SPEED = 6
"""rate(1 minute) comes round every ten seconds: time enough to set the scene after the deployment."""


@dataclass(frozen=True, slots=True)
class Options:
    """What may be asked for."""

    exports: tuple[Path, ...] = ()
    tag: str | None = None
    keep: bool = False
    verbose: bool = False


def show(options: Options, place: stage.Workplace, output: Output) -> int:
    """Everything; the exit code. Errors that a user can do something about are lines, not tracebacks."""
    try:
        scene = _scene(options)
        with _started(place, scene) as cloud:
            return _Demonstration(options, place, output, cloud, scene).run()
    except FleetError as error:
        output.line(f"demo: {error}", style="bold red")
        return 2
    except (stage.StageFailed, NightFailed, ControlError) as error:
        output.line(f"demo: {error}", style="bold red")
        log = place.call_log_left.relative_to(stage.ROOT)
        output.line(f"demo: failed; VERBOSE=1 make demo shows what the CDK prints, {log} has every call")
        return 1


def _scene(options: Options) -> Scene:
    if not options.exports:
        return built_in(datetime.now(UTC))
    config = tomllib.loads((stage.ROOT / stage.CONFIG).read_text(encoding="utf-8"))
    tag = parse_tag(options.tag) if options.tag else None
    return from_export(options.exports, tag, selecting_tag(config))


@contextlib.contextmanager
def _started(place: stage.Workplace, scene: Scene) -> Iterator[RunningCloud]:
    """The local cloud with the scene's fleet."""
    exported = place.path / "fleet.json"
    write_fleet(scene.fleet, exported)
    rate = scene.gib_per_second / SPEED
    with start_cloud(
        *("--log", str(place.call_log), "--fleet", str(exported), "--speed", str(SPEED)),
        *("--schedule-speed", str(SCHEDULE_SPEED), "--store-limit-gib", str(BUDGET_GIB)),
        *("--throughput", "shared", "--store-gib-per-second", str(rate), "--restore-gib-per-second", str(rate)),
        environ=place.environment(),
    ) as cloud:
        yield cloud


class _Demonstration:
    """From the deployment to the claims, in a cloud that runs."""

    def __init__(
        self, options: Options, place: stage.Workplace, output: Output, cloud: RunningCloud, scene: Scene
    ) -> None:
        self._options = options
        self._place = place
        self._output = output
        self._cloud = cloud
        self._scene = scene
        self._aws = Aws(cloud.endpoint_url)

    def run(self) -> int:
        """The exit code."""
        output, scene = self._output, self._scene
        images = len(scene.fleet.images)
        output.stage(f"local cloud on {self._cloud.endpoint_url}: {images} images, time {SPEED} times as fast")
        rule = f"EC2 accepts a store while less than {BUDGET_GIB:g} GiB are in flight, so the last one may exceed it"
        for note in (*scene.notes, rule):
            output.line(f"        {note}")
        use_images(self._caller(PAST), scene)
        before = originals(self._aws)
        self._deploy()
        stack = deployed(self._aws)
        executions = self._night(stack)
        found = self._evidence(Archive(self._aws, stack), executions, before)
        report.summaries(output, found.summaries)
        report.decisions(output, found)
        found = self._plan(stack, found)
        found = self._restore(stack, found)
        found = replace(found, watched=output_of(self._aws, stack.watch_workflow_arn, {}, "the watch"))
        output.stage("WatchWorkflow has compared every archived record with the bucket, as it does every day")
        true = report.claims(output, check(found))
        output.line(f"{self._place.call_log_left.relative_to(stage.ROOT)} has every call to the cloud")
        output.line()
        output.stage("done" if true else "NOT everything that is claimed is true: see FALSE above")
        if self._options.keep:
            environment = self._place.environment(self._cloud.endpoint_url)
            report.where_to_look(output, stack, executions[0], environment)
            with contextlib.suppress(KeyboardInterrupt):
                threading.Event().wait()
            output.line("stopping the cloud")
        return 0 if true else 1

    def _caller(self, name: str) -> Aws:
        """AWS as somebody else calls it."""
        return Aws(self._cloud.endpoint_url, name)

    def _deploy(self) -> None:
        endpoint_url, verbose = self._cloud.endpoint_url, self._options.verbose
        target = f"aws://{ACCOUNT_ID}/{REGION}"
        # In a directory without cdk.json: there is no need to synthesize the app for it.
        self._place.cdk(endpoint_url, "bootstrap", target, cwd=self._place.path, verbose=verbose)
        self._output.stage(f"cdk bootstrap {target}")
        assembly = str(self._place.path / "cdk.out")
        deploy = ("deploy", "-c", f"config={stage.CONFIG}", "--require-approval", "never", "--output", assembly)
        self._place.cdk(endpoint_url, *deploy, verbose=verbose)
        self._output.stage(f"cdk deploy -c config={stage.CONFIG}")

    def _night(self, stack: Stack) -> list[Execution]:
        """Set the scene, wait for the schedules, and look on until all runs have ended."""
        aws, output, scene = self._aws, self._output, self._scene
        night = Night(aws, stack)
        if scene.stored_before:
            store_before(self._caller(TEAM_B), stack, scene.stored_before)
            output.stage("somebody has stored one image into the archive bucket already")
        if scene.fails_once and scene.always_fails:
            fail = partial(self._cloud.fault, "fail_store")
            fail(image_id=scene.fails_once, reason=ONCE_REASON, at_percent=60)
            fail(image_id=scene.always_fails, reason=ALWAYS_REASON, at_percent=40, times=None)
            output.stage("one store will fail once, and one will always fail")
        ready = datetime.now(UTC)
        expressions = " and ".join(sorted(set(night.schedules().values())))
        output.stage(f"waiting for EventBridge's schedules: {expressions}, {SCHEDULE_SPEED} times as fast")
        executions = night.wait_for_start()
        night.pause()
        policies = " and ".join(execution.policy for execution in executions)
        output.stage(f"EventBridge has started {policies}; its schedules are paused now")
        if min(execution.started_at for execution in executions) < ready:  # on a slow machine: that came too late
            expected = {image_id: d for image_id, d in scene.expected.items() if image_id != scene.stored_before}
            self._scene = replace(scene, expected=expected)
        team = Team(self._caller(TEAM_B), scene.foreign)
        watch = Watch(aws, stack, scene.fleet, output.seconds)
        view: LiveView | PlainView = LiveView(output.console) if output.live else PlainView(output.line)

        def look() -> object:
            seen = watch.look()
            team.go_on(seen)
            view.show(seen)
            return seen.running, seen.decisions

        try:
            executions = night.follow(look)
        finally:
            view.close()
        output.stage("all runs have ended")
        return executions

    def _evidence(self, archive: Archive, executions: list[Execution], before: dict[str, str]) -> Evidence:
        summaries = archive.summaries()
        return Evidence(
            scene=self._scene,
            lines=archive.lines(summary["run_id"] for summary in summaries),
            summaries=summaries,
            outputs=[execution.output for execution in executions if execution.output],
            records=archive.records(),
            objects=archive.objects(),
            calls=self._calls(),
            before=before,
            after=originals(self._aws),
        )

    def _plan(self, stack: Stack, found: Evidence) -> Evidence:
        """What would become of the originals, by a dry run; the evidence with that."""
        before = self._calls()[-1]["number"]
        given = {"policy": plan.POLICY, "dry_run": True}
        summary = output_of(self._aws, stack.workflow_arn, given, "the dry run")
        planned = plan.read(summary, (before, self._calls()[-1]["number"]))
        self._output.stage(f"a dry run of policy {plan.POLICY} says which originals would go now, and which would stay")
        report.originals(self._output, planned, found)
        return replace(found, calls=self._calls(), plan=planned)

    def _restore(self, stack: Stack, found: Evidence) -> Evidence:
        """Delete and restore one stored image; the evidence with that."""
        stored = [line.image_id for line in found.decided(Decision.STORED)]
        image_id = smallest(found.scene.fleet, stored)
        if image_id is None:
            self._output.stage("nothing was stored that could be deleted to restore it")
            return found
        back = delete_and_restore(self._caller(OWNER), stack, image_id, self._output.stage)
        report.side_by_side(self._output, back)
        return replace(found, calls=self._calls(), after=originals(self._aws), back=back)

    def _calls(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._place.call_log.read_text(encoding="utf-8").splitlines()]
