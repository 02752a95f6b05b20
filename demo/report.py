"""What is told after the night: the summaries, every decision with its reason, what was checked, where to look."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ami_archiver.model import RETIRING, Decision
from ami_archiver.summary import WOULD
from demo.archive import Line
from demo.aws import Stack
from demo.evidence import Claim, Evidence
from demo.night import Execution
from demo.plan import Plan
from demo.scene import names, sizes_gib
from demo.side_by_side import Back, Verdict, rows
from demo.stage import ROOT

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
_PLAIN_WIDTH = 100
_ALL_LISTED = 80
_LISTED = 12
"""Of a fleet with more decisions than the other number, so many of each kind are listed."""
_COMMANDS = r"""  # the run and its summary
  aws stepfunctions describe-execution --execution-arn $RUN
  # the summaries of all runs; or IMAGE#ami-…: a record
  aws dynamodb query --table-name $TABLE --key-condition-expression 'pk = :k' \
    --expression-attribute-values '{":k": {"S": "RUNS"}}'
  # the objects
  aws s3 ls --recursive s3://$BUCKET"""
_SHELL = ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION")
_OBJECT = re.compile(r"^(?:object )?(\S+\.bin) verified: \d+ bytes, version \S+$")


class Output:
    """Lines and tables on the terminal or, without colours, in a file or pipe."""

    def __init__(self, console: Console | None = None) -> None:
        plain = Console(width=_PLAIN_WIDTH, no_color=True, markup=False, highlight=False)
        self.console = console or (Console(markup=False, highlight=False) if sys.stdout.isatty() else plain)
        self.live = self.console.is_terminal and not self.console.is_dumb_terminal
        """Whether the terminal can show a picture that changes."""
        self._started = time.monotonic()

    def seconds(self) -> float:
        """Since the demo began."""
        return time.monotonic() - self._started

    def stage(self, text: str) -> None:
        """One line for one stage, with the seconds so far."""
        self.line(f"{self.seconds():4.0f} s  {text}")

    def line(self, text: str = "", style: str = "") -> None:
        """A line of its own, never broken."""
        self.console.print(Text(text, style=style), soft_wrap=True)


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


def decisions(output: Output, evidence: Evidence) -> None:
    """A table of all decisions, grouped, the largest images first; of a large fleet a terminal has only some."""
    name_of = names(evidence.scene.fleet)
    limit = _LISTED if output.live and len(evidence.lines) > _ALL_LISTED else None
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("Image", no_wrap=True, max_width=24)
    table.add_column("GiB", justify="right", no_wrap=True)
    table.add_column("Decision and reason", ratio=1)
    for decision in _ORDER:
        lines = sorted(evidence.decided(decision), key=lambda line: (-line.gib, name_of[line.image_id]))
        if not lines:
            continue
        verified = "verified as" if decision in _IN_BUCKET else ""
        table.add_row(_heading(decision, lines), "", verified, style="bold")
        for line in lines[:limit]:
            gib = f"{line.gib:,.0f}" if line.gib else ""
            table.add_row(f"  {name_of[line.image_id]}", gib, _reason(line, evidence))
        if limit is not None and len(lines) > limit:
            table.add_row(f"  … and {len(lines) - limit} more", "", "make demo > FILE lists all")
    output.console.print(table)


def originals(output: Output, plan: Plan, evidence: Evidence) -> None:
    """What the dry run said of each original; first of those that stay, with who needs them."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("Original", no_wrap=True, max_width=24)
    table.add_column("GiB", justify="right", no_wrap=True)
    table.add_column("Plan and reason", ratio=1)
    name_of, gib_of = names(evidence.scene.fleet), sizes_gib(evidence.scene.fleet)
    for decision in reversed(RETIRING):
        lines = sorted(plan.would(decision), key=lambda line: name_of[line.image_id])
        reasons = {line.reason for line in lines}
        common = reasons.pop() if len(lines) > 1 and len(reasons) == 1 else None
        if common:
            table.add_row(Text(f"{WOULD[decision].lower()} ({len(lines)})", style="bold"), "", common)
        for line in lines:
            name, gib = name_of[line.image_id], gib_of[line.image_id]
            table.add_row(name, f"{gib:,.0f}", WOULD[decision] + ("" if common else f": {line.reason}"))
    if more := plan.counted - len(plan.lines):
        table.add_row(f"… and {more} more", "", f"in the table, under RUN#{plan.run_id}")
    output.console.print(table)


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
    output.console.print(table)


def where_to_look(output: Output, stack: Stack, execution: Execution, environment: Mapping[str, str]) -> None:
    """The commands that show what there is, while the cloud stays up."""
    output.line()
    output.line("The cloud stays up until Ctrl-C. In another terminal:", style="bold")
    output.line(f"  export {' '.join(f'{name}={environment[name]}' for name in _SHELL)}")
    output.line(f"  export PATH={ROOT / '.venv' / 'bin'}:$PATH    # has the AWS CLI")
    output.line(f"  RUN={execution.arn}")
    output.line(f"  TABLE={stack.table}")
    output.line(f"  BUCKET={stack.bucket}")
    output.line(_COMMANDS)


def claims(output: Output, checked: Sequence[Claim]) -> bool:
    """Say which hold; whether all do."""
    output.line()
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
