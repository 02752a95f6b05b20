"""What MiniStack's state machines get wrong about waiting for an answer (`.waitForTaskToken`).

A function that fails ends the wait, and Retry and Catch see its error; MiniStack waits on. A token is good for one
answer, a retry has a new one, and what is said of a token that is not good is AWS's
(docs.aws.amazon.com/step-functions/latest/apireference/API_SendTaskSuccess.html). TimeoutSecondsPath, which MiniStack
overlooks, is looked at in every task. Still MiniStack's: HeartbeatSeconds means nothing, and the time of a wait runs
from when the function is done.
"""

from __future__ import annotations

import json
import re
import threading
import uuid
from collections.abc import Callable
from functools import wraps
from types import ModuleType
from typing import Any

from local_cloud.operations import Answer

Send = Callable[[dict[str, Any]], Answer]
_TOKEN = re.compile("[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_waiting = threading.local()
"""In the thread of an execution: the token that its function is being given, and the context object."""


def install(stepfunctions: ModuleType) -> None:
    """Teach MiniStack's module. Safe to call again."""
    names = vars(stepfunctions)
    if names.get("_answers_once"):
        return
    answering = threading.Lock()
    for name in ("_send_task_success", "_send_task_failure", "_send_task_heartbeat"):
        names[name] = _answered_once(names[name], names, answering)
    names["_execute_task"] = _timed_by_path(names["_execute_task"], names)
    names["_invoke_with_callback"] = _with_token(names["_invoke_with_callback"], names)
    names["_call_lambda"] = _ending_the_wait(names["_call_lambda"], names)
    names["_answers_once"] = True


def _answered_once(send: Send, names: dict[str, Any], answering: threading.Lock) -> Send:
    @wraps(send)
    def answer(asked: dict[str, Any]) -> Answer:
        token = str(asked.get("taskToken"))
        if not _TOKEN.fullmatch(token):
            return _refusal("InvalidToken", "Invalid Token: 'Invalid token'")
        if not _is_json(asked.get("output", "{}")):
            return _refusal("InvalidOutput", "Invalid Output: 'Unexpected token: the output is not valid JSON'")
        with answering:
            wait = names["_task_tokens"].get(token)
            if not wait or wait["event"].is_set():
                return _refusal("TaskTimedOut", "Task Timed Out: 'Provided task does not exist anymore'")
            return send(asked)

    return answer


def _timed_by_path(execute: Callable[..., Any], names: dict[str, Any]) -> Callable[..., Any]:
    @wraps(execute)
    def execute_task(state: dict[str, Any], given: Any, execution: Any, context: dict[str, Any]) -> Any:
        _waiting.context = context
        if path := state.get("TimeoutSecondsPath"):
            seconds = names["_resolve_path_or_ctx"](path, given, context)
            if not isinstance(seconds, int) or seconds < 1:
                cause = f"The TimeoutSecondsPath {path} does not lead to a positive whole number, but to {seconds!r}"
                raise names["_ExecutionError"]("States.Runtime", cause)
            state = {**state, "TimeoutSeconds": seconds}
        return execute(state, given, execution, context)

    return execute_task


def _with_token(invoke: Callable[..., Any], names: dict[str, Any]) -> Callable[..., Any]:
    failure: type[Exception] = names["_ExecutionError"]

    @wraps(invoke)
    def invoke_with_token(resource: str, parameters: Any, token: str, state: dict[str, Any]) -> Any:
        _waiting.token, context = token, _waiting.context
        try:
            return invoke(resource, parameters, token, state)
        except failure:
            context["Task"] = {"Token": str(uuid.uuid4())}
            raise

    return invoke_with_token


def _ending_the_wait(call: Callable[..., Any], names: dict[str, Any]) -> Callable[..., Any]:
    failure: type[Exception] = names["_ExecutionError"]

    @wraps(call)
    def call_function(reference: str, event: Any) -> Any:
        token, _waiting.token = getattr(_waiting, "token", None), None
        try:
            return call(reference, event)
        except failure as error:
            wait = names["_task_tokens"].get(token) if token else None
            if wait and not wait["event"].is_set():
                wait["error"] = {"Error": error.error, "Cause": error.cause}  # type: ignore[attr-defined]  # MiniStack's
                wait["event"].set()
            raise

    return call_function


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _refusal(code: str, message: str) -> Answer:
    body = json.dumps({"__type": code, "message": message}).encode()
    return 400, {"Content-Type": "application/x-amz-json-1.0"}, body
