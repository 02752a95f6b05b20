"""Between the archiver and AWS: its own SDK clients, whose every call can be counted, broken, or made to wait."""

from __future__ import annotations

import contextlib
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.config import Config

from ami_archiver.adapters.clients import CONFIG
from local_cloud.in_process import VirtualCloud

CALL_SECONDS = 0.05
"""What a call takes in virtual time."""
_ID = re.compile(r"(?:ami|snap)-([0-9a-f]{17})")


@dataclass(frozen=True)
class Call:
    """One call of an SDK client, which the SDK may send several times."""

    number: int
    """From 1, over all calls of a play."""
    service: str
    operation: str
    ordinal: int
    """From 1, among the calls of the same operation."""
    image: str | None = None
    """What the ids of the one image that it is about, its snapshots and its object share; None: it is about more."""

    def __str__(self) -> str:
        return f"{self.service}.{self.operation}#{self.ordinal}"


@dataclass(frozen=True)
class Step:
    """One run of a function for the workflow, from its beginning."""

    number: int
    """From 1, over all steps of a play."""
    function: str
    ordinal: int
    """From 1, among the steps of the same function."""

    def __str__(self) -> str:
        return f"{self.function}#{self.ordinal}"


Watch = Callable[[str, AWSPreparedRequest, Callable[[], AWSResponse]], AWSResponse]
"""Who sees every sending that reaches the cloud: its operation, the request, and what lets it take effect."""


class Disturbance:
    """What happens at a call. Each hook may raise; `answer` may return what the SDK then takes for AWS's answer."""

    def between(self, step: Step) -> None:
        """Before a step, while nothing is under way."""

    @property
    def struck(self) -> Disturbance:
        """What happened in the end: this, or what this let happen."""
        return self

    def applies(self, moment: Call | Step) -> bool:
        """Whether it can begin at this call, or before this step."""
        return True

    def before(self, call: Call) -> None:
        """Before the SDK sends anything."""

    def answer(self, call: Call, attempt: int, send: Callable[[], AWSResponse]) -> AWSResponse:
        """In place of one sending; `send` lets it take effect."""
        return send()

    def after(self, call: Call) -> None:
        """When AWS's answer is there."""

    def next_night(self) -> None:
        """When a night is over."""


def _let_pass(operation: str, request: AWSPreparedRequest, send: Callable[[], AWSResponse]) -> AWSResponse:
    return send()


class Wire:
    """Makes the archiver's clients. Calls count while `listening`; the others pass untouched."""

    def __init__(self, cloud: VirtualCloud) -> None:
        self._cloud = cloud
        self._clients: dict[str, Any] = {}
        self.begin(Disturbance())

    def begin(self, disturbance: Disturbance) -> None:
        """Start to count anew, for another play."""
        self.disturbance = disturbance
        self.calls: list[Call] = []
        self.steps: list[Step] = []
        self._ordinals: Counter[tuple[str, str]] = Counter()
        self._listening = False
        self._current: Call | None = None
        self._attempt = 0
        self.watch: Watch = _let_pass

    def step(self, function: str) -> None:
        """A step is about to begin."""
        ordinal = 1 + sum(step.function == function for step in self.steps)
        self.steps.append(Step(len(self.steps) + 1, function, ordinal))
        self.disturbance.between(self.steps[-1])

    @contextlib.contextmanager
    def listening(self, listening: bool = True) -> Iterator[None]:
        """For the time of a step; and not for what happens beside it (False)."""
        before = self._listening, self._current, self._attempt
        self._listening, self._current = listening, None
        try:
            yield
        finally:
            self._listening, self._current, self._attempt = before

    def client(self, name: str) -> Any:
        """The one client of a service, made as the functions make it."""
        if name not in self._clients:
            config = CONFIG.merge(Config(s3={"addressing_style": "path"}, proxies={}))
            session = self._cloud.session()
            client = session.client(name, endpoint_url="http://127.0.0.1", config=config)  # type: ignore[call-overload]
            client.meta.events.unregister("before-send.*.*", self._cloud._answer)
            client.meta.events.register("before-call.*.*", self._before)
            client.meta.events.register("before-send.*.*", self._answer)
            client.meta.events.register("after-call.*.*", self._after)
            self._clients[name] = client
        return self._clients[name]

    def _before(self, event_name: str = "", params: Mapping[str, Any] = MappingProxyType({}), **_: Any) -> None:
        if not self._listening:
            return
        _, service, operation = event_name.split(".")
        self._cloud.clock.advance(CALL_SECONDS)
        self._ordinals[service, operation] += 1
        ordinal, image = self._ordinals[service, operation], _image_in(service, operation, params)
        call = Call(len(self.calls) + 1, service, operation, ordinal, image)
        self.calls.append(call)
        self._current, self._attempt = call, 0
        self.disturbance.before(call)

    def _answer(self, request: AWSPreparedRequest, event_name: str = "", **_: Any) -> AWSResponse:
        operation = event_name.rpartition(".")[2]

        def send() -> AWSResponse:
            return self.watch(operation, request, lambda: self._cloud._answer(request))

        if self._current is None:
            return send()
        self._attempt += 1
        return self.disturbance.answer(self._current, self._attempt, send)

    def _after(self, **_: Any) -> None:
        if self._current is not None:
            call, self._current = self._current, None
            self.disturbance.after(call)


def _image_in(service: str, operation: str, params: Mapping[str, Any]) -> str | None:
    """A list is about everything, whatever it asks for: IAM knows no image there."""
    lists = operation.startswith("Describe") and operation != "DescribeImageAttribute"
    if lists or service not in ("ec2", "s3", "ebs", "ssm"):
        return None
    named = set(_ID.findall(f"{params['url_path']} {params['body']}"))
    return named.pop() if len(named) == 1 else None


class WiredCloud:
    """The cloud as the archiver and its tests see it: everything of `VirtualCloud`, and the wire's clients."""

    def __init__(self, cloud: VirtualCloud, wire: Wire) -> None:
        self._cloud = cloud
        self._wire = wire

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cloud, name)

    def client(self, name: str) -> Any:
        return self._wire.client(name)
