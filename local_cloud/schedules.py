"""How often EventBridge's schedules come round here.

Unlike AWS, which runs a rate without a start date at once, MiniStack first lets one interval pass.
"""

from __future__ import annotations

_TICK_SECONDS = 1
"""MiniStack looks every ten seconds which schedules are due; a demo would rather not wait that long."""


def install(speed: float) -> None:
    """Let a rate come round `speed` times as often: rate(1 minute) at 6 every ten seconds.

    cron(...) and at(...) name times of the wall's clock, and stay on it.
    """
    from ministack.services import eventbridge, scheduler  # noqa: PLC0415 - reads the environment

    scheduler._SCHEDULE_TICK_INTERVAL = _TICK_SECONDS
    parse = getattr(eventbridge._parse_rate_seconds, "original", eventbridge._parse_rate_seconds)

    def interval_seconds(expression: str) -> float | None:
        seconds = parse(expression)
        return None if seconds is None else seconds / speed

    interval_seconds.original = parse  # type: ignore[attr-defined]  # the next cloud of this process finds it here
    eventbridge._parse_rate_seconds = interval_seconds
