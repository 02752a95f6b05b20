"""One set of clients for all tests of a process; each test plays in a world of its own."""

from __future__ import annotations

from collections.abc import Callable
from weakref import WeakKeyDictionary

import pytest

from local_cloud.in_process import VirtualCloud
from tests.chaos.world import Theatre, theatre_of
from tests.support.assembly import STACK, CloudAssembly

_theatres: WeakKeyDictionary[VirtualCloud, Theatre] = WeakKeyDictionary()
"""Clients take a second to make, and outlive a cloud's reset."""


@pytest.fixture
def theatre(cloud_where: Callable[..., VirtualCloud], cloud_assembly: CloudAssembly) -> Theatre:
    cloud = cloud_where()
    if cloud not in _theatres:
        _theatres[cloud] = theatre_of(cloud, cloud_assembly.directory / f"{STACK}.template.json")
    return _theatres[cloud]
