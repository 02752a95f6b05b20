"""When images were last launched from, which EC2 tells a day late.

docs.aws.amazon.com/AWSEC2/latest/UserGuide/ami-last-launched-time.html
"""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta

from local_cloud.clock import Clock
from local_cloud.model import Image


class Launches:
    """The launches that `Image.last_launched_time` does not show yet. Guarded by the catalog's lock."""

    def __init__(self, clock: Clock, delay_seconds: float) -> None:
        self._clock = clock
        self._delay = timedelta(seconds=delay_seconds)
        self._unseen: deque[tuple[datetime, Image]] = deque()

    def note(self, image: Image) -> None:
        """The image was launched from just now."""
        self._unseen.append((self._clock.now(), image))
        self.show()

    def show(self) -> None:
        """Let the images show every launch that is old enough to be told."""
        horizon = self._clock.now() - self._delay
        while self._unseen and self._unseen[0][0] <= horizon:
            at, image = self._unseen.popleft()
            image.last_launched_time = max(at, image.last_launched_time or at)
