"""Time, injected: real, sped up, or virtual.

The engine counts *seconds* of its own (`Clock.seconds`), which pass faster than the wall's when the cloud is sped
up. What it reports to callers is always wall time (`Clock.now`), so that a caller who compares a task's start with
the clock on the wall is right at any speed.
"""

from __future__ import annotations

import math
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

DAY_SECONDS = 86_400
HOUR_SECONDS = 3_600
_WIDE_SECONDS = 1_000_000.0


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


class Calendar:
    """The simulated world's calendar: its days begin at midnight UTC and pass as fast as its clock.

    Between the clock's seconds, the simulated world's midnights and what the wall's clock shows.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._epoch = clock.at(0).timestamp()
        self._wall_per_second = (clock.at(_WIDE_SECONDS).timestamp() - self._epoch) / _WIDE_SECONDS

    def day(self) -> int:
        """The number of the simulated day; a new one begins at midnight UTC."""
        return math.floor((self._epoch + self._clock.seconds()) / DAY_SECONDS)

    def next_midnight(self, seconds: float) -> float:
        """The first simulated midnight after `seconds`: S3 rounds the days of a rule or a restore up to it."""
        return (math.floor((self._epoch + seconds) / DAY_SECONDS) + 1) * DAY_SECONDS - self._epoch

    def seconds_at(self, wall: datetime) -> float:
        """The clock's seconds when the wall's clock showed `wall`."""
        return (wall.timestamp() - self._epoch) / self._wall_per_second

    def wall_timestamp(self, seconds: float) -> float:
        """What the wall's clock shows at `seconds`, as seconds of the Unix epoch."""
        return self._clock.at(seconds).timestamp()
