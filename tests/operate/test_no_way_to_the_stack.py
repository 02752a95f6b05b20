"""What a command says when it does not come as far as the stack, or is asked for what the stack does not have."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable

import boto3
import pytest

from local_cloud.server import LocalCloud
from operate import __main__ as command
from operate.stack import explain
from tests.local_cloud.endpoint.scenes import ACCOUNT, REGION, ROLE, unique
from tests.operate.conftest import archive_table

COMMANDS = (
    ["restore", "--image", "ami-0123456789abcdef0"],
    ["undo", "--image", "ami-0123456789abcdef0"],
    ["approve", "--run", "20261124T053905-nightly-17bde398"],
    ["pending"],
    ["run", "--policy", "nightly"],
)
every_command = pytest.mark.parametrize("words", COMMANDS, ids=lambda words: words[0])


@every_command
def test_without_credentials_it_says_how_to_sign_in(
    words: list[str], as_operator: LocalCloud, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/dev/null")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    assert command.main(words) == 2
    told = capsys.readouterr().err
    assert told.startswith("there are no AWS credentials that can be used")
    assert "aws sso login" in told


@every_command
def test_where_nothing_answers_it_names_the_endpoint(
    words: list[str], as_operator: LocalCloud, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
        assert command.main(words) == 2
    told = capsys.readouterr().err
    assert told.startswith("AWS does not answer")
    assert url in told
    assert "AWS_ENDPOINT_URL" in told


@every_command
def test_an_endpoint_that_is_no_address_is_named_with_an_example(
    words: list[str], as_operator: LocalCloud, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "127.0.0.1:4566")
    assert command.main(words) == 2
    assert capsys.readouterr().err == (
        "AWS_ENDPOINT_URL is '127.0.0.1:4566': it must be an address like http://127.0.0.1:4566; unset it to use AWS\n"
    )


@every_command
def test_a_missing_stack_is_named_with_the_account_and_region_that_were_asked(
    words: list[str], as_operator: LocalCloud, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main([*words, "--stack", "Missing"]) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"there is no stack 'Missing' in Region {REGION} of account {ACCOUNT}.")
    assert "STACK=" in told


def test_expired_credentials_are_told_from_a_missing_stack(as_operator: LocalCloud) -> None:
    error = boto3.client("sts").exceptions.ClientError(
        {"Error": {"Code": "ExpiredToken", "Message": "The security token included in the request is expired"}},
        "DescribeStacks",
    )
    assert explain(error).startswith("AWS does not accept the credentials, or they have expired")


def test_a_run_with_failed_images_shows_its_summary_and_ends_with_another_exit_code(
    as_operator: LocalCloud, stack_with: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    summary = {
        "run_id": "R", "policy": "nightly", "outcome": "worked", "started_at": "a", "ended_at": "b", "seconds": 1,
        "stored_gib": 0, "deferred_gib": 0, "failures": [{"image_id": "ami-1", "reason": "StoreFailed: no"}],
    }  # fmt: skip
    sfn = as_operator.client("stepfunctions")
    for failed in (1, 0):
        result = summary | {"decisions": {"stored": 0, "failed": failed, "deferred": 0}}
        definition = {"StartAt": "Done", "States": {"Done": {"Type": "Pass", "Result": result, "End": True}}}
        machine = {"name": unique("machine"), "roleArn": ROLE, "definition": json.dumps(definition)}
        arn = sfn.create_state_machine(**machine)["stateMachineArn"]
        stack = stack_with(ArchiveWorkflowArn=arn, ArchiveTableName=archive_table(as_operator), Policies="nightly")
        assert command.main(["run", "--policy", "nightly", "--stack", stack]) == failed
        assert "ami-1: StoreFailed: no" in capsys.readouterr().out


def test_a_policy_that_the_stack_does_not_have_is_refused_before_anything_starts(
    as_operator: LocalCloud, stack_with: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    sfn = as_operator.client("stepfunctions")
    definition = '{"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}'
    arn = sfn.create_state_machine(name=unique("machine"), roleArn=ROLE, definition=definition)["stateMachineArn"]
    stack = stack_with(ArchiveWorkflowArn=arn, ArchiveTableName="table", Policies="nightly,golden")
    assert command.main(["run", "--policy", "nihgtly", "--stack", stack]) == 2
    assert capsys.readouterr().err == (
        "policy is 'nihgtly': did you mean nightly? It must be one of nightly, golden. Nothing was started.\n"
    )
    assert sfn.list_executions(stateMachineArn=arn)["executions"] == []
