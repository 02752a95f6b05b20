"""AWS's answers as a test wants them: errors, time-outs and lost answers, injected where the SDK would send a request.

They come past the SDK's own retries, so that no test sleeps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import botocore.exceptions
from botocore.model import OperationModel

READ_TIMEOUT = botocore.exceptions.ReadTimeoutError(endpoint_url="http://aws")
CONNECT_TIMEOUT = botocore.exceptions.ConnectTimeoutError(endpoint_url="http://aws")
NO_CONNECTION = botocore.exceptions.EndpointConnectionError(endpoint_url="http://aws")
CLOSED = botocore.exceptions.ConnectionClosedError(endpoint_url="http://aws")

Calls = list[dict[str, Any]]


@contextmanager
def refusing(
    client: Any, operation: str, code: str, status: int = 400, *, only: Callable[[Any], bool] = lambda _: True
) -> Iterator[Calls]:
    """Calls of the operation (whose request `only` accepts) end in this error and have no effect; yields them."""
    error = {"Error": {"Code": code, "Message": "injected"}, "ResponseMetadata": {"HTTPStatusCode": status}}

    def answer(_: OperationModel, params: Any) -> Any:
        return (_Response(status), error) if only(params) else None

    with _hooked(client, "before-call", operation, answer) as calls:
        yield calls


@contextmanager
def unreachable(client: Any, operation: str, error: Exception) -> Iterator[Calls]:
    """Requests of the operation never reach AWS."""

    def fail(_: OperationModel, params: Any) -> Any:
        raise error

    with _hooked(client, "before-call", operation, fail) as calls:
        yield calls


@contextmanager
def answering(client: Any, operation: str, *answers: dict[str, Any]) -> Iterator[Calls]:
    """The operation is answered so, one answer after the other, then by the cloud."""
    rest = list(answers)

    def answer(_: OperationModel, params: Any) -> Any:
        return (_Response(200), rest.pop(0) | {"ResponseMetadata": {"HTTPStatusCode": 200}}) if rest else None

    with _hooked(client, "before-call", operation, answer) as calls:
        yield calls


@contextmanager
def counting(client: Any, operation: str) -> Iterator[Calls]:
    """What the operation was asked."""
    with _hooked(client, "before-call", operation, lambda _model, _params: None) as calls:
        yield calls


@contextmanager
def losing_answers(client: Any, operation: str) -> Iterator[None]:
    """The operation takes effect, but nobody hears of it."""

    def lose(**_: Any) -> None:
        raise CLOSED

    event = f"after-call.{client.meta.service_model.service_id.hyphenize()}.{operation}"
    client.meta.events.register_first(event, lose)
    try:
        yield
    finally:
        client.meta.events.unregister(event, lose)


@contextmanager
def _hooked(client: Any, kind: str, operation: str, answer: Callable[[OperationModel, Any], Any]) -> Iterator[Calls]:
    calls: Calls = []

    def handler(model: OperationModel, params: Any, **_: Any) -> Any:
        calls.append(params["body"] if isinstance(params["body"], dict) else params)
        return answer(model, params)

    event = f"{kind}.{client.meta.service_model.service_id.hyphenize()}.{operation}"
    client.meta.events.register_first(event, handler)
    try:
        yield calls
    finally:
        client.meta.events.unregister(event, handler)


class _Response:
    def __init__(self, status: int) -> None:
        self.status_code = status
        self.headers: dict[str, str] = {}
