"""RestoreWorkflow as it is in the template: the real handlers, the real choices, every call allowed by its role."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from ami_archiver import bootstrap
from handlers import telemetry
from local_cloud.in_process import VirtualCloud
from tests.restore.test_thaw import freeze
from tests.support.archive import BUCKET, TABLE, Archive, client, full_id
from tests.support.assembly import STACK, CloudAssembly, synthesized
from tests.support.handlers import Context
from tests.support.restore import Restores
from tests.support.state_machine import Execution, StateMachine, definition_of
from tests.support.watched import Watched, allowed, note
from tests.workflow.test_permissions_in_use import NOT_CALLED_BY_US

FUNCTIONS = {
    "handlers.restore.plan": "PlanRestore",
    "handlers.restore.finish": "FinishRestores",
    "handlers.restore.restore": "RestoreImages",
    "handlers.restore.report": "ReportRestore",
}
BY_EC2_FOR_THE_RESTORE = {
    "ebs:CompleteSnapshot", "ebs:PutSnapshotBlock", "ebs:StartSnapshot", "ec2:CreateTags", "ec2:DescribeTags",
    "kms:CreateGrant", "kms:GenerateDataKeyWithoutPlaintext", "kms:ReEncryptFrom",
}  # fmt: skip


class Machine:
    """The workflow out of the template, with the calls of its functions seen."""

    def __init__(self, restores: Restores, assembly: CloudAssembly) -> None:
        self.restores = restores
        self.seen = Watched()
        self._function = ""
        self._losing: set[str] = set()
        self._machine = StateMachine(
            definition_of(assembly.directory / f"{STACK}.template.json", "RestoreWorkflow"),
            {name: self._invoking(name) for name in FUNCTIONS},
            restores.cloud.advance,
            restores.cloud.clock.now,
        )
        self._started = 0

    def run(self, **given: Any) -> Execution:
        clients = [client(self.restores.cloud, name) for name in ("ec2", "s3", "dynamodb", "sns", "ssm")]
        for each in clients:
            each.meta.events.register("provide-client-params.*.*", self._see, unique_id="machine")
        try:
            self._started += 1
            return self._machine.start(given, f"restore-{self._started}")
        finally:
            for each in clients:
                each.meta.events.unregister("provide-client-params.*.*", unique_id="machine")

    def lose_the_lease_in(self, *functions: str) -> None:
        """Another run takes it, for a minute, at the first look that each of the functions takes at records."""
        self._losing = set(functions)

    def _see(self, params: dict[str, Any], model: Any, **_: Any) -> None:
        if self._function in self._losing and model.name == "BatchGetItem":
            self._losing.remove(self._function)
            item = self.restores.archive.item("LEASE", "RESTORE") or {}
            until = {"N": str(int(self.restores.cloud.clock.now().timestamp()) + 60)}
            self.restores.archive.put_item(item | {"holder": {"S": "another"}, "expires_at": until})
        if self._function:
            note(self.seen, self._function, model.service_model.service_name, model.name, params)

    def _invoking(self, name: str) -> Callable[[Any], Any]:
        def invoke(event: Any) -> Any:
            module, _, function = name.rpartition(".")
            handler = getattr(importlib.import_module(module), function)
            self._function = FUNCTIONS[name]
            try:
                with patch.object(bootstrap, "app", self.restores.worker):
                    return handler(event, Context())
            finally:
                self._function = ""

        return invoke


@pytest.fixture(scope="module")
def pointing() -> CloudAssembly:
    """What `cdk synth` writes for a stack that may point SSM parameters at restored images."""
    return synthesized(Path(__file__).with_name("pointing.toml"))


@pytest.fixture
def machine(cloud: VirtualCloud, pointing: CloudAssembly, monkeypatch: pytest.MonkeyPatch) -> Machine:
    monkeypatch.setattr(telemetry.metrics.provider, "namespace", "tests")  # whoever imported the handlers first
    return Machine(Restores(Archive(cloud, run_limit_hours=2, parameter_prefixes=("/golden/", "web-"))), pointing)


def test_execution_ends_with_the_summary(machine: Machine) -> None:
    machine.restores.stored("ami-a", 5)
    execution = machine.run(image_ids=[full_id("ami-a")])
    assert (execution.status, execution.output["restores"]["restored"]) == ("SUCCEEDED", 1)
    assert machine.restores.new_image(execution.output).state == "available"


def test_bad_input_ends_the_execution_under_its_name_and_changes_nothing(machine: Machine) -> None:
    execution = machine.run(image_ids=["nonsense"])
    assert (execution.status, execution.error) == ("FAILED", "BadInput")
    assert "image_ids has 'nonsense'" in str(execution.cause)
    assert not machine.seen.actions["PlanRestore"]


def test_a_thaw_of_two_days_costs_few_events(machine: Machine) -> None:
    machine.restores.stored("ami-a", 5)
    freeze(machine.restores, "ami-a", "DEEP_ARCHIVE")
    execution = machine.run(image_ids=[full_id("ami-a")], storage_tier_speed="Bulk")
    assert execution.output["restores"]["restored"] == 1
    assert execution.output["seconds"] > 36 * 3600
    assert execution.history_events < 500


def test_functions_call_what_their_roles_allow_and_their_roles_allow_what_they_call(
    machine: Machine, pointing: CloudAssembly
) -> None:
    restores = machine.restores
    archive = restores.archive
    image_id = archive.image("ami-a", launch_permissions=[{"UserId": "210987654321"}])
    client(restores.cloud, "ssm").put_parameter(
        Name="/golden/a", Value=image_id, Type="String", DataType="aws:ec2:image"
    )
    archive.night()
    restores.lose("ami-a")
    restores.stored("ami-b", 5)
    freeze(restores, "ami-b", "GLACIER")
    long = archive.record("ami-b")
    story = (*long.history, *(long.history[-1:] * (200 - len(long.history))))
    assert archive.app.records.save(long, replace(long, history=story, revision=len(story)))
    restores.stored("ami-c", 5, record=False)
    machine.run(image_ids=[full_id("ami-c")], dry_run=True)
    machine.run(query={"policy": "nightly"}, share_with=["210987654321"], point_ssm_parameters=True)
    theirs = restores.stored("ami-d", 400, name="theirs")
    hand = {"by": "hand"}
    hanging = restores.app.restore_tasks.start(BUCKET, f"nightly/{theirs}.bin", "theirs", hand, hand)
    restores.cloud.service.faults.hang(str(hanging))
    machine.run(image_ids=[full_id("ami-a")], name="again")
    restores.cloud.service.faults.clear()
    machine.lose_the_lease_in("RestoreImages")
    machine.run(image_ids=[restores.stored(f"ami-{gib}", gib) for gib in (150, 140, 130, 120, 110)])

    roles = {function: allowed(pointing, function) for function in FUNCTIONS.values()}
    denied = {function: machine.seen.actions[function] - may for function, may in roles.items()}
    useless = {
        function: may - machine.seen.actions[function] - NOT_CALLED_BY_US - BY_EC2_FOR_THE_RESTORE
        for function, may in roles.items()
    }
    assert denied == {function: set() for function in roles}
    assert useless == {function: set() for function in roles}
    assert {target for target in machine.seen.targets if target[0] != "TopicArn"} == {
        ("Bucket", BUCKET),
        ("TableName", TABLE),
    }
    deleted = {key for keys in machine.seen.deleted.values() for key in keys}
    assert deleted
    assert all(key.startswith("RESTORE-QUEUE#") for key in deleted)
