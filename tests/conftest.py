"""What all tests share: the clouds (a process has one at a time, so they take turns) and the synthesized stack."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import pytest

from local_cloud.in_process import VirtualCloud
from local_cloud.server import LocalCloud
from local_cloud.settings import CloudSettings, EngineSettings, ThroughputSettings
from tests.support.assembly import ROOT, CloudAssembly, synthesized

FAST = CloudSettings(
    port=0,
    speed=600,
    engine=EngineSettings(throughput=ThroughputSettings(store_gib_per_second=1, restore_gib_per_second=1)),
)
"""Over HTTP, ten simulated minutes pass in a second: 8 GiB are stored in 0.05 s."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest begins first, or one worker would be left with it at the end."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


class _Turns:
    """Starts the cloud that is asked for and closes the other one; starting takes a quarter of a second."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._open: LocalCloud | VirtualCloud | None = None

    def served(self) -> LocalCloud:
        if not isinstance(self._open, LocalCloud):
            self.close()
            self._open = self._stack.enter_context(LocalCloud(FAST))
        return self._open

    def virtual(self, **engine: Any) -> VirtualCloud:
        if not isinstance(self._open, VirtualCloud):
            self.close()
            self._open = self._stack.enter_context(VirtualCloud())
        self._open.settings = CloudSettings(engine=replace(EngineSettings(), **engine))
        self._open.reset()
        return self._open

    def close(self) -> None:
        self._open = None
        self._stack.close()


@pytest.fixture(scope="session")
def _turns() -> Iterator[_Turns]:
    turns = _Turns()
    yield turns
    turns.close()


@pytest.fixture
def local_cloud(_turns: _Turns) -> LocalCloud:
    """A cloud over HTTP, 600 times as fast as the wall; its state is shared, so use names of your own."""
    return _turns.served()


@pytest.fixture
def virtual_cloud(_turns: _Turns) -> VirtualCloud:
    """An empty cloud in virtual time, whose clients are answered in this process."""
    return _turns.virtual()


@pytest.fixture
def cloud(virtual_cloud: VirtualCloud) -> VirtualCloud:
    """The same under the name that the archiver's tests use."""
    return virtual_cloud


@pytest.fixture
def cloud_where(_turns: _Turns) -> Callable[..., VirtualCloud]:
    """An empty cloud in virtual time with other settings of the image service (fields of EngineSettings)."""
    return _turns.virtual


@pytest.fixture
def no_cloud(_turns: _Turns) -> None:
    """For a test that opens a cloud of its own in this process."""
    _turns.close()


@pytest.fixture(scope="session")
def cloud_assembly() -> CloudAssembly:
    """What `cdk synth` writes for archiver.toml."""
    return synthesized(ROOT / "archiver.toml")
