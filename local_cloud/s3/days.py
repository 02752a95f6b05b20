"""The simulated world's calendar, which S3 counts in: its days begin at midnight UTC and pass as fast as its clock."""

from __future__ import annotations

import math
from datetime import datetime

from local_cloud.clock import Clock

DAY_SECONDS = 86_400
HOUR_SECONDS = 3_600
_WIDE_SECONDS = 1_000_000.0


class Calendar:
    """Between the clock's seconds, the simulated world's midnights and what the wall's clock shows."""

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
