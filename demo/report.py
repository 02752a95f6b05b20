"""What is told after the night: the summaries, every decision with its reason, where to look, and what was checked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from ami_archiver.model import Decision
from demo.archive import Line
from demo.aws import Stack
from demo.claims import Claim, Evidence
from demo.night import Execution
from demo.output import Output
from demo.stage import CALL_LOG, ROOT, TRANSCRIPT

_ORDER = (
    Decision.STORED,
    Decision.ALREADY_ARCHIVED,
    Decision.FAILED,
    Decision.DEFERRED,
    Decision.INELIGIBLE,
    Decision.EXCLUDED,
)
_STYLES = {Decision.STORED: "green", Decision.ALREADY_ARCHIVED: "green", Decision.FAILED: "red"}
_ALL_LISTED = 80
_LISTED = 12
"""Of a fleet with more decisions than the other number, so many of each kind are listed."""
_OBJECT = re.compile(r"^(?:object )?(\S+\.bin) verified: (\d+) bytes, version \S+$")


def summaries(output: Output, found: Iterable[Mapping[str, Any]]) -> None:
    """One line per run."""
    output.line()
    for summary in found:
        counts = ", ".join(f"{n} {name.replace('_', ' ')}" for name, n in summary["decisions"].items() if n)
        joined = f" (worked off by {summary['working_run']})" if summary.get("working_run") else ""
        output.line(f"Run {summary['run_id']}, {summary['seconds']} s{joined}", style="bold")
        output.line(f"  {counts}; {summary['stored_gib']:,.0f} GiB stored")


def decisions(output: Output, evidence: Evidence, names: Mapping[str, str]) -> None:
    """A table of all decisions, grouped, the largest images first."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, title_justify="left")
    table.add_column("Image", no_wrap=True, max_width=24)
    table.add_column("GiB", justify="right", no_wrap=True)
    table.add_column("Decision and reason", ratio=1)
    everything = len(evidence.lines) <= _ALL_LISTED
    for decision in _ORDER:
        lines = sorted(evidence.decided(decision), key=lambda line: (-line.gib, names.get(line.image_id, "")))
        if not lines:
            continue
        table.add_row(_heading(decision, lines), "", "", style="bold")
        for line in lines if everything else lines[:_LISTED]:
            gib = f"{line.gib:,.0f}" if line.gib else ""
            table.add_row(f"  {names.get(line.image_id, line.image_id)}", gib, _reason(line, evidence))
        if not everything and len(lines) > _LISTED:
            table.add_row(f"  … and {len(lines) - _LISTED} more", "", "")
    output.show(table)


def where_to_look(output: Output, stack: Stack, executions: Sequence[Execution], endpoint_url: str | None) -> None:
    """The commands that show it; with `endpoint_url` they can be used now."""
    run = executions[0]
    output.line("Where to look, with the AWS CLI:", style="bold")
    commands = {
        "the run": f"aws stepfunctions describe-execution --execution-arn {run.arn}",
        "records by status": f"aws dynamodb query --table-name {stack.table} --index-name by_status "
        "--key-condition-expression '#s = :s' --expression-attribute-names '{\"#s\": \"status\"}' "
        '--expression-attribute-values \'{":s": {"S": "VERIFIED"}}\'',
        "all runs": f"aws dynamodb query --table-name {stack.table} --key-condition-expression 'pk = :p' "
        '--expression-attribute-values \'{":p": {"S": "RUNS"}}\'',
        "objects": f"aws s3 ls --recursive s3://{stack.bucket}",
        "store tasks": "aws ec2 describe-store-image-tasks",
        "logs": "aws logs describe-log-groups",
    }
    for what, command in commands.items():
        output.line(f"  {what + ':':<18} {command}")
    output.line(f"  {'every call:':<18} {CALL_LOG.relative_to(ROOT)}")
    output.line(f"  {'this text:':<18} {TRANSCRIPT.relative_to(ROOT)}")
    if endpoint_url is None:
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
    key, size = match.groups()
    attempts = evidence.records.get(line.image_id, {}).get("attempts", 1)
    return f"{key}, {int(size):,} bytes, verified" + (f", {attempts} attempts" if attempts > 1 else "")
