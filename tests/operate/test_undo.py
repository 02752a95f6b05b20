"""`make undo`: what a person types, and what is told of an original that is enabled again or restored."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from operate import __main__ as command
from operate import restore, undo
from operate.stack import OperateError
from tests.operate.conftest import function
from tests.restore.test_operate import Scripted, summary

IMAGE = "ami-0123456789abcdef0"
ANSWERS = """
def handler(event, context):
    class BadInput(Exception):
        pass
    if event != {"image_id": "ami-0123456789abcdef0"}:
        raise BadInput("image " + event["image_id"] + " has no archive record")
    answer = {"image_id": event["image_id"], "status": "DISABLED", "result": "enabled", "problems": []}
    return answer | {"not_shared": [], "to_share": None}
"""


def test_undo_asks_the_deployed_function(
    as_operator: Any,
    stack_with: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(undo, "look", lambda stack, image_id: ())
    stack = stack_with(UndoFunctionName=function(as_operator, ANSWERS), ArchiveTableName="t")
    assert command.main(["undo", "--image", IMAGE, "--stack", stack]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"{IMAGE} is enabled again, and shared as it was before it was disabled.",
        "The tag archiver:hold keeps it from now on: take it off if the image may go after all.",
    ]
    assert command.main(["undo", "--image", "ami-1", "--stack", stack]) == 2
    assert capsys.readouterr().err == ("BadInput: image ami-1 has no archive record\n")


def test_a_stack_without_the_function_or_without_a_name_is_a_clear_error(
    as_operator: Any,
    stack_with: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert command.main(["undo", "--image", IMAGE, "--stack", stack_with(ArchiveTableName="t")]) == 2
    assert "has no output UndoFunctionName: deploy it again, with this version" in capsys.readouterr().err
    monkeypatch.setattr(undo, "look", lambda stack, image_id: ())
    stack = stack_with(UndoFunctionName="no-such-function", ArchiveTableName="t")
    assert command.main(["undo", "--image", IMAGE, "--stack", stack]) == 2
    assert "the undo could not be asked for" in capsys.readouterr().err


def told(
    monkeypatch: pytest.MonkeyPatch, result: str, *problems: str, recorded: tuple[str, ...] = ()
) -> list[Mapping[str, Any]]:
    """What the function answers, of an original that was shared with these; the wishes of each call."""
    answer = {"image_id": IMAGE, "status": "DISABLED", "result": result, "problems": list(problems)}
    asked: list[Mapping[str, Any]] = []

    def answers(stack: str, image_id: str, wishes: Mapping[str, Any]) -> Mapping[str, Any]:
        asked.append(wishes)
        return answer | {"not_shared": [] if wishes else list(recorded)}

    monkeypatch.setattr(undo, "look", lambda stack, image_id: recorded)
    monkeypatch.setattr(undo, "undo", answers)
    return asked


@pytest.mark.parametrize(
    ("problem", "held"),
    [
        ("it is not shared again with user:111122223333: InvalidUserID", True),
        ("the tag archiver:hold could not be set, so a later run may disable the image again: AccessDenied", False),
    ],
)
def test_what_could_not_be_given_back_is_told_and_in_the_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], problem: str, held: bool
) -> None:
    told(monkeypatch, "enabled", problem)
    assert command.main(["undo", "--image", IMAGE]) == 1
    out = capsys.readouterr().out
    assert out.startswith(f"{IMAGE} is enabled again.\n")
    assert ("archiver:hold keeps it" in out) is held
    assert out.endswith(f"But {problem}.\n")


def test_where_nothing_is_undone_it_says_why(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told(monkeypatch, "nothing", "the image is disabled, and its record is VERIFIED")
    assert command.main(["undo", "--image", IMAGE]) == 1
    assert capsys.readouterr().out == "Nothing was undone: the image is disabled, and its record is VERIFIED.\n"


def test_where_there_is_nothing_to_undo_that_is_said_and_good(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told(monkeypatch, "available", "the image is available: it was enabled again before")
    assert command.main(["undo", "--image", IMAGE]) == 0
    assert capsys.readouterr().out == (
        f"There was nothing to undo of {IMAGE}: the image is available: it was enabled again before.\n"
    )


def restoring(monkeypatch: pytest.MonkeyPatch, **counts: int) -> dict[str, Any]:
    """What the restore that follows is started with, filled in when it is."""
    given: dict[str, Any] = {}

    def start(name: str, wanted: Mapping[str, Any]) -> Any:
        given.update(wanted, stack=name)
        return Scripted([[]], {"status": "SUCCEEDED", "output": summary(**counts)})

    monkeypatch.setattr(restore, "start", start)
    return given


def test_a_retired_original_is_restored_and_followed_as_by_make_restore(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told(monkeypatch, "restore", recorded=("user:111122223333",))
    given = restoring(monkeypatch, restored=1)
    assert command.main(["undo", "--image", IMAGE, "--share", "111122223333"]) == 0
    share = {"share_with": ["111122223333"]}
    assert given == {"image_ids": [IMAGE], "name": "{name}", "stack": "AmiArchiver"} | share
    assert capsys.readouterr().out.splitlines() == [
        f"{IMAGE} cannot be enabled again (it is deregistered): it is restored from its stored object.",
        "Started arn:execution",
        "Restore R: 1 restored",
        "ami-1 → ami-2",
    ]


def test_a_restore_that_is_refused_is_no_undo(monkeypatch: pytest.MonkeyPatch) -> None:
    told(monkeypatch, "restore", "the image no longer exists")
    given = restoring(monkeypatch, refused=1)
    assert command.main(["undo", "--image", IMAGE, "--allow-unencrypted", "--stack", "Other"]) == 1
    assert (given["allow_unencrypted"], given["stack"]) == (True, "Other")


def test_an_error_while_the_restore_is_followed_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told(monkeypatch, "restore")

    def start(name: str, wanted: Mapping[str, Any]) -> Any:
        raise OperateError("the restore could not be started: throttled")

    monkeypatch.setattr(restore, "start", start)
    assert command.main(["undo", "--image", IMAGE]) == 2
    assert capsys.readouterr().err == "the restore could not be started: throttled\n"
