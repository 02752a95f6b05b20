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
        else:
            await _send(send, await self._answer(scope, await _body(receive)))

    async def _answer(self, scope: Scope, body: bytes) -> Answer:
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        query = scope.get("query_string", b"").decode("latin-1")
        request = Request(scope["method"], scope["path"], query, headers, body)
        in_thread = asyncio.get_running_loop().run_in_executor
        if request.path.startswith(CONTROL_PATH):
            return await in_thread(self._threads, self._control, request)
        if self._cloud.is_own(headers):
            return await in_thread(self._threads, self._answer_here, request)
        begun = self._cloud.arrives(headers)
        answer = self._cloud.refusal(request) or await ask(self._ministack, scope, body)
        self._cloud.log(begun, request, answer)
        return answer

    def _answer_here(self, request: Request) -> Answer:
        begun = self._cloud.arrives(request.headers)
        answer = self._cloud.refusal(request) or self._cloud.own_answer(request)
        self._cloud.log(begun, request, answer)
        return answer

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


async def ask(application: Application, scope: Scope, body: bytes) -> Answer:
    """What an application answers to a request with this body."""
    status, headers, parts = 500, dict[str, str](), list[bytes]()
    messages = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def receive() -> Message:
        for message in messages:
            return message
        await asyncio.Event().wait()  # as for a caller who says no more
        raise AssertionError("unreachable")

    async def send(message: Message) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
            headers.update((n.decode("latin-1").lower(), v.decode("latin-1")) for n, v in message["headers"])
        else:
            parts.append(message.get("body", b""))

    await application(scope, receive, send)
    return status, headers, b"".join(parts)


async def _body(receive: Receive) -> bytes:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            return b"".join(parts)
