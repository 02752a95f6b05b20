"""The log of every call to the local cloud: who asked what, when, with what answer, at what in-flight sum."""

from __future__ import annotations

import json
import re
import threading
from collections import deque
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

OTHER_CALLS_KEPT = 100_000
"""Calls to EC2 are all kept in memory; of the others, this many of the newest. The file has them all."""

_XML_CODE = re.compile(rb"<Code>([^<]+)</Code>")


@dataclass(frozen=True, slots=True)
class Call:
    """One call and its answer."""

    at: datetime
    seconds: float
    """How long the answer took, on the wall's clock."""
    caller: str
    """The function's name where the caller sends its application id, else the access key."""
    service: str
    operation: str
    status: int
    error_code: str | None
    in_flight_gib: float
    """The store tasks' sum of the caller's account before the call. For a service other than EC2 it is the sum
    that the cloud last saw: such calls never wait for the image service."""
    account_id: str = ""
    region: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)
    number: int = 0
    """Counts up from 1 in the order of the answers."""

    def to_json(self) -> str:
        return json.dumps(asdict(self) | {"at": self.at.isoformat()}, default=str)


Calls = list[Call]


def error_code(status: int, headers: dict[str, str], body: bytes) -> str | None:
    """AWS's error code of an answer, None for a success. An answer without a body (HEAD) has only its status."""
    if status < 400:
        return None
    kind = headers.get("x-amzn-errortype", "")
    if not kind and (match := _XML_CODE.search(body)):
        kind = match.group(1).decode()
    if not kind and body[:1] == b"{":
        try:
            answer = json.loads(body)
        except ValueError:
            answer = {}
        kind = str(answer.get("__type") or answer.get("code") or "")
    return kind.partition(":")[0].rpartition("#")[2] or str(status)


class CallLog:
    """Safe to use from many threads."""

    def __init__(self, log_file: Path | None = None) -> None:
        self._lock = threading.Lock()
        self._ec2: list[Call] = []
        self._other: deque[Call] = deque(maxlen=OTHER_CALLS_KEPT)
        self._count = 0
        self._file: TextIO | None = log_file.open("a", buffering=1, encoding="utf-8") if log_file else None

    def append(self, call: Call) -> None:
        with self._lock:
            self._count += 1
            call = replace(call, number=self._count)
            (self._ec2 if call.service == "ec2" else self._other).append(call)
            if self._file:
                self._file.write(call.to_json() + "\n")

    def __len__(self) -> int:
        """How many calls there were, kept or not."""
        return self._count

    def list(self) -> Calls:
        """All calls kept, in the order of their answers."""
        with self._lock:
            return sorted([*self._ec2, *self._other], key=lambda call: call.number)

    def filter(
        self,
        service: str | None = None,
        operation: str | None = None,
        caller: str | None = None,
        since: int = 0,
    ) -> Calls:
        """The calls kept that match all that is given; `since` is the number of the last call already seen."""
        return [
            call
            for call in self.list()
            if call.number > since
            and service in (None, call.service)
            and operation in (None, call.operation)
            and caller in (None, call.caller)
        ]

    def clear(self) -> None:
        with self._lock:
            self._ec2.clear()
            self._other.clear()

    def close(self) -> None:
        with self._lock:
            if self._file:
                self._file.close()
                self._file = None
