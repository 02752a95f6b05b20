"""Time, injected: real, sped up, or virtual.

The engine counts *seconds* of its own (`Clock.seconds`), which pass faster than the wall's when the cloud is sped
up. What it reports to callers is always wall time (`Clock.now`), so that a caller who compares a task's start with
the clock on the wall is right at any speed.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """What the engine and everything beside it asks for the time."""

    def seconds(self) -> float:
        """Seconds of the simulated world since the clock was made; never goes back."""
        ...

    def now(self) -> datetime:
        """The wall's time, timezone-aware UTC: what AWS would print into an answer."""
        ...

    def at(self, seconds: float) -> datetime:
        """The wall's time at which `seconds` is, was or will be reached."""
        ...


class RealClock:
    """The wall's clock, with the simulated world running `speed` times as fast."""

    def __init__(self, speed: float = 1.0) -> None:
        if speed <= 0:
            raise ValueError(f"speed must be above 0, not {speed}")
        self.speed = speed
        self._wall_start = datetime.now(UTC)
        self._start = time.monotonic()

    def seconds(self) -> float:
        return (time.monotonic() - self._start) * self.speed

    def now(self) -> datetime:
        return self.at(self.seconds())

    def at(self, seconds: float) -> datetime:
        return self._wall_start + timedelta(seconds=seconds / self.speed)


class VirtualClock:
    """A clock that stands still until it is told to move: a night in a few milliseconds."""

    def __init__(self, start: datetime = datetime(2026, 1, 1, 2, 0, tzinfo=UTC)) -> None:
        self._start = start
        self._seconds = 0.0

    def seconds(self) -> float:
        return self._seconds

    def now(self) -> datetime:
        return self.at(self._seconds)

    def at(self, seconds: float) -> datetime:
        return self._start + timedelta(seconds=seconds)

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass at once."""
        if seconds < 0:
            raise ValueError(f"time does not go back: {seconds}")
        self._seconds += seconds
