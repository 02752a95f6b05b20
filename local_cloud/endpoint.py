"""The one endpoint, an ASGI application: our own services and `/_local/` are answered here, all else by MiniStack."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from local_cloud.cloud import Cloud
from local_cloud.control import CONTROL_PATH
from local_cloud.operations import Answer, Request

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

_EC2_THREADS = 32
_BODY_KEPT = 64 * 1024
"""Of a request's body this much is looked at to name its operation, and of an answer to find its error code."""


class Endpoint:
    """`control` answers what is under `/_local/`."""

    def __init__(self, cloud: Cloud, ministack: Application, control: Callable[[Request], Answer]) -> None:
        self._cloud = cloud
        self._ministack = ministack
        self._control = control
        # Not the loop's own threads: EC2's calls may wait for S3, which must never wait for them.
        self._threads = ThreadPoolExecutor(_EC2_THREADS, thread_name_prefix="local-cloud")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(scope, receive, send)
        elif scope["type"] != "http":
            await self._ministack(scope, receive, send)
        elif scope["path"].startswith(CONTROL_PATH):
            await self._threaded(scope, receive, send, self._control)
        elif self._cloud.is_own(headers := _headers(scope)):
            await self._threaded(scope, receive, send, self._answer_here)
        else:
            await self._pass_on(scope, receive, send, headers)

    async def _threaded(self, scope: Scope, receive: Receive, send: Send, answer: Callable[[Request], Answer]) -> None:
        request = _request(scope, await _body(receive))
        await _send(send, await asyncio.get_running_loop().run_in_executor(self._threads, answer, request))

    def _answer_here(self, request: Request) -> Answer:
        begun = self._cloud.arrives(request.headers)
        answer = self._cloud.refusal(request) or self._cloud.own_answer(request)
        self._cloud.log(begun, request, answer)
        return answer

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send, headers: dict[str, str]) -> None:
        begun = self._cloud.arrives(headers)
        if self._cloud.service.faults.denies:
            request = _request(scope, await _body(receive), headers)
            refusal = self._cloud.refusal(request)
            if refusal is not None:
                await _send(send, refusal)
                self._cloud.log(begun, request, refusal)
                return
            receive = _again(request.body)
        asked, answered = bytearray(), bytearray()
        start: Message = {"status": 500, "headers": []}

        async def listen() -> Message:
            message = await receive()
            if len(asked) <= _BODY_KEPT:
                asked.extend(message.get("body", b""))
            return message

        async def reply(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                start = message
            elif start["status"] >= 400 and len(answered) <= _BODY_KEPT:
                answered.extend(message.get("body", b""))
            await send(message)

        await self._ministack(scope, listen, reply)
        answer_headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in start["headers"]}
        answer = (start["status"], answer_headers, bytes(answered))
        self._cloud.log(begun, _request(scope, bytes(asked), headers), answer)

    async def _lifespan(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Starts MiniStack's schedulers. Its shutdown is not run: it is about Docker and files, which are off."""
        await receive()
        never = asyncio.Event()
        messages = iter([{"type": "lifespan.startup"}])

        async def startup_only() -> Message:
            for message in messages:
                return message
            await never.wait()
            raise AssertionError("unreachable")

        running = asyncio.ensure_future(self._ministack(scope, startup_only, send))
        await receive()
        running.cancel()
        self._threads.shutdown(wait=False, cancel_futures=True)
        await send({"type": "lifespan.shutdown.complete"})


async def _send(send: Send, answer: Answer) -> None:
    status, headers, body = answer
    headers = {"content-length": str(len(body))} | {k.lower(): v for k, v in headers.items()}
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})


def _again(body: bytes) -> Receive:
    """What gives out a body that was read already; then it waits, as for a caller who says no more."""
    messages = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def receive() -> Message:
        for message in messages:
            return message
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    return receive


def _headers(scope: Scope) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}


def _request(scope: Scope, body: bytes, headers: dict[str, str] | None = None) -> Request:
    query = scope.get("query_string", b"").decode("latin-1")
    return Request(scope["method"], scope["path"], query, headers or _headers(scope), body)


async def _body(receive: Receive) -> bytes:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            return b"".join(parts)
