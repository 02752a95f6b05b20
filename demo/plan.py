"""A dry run after the night: what the archiver would do about the originals, as it says itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ami_archiver.model import RETIRING, Decision
from demo.aws import DEMO
from demo.night import NightFailed

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

    def would(self, decision: Decision) -> list[PlanLine]:
        return [line for line in self.lines if line.decision is decision]

    def has_made(self, call: Mapping[str, Any]) -> bool:
        """Whether this call was made while it ran, and not by the demo itself."""
        first, last = self.calls
        return first < int(call["number"]) <= last and call["caller"] != DEMO

    def may_make(self, call: Mapping[str, Any]) -> bool:
        """Whether the call only reads, or writes what the run says of itself: decisions, summary, notification."""
        match call["service"], call["operation"]:
            case "dynamodb", "PutItem":
                own = (f"RUN#{self.run_id}", "RUNS", "RETIREMENTS")
                return call["parameters"].get("Item", {}).get("pk", {}).get("S") in own
            case "sns", "Publish":
                return True
            case _, operation:
                return str(operation).startswith(("Describe", "List", "Get", "Head", "BatchGet", "Query"))


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
