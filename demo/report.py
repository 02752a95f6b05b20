"""What is told after the night: the summaries, every decision with its reason, where to look, and what was checked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from ami_archiver.model import RETIRING, Decision
from ami_archiver.retire.summary import WOULD
from demo.archive import Line
from demo.aws import Stack
from demo.evidence import Claim, Evidence
from demo.night import Execution
from demo.output import Output
from demo.plan import Plan
from demo.side_by_side import Back, Verdict, rows
from demo.stage import KEPT, ROOT

_ORDER = (
    Decision.STORED,
    Decision.ALREADY_ARCHIVED,
    Decision.FAILED,
    Decision.DEFERRED,
    Decision.INELIGIBLE,
    Decision.EXCLUDED,
)
_IN_BUCKET = (Decision.STORED, Decision.ALREADY_ARCHIVED)
_STYLES = {Decision.STORED: "green", Decision.ALREADY_ARCHIVED: "green", Decision.FAILED: "red"}
_VERDICTS = {Verdict.EQUAL: "green", Verdict.MUST_DIFFER: "yellow", Verdict.FALSE: "bold red"}
_ALL_LISTED = 80
_LISTED = 12
"""Of a fleet with more decisions than the other number, so many of each kind are listed."""
_COMMANDS = {
    "the run and its summary": "aws stepfunctions describe-execution --execution-arn $RUN",
    "the summaries of all runs; or IMAGE#ami-…: a record": (
        """aws dynamodb query --table-name $TABLE --key-condition-expression 'pk = :k' \\
    --expression-attribute-values '{":k": {"S": "RUNS"}}'"""
    ),
    "the objects": "aws s3 ls --recursive s3://$BUCKET",
    "what SelectImages has logged of every image": (
        "aws logs filter-log-events --log-group-name $LOG --filter-pattern decided"
    ),
}
_CALL_LOG, _TRANSCRIPT = KEPT
_OBJECT = re.compile(r"^(?:object )?(\S+\.bin) verified: \d+ bytes, version \S+$")


def summaries(output: Output, found: Iterable[Mapping[str, Any]]) -> None:
    """One line per run."""
    output.line()
    for summary in found:
        output.line(f"Run {summary['run_id']} took {summary['seconds']} s", style="bold")
        gib = {"stored": summary["stored_gib"], "deferred": summary["deferred_gib"]}
        counts = (
            f"{count} {name.replace('_', ' ')}" + (f" ({gib[name]:,.0f} GiB)" if gib.get(name) else "")
            for name, count in summary["decisions"].items()
            if count
        )
        output.line(f"  {', '.join(counts) or 'no image matched'}")
        for policy in summary.get("retirement", {}).get("first_runs", []):
            output.line(
                f"  this is the first run of {policy} since its originals may go: "
                "it only says what the next run would do"
            )
        if summary.get("working_run"):
            output.line(f"  its images were stored by run {summary['working_run']}")


def decisions(output: Output, evidence: Evidence, names: Mapping[str, str]) -> None:
    """A table of all decisions, grouped, the largest images first; of a large fleet the transcript alone has all."""
    everything = len(evidence.lines) <= _ALL_LISTED
    whole = _table(evidence, names, None)
    output.show(whole if everything else _table(evidence, names, _LISTED), transcript=whole)


def _table(evidence: Evidence, names: Mapping[str, str], limit: int | None) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, title_justify="left")
    table.add_column("Image", no_wrap=True, max_width=24)
    table.add_column("GiB", justify="right", no_wrap=True)
    table.add_column("Decision and reason", ratio=1)
    for decision in _ORDER:
        lines = sorted(evidence.decided(decision), key=lambda line: (-line.gib, names.get(line.image_id, "")))
        if not lines:
            continue
        verified = "verified as" if decision in _IN_BUCKET else ""
        table.add_row(_heading(decision, lines), "", verified, style="bold")
        for line in lines[:limit]:
            gib = f"{line.gib:,.0f}" if line.gib else ""
            table.add_row(f"  {names.get(line.image_id, line.image_id)}", gib, _reason(line, evidence))
        if limit is not None and len(lines) > limit:
            table.add_row(f"  … and {len(lines) - limit} more", "", f"all in {_TRANSCRIPT}")
    return table


def originals(output: Output, plan: Plan, evidence: Evidence, names: Mapping[str, str]) -> None:
    """What the dry run said of each original; first of those that stay, with who needs them."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("Original", no_wrap=True, max_width=24)
    table.add_column("GiB", justify="right", no_wrap=True)
    table.add_column("Plan and reason", ratio=1)
    for decision in reversed(RETIRING):
        lines = sorted(plan.would(decision), key=lambda line: names.get(line.image_id, ""))
        reasons = {line.reason for line in lines}
        common = reasons.pop() if len(lines) > 1 and len(reasons) == 1 else None
        if common:
            table.add_row(Text(f"{WOULD[decision].lower()} ({len(lines)})", style="bold"), "", common)
        for line in lines:
            gib = float(evidence.records.get(line.image_id, {}).get("snapshot_gib", 0))
            name = names.get(line.image_id, line.image_id)
            table.add_row(name, f"{gib:,.0f}", WOULD[decision] + ("" if common else f": {line.reason}"))
    if more := plan.counted - len(plan.lines):
        table.add_row(f"… and {more} more", "", f"in the table, under RUN#{plan.run_id}")
    output.show(table, transcript=table)


def side_by_side(output: Output, back: Back) -> None:
    """Original and restored; what must differ is marked."""
    if back.restored is None:
        return
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("", no_wrap=True)
    table.add_column("Original", overflow="fold", max_width=24)
    table.add_column("Restored", overflow="fold", max_width=24)
    table.add_column("", no_wrap=True)
    for row in rows(back.original, back.restored, may_lose_encryption=back.may_lose_encryption):
        table.add_row(row.name, row.original, row.restored, Text(row.verdict.value, style=_VERDICTS[row.verdict]))
    output.show(table, transcript=table)


def where_to_look(output: Output, stack: Stack, executions: Sequence[Execution], *, keep: bool, kept_in: Path) -> None:
    """The commands that show it; with `keep` they can be used now. `kept_in`: where the demo leaves its files."""
    worked = [e for e in executions if e.output and e.output.get("outcome") == "worked"]
    run = (worked or list(executions))[0]
    output.line("Where to look:", style="bold")
    output.line(f"  RUN={run.arn}")
    output.line(f"  TABLE={stack.table}")
    output.line(f"  BUCKET={stack.bucket}")
    output.line(f"  LOG={stack.log_group}")
    for comment, command in _COMMANDS.items():
        output.line(f"  # {comment}", style="dim")
        output.line(f"  {command}")
    files = kept_in.relative_to(ROOT)
    output.line(f"  # {files / _CALL_LOG} has every call to the cloud")
    output.line(f"  # {files / _TRANSCRIPT} has this text")
    if not keep:
        output.line("The local cloud ends with the demo; KEEP=1 make demo keeps it, and all of the above in it.")
    output.line()


def claims(output: Output, checked: Sequence[Claim]) -> bool:
    """Say which hold; whether all do."""
    output.line("Checked against AWS's answers and the cloud's own log:", style="bold")
    for claim in checked:
        output.line(
            f"  {'ok   ' if claim.holds else 'FALSE'} {claim.sentence}", style="" if claim.holds else "bold red"
        )
        for wrong in claim.wrong[:_LISTED]:
            output.line(f"        {wrong}", style="red")
        if len(claim.wrong) > _LISTED:
            output.line(f"        … and {len(claim.wrong) - _LISTED} more", style="red")
    return all(claim.holds for claim in checked)


def _heading(decision: Decision, lines: Sequence[Line]) -> Text:
    return Text(f"{decision.value.replace('_', ' ')} ({len(lines)})", style=_STYLES.get(decision, ""))


def _reason(line: Line, evidence: Evidence) -> str:
    """The reason, without what the image's row says already."""
    match = _OBJECT.match(line.reason)
    if match is None:
        return line.reason
    attempts = evidence.records.get(line.image_id, {}).get("attempts", 1)
    return match.group(1) + (f", at attempt {attempts}" if attempts > 1 else "")
