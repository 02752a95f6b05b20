"""The demo's dry run, read out of its summary."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from rich.console import Console

from ami_archiver.model import Decision, DecisionLine
from ami_archiver.summary import summarize_originals
from demo import plan, report
from demo.night import NightFailed
from demo.report import Output
from demo.scene import Scene
from local_cloud.fleet.fleet import Fleet
from local_cloud.model import Image
from tests.demo.test_demo_claims import night

NOW = datetime(2026, 1, 1, tzinfo=UTC)
IN_USE = "InUse: used by launch template lt-1 version 7; change it to another image first"


def summary(*lines: DecisionLine) -> dict[str, object]:
    return {"run_id": "d", "retirement": summarize_originals({"done": (), "would": lines})}


def line(image_id: str, decision: Decision, reason: str = "nothing was found that keeps it") -> DecisionLine:
    return DecisionLine(image_id, "nightly", decision, reason, 8)


def test_the_plan_is_what_the_dry_run_s_summary_says() -> None:
    given = summary(line("ami-2", Decision.KEPT, IN_USE), line("ami-1", Decision.DISABLED))
    planned = plan.read(given, (3, 9))
    assert (planned.run_id, planned.counted, planned.calls) == ("d", 2, (3, 9))
    assert [(one.image_id, one.reason) for one in planned.would(Decision.KEPT)] == [("ami-2", IN_USE)]
    assert [one.image_id for one in planned.would(Decision.DISABLED)] == ["ami-1"]


def test_what_the_summary_only_counts_is_counted() -> None:
    planned = plan.read(summary(*(line(f"ami-{n}", Decision.KEPT, IN_USE) for n in range(60))), (0, 0))
    assert (planned.counted, len(planned.lines)) == (60, 50)


def test_a_summary_without_originals_is_no_plan() -> None:
    with pytest.raises(NightFailed, match="the dry run d says nothing of originals"):
        plan.read({"run_id": "d"}, (0, 0))


def told(*lines: DecisionLine) -> str:
    """What is said of a plan with these lines, on one line."""
    console = Console(file=io.StringIO(), width=100)
    images = [Image(image_id, name, "1", NOW, ()) for image_id, name in (("ami-1", "web"), ("ami-2", "crm"))]
    evidence = replace(night(), scene=Scene(Fleet(images, []), (), 0))
    report.originals(Output(console), plan.read(summary(*lines), (0, 0)), evidence)
    assert isinstance(console.file, io.StringIO)
    return " ".join(console.file.getvalue().split())


def test_the_plan_says_of_each_original_would_disable_or_would_keep_and_why() -> None:
    text = told(line("ami-2", Decision.KEPT, IN_USE), line("ami-1", Decision.DISABLED))
    assert f"crm 0 Would keep: {IN_USE}" in text
    assert "web 0 Would disable: nothing was found that keeps it" in text
    assert text.index("Would keep") < text.index("Would disable")


def test_a_reason_that_all_have_is_said_once() -> None:
    text = told(line("ami-1", Decision.DISABLED), line("ami-2", Decision.DISABLED))
    assert "would disable (2) nothing was found that keeps it crm 0 Would disable web 0 Would disable" in text
