"""`make approve` and `make reject`: what a person types, and what becomes of the originals."""

from __future__ import annotations

import json
from typing import Any

import pytest

from operate import __main__ as command
from operate import approval
from tests.local_cloud.endpoint.scenes import until
from tests.operate.conftest import AskingStack


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
    code = operate(asking, "approve", "--run", run_id)
    by = "arn:aws:iam::123456789012:root"
    assert capsys.readouterr().out.splitlines() == [
        f"Run {run_id} asks about 2 originals:",
        "  Would disable ami-1 (8 GiB, policy nightly)",
        "  Would retire ami-2 (2.5 GiB, policy nightly)",
        f"Approved by {by}. What becomes of each:",
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
    assert operate(asking, "approve", "--run", asking.run("held")) == 1


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


def test_a_run_that_nobody_knows_is_an_error_that_says_where_the_ids_are(
    asking: AskingStack, capsys: pytest.CaptureFixture[str]
) -> None:
    assert operate(asking, "approve", "--run", "20260101T020000-nightly-00000000") == 2
    assert capsys.readouterr().err.startswith(
        "there is no run '20260101T020000-nightly-00000000' that has been reported: a run's id is in its notification"
    )


@pytest.mark.parametrize(
    ("waiting", "words"), [(0, "asks for no approval: its summary says what it did"), (3, "is about to ask")]
)
def test_a_run_that_does_not_ask_says_so(
    asking: AskingStack, capsys: pytest.CaptureFixture[str], waiting: int, words: str
) -> None:
    asking.runs.put_summary(f"quiet-{waiting}", {"retirement": {"awaiting_approval": waiting}})
    assert operate(asking, "reject", "--run", f"quiet-{waiting}") == 2
    assert words in capsys.readouterr().err


def test_a_second_answer_says_what_came_of_the_first(asking: AskingStack, capsys: pytest.CaptureFixture[str]) -> None:
    run_id = asking.run()
    assert operate(asking, "reject", "--run", run_id) == 0
    assert operate(asking, "approve", "--run", run_id) == 2
    assert capsys.readouterr().err.splitlines() == [
        f"run {run_id} waits for no answer any more:",
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
    assert operate(asking, "approve", "--run", run_id) == 2
    assert f"run {run_id} waits for no answer any more: somebody has answered, or the time was over" in (
        capsys.readouterr().err
    )


def test_a_run_that_fails_after_the_answer_is_told_in_its_own_words(
    asking: AskingStack, capsys: pytest.CaptureFixture[str]
) -> None:
    assert operate(asking, "approve", "--run", asking.run("broken")) == 2
    assert "ValueError: no such thing" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["approve"], ["reject", "--why", "no"], ["undo"]])
def test_what_it_is_about_must_be_named(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command.main(words)
    assert "the following arguments are required: --" in capsys.readouterr().err
