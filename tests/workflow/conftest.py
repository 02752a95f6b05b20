"""The stage on which nights are played by the synthesized workflow, shared with the fault sweep."""

from __future__ import annotations

from tests.chaos.conftest import theatre

__all__ = ["theatre"]
