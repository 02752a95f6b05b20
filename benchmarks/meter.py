"""What a night costs: calls, request units, transitions and function time, counted where they happen; then dollars."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ami_archiver import prices
from benchmarks.dynamodb_units import UnitMeter, Units
from local_cloud.in_process import VirtualCloud
from tests.support.archive import client

CALL_SECONDS = {"ec2": 0.15, "dynamodb": 0.006, "s3": 0.03, "sns": 0.03}
"""What a call to AWS takes from a function in the same Region: assumed, for the time a function is charged for."""
PAGE_SECONDS = {"DescribeImages": 1.5, "DescribeSnapshots": 1.5, "CreateStoreImageTask": 0.5}
"""Longer ones; a page of 1,000 images is about 2 MB of XML."""
FULL_CPU_MIB = 1769
"""A function has one processor at this much memory, and proportionally less below. docs.aws.amazon.com/lambda"""
S3_WRITES = {"PutObject", "ListObjectVersions", "ListObjectsV2"}

LOG_BYTES_PER_INVOCATION = 600
"""Lambda's own start, end and report lines."""


@dataclass(slots=True)
class Bill:
    """What one night used."""

    images_stored: int = 0
    stored_gib: float = 0.0
    night_seconds: float = 0.0
    calls: Counter[str] = field(default_factory=Counter)
    """By 'service.Operation', of the functions' own SDK clients."""
    units: Units = field(default_factory=Units)
    transitions: int = 0
    invocations: int = 0
    cpu_seconds: float = 0.0
    """Of the functions on this machine, without the local cloud's."""
    billed_seconds: float = 0.0
    gib_seconds: float = 0.0
    log_bytes: int = 0

    def calls_to(self, service: str) -> int:
        return sum(count for name, count in self.calls.items() if name.startswith(f"{service}."))

    @property
    def dollars(self) -> dict[str, float]:
        """By what is charged, without storage and without what EC2 charges for itself."""
        s3_writes = sum(self.calls[f"s3.{name}"] for name in S3_WRITES)
        return {
            "state transitions": self.transitions * prices.STATE_TRANSITION,
            "functions": self.invocations * prices.LAMBDA_REQUEST + self.gib_seconds * prices.LAMBDA_ARM_GIB_SECOND,
            "table": self.units.write_units * prices.DYNAMODB_WRITE_UNIT
            + self.units.read_units * prices.DYNAMODB_READ_UNIT,
            "S3 requests": s3_writes * prices.S3_WRITE_REQUEST
            + (self.calls_to("s3") - s3_writes) * prices.S3_READ_REQUEST,
            "logs and traces": self.log_bytes / 2**30 * prices.LOG_GIB
            + (self.invocations + self.transitions) * prices.TRACE,
        }

    @property
    def block_dollars(self) -> float:
        """What EC2 charges for reading the images' blocks."""
        return self.stored_gib * prices.EBS_DIRECT_READ_GIB


class MeteredCloud(VirtualCloud):
    """Tells its own time apart from the functions'."""

    answering_seconds = 0.0

    def _answer(self, request: Any, **more: Any) -> Any:
        begun = time.process_time()
        try:
            return super()._answer(request, **more)
        finally:
            self.answering_seconds += time.process_time() - begun


class Meter:
    """Hooked into the clients that all archives of the cloud share; counts inside `function`, and nothing else."""

    def __init__(self, cloud: MeteredCloud, table: str, services: tuple[str, ...] = ("ec2", "dynamodb", "s3", "sns")):
        self._cloud = cloud
        self._table = table
        self._listening = False
        self._latency = 0.0
        self._metering_seconds = 0.0
        self._request: Any = {}
        self.bill = Bill()
        self._begin()
        for service in services:
            events = client(cloud, service).meta.events
            events.register("before-parameter-build.*.*", self._before)
            events.register("after-call.*.*", self._after)

    def _begin(self) -> None:
        self.bill = Bill()
        self._meter = UnitMeter(self._look)
        self.bill.units = self._meter.units

    def finished(self) -> Bill:
        """The bill so far; the next one starts at nothing."""
        bill = self.bill
        self._begin()
        return bill

    @contextlib.contextmanager
    def function(self, memory_mib: int) -> Iterator[None]:
        """The time of one invocation."""
        self._listening, self._latency, self._metering_seconds = True, 0.0, 0.0
        begun, answering = time.process_time(), self._cloud.answering_seconds
        try:
            yield
        finally:
            self._listening = False
            spent = time.process_time() - begun
            cpu = max(0.0, spent - (self._cloud.answering_seconds - answering) - self._metering_seconds)
            billed = cpu * max(1.0, FULL_CPU_MIB / memory_mib) + self._latency
            bill = self.bill
            bill.invocations += 1
            bill.cpu_seconds += cpu
            bill.billed_seconds += billed
            bill.gib_seconds += billed * memory_mib / 1024
            bill.log_bytes += LOG_BYTES_PER_INVOCATION

    def _before(self, params: Any, **_: Any) -> None:
        self._request = params

    def _after(self, parsed: Any, model: Any, **_: Any) -> None:
        if not self._listening:
            return
        begun, answering = time.process_time(), self._cloud.answering_seconds
        service = model.service_model.service_name
        self.bill.calls[f"{service}.{model.name}"] += 1
        self._latency += PAGE_SECONDS.get(model.name, CALL_SECONDS[service])
        if service == "dynamodb" and "Error" not in parsed:
            self._listening = False
            self._meter.count(model.name, self._request, parsed)
            self._listening = True
        # The looks' time is the cloud's and ours, and is taken off once.
        answered = self._cloud.answering_seconds - answering
        self._metering_seconds += time.process_time() - begun - answered

    def _look(self, key: Any) -> Any:
        found = client(self._cloud, "dynamodb").get_item(TableName=self._table, Key=key, ConsistentRead=True)
        return found.get("Item")
