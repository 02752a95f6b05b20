"""Puts MiniStack's S3 into the simulated world: one clock, Glacier's hours, lifecycle, complete bucket properties."""

from __future__ import annotations

import time
from datetime import UTC
from types import ModuleType
from typing import Any

from local_cloud.clock import Calendar, Clock
from local_cloud.s3 import bucket_properties, gaps
from local_cloud.s3.glacier import Glacier
from local_cloud.s3.lifecycle import Lifecycle


class _Time:
    """Stands in for the `time` module that MiniStack's S3 asks for the hour."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def time(self) -> float:
        return self._clock.now().timestamp()

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)


class S3World:
    """What S3 does by itself as time passes; `tick` it now and then."""

    def __init__(self, s3: ModuleType, responses: ModuleType, clock: Clock) -> None:
        calendar = Calendar(clock)
        self._glacier = Glacier(s3, responses, clock, calendar)
        self._lifecycle = Lifecycle(s3, responses, clock, calendar)

    def tick(self) -> None:
        self._glacier.tick()
        self._lifecycle.tick()

    @classmethod
    def install(cls, clock: Clock) -> S3World:
        """Let MiniStack's S3, which is imported here, live by `clock` from now on."""
        # Imported here, because they read the environment.
        from ministack.core import responses  # noqa: PLC0415
        from ministack.services import s3  # noqa: PLC0415
        from ministack.services.cloudformation import provisioners  # noqa: PLC0415

        world = cls(s3, responses, clock)
        s3.time = _Time(clock)
        s3.now_iso = lambda: clock.now().astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        s3._restore_object = world._glacier.restore_object
        bucket_properties.complete(provisioners, s3)
        gaps.fill(s3, responses)
        return world
