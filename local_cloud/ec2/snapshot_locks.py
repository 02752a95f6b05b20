"""Snapshot locks: what makes a snapshot undeletable."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from local_cloud.ec2.filters import compile_filters
from local_cloud.ec2.lookup import check_snapshot_ids, own_snapshot
from local_cloud.ec2.paging import page
from local_cloud.ec2.request import Request
from local_cloud.ec2.world import SnapshotLock, World
from local_cloud.errors import AwsError
from local_cloud.model import Snapshot


def lock_snapshot(world: World, request: Request) -> dict[str, Any]:
    snapshot = own_snapshot(world, request)
    params, now = request.params, world.clock.now()
    if ("LockDuration" in params) == ("ExpirationDate" in params):
        raise AwsError("InvalidParameterCombination", "Specify either LockDuration or ExpirationDate")
    expires_at = params.get("ExpirationDate") or now + timedelta(days=params["LockDuration"])
    if expires_at <= now:
        raise AwsError("InvalidParameterValue", "ExpirationDate must be in the future")
    if params["LockMode"] == "governance" and "CoolOffPeriod" in params:
        raise AwsError("InvalidParameterCombination", "CoolOffPeriod is for compliance mode only")
    request.stop_if_dry_run()
    lock = SnapshotLock(params["LockMode"], now, expires_at, params.get("CoolOffPeriod"))
    snapshot.locked = True
    world.locks[request.region, snapshot.snapshot_id] = lock
    return _lock_view(world, request, snapshot)


def describe_locked_snapshots(world: World, request: Request) -> dict[str, Any]:
    snapshots = world.catalog.snapshots(request.region)
    wanted = request.params.get("SnapshotIds")
    if wanted:
        check_snapshot_ids(wanted)
        for one in wanted:
            if one not in snapshots or snapshots[one].owner_id != request.account_id:
                raise AwsError("InvalidSnapshot.NotFound", f"The snapshot '{one}' does not exist.")
    accept = compile_filters(request.params.get("Filters", []), {"lock-state": lambda view: (view["LockState"],)})
    views: list[dict[str, Any]] = [
        _lock_view(world, request, snapshots[one])
        for one in (sorted(set(wanted)) if wanted else world.snapshot_ids(request.region))
        if snapshots[one].locked and snapshots[one].owner_id == request.account_id
    ]
    found, token = page(request, views, lambda view: (view["SnapshotId"],), accept=accept)
    return {"Snapshots": found, "NextToken": token}


def _lock_view(world: World, request: Request, snapshot: Snapshot) -> dict[str, Any]:
    view: dict[str, Any] = {"SnapshotId": snapshot.snapshot_id, "OwnerId": snapshot.owner_id}
    lock = world.locks.get((request.region, snapshot.snapshot_id))
    if lock is None:
        return view | {"LockState": "governance"}
    now = world.clock.now()
    cool_off_ends = lock.created_at + timedelta(hours=lock.cool_off_hours or 0)
    return view | {
        "LockState": _lock_state(lock, now, cool_off_ends),
        "LockDuration": (lock.expires_at - lock.created_at).days,
        "CoolOffPeriod": lock.cool_off_hours,
        "CoolOffPeriodExpiresOn": cool_off_ends if lock.cool_off_hours else None,
        "LockCreatedOn": lock.created_at,
        "LockDurationStartTime": lock.created_at,
        "LockExpiresOn": lock.expires_at,
    }


def _lock_state(lock: SnapshotLock, now: datetime, cool_off_ends: datetime) -> str:
    if now >= lock.expires_at:
        return "expired"
    if lock.mode == "compliance" and now < cool_off_ends:
        return "compliance-cooloff"
    return lock.mode
