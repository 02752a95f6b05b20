"""The interpreter that the tests of nights stand on fails and waits as Step Functions does."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.state_machine import Function, Running, StateMachine, TaskTimedOut

ASK = {
    "Type": "Task",
    "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
    "Parameters": {"FunctionName": "handlers.ask", "Payload": {"state.$": "$", "token.$": "$$.Task.Token"}},
    "TimeoutSecondsPath": "$.seconds",
    "ResultPath": "$.answer",
    "Next": "Done",
}
ON_TIMEOUT = {"Catch": [{"ErrorEquals": ["States.Timeout"], "ResultPath": "$.answer", "Next": "Done"}]}
GIVEN = {"seconds": 3600}


class Time:
    """Virtual time that only a state machine passes."""

    def __init__(self) -> None:
        self.at = datetime(2026, 1, 1, tzinfo=UTC)

    def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)

    def now(self) -> datetime:
        return self.at


class Asked:
    """A machine that asks in its first state, and what its function was told."""

    def __init__(self, state: dict[str, Any], fails: Callable[[int], Exception | None] = lambda _: None) -> None:
        self.payloads: list[Any] = []
        self.time = Time()
        self._fails = fails
        states = {"Ask": ASK | state, "Done": {"Type": "Succeed"}}
        functions: dict[str, Function] = {"handlers.ask": self._ask}
        self.machine = StateMachine({"StartAt": "Ask", "States": states}, functions, self.time.sleep, self.time.now)

    def begin(self, given: Any = GIVEN) -> Running:
        """An execution that has asked."""
        running = self.machine.begin(given, "run")
        self.machine.step(running)
        return running

    def end(self, running: Running) -> Any:
        while running.execution.status == "RUNNING":
            self.machine.step(running)
        return running.execution.output

    def _ask(self, payload: Any) -> None:
        self.payloads.append(payload)
        if error := self._fails(len(self.payloads)):
            raise error


def test_an_answer_is_placed_in_the_state_and_the_execution_goes_on() -> None:
    asked = Asked({})
    running = asked.begin()
    assert asked.payloads == [{"state": GIVEN, "token": running.execution.tokens[-1]}]
    asked.machine.answer(running.execution.tokens[-1], {"approved": True})
    assert asked.end(running) == GIVEN | {"answer": {"approved": True}}
    assert asked.time.now().hour == 0


def test_without_an_answer_the_time_passes_and_what_catches_the_time_out_is_next() -> None:
    asked = Asked(ON_TIMEOUT)
    assert asked.end(asked.begin()) == GIVEN | {"answer": {"Error": "States.Timeout", "Cause": ""}}
    assert asked.time.now().hour == 1


def test_a_time_out_that_nothing_catches_ends_the_execution() -> None:
    asked = Asked({"Catch": [{"ErrorEquals": ["States.TaskFailed"], "Next": "Done"}]})
    running = asked.begin()
    asked.end(running)
    assert (running.execution.status, running.execution.error) == ("FAILED", "States.Timeout")


def test_an_answer_is_taken_once_and_in_time_and_for_a_token_that_is_out() -> None:
    asked = Asked(ON_TIMEOUT)
    token = asked.begin().execution.tokens[-1]
    asked.machine.answer(token, {})
    with pytest.raises(TaskTimedOut):
        asked.machine.answer(token, {})
    late = Asked(ON_TIMEOUT)
    token = late.begin().execution.tokens[-1]
    late.time.sleep(3600)
    with pytest.raises(TaskTimedOut):
        late.machine.answer(token, {})
    with pytest.raises(TaskTimedOut):
        late.machine.answer("of another execution", {})


def test_a_function_that_failed_asks_again_with_a_new_token() -> None:
    retry = {"Retry": [{"ErrorEquals": ["ValueError"], "IntervalSeconds": 5}]}
    asked = Asked(retry, fails=lambda attempt: ValueError("busy") if attempt == 1 else None)
    running = asked.begin()
    first, second = running.execution.tokens
    assert [payload["token"] for payload in asked.payloads] == [first, second]
    with pytest.raises(TaskTimedOut):
        asked.machine.answer(first, {})
    asked.machine.answer(second, {})
    assert asked.end(running) == GIVEN | {"answer": {}}


def test_a_function_that_fails_for_good_ends_the_execution_unless_that_is_caught() -> None:
    failed = Asked(ON_TIMEOUT, fails=lambda _: ValueError("never"))
    running = failed.begin()
    assert (running.execution.status, running.execution.error) == ("FAILED", "ValueError")
    caught = Asked({"Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Done"}]}, fails=lambda _: ValueError("never"))
    assert caught.end(caught.begin()) == {"Error": "ValueError", "Cause": "never"}


@pytest.mark.parametrize("seconds", [0, -1, 1.5, True, "60", None])
def test_a_time_out_that_is_no_positive_integer_ends_the_execution(seconds: Any) -> None:
    running = Asked({"Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Done"}]}).begin({"seconds": seconds})
    assert (running.execution.status, running.execution.error) == ("FAILED", "States.Runtime")


def test_a_time_out_that_is_not_in_the_state_ends_the_execution() -> None:
    assert Asked(ON_TIMEOUT).begin({}).execution.error == "States.Runtime"
