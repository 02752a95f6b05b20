"""A States Language interpreter for what this project's workflows use, in virtual time, as strict as AWS.

It runs the definition out of the synthesized template, so that a test of a night is a test of the real workflow: its
choices, its retries, its waits. Where emulators forgive (a Choice on a key that is not there, a missing SecondsPath),
it fails like AWS does. https://states-language.net
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha1
from pathlib import Path
from typing import Any

Function = Callable[[Any], Any]

EVENTS = {"Task": 5, "Choice": 2, "Wait": 2, "Succeed": 2, "Fail": 1, "Pass": 2}
"""History entries of one visit to a state (a task: entered, scheduled, started, succeeded, exited)."""


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


class StateMachineError(Exception):
    def __init__(self, error: str, cause: str) -> None:
        super().__init__(f"{error}: {cause}")
        self.error = error
        self.cause = cause


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

    def step(self, running: Running) -> None:
        """Visit the next state, with its retries; a wait passes, a handed-over execution runs to its end."""
        execution = running.execution
        state = self._definition["States"][running.state_name]
        execution.transitions += 1
        execution.history_events += EVENTS[state["Type"]]
        try:
            output, following = self._visit(state, running.state_input, running.context, execution)
        except StateMachineError as error:
            execution.status, execution.error, execution.cause = "FAILED", error.error, error.cause
            return
        if following is None:
            execution.status, execution.output = "SUCCEEDED", output
        else:
            running.state_name, running.state_input = following, output

    def _visit(self, state: Any, given: Any, context: Any, execution: Execution) -> tuple[Any, str | None]:
        match state["Type"]:
            case "Choice":
                return given, self._choose(state, given)
            case "Wait":
                self._sleep(float(_path(given, state["SecondsPath"]) if "SecondsPath" in state else state["Seconds"]))
                return given, state["Next"]
            case "Succeed":
                return (_path(given, state["OutputPath"]) if "OutputPath" in state else given), None
            case "Task":
                result = self._retried(state, given, context, execution)
                return (given if state.get("ResultPath", "$") is None else result), state.get("Next")
            case other:
                raise NotImplementedError(f"a {other} state")

    def _choose(self, state: Any, given: Any) -> str:
        for rule in state["Choices"]:
            if _holds(rule, given):
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
                rule, index = _retrier(state, error.error)
                if rule is None or tries.get(index, 0) >= rule.get("MaxAttempts", 3):
                    raise
                delay = rule.get("IntervalSeconds", 1) * rule.get("BackoffRate", 2.0) ** tries.get(index, 0)
                tries[index] = tries.get(index, 0) + 1
                execution.history_events += 3
                execution.transitions += 1
                self._sleep(min(delay, rule.get("MaxDelaySeconds", delay)))

    def _call(self, state: Any, given: Any, context: Any, execution: Execution) -> Any:
        payload = _resolved(state["Parameters"], given, context) if "Parameters" in state else given
        if state["Resource"].endswith(":states:startExecution"):
            execution.started.append(self.start(_copy(payload["Input"]), payload["Name"]))
            return {"ExecutionArn": payload["Name"]}
        try:
            return _copy(self._functions[state["Resource"]](_copy(payload)))
        except Killed as error:
            raise StateMachineError("Runtime.ExitError", "RequestId: … Error: Runtime exited") from error
        except Exception as error:
            raise StateMachineError(type(error).__name__, str(error)) from error


def _retrier(state: Any, error: str) -> tuple[Any, int]:
    for index, rule in enumerate(state.get("Retry", [])):
        if error in rule["ErrorEquals"] or "States.ALL" in rule["ErrorEquals"]:
            return rule, index
        if "States.TaskFailed" in rule["ErrorEquals"] and error != "States.Timeout":
            return rule, index
    return None, -1


def _holds(rule: Any, given: Any) -> bool:
    if "IsPresent" in rule:
        try:
            _path(given, rule["Variable"])
        except StateMachineError:
            return not rule["IsPresent"]
        return bool(rule["IsPresent"])
    return bool(_path(given, rule["Variable"]) == rule["StringEquals"])


def _path(value: Any, path: str) -> Any:
    """A reference path like $.a.b; States.Runtime if it leads nowhere."""
    for name in path.removeprefix("$").split(".")[1:]:
        if not isinstance(value, dict) or name not in value:
            raise StateMachineError("States.Runtime", f"the path {path!r} is not in {json.dumps(value)}")
        value = value[name]
    return value


def _resolved(parameters: Any, given: Any, context: Any) -> Any:
    if not isinstance(parameters, dict):
        return parameters
    return dict(_member(key, value, given, context) for key, value in parameters.items())


def _member(key: str, value: Any, given: Any, context: Any) -> tuple[str, Any]:
    if not key.endswith(".$"):
        return key, _resolved(value, given, context)
    if value.startswith("States.Format('handed-over-{}', States.Hash($$.Execution.Name, 'SHA-1'))"):
        digest = sha1(context["Execution"]["Name"].encode(), usedforsecurity=False).hexdigest()
        return key.removesuffix(".$"), f"handed-over-{digest}"
    if value.startswith("$$"):
        return key.removesuffix(".$"), _path(context, value[1:])
    return key.removesuffix(".$"), _path(given, value)


def _copy(value: Any) -> Any:
    """Through JSON, as everything that Step Functions carries."""
    return json.loads(json.dumps(value))


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


def _named(token: Mapping[str, Any], resources: Mapping[str, Any]) -> str:
    if "Fn::GetAtt" in token:
        return str(resources[token["Fn::GetAtt"][0]]["Properties"]["Handler"])
    return "aws" if token.get("Ref") == "AWS::Partition" else str(token["Ref"])
