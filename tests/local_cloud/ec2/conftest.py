"""The cloud of the EC2 tests, and a client of its default account."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from local_cloud.settings import CloudSettings

from .scenario import Cloud


@pytest.fixture
def make_cloud() -> Callable[..., Cloud]:
    return lambda **settings: Cloud(CloudSettings(**settings))


@pytest.fixture
def cloud(make_cloud: Callable[..., Cloud]) -> Cloud:
    return make_cloud()


@pytest.fixture
def ec2(cloud: Cloud) -> Any:
    return cloud.client()
