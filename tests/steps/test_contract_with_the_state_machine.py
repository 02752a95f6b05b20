"""What the functions hand to the state machine: the keys and values that its Choices, Waits and outputs read.

AWS fails an execution whose Choice finds no key or no branch; emulators forgive it. So it is checked here.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from ami_archiver import bootstrap
from ami_archiver.errors import BadInput, LeaseLost
from local_cloud.in_process import VirtualCloud
from tests.support.archive import Archive
from tests.support.domain import policy
from tests.support.handlers import Context, Handler, as_json

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")

BRANCHES = {
    "SelectImages": {"select_more", "store", "retire", "report"},
    "StoreImages": {"wait", "retire", "hand_over"},
    "PlanRetirement": {"plan_more", "retire", "report"},
    "RetireImages": {"retire", "wait", "report"},
    "ReportRun": {"store", "await_approval", "end", "fail"},
}
"""The branches of the Choice after each function."""
AFTER = {
    "select_more": "SelectImages",
    "store": "StoreImages",
    "wait": "StoreImages",
    "hand_over": "StoreImages",
    "plan_more": "PlanRetirement",
    "retire": "RetireImages",
    "report": "ReportRun",
}
SUMMARY = {"run_id", "policy", "outcome", "decisions", "stored_gib", "started_at", "ended_at", "seconds", "failures"}


@pytest.fixture
def deployed(cloud: VirtualCloud, monkeypatch: pytest.MonkeyPatch) -> Archive:
    archive = Archive(cloud, policy("nightly"), policy("weekly", tags={"Weekly": ("*",)}), policy("off", paused=True))
    monkeypatch.setattr(bootstrap, "app", lambda: archive.app)
    monkeypatch.setattr(bootstrap, "retire_app", archive.retirer)
    return archive


def run(archive: Archive, handlers: dict[str, Handler], event: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """The whole execution by its functions' outputs, each checked against what the state machine reads of it."""
    outputs = []
    name, payload = "SelectImages", event
    while True:
        output = as_json(handlers[name](as_json(payload), Context()))
        outputs.append((name, output))
        check(name, output)
        if output["next"] in ("end", "fail"):
            return outputs
        if output["next"] == "wait":
            archive.cloud.advance(output["wait_seconds"])
        name = AFTER[output["next"]]
        if output["next"] == "retire" and output["retire"] == "plan":
            name = "PlanRetirement"
        payload = {"input": output} | event_context(event) if name == "SelectImages" else output


def event_context(event: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in event.items() if key != "input"}


def check(name: str, output: dict[str, Any]) -> None:
    assert isinstance(output["run_id"], str)
    assert output["run_id"]
    assert output["next"] in BRANCHES[name]
    if output["next"] in ("wait", "start"):
        assert isinstance(output["wait_seconds"], int)
        assert 0 < output["wait_seconds"] < 99_999_999
    if output["next"] == "fail":
        assert output["problem"].startswith("AccessDenied: ")  # the cause of the failed end
    if output["next"] == "end":
        assert output["summary"].keys() >= SUMMARY
        assert set(output["summary"]["decisions"]) == {
            "stored",
            "already_archived",
            "deferred",
            "ineligible",
            "excluded",
            "failed",
        }
    assert len(json.dumps(output)) < 20_000


def test_night_with_waits_goes_only_along_the_branches(deployed: Archive, handlers: dict[str, Handler]) -> None:
    image_id = deployed.image("fails", gib=50)
    deployed.cloud.service.faults.fail_store(image_id)
    deployed.image("large", gib=800)
    deployed.image("next", gib=700)
    outputs = run(deployed, handlers, deployed.begin())
    assert {name for name, _ in outputs} == set(BRANCHES) - {"RetireImages"}  # no policy lets originals go
    assert outputs[-1][1]["summary"]["decisions"]["stored"] == 3
    assert len({output["run_id"] for _, output in outputs}) == 1


@pytest.mark.parametrize(
    ("given", "outcome"),
    [
        ({"policy": "nightly"}, "worked"),
        ({"policy": "nightly", "dry_run": True}, "dry_run"),
        ({"policy": "off"}, "worked"),
    ],
)
def test_run_without_work_goes_only_along_the_branches(
    deployed: Archive, handlers: dict[str, Handler], given: dict[str, Any], outcome: str
) -> None:
    outputs = run(deployed, handlers, deployed.begin() | {"input": given})
    assert outputs[-1][1]["summary"]["outcome"] == outcome


@pytest.mark.parametrize(("second", "outcome"), [("nightly", "met"), ("weekly", "joined")])
def test_run_beside_another_goes_only_along_the_branches(
    deployed: Archive, handlers: dict[str, Handler], second: str, outcome: str
) -> None:
    deployed.select(deployed.begin("nightly"))
    outputs = run(deployed, handlers, deployed.begin(second))
    assert [name for name, _ in outputs] == ["SelectImages", "ReportRun"]
    assert outputs[-1][1]["summary"]["outcome"] == outcome


def test_selection_that_runs_out_of_time_asks_for_more(
    deployed: Archive, handlers: dict[str, Handler], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ami_archiver.adapters.ec2_images.PAGE_SIZE", 5)
    for number in range(7):
        deployed.image(f"i{number}", gib=1)
    event = deployed.begin()
    output = as_json(handlers["SelectImages"](event, Context(seconds_left=100)))
    check("SelectImages", output)
    assert output["next"] == "select_more"
    again = {"input": output} | event_context(event)
    output = as_json(handlers["SelectImages"](again, Context(seconds_left=100)))
    check("SelectImages", output)
    assert (output["next"], output["selected_images"]) == ("store", 7)


def test_thousandth_look_hands_over(deployed: Archive, handlers: dict[str, Handler]) -> None:
    deployed.image("one", gib=500)
    state = handlers["SelectImages"](deployed.begin(), Context())
    state = handlers["StoreImages"](as_json(state), Context())
    output = as_json(handlers["StoreImages"](as_json(state | {"loops": 999}), Context()))
    check("StoreImages", output)
    assert (output["next"], output["loops"]) == ("hand_over", 1000)
    output = as_json(handlers["StoreImages"](output, Context()))
    check("StoreImages", output)
    assert output["next"] == "wait"


MALFORMED: list[Any] = [
    {},
    {"input": None},
    {"input": {}},
    {"input": {"policy": "hourly"}},
    {"input": {"policy": "nightly", "dry_run": "no"}},
    {"input": {"policy": "nightly", "run_id": "x"}},
    {"input": {"policy": "nightly"}},
    {"input": {"policy": "nightly"}, "execution_name": "x", "execution_started_at": "yesterday"},
    {"input": {"next": "select_more"}},
]


@pytest.mark.parametrize("event", MALFORMED, ids=json.dumps)
def test_malformed_input_fails_by_name_and_changes_nothing(
    deployed: Archive, handlers: dict[str, Handler], event: Any
) -> None:
    with pytest.raises(BadInput):
        handlers["SelectImages"](event, Context())
    assert deployed.items() == []


@pytest.mark.parametrize("name", ["StoreImages", "RetireImages", "ReportRun"])
@pytest.mark.parametrize("event", [{}, {"run_id": "x"}, {"policy": "nightly"}, {"images": []}], ids=json.dumps)
def test_malformed_state_fails_by_name_and_changes_nothing(
    deployed: Archive, handlers: dict[str, Handler], name: str, event: Any
) -> None:
    with pytest.raises(BadInput):
        handlers[name](event, Context())
    assert deployed.items() == []


@pytest.mark.parametrize("name", ["StoreImages", "RetireImages", "ReportRun"])
def test_state_of_a_run_that_never_was_fails_by_name(
    deployed: Archive, handlers: dict[str, Handler], name: str
) -> None:
    state = as_json(deployed.select(deployed.begin()).to_json()) | {"run_id": "forged"}
    with pytest.raises(LeaseLost):
        handlers[name](state, Context())
