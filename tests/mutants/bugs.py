"""The bugs, one for each guarantee."""

from __future__ import annotations

from tests.mutants import around, restoring, retiring, storing, table
from tests.mutants.bug import BUGS

__all__ = ["BUGS", "around", "restoring", "retiring", "storing", "table"]
