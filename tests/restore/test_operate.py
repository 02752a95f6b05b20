"""`python -m operate restore`: what a person types, and what it says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from ami_archiver.restore.model import RestoreRecord, RestoreStatus
from operate import __main__ as command
from operate import restore, stack
from operate.stack import OperateError
from tests.restore.test_restore_domain import record


class Scripted:
    """An execution that gets on from look to look, without a cloud."""

    def __init__(self, looks: list[list[RestoreRecord]], ended: Mapping[str, Any]) -> None:
        self._looks = looks
        self._ended = ended
        self.execution_arn = "arn:execution"

    def records(self) -> list[RestoreRecord]:
        return self._looks.pop(0)

    def ended(self) -> Mapping[str, Any] | None:
        return self._ended if len(self._looks) == 1 else None


def summary(**counts: int) -> str:
    restores = {"restored": 0, "failed": 0, "refused": 0} | counts
    lines = '[{"image_id": "ami-1", "object_key": "k", "reason": "r", "restored_image_id": "ami-2"}]'
    named = "".join(f', "{kind}": {lines}' for kind, count in counts.items() if count)
    return f'{{"run_id": "R", "outcome": "worked", "restores": {restores}{named}}}'.replace("'", '"')


def run(monkeypatch: pytest.MonkeyPatch, scripted: Scripted, *arguments: str) -> tuple[int, dict[str, Any]]:
    given: dict[str, Any] = {}

    def start(name: str, wanted: Mapping[str, Any]) -> Any:
        given.update(wanted, stack=name)
        return scripted

    monkeypatch.setattr(restore, "look", lambda name, wanted: {})
    monkeypatch.setattr(restore, "start", start)
    monkeypatch.setattr(restore.time, "sleep", lambda _: None)
    monkeypatch.setattr(restore, "LOOK_SECONDS", 0)
    return command.main(["restore", *arguments]), given


def test_shows_each_change_once_and_ends_with_the_new_image_id(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    planned = record()
    restored = replace(planned, status=RestoreStatus.RESTORED, reason="restored as ami-2")
    ended = {"status": "SUCCEEDED", "output": summary(restored=1)}
    code, given = run(monkeypatch, Scripted([[planned], [planned], [restored]], ended), "--image", "ami-1")
    assert (code, given) == (0, {"image_ids": ["ami-1"], "name": "{name}", "stack": "AmiArchiver"})
    assert capsys.readouterr().out.splitlines() == [
        "Started arn:execution",
        "PLANNED   ami-1: planned",
        "          will differ: a new image id",
        "RESTORED  ami-1: restored as ami-2",
        "Restore R: 1 restored",
        "ami-1 → ami-2",
    ]


@pytest.mark.parametrize("counts", [{"refused": 1}, {"failed": 1}, {"restored": 1, "failed": 1}, {}])
def test_exit_code_says_when_not_all_came_back(monkeypatch: pytest.MonkeyPatch, counts: dict[str, int]) -> None:
    ended = {"status": "SUCCEEDED", "output": summary(**counts)}
    assert run(monkeypatch, Scripted([[]], ended), "--image", "ami-1")[0] == 1


def test_every_wish_reaches_the_workflow(monkeypatch: pytest.MonkeyPatch) -> None:
    options = "--key a.bin --key b.bin --name x --speed Bulk --point-parameters --allow-unencrypted"
    ended = {"status": "SUCCEEDED", "output": summary(restored=1)}
    share = ("--share", "111122223333, 444455556666", "--share-publicly")
    _, given = run(monkeypatch, Scripted([[]], ended), *options.split(), *share, "--dry-run", "--stack", "Other")
    assert given == {
        "object_keys": ["a.bin", "b.bin"],
        "name": "x",
        "storage_tier_speed": "Bulk",
        "share_with": ["111122223333", "444455556666"],
        "share_publicly": True,
        "point_ssm_parameters": True,
        "allow_unencrypted": True,
        "dry_run": True,
        "stack": "Other",
    }


def test_failed_execution_is_told_in_its_own_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cause = '{"errorMessage": "\'image_ids\' has \'x\'", "errorType": "BadInput", "stackTrace": ["…"]}'
    ended = {"status": "FAILED", "error": "BadInput", "cause": cause}
    assert run(monkeypatch, Scripted([[]], ended), "--image", "x")[0] == 2
    assert capsys.readouterr().err == "BadInput: 'image_ids' has 'x'\n"


class CloudFormation:
    def __init__(self, *keys: str) -> None:
        self._keys = keys

    def describe_stacks(self, **_: str) -> Any:
        return {"Stacks": [{"Outputs": [{"OutputKey": key, "OutputValue": "v"} for key in self._keys]}]}


def test_stack_of_an_older_version_is_a_clear_error() -> None:
    old: Any = CloudFormation("ArchiveTableName")
    with pytest.raises(
        OperateError, match="has no output RestoreWorkflowArn, ArchiveBucketName: deploy it again, with this version"
    ):
        stack.outputs("AmiArchiver", restore.NEEDED, old)
    new: Any = CloudFormation(*restore.NEEDED)
    assert set(stack.outputs("AmiArchiver", restore.NEEDED, new)) == set(restore.NEEDED)
