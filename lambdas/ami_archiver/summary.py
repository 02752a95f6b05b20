"""A run's summary: what it decided, counted from its pages, as JSON and as text that a person reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ami_archiver.model import ABOUT_STORING, Decision, DecisionLine

LISTED = 50
"""Failures, and deferred images, that a summary names one by one; the rest is counted, and named in the run's pages."""


@dataclass
class Tally:
    """Counts of final decisions. An image that a check has ended is counted by that, not by its selection."""

    counts: dict[Decision, int] = field(default_factory=lambda: dict.fromkeys(ABOUT_STORING, 0))
    stored_gib: float = 0.0
    deferred_gib: float = 0.0
    failures: list[dict[str, str]] = field(default_factory=list)
    deferred: list[dict[str, str]] = field(default_factory=list)

    def add(self, line: DecisionLine) -> None:
        self.counts[line.decision] += 1
        if line.decision is Decision.STORED:
            self.stored_gib += line.gib
        elif line.decision is Decision.DEFERRED:
            self.deferred_gib += line.gib
            _list(self.deferred, line)
        elif line.decision is Decision.FAILED:
            _list(self.failures, line)


def _list(listed: list[dict[str, str]], line: DecisionLine) -> None:
    if len(listed) < LISTED:
        listed.append({"image_id": line.image_id, "reason": line.reason})


def tally(policy: str, selected: Iterable[DecisionLine], ended: Mapping[str, DecisionLine]) -> Tally:
    """Count a run's decisions: `ended` by image id (of all policies), `selected` line by line."""
    result = Tally()
    own = {image_id: line for image_id, line in ended.items() if line.policy == policy}
    for line in own.values():
        result.add(line)
    for line in selected:
        if line.image_id not in own:
            result.add(line)
    return result


def summarize(
    *,
    run_id: str,
    policy: str,
    outcome: str,
    started_at: datetime,
    ended_at: datetime,
    result: Tally,
    **more: Any,
) -> dict[str, Any]:
    """The summary as JSON: what the execution puts out and the table keeps."""
    return {
        "run_id": run_id,
        "policy": policy,
        "outcome": outcome,
        "started_at": started_at.isoformat(),
        "ended_at": ended_at.isoformat(),
        "seconds": round((ended_at - started_at).total_seconds()),
        "decisions": {decision.value: count for decision, count in result.counts.items()},
        "stored_gib": round(result.stored_gib, 3),
        "deferred_gib": round(result.deferred_gib, 3),
        "failures": result.failures,
        "deferred": result.deferred,
        **more,
    }


def headline(summary: Mapping[str, Any]) -> str:
    """One line, at most 100 ASCII characters: the subject of an SNS message."""
    counts = summary["decisions"]
    text = f"ami-archiver {summary['policy']}: {summary['outcome']}"
    if summary["outcome"] == "worked":
        text = f"ami-archiver {summary['policy']}: {counts['stored']} stored, {counts['failed']} failed"
        if counts["deferred"]:
            text += f", {counts['deferred']} deferred"
    if problem := summary.get("problem"):
        text = text.replace(": ", f": {problem.partition(':')[0]}, ", 1)
    return text.encode("ascii", "replace").decode()[:100]


def text_of(summary: Mapping[str, Any]) -> str:
    """The summary for a person."""
    counts = summary["decisions"]
    lines = [summary["problem"], ""] if summary.get("problem") else []
    lines += [
        f"Run {summary['run_id']} of policy {summary['policy']}",
        f"from {summary['started_at']} to {summary['ended_at']} ({summary['seconds']} s)",
        "",
    ]
    if summary.get("working_run"):
        lines += [f"Outcome: {summary['outcome']}; run {summary['working_run']} works off the queue.", ""]
    elif summary["outcome"] != "worked":
        lines += [f"Outcome: {summary['outcome']}", ""]
    if "would_store" in summary:
        lines.append(f"  would store       {summary['would_store']}")
    gib = {"stored": summary["stored_gib"], "deferred": summary["deferred_gib"]}
    for name, count in counts.items():
        size = f"  ({gib[name]:g} GiB)" if gib.get(name) else ""
        lines.append(f"  {name.replace('_', ' '):<17} {count}{size}")
    lines += _listed("Failed:", summary["failures"], counts["failed"])
    lines += _listed("Deferred:", summary.get("deferred", []), counts["deferred"])
    if counts["deferred"]:
        lines += ["", "Deferred images go first next night; each record says why it waits."]
    return "\n".join(lines) + "\n"


def _listed(title: str, images: Sequence[Mapping[str, str]], count: int) -> list[str]:
    if not images:
        return []
    lines = ["", title, *(f"  {image['image_id']}: {image['reason']}" for image in images)]
    return [*lines, f"  … and {count - len(images)} more"] if count > len(images) else lines
