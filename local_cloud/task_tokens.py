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
from typing import Any

from local_cloud.operations import Answer
from local_cloud.replacing import Function, replaces

_TOKEN = re.compile("[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_waiting = threading.local()
"""In the thread of an execution: the token that its function is being given, and the context object."""


def install(stepfunctions: Any) -> None:
    """Teach MiniStack's module."""
    failure = stepfunctions._ExecutionError
    answering = threading.Lock()

    for name in ("_send_task_success", "_send_task_failure", "_send_task_heartbeat"):

        @replaces(stepfunctions, name)
        def answer(send: Function, asked: dict[str, Any]) -> Any:
            token = str(asked.get("taskToken"))
            if not _TOKEN.fullmatch(token):
                return _refusal("InvalidToken", "Invalid Token: 'Invalid token'")
            if not _is_json(asked.get("output", "{}")):
                return _refusal("InvalidOutput", "Invalid Output: 'Unexpected token: the output is not valid JSON'")
            with answering:
                wait = stepfunctions._task_tokens.get(token)
                if not wait or wait["event"].is_set():
                    return _refusal("TaskTimedOut", "Task Timed Out: 'Provided task does not exist anymore'")
                return send(asked)

    @replaces(stepfunctions, "_execute_task")
    def execute_task(execute: Function, state: dict[str, Any], given: Any, execution: Any, context: Any) -> Any:
        """With the time-out that TimeoutSecondsPath leads to."""
        _waiting.context = context
        if path := state.get("TimeoutSecondsPath"):
            seconds = stepfunctions._resolve_path_or_ctx(path, given, context)
            if not isinstance(seconds, int) or seconds < 1:
                cause = f"The TimeoutSecondsPath {path} does not lead to a positive whole number, but to {seconds!r}"
                raise failure("States.Runtime", cause)
            state = {**state, "TimeoutSeconds": seconds}
        return execute(state, given, execution, context)

    @replaces(stepfunctions, "_invoke_with_callback")
    def invoke_with_token(invoke: Function, resource: str, parameters: Any, token: str, state: Any) -> Any:
        """A retry has a new token."""
        _waiting.token, context = token, _waiting.context
        try:
            return invoke(resource, parameters, token, state)
        except failure:
            context["Task"] = {"Token": str(uuid.uuid4())}
            raise

    @replaces(stepfunctions, "_call_lambda")
    def call_function(call: Function, reference: str, event: Any) -> Any:
        """A function that fails ends the wait."""
        token, _waiting.token = getattr(_waiting, "token", None), None
        try:
            return call(reference, event)
        except failure as error:
            wait = stepfunctions._task_tokens.get(token) if token else None
            if wait and not wait["event"].is_set():
                wait["error"] = {"Error": error.error, "Cause": error.cause}
                wait["event"].set()
            raise


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _refusal(code: str, message: str) -> Answer:
    body = json.dumps({"__type": code, "message": message}).encode()
    return 400, {"Content-Type": "application/x-amz-json-1.0"}, body
