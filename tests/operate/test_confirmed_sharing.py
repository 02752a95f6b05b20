"""Whom an image is shared with again: asked about on a terminal, or named; without both, nobody, and that is said."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import boto3
import pytest

from ami_archiver.adapters.s3_bucket import S3ArchiveBucket
from ami_archiver.adapters.table_records import TableRecords
from ami_archiver.errors import AccessDenied
from operate import __main__ as command
from operate import restore, sharing, undo
from tests.operate.test_undo import IMAGE, restoring, told

ACCOUNT, OTHER = "user:111122223333", "user:444455556666"
UNIT = "arn:aws:organizations::123456789012:ou/o-abcdefghij/ou-abcd-12345678"
RECORDED = (ACCOUNT, OTHER, "group:all", f"unit:{UNIT}")
ALL = {"share_with": ["111122223333", "444455556666", UNIT], "share_publicly": True}


@pytest.fixture
def on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The answers that a person will give, the first one first; who has none left presses Ctrl-D."""
    answers: list[str] = []

    def answer(question: str) -> str:
        if not answers:
            raise EOFError
        return answers.pop(0)

    monkeypatch.setattr(sharing, "is_terminal", lambda: True)
    monkeypatch.setattr("builtins.input", answer)
    return answers


@pytest.mark.parametrize(
    ("answers", "wishes"),
    [
        (["y", "yes"], ALL),
        (["y", ""], {"share_with": ALL["share_with"]}),
        (["", "y"], {"share_publicly": True}),
        (["n", "n"], {}),
        (["", ""], {}),
        ([], {}),
    ],
)
def test_on_a_terminal_each_is_listed_and_asked_about_and_the_default_is_no(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    on_a_terminal: list[str],
    answers: list[str],
    wishes: Mapping[str, Any],
) -> None:
    on_a_terminal += answers
    asked = told(monkeypatch, "enabled", recorded=RECORDED)
    assert command.main(["undo", "--image", IMAGE]) == 0
    assert asked == [wishes]
    shared = f"everybody, {UNIT}, account 111122223333, account 444455556666"
    assert capsys.readouterr().out.startswith(f"{IMAGE} was shared with {shared}.\n")


def test_where_nothing_is_recorded_nobody_is_asked(monkeypatch: pytest.MonkeyPatch, on_a_terminal: list[str]) -> None:
    on_a_terminal.append("y")
    assert told(monkeypatch, "enabled") is not None
    assert command.main(["undo", "--image", IMAGE]) == 0
    assert on_a_terminal == ["y"]


def test_without_a_terminal_undo_shares_nothing_and_says_the_exact_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = told(monkeypatch, "enabled", recorded=RECORDED)
    assert command.main(["undo", "--image", IMAGE, "--stack", "Other"]) == 1
    assert asked == [{}]
    out = capsys.readouterr().out
    assert out.startswith(f"{IMAGE} is enabled again.\n")
    share = f"SHARE='111122223333 444455556666 {UNIT}' SHARE_PUBLICLY=1"
    assert out.endswith(f"To share it again:\n  make undo IMAGE={IMAGE} {share} STACK=Other\n")
    words = ["--share", f"111122223333 444455556666 {UNIT}", "--share-publicly"]
    assert command.main(["undo", "--image", IMAGE, *words]) == 0
    assert asked[1:] == [ALL]


def test_without_a_terminal_restore_shares_nothing_and_says_the_exact_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given = restoring(monkeypatch, restored=1)
    monkeypatch.setattr(restore, "look", lambda stack, wanted: {"ami-1": RECORDED})
    assert command.main(["restore", "--image", IMAGE, "--share", "444455556666"]) == 0
    assert given["share_with"] == ["444455556666"]
    assert capsys.readouterr().out.splitlines()[1:] == [
        f"ami-2 is not shared with everybody, {UNIT}, account 111122223333, as ami-1 was. To share it:",
        "  aws ec2 modify-image-attribute --image-id ami-2 --launch-permission "
        f"'Add=[{{Group=all}},{{OrganizationalUnitArn={UNIT}}},{{UserId=111122223333}}]'",
        "Restore R: 1 restored",
        "ami-1 → ami-2",
    ]


def test_on_a_terminal_restore_asks_before_it_starts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], on_a_terminal: list[str]
) -> None:
    on_a_terminal.append("y")
    given = restoring(monkeypatch, restored=1)
    monkeypatch.setattr(restore, "look", lambda stack, wanted: {"ami-1": (ACCOUNT,)})
    assert command.main(["restore", "--image", IMAGE]) == 0
    assert given["share_with"] == ["111122223333"]
    assert capsys.readouterr().out.splitlines()[:2] == [
        "ami-1 was shared with account 111122223333.",
        "Started arn:execution",
    ]


@pytest.mark.parametrize("word", ["1111", "all", "group:all"])
def test_word_that_names_no_account_or_organization_is_refused_before_anything_starts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], word: str
) -> None:
    asked = told(monkeypatch, "enabled", recorded=RECORDED)
    assert command.main(["undo", "--image", IMAGE, "--share", word]) == 2
    assert f"'SHARE' has {word!r}, must be account ids of 12 digits" in capsys.readouterr().err
    assert asked == []


@pytest.mark.parametrize(
    "arguments",
    [("restore", "--image", "ami-x"), ("undo", "--image", "ami-0123456789"), ("restore", "--key", "s3://b/k")],
)
def test_what_is_no_id_or_key_is_refused_before_aws_is_asked_for_anything(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    for module in (restore, undo):
        monkeypatch.setattr(module, "outputs", lambda *_: pytest.fail("asked"))
    assert command.main([*arguments]) == 2
    assert repr(arguments[-1]) in capsys.readouterr().err


def test_what_the_caller_may_not_read_is_left_to_the_workflow_and_the_function(monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: Any) -> Any:
        raise AccessDenied("no")

    outputs = {"ArchiveTableName": "t", "ArchiveBucketName": "b"}
    for module in (restore, undo):
        monkeypatch.setattr(module, "outputs", lambda *_: outputs)
    monkeypatch.setattr(boto3, "client", lambda *_: None)
    for power, method in ((TableRecords, "get"), (S3ArchiveBucket, "head")):
        monkeypatch.setattr(power, method, denied)
    assert restore.look("AmiArchiver", {"image_ids": [IMAGE]}) == {}
    assert restore.look("AmiArchiver", {"object_keys": ["a.bin"]}) == {}
    assert undo.look("AmiArchiver", IMAGE) == ()
