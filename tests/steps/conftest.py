"""A stack in an empty account, in virtual time."""

from __future__ import annotations

import pytest

from local_cloud.in_process import VirtualCloud
from tests.support.archive import Archive


@pytest.fixture
def archive(cloud: VirtualCloud) -> Archive:
    return Archive(cloud)
