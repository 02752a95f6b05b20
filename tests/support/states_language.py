"""What a state of the States Language means, without anything that runs: paths, payloads, retriers and catchers."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from hashlib import sha1
from typing import Any


class StateMachineError(Exception):
    def __init__(self, error: str, cause: str) -> None:
        super().__init__(f"{error}: {cause}")
        self.error = error
        self.cause = cause


def deadline(state: Any, given: Any, now: datetime) -> datetime | None:
    if "TimeoutSecondsPath" not in state:
        return now + timedelta(seconds=state["TimeoutSeconds"]) if "TimeoutSeconds" in state else None
    seconds = path(given, state["TimeoutSecondsPath"])
    if isinstance(seconds, bool) or not isinstance(seconds, int) or seconds < 1:
        raise StateMachineError("States.Runtime", f"{state['TimeoutSecondsPath']} is {seconds!r}, no positive integer")
    return now + timedelta(seconds=seconds)


def caught(state: Any, given: Any, error: StateMachineError) -> tuple[Any, str]:
    """The output and the state that catches the error. Raises it where none does."""
    for rule in state.get("Catch", []):
        if matches(rule, error.error):
            story = {"Error": error.error, "Cause": error.cause}
            return placed(given, story, rule.get("ResultPath", "$")), str(rule["Next"])
    raise error


def placed(given: Any, result: Any, where: str | None) -> Any:
    """A task's output: its input (no ResultPath: null), its result ($), or its input with the result in it ($.name)."""
    if where is None:
        return given
    if where == "$":
        return result
    name = where.removeprefix("$.")
    assert "." not in name, f"{where}: one level is all that the workflows use"
    if not isinstance(given, dict):
        raise StateMachineError("States.ResultPathMatchFailure", f"no {where} in {json.dumps(given)}")
    return given | {name: result}


def matches(rule: Any, error: str) -> bool:
    """States.ALL is everything but what a definition cannot handle; a time-out is no failure of the task."""
    named = rule["ErrorEquals"]
    if error in named or error == "States.Runtime":
        return error in named
    return "States.ALL" in named or ("States.TaskFailed" in named and error != "States.Timeout")


def retrier(state: Any, error: str) -> tuple[Any, int]:
    for index, rule in enumerate(state.get("Retry", [])):
        if matches(rule, error):
            return rule, index
    return None, -1


def holds(rule: Any, given: Any) -> bool:
    if "IsPresent" in rule:
        try:
            path(given, rule["Variable"])
        except StateMachineError:
            return not rule["IsPresent"]
        return bool(rule["IsPresent"])
    return bool(path(given, rule["Variable"]) == rule["StringEquals"])


def path(value: Any, where: str) -> Any:
    """A reference path like $.a.b; States.Runtime if it leads nowhere."""
    for name in where.removeprefix("$").split(".")[1:]:
        if not isinstance(value, dict) or name not in value:
            raise StateMachineError("States.Runtime", f"the path {where!r} is not in {json.dumps(value)}")
        value = value[name]
    return value


def resolved(parameters: Any, given: Any, context: Any) -> Any:
    if not isinstance(parameters, dict):
        return parameters
    return dict(_member(key, value, given, context) for key, value in parameters.items())


def _member(key: str, value: Any, given: Any, context: Any) -> tuple[str, Any]:
    if not key.endswith(".$"):
        return key, resolved(value, given, context)
    if value.startswith("States.Format('handed-over-{}', States.Hash($$.Execution.Name, 'SHA-1'))"):
        digest = sha1(context["Execution"]["Name"].encode(), usedforsecurity=False).hexdigest()
        return key.removesuffix(".$"), f"handed-over-{digest}"
    if value.startswith("$$"):
        return key.removesuffix(".$"), path(context, value[1:])
    return key.removesuffix(".$"), path(given, value)


def copy(value: Any) -> Any:
    """Through JSON, as everything that Step Functions carries."""
    return json.loads(json.dumps(value))
