"""An archive and its restores, in an empty cloud in virtual time."""

from __future__ import annotations

import pytest

from local_cloud.in_process import VirtualCloud
from tests.support.archive import Archive
from tests.support.restore import Restores


@pytest.fixture
def archive(cloud: VirtualCloud) -> Archive:
    return Archive(cloud)


@pytest.fixture
def restores(archive: Archive) -> Restores:
    return Restores(archive)
