"""EC2's request rate limit: a token bucket for each account and Region, on the wall's clock."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from local_cloud.ec2.request import Caller
from local_cloud.errors import AwsError


class Throttle:
    """Refuses with RequestLimitExceeded what comes faster than `calls_per_second`; a second's worth may burst."""

    def __init__(self, calls_per_second: float | None, wall_seconds: Callable[[], float] = time.monotonic) -> None:
        self._rate = calls_per_second
        self._wall_seconds = wall_seconds
        self._lock = threading.Lock()
        self._buckets: dict[Caller, tuple[float, float]] = {}

    def admit(self, caller: Caller) -> None:
        if self._rate is None:
            return
        capacity = max(1.0, self._rate)
        now = self._wall_seconds()
        with self._lock:
            tokens, since = self._buckets.get(caller, (capacity, now))
            tokens = min(capacity, tokens + (now - since) * self._rate)
            admitted = tokens >= 1
            self._buckets[caller] = (tokens - 1 if admitted else tokens, now)
        if not admitted:
            raise AwsError("RequestLimitExceeded", "Request limit exceeded.")
