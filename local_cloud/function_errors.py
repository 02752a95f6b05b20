"""A Python function's exception reaches its caller by its class's name, as on AWS.

MiniStack's worker reports only the message, and its caller says `Runtime.HandlerError` whatever was raised. So no
Retry or Catch of a state machine that names our own errors would ever match.
"""

from __future__ import annotations

from typing import Any

from local_cloud.replacing import Function, replaces

_REPORTED = '{"status": "error", "error": str(e), "trace": traceback.format_exc()}'
_REPORTED_BY_NAME = '{"status": "error", "error": str(e), "type": type(e).__name__, "trace": traceback.format_exc()}'


class _Raised(str):
    """The message of an exception, with its class's name and its traceback along."""

    error_type: str
    trace: str


def install() -> None:
    """Teach MiniStack's function workers. Does nothing the second time; RuntimeError if the worker is not as known."""
    # Imported here, because they read the environment.
    from ministack.core import lambda_runtime  # noqa: PLC0415
    from ministack.services import lambda_svc  # noqa: PLC0415

    script = lambda_runtime._PYTHON_WORKER_SCRIPT
    if _REPORTED_BY_NAME in script:
        return
    if _REPORTED not in script:
        raise RuntimeError("MiniStack's function worker has changed: see local_cloud/function_errors.py")
    lambda_runtime._PYTHON_WORKER_SCRIPT = script.replace(_REPORTED, _REPORTED_BY_NAME)

    @replaces(lambda_runtime.Worker, "invoke")
    def invoke(original: Function, *args: Any, **kwargs: Any) -> Any:
        answer: dict[str, Any] = original(*args, **kwargs)
        if "type" in answer:
            raised = _Raised(answer["error"])
            raised.error_type, raised.trace = answer["type"], answer["trace"]
            answer["error"] = raised
        return answer

    @replaces(lambda_svc, "_execute_function_warm")
    def execute(original: Function, *args: Any, **kwargs: Any) -> Any:
        answer: dict[str, Any] = original(*args, **kwargs)
        body = answer.get("body")
        if isinstance(body, dict) and isinstance(raised := body.get("errorMessage"), _Raised):
            body["errorType"] = raised.error_type
            body["stackTrace"] = _frames(raised.trace)
        return answer


def _frames(trace: str) -> list[str]:
    """The lines of a formatted traceback without the worker's own frame and the message."""
    lines = trace.splitlines(keepends=True)
    starts = [number for number, line in enumerate(lines) if line.startswith('  File "')]
    return lines[starts[1] : -1] if len(starts) > 1 else []
