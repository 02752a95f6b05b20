"""What AWS leaves open comes out right either way: every image stored once, none blamed for it.

The settings are those of the local cloud (local_cloud/settings.py); the archiver does not know which one holds.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import botocore.endpoint
import pytest

from ami_archiver.run_state import Next
from local_cloud.in_process import VirtualCloud
from tests.support.archive import BUCKET, Archive, client
from tests.support.domain import policy

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
    {"task_bucket": "name"},
    {"task_bucket": "with-path"},
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


@pytest.mark.parametrize("shown", ["name", "with-path"])
@pytest.mark.parametrize("prefix", ["", "{policy}/{year}"])
def test_task_is_known_for_ours_though_somebody_stores_the_image_elsewhere_too(
    cloud_where: Callable[..., VirtualCloud], shown: str, prefix: str
) -> None:
    archive = Archive(cloud_where(task_bucket=shown), policy(object_prefix=prefix))
    image_id = archive.image("failing", gib=50)
    archive.cloud.service.faults.fail_store(image_id, "disk on fire")
    client(archive.cloud, "s3").create_bucket(Bucket="elsewhere")
    state = archive.go_to(archive.select(archive.begin()), Next.WAIT)
    archive.cloud.advance(3600)
    archive.cloud.service.create_store_image_task(archive.account_id, archive.region, image_id, "elsewhere/nightly", {})
    archive.cloud.advance(3600)
    assert archive.go_on(state)["decisions"]["stored"] == 1
    assert "StoreFailed: attempt 1 of 3 failed: disk on fire; it is tried again" in [
        move.why for move in archive.record(image_id).history
    ]


def test_night_without_a_prefix_stores_at_the_root_of_the_bucket(archive: Archive) -> None:
    archive.configure(policies=(policy(object_prefix=""),))
    image_id = archive.image("one")
    assert archive.night()["decisions"]["stored"] == 1
    assert archive.object_keys() == [f"{image_id}.bin"]
    assert archive.starts()[0].parameters["Bucket"] == BUCKET
    assert archive.night()["decisions"]["already_archived"] == 1
