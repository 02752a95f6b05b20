"""A deliberate bug."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Bug:
    name: str
    file: str
    """Seen from lambdas/ami_archiver/."""
    text: str
    """Stands in the file exactly once."""
    instead: str
    tests: str
    """What pytest is asked to run, below tests/."""
