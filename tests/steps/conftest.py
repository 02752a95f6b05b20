"""A stack in an empty account, in virtual time."""

from __future__ import annotations

import pytest

from handlers import telemetry
from local_cloud.in_process import VirtualCloud
from tests.support.archive import Archive
from tests.support.handlers import Handler
from tests.support.handlers import handlers as loaded_handlers


@pytest.fixture
def archive(cloud: VirtualCloud) -> Archive:
    return Archive(cloud)


@pytest.fixture
def handlers(monkeypatch: pytest.MonkeyPatch) -> dict[str, Handler]:
    """The functions' handlers, by the state that invokes them."""
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "ami-archiver")
    loaded = loaded_handlers()
    monkeypatch.setattr(telemetry.metrics.provider, "namespace", "tests")  # whoever imported the handlers first
    return loaded
