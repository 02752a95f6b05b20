"""The one endpoint, an ASGI application: our own services and `/_local/` are answered here, all else by MiniStack."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

from local_cloud.calls import Call, CallLog, error_code
from local_cloud.clock import Clock
from local_cloud.operations import Request, identify, signer_of

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]
Answer = tuple[int, dict[str, str], bytes]

CONTROL_PATH = "/_local/"
_EC2_THREADS = 32
_BODY_KEPT = 64 * 1024
"""Of a request's body this much is looked at to name its operation, and of an answer to find its error code."""


class Handler(Protocol):
    """What answers a service's calls; it may wait, so it never runs on the event loop."""

    def handle(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer: ...


class Refusing(Protocol):
    """What refuses calls that somebody denied."""

    @property
    def active(self) -> bool: ...

    def answer(self, request: Request) -> Answer | None: ...


class InFlight(Protocol):
    """What the log asks the image service."""

    def settle(self) -> None: ...

    def in_flight_gib(self, account_id: str, region: str, kind: Literal["store", "restore"] = "store") -> float:
        """Never waits."""
        ...


@dataclass(frozen=True, slots=True)
class Begun:
    """What is known of a call when it arrives."""

    at: datetime
    started: float
    in_flight_gib: float


class Recorder:
    """Writes calls into the log, in two steps: when they arrive, and when they are answered."""

    def __init__(self, calls: CallLog, clock: Clock, account_id: str, service: InFlight) -> None:
        self._calls = calls
        self._clock = clock
        self._account_id = account_id
        self._service = service

    def begin(self, headers: Mapping[str, str], *, settle: bool = False) -> Begun:
        """`settle`: bring the in-flight sum up to this moment, which may wait for S3."""
        if settle:
            self._service.settle()
        signer = signer_of(headers)
        in_flight_gib = self._service.in_flight_gib(signer.account_id(self._account_id), signer.region)
        return Begun(self._clock.now(), time.perf_counter(), in_flight_gib)

    def end(self, begun: Begun, request: Request, answer: Answer) -> None:
        operation = identify(request)
        status, headers, body = answer
        self._calls.append(
            Call(
                at=begun.at,
                seconds=round(time.perf_counter() - begun.started, 6),
                caller=operation.signer.caller,
                service=operation.signer.service,
                operation=operation.name,
                status=status,
                error_code=error_code(status, headers, body),
                in_flight_gib=begun.in_flight_gib,
                account_id=operation.signer.account_id(self._account_id),
                region=operation.signer.region,
                parameters=operation.parameters,
            )
        )


class Endpoint:
    """`services` are ours by the name they are signed with, `control` answers what is under `/_local/`."""

    def __init__(
        self,
        services: Mapping[str, Handler],
        ministack: Application,
        control: Callable[[Request], Answer],
        recorder: Recorder,
        refusals: Refusing,
    ) -> None:
        self._services = services
        self._refusals = refusals
        self._ministack = ministack
        self._control = control
        self._recorder = recorder
        # Not the loop's own threads: EC2's calls may wait for S3, which must never wait for them.
        self._threads = ThreadPoolExecutor(_EC2_THREADS, thread_name_prefix="local-cloud")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(scope, receive, send)
        elif scope["type"] != "http":
            await self._ministack(scope, receive, send)
        elif scope["path"].startswith(CONTROL_PATH):
            await self._threaded(scope, receive, send, self._control)
        elif signer_of(headers := _headers(scope)).service in self._services:
            await self._threaded(scope, receive, send, self._answer_here)
        else:
            await self._pass_on(scope, receive, send, headers)

    async def _threaded(self, scope: Scope, receive: Receive, send: Send, answer: Callable[[Request], Answer]) -> None:
        request = _request(scope, await _body(receive))
        await _send(send, await asyncio.get_running_loop().run_in_executor(self._threads, answer, request))

    def _answer_here(self, request: Request) -> Answer:
        begun = self._recorder.begin(request.headers, settle=True)
        answer = self._refusals.answer(request)
        if answer is None:
            url = f"http://{request.headers.get('host', '127.0.0.1')}{request.path}"
            url += f"?{request.query}" if request.query else ""
            service = self._services[signer_of(request.headers).service]
            answer = service.handle(request.method, url, dict(request.headers), request.body)
        self._recorder.end(begun, request, answer)
        return answer

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send, headers: dict[str, str]) -> None:
        begun = self._recorder.begin(headers)
        if self._refusals.active:
            request = _request(scope, await _body(receive), headers)
            refusal = self._refusals.answer(request)
            if refusal is not None:
                await _send(send, refusal)
                self._recorder.end(begun, request, refusal)
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
        self._recorder.end(begun, _request(scope, bytes(asked), headers), answer)

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
