"""DescribeSnapshots, DeleteSnapshot, sharing snapshots, and locks against their deletion."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from local_cloud.ec2.filters import Fields, alike, compile_filters, exact_values
from local_cloud.ec2.lookup import check_snapshot_ids, own_snapshot, users_of
from local_cloud.ec2.paging import check_max_results, page
from local_cloud.ec2.request import Request, is_account_id
from local_cloud.ec2.world import SUCCEEDED, World
from local_cloud.engine.catalog import can_create_volume
from local_cloud.errors import AwsError
from local_cloud.model import Snapshot
from local_cloud.sdk_form import iso_time, snapshot_to_sdk

FIELDS: Fields[Snapshot] = {
    **alike("description", "encrypted", "owner-id", "snapshot-id", "storage-tier", "volume-id"),
    "owner-alias": lambda snapshot: (snapshot.extra.get("OwnerAlias"),),
    "progress": lambda snapshot: (f"{snapshot.progress_percentage}%",),
    "start-time": lambda snapshot: (iso_time(snapshot.start_time),),
    "status": lambda snapshot: (snapshot.state,),
    "transfer-type": lambda snapshot: (snapshot.extra.get("TransferType"),),
    "volume-size": lambda snapshot: (snapshot.volume_size_gib,),
}


def describe_snapshots(world: World, request: Request) -> dict[str, Any]:
    check_max_results(request, 5, 1000)
    snapshots = world.catalog.snapshots(request.region)
    snapshot_ids = request.params.get("SnapshotIds")
    if snapshot_ids:
        if "MaxResults" in request.params:
            raise AwsError(
                "InvalidParameterCombination",
                "The parameter snapshotSet cannot be used with the parameter maxResults",
            )
        check_snapshot_ids(snapshot_ids)
        for one in snapshot_ids:
            if one not in snapshots or not can_create_volume(snapshots[one], request.account_id):
                raise AwsError("InvalidSnapshot.NotFound", f"The snapshot '{one}' does not exist.")
    named = snapshot_ids or exact_values(request.params.get("Filters", []), "snapshot-id")
    candidates = sorted(snapshots.keys() & set(named)) if named else world.snapshot_ids(request.region)
    accept = _acceptance(world, request)
    found, token = page(request, candidates, lambda one: (one,), accept=lambda one: accept(snapshots[one]))
    views = [snapshot_to_sdk(snapshots[one], world.tags_of(request, snapshots[one])) for one in found]
    return {"Snapshots": views, "NextToken": token}


def _acceptance(world: World, request: Request) -> Callable[[Snapshot], bool]:
    filtered = compile_filters(
        request.params.get("Filters", []), FIELDS, lambda snapshot: world.tags_of(request, snapshot)
    )
    owners = users_of(request, "OwnerIds", "amazon")
    restorers = users_of(request, "RestorableByUserIds", "all")

    def accept(snapshot: Snapshot) -> bool:
        if not can_create_volume(snapshot, request.account_id):
            return False
        if owners and snapshot.owner_id not in owners and snapshot.extra.get("OwnerAlias") not in owners:
            return False
        if restorers and not any(one == snapshot.owner_id or one in snapshot.shared_with for one in restorers):
            return False
        return filtered(snapshot)

    return accept


def delete_snapshot(world: World, request: Request) -> dict[str, Any]:
    """Refused while an image, disabled ones included, is on the snapshot, or while it is locked."""
    snapshot = own_snapshot(world, request)
    if users := world.catalog.images_on_snapshot(request.region, snapshot.snapshot_id):
        raise AwsError(
            "InvalidSnapshot.InUse",
            f"The snapshot {snapshot.snapshot_id} is currently in use by {', '.join(sorted(users))}",
        )
    if world.is_locked(request.region, snapshot):
        raise AwsError("OperationNotPermitted", f"The snapshot {snapshot.snapshot_id} is locked")
    request.stop_if_dry_run()
    world.catalog.remove_snapshot(request.region, snapshot.snapshot_id)
    return SUCCEEDED


def modify_snapshot_attribute(world: World, request: Request) -> dict[str, Any]:
    """Who may create volumes from it, by `CreateVolumePermission`."""
    snapshot = own_snapshot(world, request)
    permission = request.params.get("CreateVolumePermission", {})
    add, remove = ([user for one in permission.get(what, []) for user in one.values()] for what in ("Add", "Remove"))
    if not add and not remove:
        raise AwsError("InvalidParameterCombination", "No attributes specified.")
    for user in (*add, *remove):
        if user != "all" and not is_account_id(user):
            raise AwsError("InvalidParameterValue", f"Value ({user}) for parameter userId is invalid.")
    if "all" in add and snapshot.encrypted:
        raise AwsError("OperationNotPermitted", "Encrypted snapshots cannot be made public")
    request.stop_if_dry_run()
    kept = [user for user in snapshot.shared_with if user not in remove]
    snapshot.shared_with = tuple(dict.fromkeys([*kept, *add]))
    return SUCCEEDED


def lock_snapshot(world: World, request: Request) -> dict[str, Any]:
    """A compliance lock has no cooling-off period here."""
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
    snapshot.locked = True
    world.locks[request.region, snapshot.snapshot_id] = {
        "LockState": params["LockMode"],
        "LockDuration": (expires_at - now).days,
        "LockCreatedOn": now,
        "LockDurationStartTime": now,
        "LockExpiresOn": expires_at,
    }
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
    lock = world.locks.get((request.region, snapshot.snapshot_id), {"LockState": "governance"})
    return view | lock | ({} if world.is_locked(request.region, snapshot) else {"LockState": "expired"})
