"""The templates that the tests read; making them takes seconds, reading them does not."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.support.assembly import CloudAssembly, synthesized

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
SEVERAL = Path(__file__).parent / "several.toml"


@pytest.fixture(scope="session")
def template(cloud_assembly: CloudAssembly) -> dict[str, Any]:
    """Of archiver.toml: one policy."""
    return cloud_assembly.template


@pytest.fixture(scope="session")
def several_assembly() -> CloudAssembly:
    """Of several.toml: many policies, one of them paused."""
    return synthesized(SEVERAL)


@pytest.fixture(scope="session")
def several(several_assembly: CloudAssembly) -> dict[str, Any]:
    return several_assembly.template
