"""A stack whose policy retires, in an empty account, in virtual time."""

from __future__ import annotations

import pytest

from local_cloud.in_process import VirtualCloud
from tests.support.retirement import Retiring


@pytest.fixture
def retiring(cloud: VirtualCloud) -> Retiring:
    return Retiring(cloud)
