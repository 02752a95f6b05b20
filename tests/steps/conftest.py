"""A stack in an empty account, in virtual time."""

from __future__ import annotations

import pytest

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
    monkeypatch.setenv("POWERTOOLS_METRICS_DISABLED", "true")  # others may have imported them without a namespace
    return loaded_handlers()
