"""What several tests of the endpoint begin with."""

from __future__ import annotations

import io
import json
import time
import uuid
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from local_cloud.engine.catalog import Catalog
from local_cloud.model import GIB, BlockDevice, Image, Snapshot

ACCOUNT = "123456789012"
REGION = "us-east-1"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/any"


def unique(prefix: str) -> str:
    """A name that no other test has."""
    return f"{prefix}-{uuid.uuid4().hex[:10]}"


def add_image(catalog: Catalog, image_id: str | None = None, gib: float = 8, owner_id: str = ACCOUNT) -> str:
    """An image with one snapshot of this size; its id."""
    image_id = image_id or f"ami-{uuid.uuid4().hex[:17]}"
    snapshot_id = image_id.replace("ami-", "snap-")
    now = datetime(2026, 1, 1, tzinfo=UTC)
    with catalog.lock:
        snapshot = Snapshot(snapshot_id, owner_id, max(1, round(gib)), now, full_snapshot_size_bytes=round(gib * GIB))
        catalog.add_snapshot(REGION, snapshot)
        devices = (BlockDevice("/dev/xvda", snapshot_id, max(1, round(gib))),)
        catalog.add_image(REGION, Image(image_id, f"image {image_id}", owner_id, now, devices))
    return image_id


def until(condition: Callable[[], Any], seconds: float = 20) -> Any:
    """What `condition` returns once it is true; fails after `seconds`."""
    end = time.monotonic() + seconds
    while True:
        if found := condition():
            return found
        assert time.monotonic() < end, "it did not come true in time"
        time.sleep(0.02)


def zipped(source: str) -> bytes:
    """A function's code: one module `index`."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("index.py", source)
    return archive.getvalue()


def run_machine(cloud: Any, definition: dict[str, Any], given: Any = None) -> dict[str, Any]:
    """Create a state machine, run it and describe the execution when it has ended."""
    sfn = cloud.client("stepfunctions")
    machine = sfn.create_state_machine(name=unique("machine"), roleArn=ROLE, definition=json.dumps(definition))
    arn = sfn.start_execution(stateMachineArn=machine["stateMachineArn"], input=json.dumps(given or {}))["executionArn"]

    def ended() -> dict[str, Any] | None:
        execution: dict[str, Any] = sfn.describe_execution(executionArn=arn)
        return None if execution["status"] == "RUNNING" else execution

    found: dict[str, Any] = until(ended)
    return found
