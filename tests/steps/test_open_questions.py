"""What AWS leaves open comes out right either way: every image stored once, none blamed for it.

The settings are those of the local cloud (local_cloud/settings.py); the archiver does not know which one holds.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import botocore.endpoint
import pytest

from local_cloud.in_process import VirtualCloud
from tests.support.archive import Archive

ANSWERS: list[dict[str, Any]] = [
    {"size_basis": "written-blocks"},
    {"size_basis": "volume-size"},
    {"limit_scope": "account"},
    {"limit_scope": "region"},
    {"store_limit_gib": 1200},
    {"store_limit_gib": 300},
    {"object_metadata": "tags"},
    {"object_metadata": "user-metadata"},
    {"object_metadata": "both"},
    {"rejection_code": "RequestLimitExceeded", "store_limit_gib": 300},
    {"rejection_code": "InvalidRequest", "store_limit_gib": 300},
    {"max_parallel_tasks": 2},
]


@pytest.mark.parametrize("answer", ANSWERS, ids=str)
def test_night_comes_right_whatever_aws_answers(
    cloud_where: Callable[..., VirtualCloud], monkeypatch: pytest.MonkeyPatch, answer: dict[str, Any]
) -> None:
    archive = Archive(cloud_where(**answer))
    # The SDK's own retries wait in virtual time.
    monkeypatch.setattr(botocore.endpoint, "time", SimpleNamespace(sleep=archive.cloud.advance))
    for number in range(5):
        archive.image(f"i{number}", gib=90 + number, snapshot={"volume_size_gib": 400})
    archive.image("huge", gib=800, state="disabled")
    archive.occupy(100)

    summary = archive.night()

    assert summary["decisions"] | {"stored": 6, "failed": 0, "deferred": 0} == summary["decisions"]
    assert len(archive.object_keys()) == 6
    assert set(archive.accepted().values()) == {1}
    assert {archive.record(name).attempts for name in ("i0", "i1", "i2", "i3", "i4", "huge")} == {1}
