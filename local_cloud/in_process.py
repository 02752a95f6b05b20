"""The local cloud without sockets, in virtual time: boto3 clients whose requests are answered where they are sent.

The clients are real up to the point where botocore would open a connection; from there on EC2 and MiniStack's own
ASGI application get the request as the SDK serialized it. MiniStack's functions, state machines and schedules run in
real time only: this is for EC2, S3, DynamoDB, SNS, SSM and KMS.
"""

from __future__ import annotations

import asyncio
import io
import threading
from collections.abc import Iterator
from typing import Any, Self
from urllib.parse import unquote, urlsplit

import boto3
import botocore
from botocore.awsrequest import AWSPreparedRequest, AWSRequest, AWSResponse

from local_cloud import clients, environment
from local_cloud.calls import CallLog
from local_cloud.clock import DAY_SECONDS, VirtualClock
from local_cloud.cloud import Cloud, Handler
from local_cloud.endpoint import ask
from local_cloud.object_store import EC2_CALLER
from local_cloud.operations import Answer, Request
from local_cloud.settings import CloudSettings

_HOST = "127.0.0.1"
_DEFAULT_SETTINGS = CloudSettings()


class VirtualCloud(Cloud):
    """A context manager; one cloud at a time in a process. Safe to call from many threads."""

    clock: VirtualClock

    def __init__(self, settings: CloudSettings = _DEFAULT_SETTINGS) -> None:
        super().__init__(settings)
        self._ministack: Any = None
        self._ministack_lock = threading.RLock()
        self._loop = asyncio.new_event_loop()
        self._ec2_clients: dict[tuple[str, str, str | None], Any] = {}

    def __enter__(self) -> Self:
        self._ministack = self._resources.enter_context(
            environment.ministack(self.settings, self.settings.port or 4566)
        )
        self._resources.callback(self._loop.close)
        self.begin(VirtualClock(), CallLog(), self._ec2_client)
        return self

    def reset(self) -> None:
        """Everything gone, the clock at its start; clients made before stay usable."""
        self._ministack._reset_all_state()
        self.begin(VirtualClock(), CallLog(), self._ec2_client)

    def session(self, account_id: str | None = None, region: str | None = None) -> boto3.Session:
        """A session whose clients are answered in this process."""
        session = clients.session(account_id or self.settings.account_id, region or self.settings.region)
        session.events.register("choose-signer.*.*", lambda **_: botocore.UNSIGNED)
        session.events.register("before-sign.*.*", _name_signer)
        session.events.register("before-send.*.*", self._answer)  # type: ignore[arg-type]  # this one may return
        return session

    def client(self, name: str, account_id: str | None = None, region: str | None = None) -> Any:
        return self._client(name, account_id, region)

    def serve(self, service: str, handler: Handler) -> None:
        """Let a test answer the calls that are signed for a service, until the next reset."""
        self.services[service] = handler

    def advance(self, seconds: float) -> None:
        """Let time pass, with all that happens in it happening at its time."""
        end = self.clock.seconds() + seconds
        while self.clock.seconds() < end:
            due = self.service.next_event_seconds()
            step_end = min(end, self.clock.seconds() + DAY_SECONDS, end if due is None else due)
            self.clock.advance(max(0.0, step_end - self.clock.seconds()))
            self.service.settle()
            self.s3_world.tick()

    def _client(self, name: str, account_id: str | None, region: str | None = None, app_id: str | None = None) -> Any:
        # boto3-stubs type a client by a literal name only; here it is whatever the caller asks for.
        return self.session(account_id, region).client(  # type: ignore[call-overload]
            name, endpoint_url=f"http://{_HOST}", config=clients.config(app_id)
        )

    def _ec2_client(self, name: str, account_id: str, region: str | None = None) -> Any:
        """Made once: making one takes longer than all that EC2 asks with it."""
        key = (name, account_id, region)
        if key not in self._ec2_clients:
            self._ec2_clients[key] = self._client(name, account_id, region, EC2_CALLER)
        return self._ec2_clients[key]

    def _answer(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        """botocore's `before-send`: what is returned here is the answer, and nothing is sent."""
        url = urlsplit(request.url)
        headers = {name.lower(): _text(value) for name, value in request.headers.items()}
        headers.setdefault("host", _HOST)
        asked = Request(request.method, unquote(url.path) or "/", url.query, headers, _bytes(request.body))
        begun = self.arrives(headers)
        answer = self.refusal(asked)
        if answer is None:
            answer = self.own_answer(asked) if self.is_own(headers) else self._ask_ministack(asked, url.path)
        self.log(begun, asked, answer)
        status, answer_headers, body = answer
        return AWSResponse(request.url, status, answer_headers, _Raw(body))  # type: ignore[arg-type]  # takes a dict

    def _ask_ministack(self, request: Request, raw_path: str) -> Answer:
        scope = {
            "type": "http",
            "method": request.method,
            "path": request.path,
            "raw_path": raw_path.encode(),
            "query_string": request.query.encode(),
            "headers": [(name.encode(), value.encode()) for name, value in request.headers.items()],
            "client": (_HOST, 0),
        }
        with self._ministack_lock:
            self.s3_world.tick()
            return self._loop.run_until_complete(ask(self._ministack.app, scope, request.body))


def _name_signer(request: AWSRequest, signing_name: str, region_name: str, request_signer: Any, **_: Any) -> None:
    """Say who signs, without the signature: nobody checks it, and it is a sixth of a call's time."""
    scope = f"{request_signer._credentials.access_key}/20260101/{region_name}/{signing_name}/aws4_request"
    request.headers["Authorization"] = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"


class _Raw(io.BytesIO):
    """What botocore reads a body from."""

    def stream(self, amount: int = 65536, **_: Any) -> Iterator[bytes]:
        while part := self.read(amount):
            yield part


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _bytes(body: Any) -> bytes:
    if body is None:
        return b""
    if isinstance(body, str):
        return body.encode()
    return bytes(body) if isinstance(body, bytes | bytearray) else bytes(body.read())
