"""What MiniStack's state machines get wrong about waiting for an answer (`.waitForTaskToken`).

A function that fails ends the wait, and Retry and Catch see its error; MiniStack waits on. A token is good for one
answer, and what is said of a token that is not good is AWS's: docs.aws.amazon.com/step-functions/latest/apireference/
API_SendTaskSuccess.html. Still MiniStack's: a retry waits with the same token, and HeartbeatSeconds is not looked at.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from functools import wraps
from types import ModuleType
from typing import Any

from local_cloud.endpoint import Answer

Send = Callable[[dict[str, Any]], Answer]
_TOKEN = re.compile("[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_waiting = threading.local()
"""In the thread of an execution: the token that its function is being given."""


def install(stepfunctions: ModuleType) -> None:
    """Teach MiniStack's module. Safe to call again."""
    names = vars(stepfunctions)
    if names.get("_answers_once"):
        return
    answering = threading.Lock()
    for name in ("_send_task_success", "_send_task_failure", "_send_task_heartbeat"):
        names[name] = _answered_once(names[name], names, answering)
    names["_invoke_with_callback"] = _with_token(names["_invoke_with_callback"])
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


def _with_token(invoke: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(invoke)
    def invoke_with_token(resource: str, parameters: Any, token: str, state: dict[str, Any]) -> Any:
        _waiting.token = token
        return invoke(resource, parameters, token, state)

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
