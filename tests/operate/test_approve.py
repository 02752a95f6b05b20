"""`make approve` and `make reject`: what a person types, and what becomes of the originals."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import subprocess
import sys
from typing import Any

import pytest

from ami_archiver.adapters.table_runs import SummaryKind
from ami_archiver.retire.steps.plan import DECIDED_ACTING
from operate import __main__ as command
from operate import approval
from tests.local_cloud.endpoint.scenes import until
from tests.operate.conftest import AskingStack
from tests.support.assembly import ROOT


@pytest.fixture(autouse=True)
def _looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(approval, "LOOK_SECONDS", 0.02)


def operate(asking: AskingStack, *arguments: str) -> int:
    return command.main([*arguments, "--stack", asking.name])


def answer_of(asking: AskingStack, run_id: str) -> Any:
    """What the run went on with."""
    sfn = asking.cloud.client("stepfunctions")
    for listed in sfn.list_executions(stateMachineArn=asking.machine_arn)["executions"]:
        described = sfn.describe_execution(executionArn=listed["executionArn"])
        if json.loads(described["input"])["run_id"] == run_id:
            return json.loads(described["output"])["approval"]
    return None


def test_approval_shows_what_would_go_lets_it_go_and_says_what_became_of_each(
    asking: AskingStack, capsys: pytest.CaptureFixture[str]
) -> None:
    run_id = asking.run()
    code = operate(asking, "approve", "--run", run_id, "--yes")
    by = "arn:aws:iam::123456789012:root"
    assert capsys.readouterr().out.splitlines() == [
        f"Run {run_id} asks about 2 originals:",
        "  Would disable ami-1 (8 GiB, policy nightly)",
        "  Would retire ami-2 (2.5 GiB, policy nightly)",
        f"Approved by {by}. What happens to each:",
        "  ami-1  Disabled: whole",
        "  ami-2  Disabled: OnHold: it has the tag; take it off",
    ]
    assert code == 0
    assert answer_of(asking, run_id) == {"approved": True, "by": by}


def test_rejection_keeps_all_of_them_with_the_reason_and_who_gave_it(asking: AskingStack) -> None:
    run_id = asking.run()
    assert operate(asking, "reject", "--run", run_id, "--why", "the audit isn't over") == 0
    answer = answer_of(asking, run_id)
    assert answer == {"approved": False, "by": "arn:aws:iam::123456789012:root", "why": "the audit isn't over"}


def test_exit_code_says_when_something_was_kept_in_spite_of_the_approval(asking: AskingStack) -> None:
    assert operate(asking, "approve", "--run", asking.run("held"), "--yes") == 1


@pytest.mark.parametrize(("typed", "goes"), [("y", True), (" YES ", True), ("", False), ("n", False)])
def test_on_a_terminal_an_approval_is_asked_for_once_more(
    asking: AskingStack, monkeypatch: pytest.MonkeyPatch, typed: str, goes: bool
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda _: typed)
    run_id = asking.run()
    assert operate(asking, "approve", "--run", run_id) == (0 if goes else 1)
    assert bool([*asking.runs.pages(run_id, "RETIRE#ACT#1")]) is goes
    if not goes:
        assert operate(asking, "approve", "--run", run_id, "--yes") == 0


def _typed(asking: AskingStack, run_id: str) -> dict[str, Any]:
    """The command as a process of its own."""
    words = [sys.executable, "-m", "operate", "approve", "--run", run_id, "--stack", asking.name]
    return {"args": words, "cwd": ROOT, "env": os.environ | {"PYTHONPATH": f"{ROOT / 'lambdas'}:{ROOT}"}}


WITHOUT_A_TERMINAL = {
    "a pipe that says no": {"input": "no\n"},
    "a pipe that says yes": {"input": "yes\n"},
    "nothing to read": {"stdin": subprocess.DEVNULL},
    "a standard input that is closed": {"preexec_fn": lambda: os.close(0)},
}


@pytest.mark.parametrize("how", WITHOUT_A_TERMINAL.values(), ids=WITHOUT_A_TERMINAL)
def test_without_a_terminal_nothing_goes_unless_yes_was_given_as_an_option(
    asking: AskingStack, how: dict[str, Any]
) -> None:
    run_id = asking.run()
    done = subprocess.run(**_typed(asking, run_id), capture_output=True, text=True, check=False, **how)
    assert done.returncode == 2
    assert done.stdout.splitlines()[1:] == [
        "  Would disable ami-1 (8 GiB, policy nightly)",
        "  Would retire ami-2 (2.5 GiB, policy nightly)",
    ]
    assert f"make approve RUN={run_id} YES=1" in done.stderr
    assert [line.image_id for line in approval.of_stack(asking.name).waiting(run_id)] == ["ami-1", "ami-2"]


@pytest.mark.parametrize(
    ("typed", "code"), [(b"yes\n", 0), (b"no\n", 1), (b"\x04", 1)], ids=["yes", "no", "end of file"]
)
def test_on_a_real_terminal_only_a_typed_yes_lets_them_go(asking: AskingStack, typed: bytes, code: int) -> None:
    run_id = asking.run()
    controller, terminal = pty.openpty()
    with subprocess.Popen(**_typed(asking, run_id), stdin=terminal, stdout=terminal, stderr=terminal) as process:
        os.close(terminal)
        shown = b""
        while b"[y/N]" not in shown:
            shown += os.read(controller, 1024)
        os.write(controller, typed)
        with contextlib.suppress(OSError):  # the terminal is gone when the command has ended
            while os.read(controller, 1024):
                pass
    os.close(controller)
    assert process.returncode == code
    assert bool([*asking.runs.pages(run_id, f"{DECIDED_ACTING}1")]) is (code == 0)


def test_what_waits_can_be_listed_without_answering(asking: AskingStack, capsys: pytest.CaptureFixture[str]) -> None:
    run_id = asking.run()
    for words in (["pending"], ["pending", "--run", run_id]):
        assert operate(asking, *words) == 0
        told = capsys.readouterr().out
        assert f"Run {run_id} asks about 2 originals:\n  Would disable ami-1 (8 GiB, policy nightly)\n" in told
        assert f"make approve RUN={run_id}" in told
    assert len(approval.of_stack(asking.name).waiting(run_id)) == 2


def test_a_run_that_was_answered_and_still_works_does_not_hide_the_others(
    asking: AskingStack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answered, waits = asking.run(), asking.run()
    assert operate(asking, "reject", "--run", answered) == 0
    monkeypatch.setattr(approval, "running", lambda *_: [(answered, ""), (waits, "")])
    capsys.readouterr()
    assert operate(asking, "pending") == 0
    told = capsys.readouterr().out
    assert answered not in told
    assert f"Run {waits} asks about 2 originals:" in told


def test_a_run_id_with_a_typo_is_refused_with_the_nearest_one(
    asking: AskingStack, capsys: pytest.CaptureFixture[str]
) -> None:
    run_id = asking.run()
    assert operate(asking, "approve", "--run", f"{run_id}x", "--yes") == 2
    assert f"did you mean {run_id}?" in capsys.readouterr().err


def test_a_run_that_nobody_knows_is_an_error_that_says_where_the_ids_are(
    asking: AskingStack, capsys: pytest.CaptureFixture[str]
) -> None:
    assert operate(asking, "approve", "--run", "20260101T020000-nightly-00000000") == 2
    assert capsys.readouterr().err.startswith(
        "there is no run '20260101T020000-nightly-00000000' that has been reported: a run's id is in its notification"
    )


@pytest.mark.parametrize(
    ("waiting", "words"), [(0, "does not ask for approval: its summary says what it did"), (3, "is about to ask")]
)
def test_a_run_that_does_not_ask_says_so(
    asking: AskingStack, capsys: pytest.CaptureFixture[str], waiting: int, words: str
) -> None:
    asking.runs.put_summary(SummaryKind.RUNS, f"quiet-{waiting}", {"retirement": {"awaiting_approval": waiting}})
    assert operate(asking, "reject", "--run", f"quiet-{waiting}") == 2
    assert words in capsys.readouterr().err


def test_a_second_answer_says_what_came_of_the_first(asking: AskingStack, capsys: pytest.CaptureFixture[str]) -> None:
    run_id = asking.run()
    assert operate(asking, "reject", "--run", run_id) == 0
    assert operate(asking, "approve", "--run", run_id) == 2
    assert capsys.readouterr().err.splitlines() == [
        f"run {run_id} no longer waits for an answer:",
        "  ami-0  Disabled: disabled before",
        "  ami-1  Kept: NotApproved: rejected; the next run asks again",
        "  ami-2  Kept: OnHold: it has the tag; take it off",
    ]


def test_an_answer_after_the_time_says_that_it_is_too_late(
    asking: AskingStack, capsys: pytest.CaptureFixture[str]
) -> None:
    run_id = asking.run(patient=False)
    sfn = asking.cloud.client("stepfunctions")
    listed = {"stateMachineArn": asking.impatient_machine_arn, "statusFilter": "RUNNING"}
    until(lambda: not sfn.list_executions(**listed)["executions"])
    assert operate(asking, "approve", "--run", run_id, "--yes") == 2
    assert f"run {run_id} no longer waits for an answer: somebody has answered, or its time is over" in (
        capsys.readouterr().err
    )


def test_a_run_that_fails_after_the_answer_is_told_in_its_own_words(
    asking: AskingStack, capsys: pytest.CaptureFixture[str]
) -> None:
    assert operate(asking, "approve", "--run", asking.run("broken"), "--yes") == 2
    assert "ValueError: no such thing" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["approve"], ["reject", "--why", "no"], ["undo"]])
def test_what_it_is_about_must_be_named(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command.main(words)
    assert "the following arguments are required: --" in capsys.readouterr().err
