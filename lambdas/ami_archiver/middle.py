"""The middle of some numbers, as `statistics` has it: importing that and what it needs takes over a millisecond."""

from __future__ import annotations

from collections.abc import Iterable


def median(numbers: Iterable[float]) -> float:
    """Of an even number of them the mean of the middle two. There must be one."""
    ordered = sorted(numbers)
    return (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2
