"""Words of the domain, made in one line: what a test does not name is as usual."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from ami_archiver import lifecycle
from ami_archiver.model import (
    Action,
    ArchiveRecord,
    Decision,
    Image,
    Retirement,
    Snapshot,
    Status,
    StoredObject,
    StoreTask,
    Volume,
)
from ami_archiver.policy import Policy

NOW = datetime(2026, 1, 1, 2, 0, tzinfo=UTC)
ACCOUNT = "123456789012"
KEY_ARN = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/archive"
IMAGE_ID = "ami-00000000000000001"
OBJECT_KEY = f"nightly/{IMAGE_ID}.bin"
RETIREMENT = Retirement(
    kept_because="InUse: used by instance i-1",
    announced=Action.DISABLE,
    retire_on=NOW + timedelta(days=7),
    intention=Action.DEREGISTER,
    disabled_at=NOW,
    snapshots={"snap-1": "deleted", "snap-2": "not deleted yet: internal-error"},
    snapshot_gib=8.125,
    freed_at_least_gib=0.5,
    freed_at_most_gib=8.125,
)
"""How far an original may be on its way out: every field has a value."""


def image(image_id: str = IMAGE_ID, *, days_old: float = 100, **fields: Any) -> Image:
    values: dict[str, Any] = {
        "name": "web-1",
        "owner_id": ACCOUNT,
        "state": "available",
        "creation_date": NOW - timedelta(days=days_old),
        "volumes": (Volume("snap-1", 8),),
        "tags": {"Archive": "true"},
    }
    return Image(image_id, **(values | fields))


def snapshot(snapshot_id: str = "snap-1", **fields: Any) -> Snapshot:
    return Snapshot(snapshot_id, **({"state": "completed", "volume_gib": 8} | fields))


def policy(name: str = "nightly", **fields: Any) -> Policy:
    return Policy(name, **({"tags": {"Archive": ("true",)}} | fields))


def record(image_id: str = IMAGE_ID, **fields: Any) -> ArchiveRecord:
    """A record in SELECTED with its first move."""
    values: dict[str, Any] = {
        "image_name": "web-1",
        "status": Status.SELECTED,
        "decision": Decision.DEFERRED,
        "reason": "8 GiB; waits",
        "policy": "nightly",
        "run_id": "run-1",
        "bucket": "archive-bucket",
        "object_key": f"nightly/{image_id}.bin",
        "snapshot_gib": 8.0,
        "attempts": 0,
        "selected_at": NOW,
        "changed_at": NOW,
    }
    return lifecycle.select(ArchiveRecord(image_id, **(values | fields)), None)


def storing(image_id: str = IMAGE_ID, *, at: datetime = NOW, **fields: Any) -> ArchiveRecord:
    return lifecycle.move(
        record(image_id, **fields), Status.STORING, Decision.DEFERRED, "requested", at=at, run_id="run-1"
    )


def verified(image_id: str = IMAGE_ID, **fields: Any) -> ArchiveRecord:
    found = stored_object(image_id, **fields)
    return lifecycle.verify(storing(image_id), found, "complete", at=NOW, run_id="run-1")


def stored_object(image_id: str = IMAGE_ID, **fields: Any) -> StoredObject:
    values: dict[str, Any] = {
        "key": f"nightly/{image_id}.bin",
        "version_id": "v1",
        "size_bytes": 1000,
        "etag": "e1",
        "encryption": "aws:kms",
        "kms_key_id": KEY_ARN,
    }
    return StoredObject(**(values | fields))


def task(image_id: str = IMAGE_ID, *, percent: int = 0, minutes_ago: float = 0, **fields: Any) -> StoreTask:
    values: dict[str, Any] = {
        "bucket": "archive-bucket",
        "object_key": f"nightly/{image_id}.bin",
        "state": "InProgress",
    }
    values |= {"progress_percentage": percent, "started_at": NOW - timedelta(minutes=minutes_ago)}
    return StoreTask(image_id, **(values | fields))
