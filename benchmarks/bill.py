"""What a night costs: what was used, times the list prices. Where AWS's own counting is not known, it is assumed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from ami_archiver import prices
from local_cloud.calls import Call

CALL_SECONDS = {"ec2": 0.15, "dynamodb": 0.006}
"""Assumed: for how long a function waits for an answer; for any other service as for S3."""
S3_SECONDS = 0.03
MEMORY_GIB = 0.5
"""Of nearly every function."""
WRITE_UNITS = {"PutItem": 4, "UpdateItem": 4, "TransactWriteItems": 16}
"""Assumed: an item has up to 2 KB and the index takes as much along; a transaction is of two items and costs twice."""
READ_UNITS = 20
"""Assumed of each read, which may be a page of many items."""
LOG_BYTES_PER_INVOCATION = 3_000
S3_WRITES = {"PutObject", "ListObjectVersions", "ListObjectsV2"}


@dataclass
class Bill:
    """What one night used."""

    images_stored: int = 0
    stored_gib: float = 0.0
    night_seconds: float = 0.0
    """From its beginning until the last image was stored."""
    transitions: int = 0
    invocations: int = 0
    function_seconds: float = 0.0
    """Of processor time."""
    calls: Counter[str] = field(default_factory=Counter)
    """By service."""
    write_units: int = 0
    s3_writes: int = 0

    def add_call(self, call: Call) -> None:
        """Count one call of a function."""
        self.calls[call.service] += 1
        self.s3_writes += call.operation in S3_WRITES
        self.write_units += WRITE_UNITS.get(call.operation, 0)

    @property
    def dollars(self) -> dict[str, float]:
        """By what is charged, without storage and without what EC2 charges for itself."""
        waited = sum(count * CALL_SECONDS.get(service, S3_SECONDS) for service, count in self.calls.items())
        gib_seconds = (waited + self.function_seconds) * MEMORY_GIB
        logged_gib = self.invocations * LOG_BYTES_PER_INVOCATION / 2**30
        return {
            "state transitions": self.transitions * prices.STATE_TRANSITION,
            "functions": self.invocations * prices.LAMBDA_REQUEST + gib_seconds * prices.LAMBDA_ARM_GIB_SECOND,
            "table": self.write_units * prices.DYNAMODB_WRITE_UNIT
            + self.calls["dynamodb"] * READ_UNITS * prices.DYNAMODB_READ_UNIT,
            "S3 requests": self.s3_writes * prices.S3_WRITE_REQUEST + self.calls["s3"] * prices.S3_READ_REQUEST,
            "logs and traces": logged_gib * prices.LOG_GIB + (self.invocations + self.transitions) * prices.TRACE,
        }

    @property
    def block_dollars(self) -> float:
        """What EC2 charges for reading the images' blocks."""
        return self.stored_gib * prices.EBS_DIRECT_READ_GIB
