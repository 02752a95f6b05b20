"""A dry run after the night: what the archiver would do about the originals, as it says itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ami_archiver.model import RETIRING, Decision
from demo.aws import DEMO, Aws, Stack
from demo.night import NightFailed, output_of

POLICY = "nightly"
"""Of archiver.local.toml: its originals may go."""


@dataclass(frozen=True, slots=True)
class PlanLine:
    """What would become of one original."""

    image_id: str
    decision: Decision
    reason: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What a dry run put out about originals, and which calls of the cloud's log were made meanwhile."""

    run_id: str
    lines: tuple[PlanLine, ...]
    counted: int
    """Originals, also those that a summary counts and does not name."""
    calls: tuple[int, int]
    """The number of the last call before it and of the last one in it."""

    def would(self, *decisions: Decision) -> list[PlanLine]:
        return [line for line in self.lines if line.decision in decisions]


def read(summary: Mapping[str, Any], calls: tuple[int, int]) -> Plan:
    """The plan out of a dry run's summary. Raises NightFailed where there is none in it."""
    would = summary.get("retirement", {}).get("would")
    if would is None:
        raise NightFailed(f"the dry run {summary.get('run_id')} says nothing of originals")
    lines = (
        PlanLine(each["image_id"], decision, each["reason"])
        for decision in RETIRING
        for each in would[decision.value]["listed"]
    )
    return Plan(summary["run_id"], tuple(lines), sum(would[each.value]["images"] for each in RETIRING), calls)


def dry_run(aws: Aws, stack: Stack, last_call: Callable[[], int]) -> Plan:
    """Start one and wait for its plan. Raises NightFailed."""
    before = last_call()
    summary = output_of(aws, stack.workflow_arn, {"policy": POLICY, "dry_run": True}, "the dry run")
    return read(summary, (before, last_call()))


def changing(calls: Iterable[Mapping[str, Any]], plan: Plan) -> list[str]:
    """The calls during the dry run, but the demo's own, that change more than what the run says of itself."""
    first, last = plan.calls
    own = (f"RUN#{plan.run_id}", "RUNS", "RETIREMENTS")
    return [
        f"{call['caller']} called {call['service']} {call['operation']}"
        for call in calls
        if first < call["number"] <= last
        and call["caller"] != DEMO
        and not _only_reads(call)
        and not _is_about_itself(call, own)
    ]


def _only_reads(call: Mapping[str, Any]) -> bool:
    return str(call["operation"]).startswith(("Describe", "List", "Get", "Head", "BatchGet", "Query"))


def _is_about_itself(call: Mapping[str, Any], own: tuple[str, ...]) -> bool:
    """Its pages of decisions, its summary and its notification."""
    match call["service"], call["operation"]:
        case "dynamodb", "PutItem":
            return call["parameters"].get("Item", {}).get("pk", {}).get("S") in own
        case "sns", "Publish":
            return True
        case _:
            return False
