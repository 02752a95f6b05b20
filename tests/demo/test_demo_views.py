"""What is shown of a look: as plain lines, and as a picture of any width."""

from __future__ import annotations

import io
from collections import Counter

import pytest
from rich.console import Console

from ami_archiver.model import Decision
from demo.view import PlainView, lines_of, picture
from demo.watch import Look, Task

OURS = Task("ami-1", "warehouse-2024.12", 820, 40, "InProgress", foreign=False)
THEIRS = Task("ami-2", "team-b-render", 150, 10, "InProgress", foreign=True)
FAILED = Task("ami-3", "billing", 90, 60, "Failed", foreign=False)


def look(seconds: float = 12, running: tuple[Task, ...] = (OURS, THEIRS), failed: tuple[Task, ...] = ()) -> Look:
    decisions = Counter({Decision.STORED: 3, Decision.DEFERRED: 5, Decision.FAILED: 1})
    return Look(seconds, running, failed, decisions)


def test_a_look_in_plain_lines_names_the_sum_the_others_the_decisions_and_the_tasks() -> None:
    assert lines_of(look()) == [
        "  12 s  970 of 600 GiB in flight (150 by others); 3 stored, 1 failed, 4 waiting",
        "        warehouse-2024.12 40 %, team-b-render (not ours) 10 %",
    ]


def test_progress_is_said_every_few_seconds() -> None:
    said: list[str] = []
    view = PlainView(said.append)
    for tenths in range(0, 50, 5):
        view.show(look(tenths / 10, running=()))
    assert [line[:6] for line in said] == ["   0 s", "   3 s"]


def test_a_failed_store_is_said_at_once_and_only_once() -> None:
    said: list[str] = []
    view = PlainView(said.append)
    for seconds in (0, 0.5, 1):
        view.show(look(seconds, running=(), failed=(FAILED,)))
    assert [line for line in said if "failed at" in line] == ["   0 s  the store of billing failed at 60 %"]


@pytest.mark.parametrize("width", [80, 120])
def test_the_picture_fits_the_terminal(width: int) -> None:
    many = tuple(Task(f"ami-{n}", f"image-{n:02}", n, n, "InProgress", foreign=False) for n in range(1, 40))
    console = Console(file=io.StringIO(), width=width, height=24, force_terminal=False)
    console.print(picture(look(running=(*many, THEIRS), failed=(FAILED,)), width, 24))
    assert isinstance(console.file, io.StringIO)
    lines = console.file.getvalue().splitlines()
    assert len(lines) < 24
    assert max(map(len, lines)) <= width
    assert any("and 25 more" in line for line in lines)


def test_the_picture_marks_what_others_store() -> None:
    console = Console(file=io.StringIO(), width=100, height=24, force_terminal=False)
    console.print(picture(look(), 100, 24))
    assert isinstance(console.file, io.StringIO)
    lines = console.file.getvalue().splitlines()
    assert "970 of 600 GiB in flight (150 by others)" in lines[1]
    assert [line.split()[0] for line in lines if "not ours" in line] == ["team-b-render"]
