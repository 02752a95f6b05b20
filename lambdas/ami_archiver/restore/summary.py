"""A restore run's summary: counted from its records, as JSON and as text that a person reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ami_archiver.failures import Failure
from ami_archiver.restore.model import RestoreRecord, RestoreStatus, UnreadableRestore

LISTED = 50
"""Restores that a summary names one by one, of each kind; the rest is counted, and is in the run's records."""

S = RestoreStatus
NAMES = {S.RESTORED: "restored", S.FAILED: "failed", S.REFUSED: "refused"}


@dataclass
class Tally:
    """Counts of a run's restores; what has not ended is 'in_progress', in a dry run 'would_restore'."""

    unended: str = "in_progress"
    counts: dict[str, int] = field(default_factory=dict)
    gib: dict[str, float] = field(default_factory=dict)
    listed: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in (*NAMES.values(), self.unended):
            self.counts[name], self.gib[name], self.listed[name] = 0, 0.0, []

    def add(self, restore: RestoreRecord | UnreadableRestore) -> None:
        """One that cannot be read counts as failed, whatever became of it."""
        if isinstance(restore, UnreadableRestore):
            self._add(NAMES[S.FAILED], 0.0, _line_of_unreadable(restore))
        else:
            self._add(NAMES.get(restore.status, self.unended), restore.gib, _line(restore))

    def _add(self, kind: str, gib: float, line: dict[str, Any]) -> None:
        self.counts[kind] += 1
        self.gib[kind] += gib
        if len(self.listed[kind]) < LISTED:
            self.listed[kind].append(line)


def _line_of_unreadable(restore: UnreadableRestore) -> dict[str, Any]:
    reason = f"{Failure.BAD_RECORD}: {restore.why}"
    return {"restore_id": restore.restore_id, "image_id": "", "object_key": "", "reason": reason}


def title_of(line: Mapping[str, Any]) -> str:
    """What a line of a summary is about, in the shortest words that tell."""
    return str(line["image_id"] or line["object_key"] or line.get("restore_id", ""))


def _line(record: RestoreRecord) -> dict[str, Any]:
    line: dict[str, Any] = {
        "restore_id": record.restore_id,
        "image_id": record.source_image_id,
        "object_key": record.object_key,
        "reason": record.reason,
    }
    if record.name:
        line["name"] = record.name
    if record.restored_image_id:
        line["restored_image_id"] = record.restored_image_id
    if record.differences:
        line["differences"] = list(record.differences)
    return line


def summarize(
    *, run_id: str, outcome: str, started_at: datetime, ended_at: datetime, result: Tally, **more: Any
) -> dict[str, Any]:
    """The summary as JSON: what the execution puts out and the table keeps."""
    return {
        "run_id": run_id,
        "outcome": outcome,
        "started_at": started_at.isoformat(),
        "ended_at": ended_at.isoformat(),
        "seconds": round((ended_at - started_at).total_seconds()),
        "restores": dict(result.counts),
        "restored_gib": round(result.gib["restored"], 3),
        **{name: lines for name, lines in result.listed.items() if lines},
        **more,
    }


def headline(summary: Mapping[str, Any]) -> str:
    """One line, at most 100 ASCII characters: the subject of an SNS message."""
    counts = {name: count for name, count in summary["restores"].items() if count}
    text = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items())
    if problem := summary.get("problem"):
        text = f"{problem.partition(':')[0]}, {text}"
    return f"ami-archiver restore: {text or summary['outcome'].replace('_', ' ')}"[:100]


def text_of(summary: Mapping[str, Any]) -> str:
    """The summary for a person."""
    lines = [summary["problem"], ""] if summary.get("problem") else []
    lines += [
        f"Restore {summary['run_id']}",
        f"from {summary['started_at']} to {summary['ended_at']} ({summary['seconds']} s)",
        "",
    ]
    for name, count in summary["restores"].items():
        lines.append(f"  {name.replace('_', ' '):<17} {count}")
    for name, count in summary["restores"].items():
        listed = summary.get(name, [])
        if not listed:
            continue
        lines += ["", f"{name.replace('_', ' ').capitalize()}:"]
        for line in listed:
            new = f" → {line['restored_image_id']}" if line.get("restored_image_id") else ""
            named = f" {line['name']!r}" if line.get("name") else ""
            lines.append(f"  {title_of(line)}{new}{named}: {line['reason']}")
            lines += [f"    {difference}" for difference in line.get("differences", [])]
        if count > len(listed):
            lines.append(f"  … and {count - len(listed)} more")
    return "\n".join(lines) + "\n"
