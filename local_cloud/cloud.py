"""What every local cloud is made of, however it is reached: over HTTP (`server`) or in the process (`in_process`)."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Any, Protocol

from local_cloud.auto_scaling import AutoScaling
from local_cloud.calls import Call, CallLog, error_code
from local_cloud.clock import Clock
from local_cloud.ebs_direct import EbsDirect
from local_cloud.ec2.app import Ec2
from local_cloud.engine.catalog import Catalog
from local_cloud.engine.service import ImageService
from local_cloud.fleet.fleet import Fleet
from local_cloud.fleet.usage import apply_use
from local_cloud.object_store import S3ObjectStore, SsmParameters
from local_cloud.operations import Answer, Request, identify, signer_of
from local_cloud.refusals import refusal_of
from local_cloud.s3.world import S3World
from local_cloud.settings import CloudSettings


class Handler(Protocol):
    """What answers a service's calls; it may wait, so it never runs on an event loop."""

    def handle(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer: ...


@dataclass(frozen=True, slots=True)
class Begun:
    """What is known of a call when it arrives."""

    at: datetime
    started: float
    in_flight_gib: float


class Cloud:
    """A cloud's parts, and how a call is logged, refused or answered. The subclasses say how it is reached."""

    clock: Clock
    catalog: Catalog
    service: ImageService
    ec2: Ec2
    calls: CallLog
    services: dict[str, Handler]
    """What is answered here and not by MiniStack, by the name that requests to it are signed with."""
    s3_world: S3World

    def __init__(self, settings: CloudSettings) -> None:
        self.settings = settings
        self._resources = contextlib.ExitStack()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._resources.close()

    def client(self, name: str, account_id: str | None = None, region: str | None = None) -> Any:
        """A boto3 client against this cloud, with the credentials of an account."""
        raise NotImplementedError

    def begin(self, clock: Clock, calls: CallLog, ec2_client: Callable[..., Any], seed: int = 0) -> None:
        """Make all parts anew, empty. `ec2_client` makes the clients with which EC2 calls other services."""
        self.clock, self.calls, self.catalog = clock, calls, Catalog()
        self.service = ImageService(
            self.catalog,
            S3ObjectStore(ec2_client),
            clock,
            self.settings.engine,
            seed=seed,
        )
        self.ec2 = Ec2(self.service, self.catalog, clock, self.settings, SsmParameters(ec2_client))
        self.services = {"ec2": self.ec2, "autoscaling": AutoScaling(self.ec2), "ebs": EbsDirect(self.ec2)}
        self.s3_world = S3World.install(clock)

    def add_fleet(self, fleet: Fleet) -> None:
        """Put a fleet's images and snapshots into the default account and Region, and start what uses them."""
        fleet.add_to(self.catalog, self.settings.region)
        apply_use(fleet, self.client)

    def is_own(self, headers: Mapping[str, str]) -> bool:
        """Whether a request is to a service that is answered here."""
        return signer_of(headers).service in self.services

    def arrives(self, headers: Mapping[str, str]) -> Begun:
        """Begin the log of a call. For an own service the in-flight sum is brought up to now, which may wait for S3."""
        if self.is_own(headers):
            self.service.settle()
        signer = signer_of(headers)
        in_flight_gib = self.service.in_flight_gib(signer.account_id(self.settings.account_id), signer.region)
        return Begun(self.clock.now(), time.perf_counter(), in_flight_gib)

    def refusal(self, request: Request) -> Answer | None:
        """What a call is answered that somebody denied."""
        return refusal_of(self.service.faults, request)

    def own_answer(self, request: Request) -> Answer:
        url = f"http://{request.headers.get('host', '127.0.0.1')}{request.path}"
        url += f"?{request.query}" if request.query else ""
        service = self.services[signer_of(request.headers).service]
        return service.handle(request.method, url, dict(request.headers), request.body)

    def log(self, begun: Begun, request: Request, answer: Answer) -> None:
        """End the log of a call."""
        operation = identify(request)
        status, headers, body = answer
        self.calls.append(
            Call(
                at=begun.at,
                seconds=round(time.perf_counter() - begun.started, 6),
                caller=operation.signer.caller,
                service=operation.signer.service,
                operation=operation.name,
                status=status,
                error_code=error_code(status, headers, body),
                in_flight_gib=begun.in_flight_gib,
                account_id=operation.signer.account_id(self.settings.account_id),
                region=operation.signer.region,
                parameters=operation.parameters,
            )
        )
