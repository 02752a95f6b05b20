"""Executions that somebody starts by hand with what no run takes: each fails by name, and nothing is changed by it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ami_archiver import bootstrap
from ami_archiver.run_state import Next
from local_cloud.in_process import VirtualCloud
from tests.support.archive import Archive
from tests.support.assembly import STACK, CloudAssembly
from tests.support.domain import policy
from tests.support.handlers import HANDLERS, Context, Handler
from tests.support.state_machine import Execution, StateMachine, definition_of

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")

READING = ("Describe", "Get", "List", "Head", "Query", "BatchGet", "Scan")


def writes(archive: Archive, since: int) -> list[str]:
    """The calls since then that changed anything; a write whose condition failed did not."""
    return [
        call.operation
        for call in archive.cloud.calls.filter(since=since)
        if not call.operation.startswith(READING) and call.error_code is None
    ]


@pytest.fixture
def workflow(
    cloud: VirtualCloud, cloud_assembly: CloudAssembly, handlers: dict[str, Handler], monkeypatch: pytest.MonkeyPatch
) -> tuple[Archive, StateMachine]:
    archive = Archive(cloud, policy("nightly"), policy("weekly", tags={"Weekly": ("*",)}))
    monkeypatch.setattr(bootstrap, "app", lambda: archive.app)
    monkeypatch.setattr(bootstrap, "retire_app", archive.retirer)
    functions = {
        f"handlers.{HANDLERS[state]}": lambda event, handler=handler: handler(event, Context())
        for state, handler in handlers.items()
    }
    template = cloud_assembly.directory / f"{STACK}.template.json"
    definition = definition_of(template, "ArchiveWorkflow")
    return archive, StateMachine(definition, functions, cloud.advance, cloud.clock.now)


FORGED = {
    "run_id": "20260101T020000-nightly-00000000",
    "policy": "nightly",
    "dry_run": False,
    "started_at": "2026-01-01T02:00:00+00:00",
    "next": "select_more",
}
INPUTS: list[tuple[Any, str]] = [
    ({}, "BadInput"),
    ([], "BadInput"),
    ("nightly", "BadInput"),
    (None, "BadInput"),
    ({"policy": None}, "BadInput"),
    ({"policy": "hourly"}, "BadInput"),
    ({"policy": "nightly", "dry_run": "false"}, "BadInput"),
    ({"policy": "nightly", "force": True}, "BadInput"),
    ({"policy": "n" * 100_000}, "BadInput"),
    ({"policy": "nightly", "next": "report"}, "BadInput"),
    ({"policy": "nightly", "next": "select_more"}, "BadInput"),
    ({"policy": "nightly", "execution_name": "other", "execution_started_at": "2020-01-01"}, "BadInput"),
    ({"policy": "nightly", "run_id": "x"}, "BadInput"),
    ({"run_id": None}, "BadInput"),
    ({"run_id": 5, "policy": "nightly"}, "BadInput"),
    (FORGED | {"next": "deregister"}, "BadInput"),
    (FORGED | {"retire": "now"}, "BadInput"),
    (FORGED | {"approval": True}, "BadInput"),
    (FORGED | {"started_at": "yesterday"}, "BadInput"),
    (FORGED | {"loops": "many"}, "BadInput"),
    (FORGED | {"next_token": ["a"]}, "BadInput"),
    (FORGED | {"images": ["ami-1"]}, "BadInput"),
    (FORGED, "LeaseLost"),
    (FORGED | {"dry_run": True, "outcome": "dry_run"}, "LeaseLost"),
    (FORGED | {"next": "report", "outcome": "joined"}, "LeaseLost"),
    (FORGED | {"policy": "hourly"}, "LeaseLost"),
    (FORGED | {"next": "retire", "retire": "act"}, "LeaseLost"),
    (FORGED | {"retire": "done", "awaiting_approval": 1, "approval": {"approved": True}}, "LeaseLost"),
    (FORGED | {"started_at": "9999-12-31T23:59:59+00:00"}, "LeaseLost"),
    (FORGED | {"run_id": "RUN#x/../y", "next": "store", "loops": 999_999, "wait_seconds": 99_999_999}, "LeaseLost"),
]


def run(archive: Archive, machine: StateMachine, given: Any) -> tuple[Execution, list[str]]:
    calls = len(archive.cloud.calls)
    execution = machine.start(given, "by-hand")
    return execution, writes(archive, calls)


@pytest.mark.parametrize(("given", "error"), INPUTS, ids=lambda value: json.dumps(value)[:60])
def test_execution_by_hand_with_wrong_input_fails_by_name_and_changes_nothing(
    workflow: tuple[Archive, StateMachine], given: Any, error: str
) -> None:
    archive, machine = workflow
    archive.image("one")
    execution, written = run(archive, machine, given)
    assert (execution.status, execution.error) == ("FAILED", error), execution.cause
    assert (written, archive.items()) == ([], [])


@pytest.mark.parametrize("given", [FORGED, FORGED | {"next": "report", "outcome": "met"}], ids=["select", "report"])
def test_forged_state_beside_a_working_run_changes_nothing_of_it(
    workflow: tuple[Archive, StateMachine], given: dict[str, Any]
) -> None:
    archive, machine = workflow
    archive.image("one", gib=300)
    working = archive.go_to(archive.select(archive.begin()), Next.WAIT)
    before = archive.items()
    execution, written = run(archive, machine, given)
    assert (execution.error, written, archive.items()) == ("LeaseLost", [], before)
    assert archive.go_on(working)["decisions"]["stored"] == 1


def test_message_says_what_is_allowed_and_what_to_leave_out(workflow: tuple[Archive, StateMachine]) -> None:
    archive, machine = workflow
    execution, _ = run(archive, machine, {"policy": "nightly", "run_id": "x"})
    assert execution.cause == (
        "the state of a run cannot be read: started_at is missing; "
        "leave out 'run_id' when you start an execution by hand: only a run that hands over to itself gives one"
    )
    execution, _ = run(archive, machine, {"policy": "hourly"})
    assert execution.cause == "'policy' is 'hourly', must be one of 'nightly', 'weekly'"
