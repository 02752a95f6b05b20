"""A restore run's summary: counted from its records, as JSON and as text that a person reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ami_archiver.failures import Failure
from ami_archiver.restore.model import RestoreRecord, RestoreStatus, UnreadableRestore
from ami_archiver.summary import Tally, first_lines, listed_lines, subject

S = RestoreStatus
NAMES = {S.RESTORED: "restored", S.FAILED: "failed", S.REFUSED: "refused"}


class RestoreTally(Tally):
    """What has not ended is 'in_progress', in a dry run 'would_restore'."""

    def __init__(self, unended: str = "in_progress") -> None:
        super().__init__((*NAMES.values(), unended))
        self._unended = unended

    def count(self, restore: RestoreRecord | UnreadableRestore) -> None:
        """One that cannot be read counts as failed, whatever became of it."""
        if isinstance(restore, UnreadableRestore):
            reason = f"{Failure.BAD_RECORD}: {restore.why}"
            line = {"restore_id": restore.restore_id, "image_id": "", "object_key": "", "reason": reason}
            self.add(NAMES[S.FAILED], 0.0, line)
        else:
            self.add(NAMES.get(restore.status, self._unended), restore.gib, _line(restore))


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


def summarize(*, result: Tally, run: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """The summary as JSON of a run that restores. `run`: its opening."""
    return {
        **run,
        "restores": result.counts,
        "restored_gib": round(result.gib["restored"], 3),
        **{name: lines for name, lines in result.listed.items() if lines},
        **more,
    }


def headline(summary: Mapping[str, Any]) -> str:
    counts = {name: count for name, count in summary["restores"].items() if count}
    text = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items())
    if problem := summary.get("problem"):
        text = f"{problem.partition(':')[0]}, {text}"
    return subject(f"ami-archiver restore: {text or summary['outcome'].replace('_', ' ')}")


def text_of(summary: Mapping[str, Any]) -> str:
    """The summary for a person."""
    lines = first_lines(f"Restore {summary['run_id']}", summary)
    lines += (f"  {name.replace('_', ' '):<17} {count}" for name, count in summary["restores"].items())
    for name, count in summary["restores"].items():
        listed = summary.get(name, [])
        title = f"{name.replace('_', ' ').capitalize()}:"
        lines += listed_lines(title, [text for line in listed for text in _texts(line)], count - len(listed))
    return "\n".join(lines) + "\n"


def _texts(line: Mapping[str, Any]) -> list[str]:
    new = f" → {line['restored_image_id']}" if line.get("restored_image_id") else ""
    named = f" {line['name']!r}" if line.get("name") else ""
    differences = [f"    {difference}" for difference in line.get("differences", [])]
    return [f"  {title_of(line)}{new}{named}: {line['reason']}", *differences]


def title_of(line: Mapping[str, Any]) -> str:
    """What a line of a summary is about, in the shortest words that tell."""
    return str(line["image_id"] or line["object_key"] or line.get("restore_id", ""))
