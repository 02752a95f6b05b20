"""A States Language interpreter for what this project's workflows use, in virtual time, as strict as AWS.

It runs the definition out of the synthesized template, so that a test of a night is a test of the real workflow: its
choices, its retries, its waits, what it catches. Where emulators forgive (a Choice on a key that is not there, a
missing SecondsPath), it fails like AWS does. https://states-language.net

A task that waits for its token is left by `answer`, or once its time is over: whoever steps on without an answer lets
the time pass.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.support.states_language import (
    StateMachineError,
    caught,
    copy,
    deadline,
    holds,
    path,
    placed,
    resolved,
    retrier,
)

Function = Callable[[Any], Any]

EVENTS = {"Task": 5, "Choice": 2, "Wait": 2, "Succeed": 2, "Fail": 1, "Pass": 2}
"""History entries of one visit to a state (a task: entered, scheduled, started, succeeded, exited)."""


TOKEN = ":lambda:invoke.waitForTaskToken"
"""The integration whose state goes on when its token comes back."""


class TaskTimedOut(Exception):
    """Nobody waits for the token, any more or at all."""


class Killed(BaseException):
    """A function instance that dies at once, without a word: no `except Exception` may see it."""


@dataclass
class Execution:
    """One execution: how it ended, and what it cost."""

    name: str
    input: Any
    status: str = "RUNNING"
    output: Any = None
    error: str | None = None
    cause: str | None = None
    history_events: int = 1
    transitions: int = 0
    started: list[Execution] = field(default_factory=list)
    """Executions that this one started (hand-overs), each run to its end in turn."""
    tokens: list[str] = field(default_factory=list)
    """Of the tasks that waited for one, the newest last."""

    @property
    def described(self) -> dict[str, Any]:
        """As DescribeExecution tells it."""
        return {"status": self.status} | ({"output": json.dumps(self.output)} if self.status == "SUCCEEDED" else {})

    @property
    def last(self) -> Execution:
        """The execution that a chain of hand-overs ended with."""
        return self.started[-1].last if self.started else self


@dataclass
class Running:
    """Where an execution stands between two states."""

    execution: Execution
    state_name: str
    state_input: Any
    context: Any
    waiting: Waiting | None = None
    """For somebody's answer; the state is left by the next step."""


@dataclass
class Waiting:
    """A task whose token is out."""

    token: str
    deadline: datetime | None
    answered: bool = False
    output: Any = None


class StateMachine:
    """`functions` by the handler's dotted name; `sleep` lets virtual time pass; `now` is its time."""

    def __init__(
        self,
        definition: Mapping[str, Any],
        functions: Mapping[str, Function],
        sleep: Callable[[float], None],
        now: Callable[[], datetime],
    ) -> None:
        self._definition = definition
        self._functions = functions
        self._sleep = sleep
        self._now = now
        self._waiting: dict[str, Waiting] = {}

    def start(self, given: Any, name: str) -> Execution:
        """Run an execution, and those that it starts, to their end."""
        running = self.begin(given, name)
        while running.execution.status == "RUNNING":
            self.step(running)
        return running.execution

    def begin(self, given: Any, name: str) -> Running:
        """An execution before its first state, for `step`."""
        context = {"Execution": {"Name": name, "Id": f"arn:{name}", "StartTime": self._now().isoformat()}}
        context["StateMachine"] = {"Id": "arn:state-machine"}
        return Running(Execution(name, given), self._definition["StartAt"], given, context)

    def answer(self, token: str, output: Any) -> None:
        """SendTaskSuccess. Raises TaskTimedOut (as Step Functions calls it) when nobody waits for the token."""
        waiting = self._waiting.get(token)
        over = waiting is None or waiting.answered
        if waiting is None or over or (waiting.deadline is not None and self._now() >= waiting.deadline):
            raise TaskTimedOut(f"nobody waits for {token!r}")
        waiting.answered, waiting.output = True, copy(output)

    def step(self, running: Running) -> None:
        """Visit the next state, with its retries; a wait passes, a handed-over execution runs to its end.

        A state that waits for its token is visited by two steps: the first one asks, the second one has the answer.
        """
        execution = running.execution
        state = self._definition["States"][running.state_name]
        try:
            if running.waiting is None:
                execution.transitions += 1
                execution.history_events += EVENTS[state["Type"]]
                if state["Type"] == "Task" and state["Resource"].endswith(TOKEN):
                    running.waiting = self._ask(state, running)
                    return
                output, following = self._visit(state, running.state_input, running.context, execution)
            else:
                output, following = self._answered(state, running)
        except StateMachineError as error:
            if execution.status == "RUNNING":
                execution.status, execution.error, execution.cause = "FAILED", error.error, error.cause
            return
        if execution.status != "RUNNING":
            return  # somebody has stopped it while its function was at work
        if following is None:
            execution.status, execution.output = "SUCCEEDED", output
        else:
            running.state_name, running.state_input = following, output

    def _visit(self, state: Any, given: Any, context: Any, execution: Execution) -> tuple[Any, str | None]:
        match state["Type"]:
            case "Choice":
                return given, self._choose(state, given)
            case "Wait":
                self._sleep(float(path(given, state["SecondsPath"]) if "SecondsPath" in state else state["Seconds"]))
                return given, state["Next"]
            case "Succeed":
                return (path(given, state["OutputPath"]) if "OutputPath" in state else given), None
            case "Fail":
                raise StateMachineError(state["Error"], path(given, state["CausePath"]))
            case "Task":
                try:
                    result = self._retried(state, given, context, execution)
                except StateMachineError as error:
                    return caught(state, given, error)
                return placed(given, result, state.get("ResultPath", "$")), state["Next"]
            case other:
                raise NotImplementedError(f"a {other} state")

    def _ask(self, state: Any, running: Running) -> Waiting | None:
        """Call the function that tells people the token; None: it failed, and what catches that is next."""
        given, execution = running.state_input, running.execution
        try:
            self._retried(state, given, running.context, execution)
        except StateMachineError as error:
            running.state_input, running.state_name = caught(state, given, error)
            return None
        return self._waiting[execution.tokens[-1]]

    def _answered(self, state: Any, running: Running) -> tuple[Any, str]:
        waiting, running.waiting = running.waiting, None
        assert waiting is not None
        given = running.state_input
        self._waiting.pop(waiting.token)
        if waiting.answered:
            return placed(given, waiting.output, state.get("ResultPath", "$")), state["Next"]
        if waiting.deadline is None:
            raise AssertionError(f"{running.state_name} waits for ever: no answer, no time-out")
        self._sleep(max(0.0, (waiting.deadline - self._now()).total_seconds()))
        error = StateMachineError("States.Timeout", "")
        if retrier(state, error.error)[0] is not None:
            raise NotImplementedError("asking again after a time-out")
        return caught(state, given, error)

    def _choose(self, state: Any, given: Any) -> str:
        for rule in state["Choices"]:
            if holds(rule, given):
                return str(rule["Next"])
        if "Default" in state:
            return str(state["Default"])
        raise StateMachineError("States.NoChoiceMatched", json.dumps(given))

    def _retried(self, state: Any, given: Any, context: Any, execution: Execution) -> Any:
        tries: dict[int, int] = {}
        while True:
            try:
                return self._call(state, given, context, execution)
            except StateMachineError as error:
                rule, index = retrier(state, error.error)
                if execution.status != "RUNNING" or rule is None or tries.get(index, 0) >= rule.get("MaxAttempts", 3):
                    raise
                delay = rule.get("IntervalSeconds", 1) * rule.get("BackoffRate", 2.0) ** tries.get(index, 0)
                tries[index] = tries.get(index, 0) + 1
                execution.history_events += 3
                execution.transitions += 1
                self._sleep(min(delay, rule.get("MaxDelaySeconds", delay)))

    def _call(self, state: Any, given: Any, context: Any, execution: Execution) -> Any:
        function = state["Resource"]
        if function.endswith(TOKEN):
            context = context | {"Task": {"Token": self._new_token(state, given, execution)}}
        payload = resolved(state["Parameters"], given, context) if "Parameters" in state else given
        if function.endswith(":states:startExecution"):
            execution.started.append(self.start(copy(payload["Input"]), payload["Name"]))
            return {"ExecutionArn": f"arn:{payload['Name']}"}
        if function.endswith(TOKEN):
            function, payload = payload["FunctionName"], payload["Payload"]
        try:
            return copy(self._functions[function](copy(payload)))
        except Killed as error:
            raise StateMachineError("Runtime.ExitError", "RequestId: … Error: Runtime exited") from error
        except Exception as error:
            raise StateMachineError(type(error).__name__, str(error)) from error

    def _new_token(self, state: Any, given: Any, execution: Execution) -> str:
        """Every attempt has its own; nobody waits for those before."""
        for token in execution.tokens:
            self._waiting.pop(token, None)
        token = f"{execution.name}/{len(execution.tokens) + 1}"
        execution.tokens.append(token)
        self._waiting[token] = Waiting(token, deadline(state, given, self._now()))
        return token


def definition_of(template: Path, state_machine: str) -> dict[str, Any]:
    """A state machine's definition out of a template, its functions' ARNs replaced by their handlers' dotted names."""
    resources = json.loads(template.read_text())["Resources"]
    found = [
        resource["Properties"]["DefinitionString"]
        for logical_id, resource in resources.items()
        if resource["Type"] == "AWS::StepFunctions::StateMachine" and state_machine in logical_id
    ]
    assert len(found) == 1, f"{len(found)} state machines named {state_machine} in {template}"
    parts = found[0]["Fn::Join"][1] if isinstance(found[0], dict) else [found[0]]
    return dict(json.loads("".join(part if isinstance(part, str) else _named(part, resources) for part in parts)))


def handlers_in(definition: Mapping[str, Any]) -> set[str]:
    """The handlers that the definition's tasks invoke, at once or with a token."""
    tasks = [state for state in definition["States"].values() if state["Type"] == "Task"]
    invoked = {state.get("Parameters", {}).get("FunctionName", state["Resource"]) for state in tasks}
    return {name for name in invoked if name.startswith("handlers.")}


def handler_of(name: str) -> Callable[[Any, Any], Any]:
    """The function that Lambda calls, such as that of 'handlers.archive.store'."""
    module, _, function = name.rpartition(".")
    handler: Callable[[Any, Any], Any] = getattr(importlib.import_module(module), function)
    return handler


def _named(token: Mapping[str, Any], resources: Mapping[str, Any]) -> str:
    if "Fn::GetAtt" in token:
        return str(resources[token["Fn::GetAtt"][0]]["Properties"]["Handler"])
    return "aws" if token.get("Ref") == "AWS::Partition" else str(token["Ref"])
