"""A fleet written as the export that `load_fleet` reads: AWS's fields, one a line, so that it can be edited."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from local_cloud.fleet.fleet import Fleet, Use
from local_cloud.model import BlockDevice, Image, Snapshot


def write_fleet(fleet: Fleet, path: Path) -> None:
    """Write `fleet` to `path` in UTF-8. The blocks of snapshots (`content`, `content_seed`) are not written."""
    with path.open("w", encoding="utf-8") as handle:
        handle.writelines(fleet_lines(fleet))


def fleet_lines(fleet: Fleet) -> Iterator[str]:
    """The export piece by piece, so that a large fleet is never in memory twice."""
    known = {snapshot.snapshot_id for snapshot in fleet.snapshots}
    missing = sorted({each for image in fleet.images for each in image.snapshot_ids} - known)
    yield "{"
    yield from _section("Images", map(image_entry, fleet.images))
    yield ",\n"
    yield from _section("Snapshots", map(snapshot_entry, fleet.snapshots))
    if fleet.in_use:
        yield ",\n"
        yield from _section("InUse", map(use_entry, fleet.in_use))
    if missing:
        yield ",\n"
        yield from _section("MissingSnapshots", missing)
    yield "}\n"


def image_entry(image: Image) -> dict[str, Any]:
    """As DescribeImages prints it, plus `LaunchPermissions` as describe-image-attribute does."""
    reason = image.extra.get("StateReason", {}) | ({"Message": image.state_reason} if image.state_reason else {})
    return image.extra | _present(
        ImageId=image.image_id,
        Name=image.name or None,
        OwnerId=image.owner_id,
        CreationDate=_time(image.creation_date),
        BlockDeviceMappings=[_mapping(device) for device in image.block_devices],
        Description=image.description,
        ImageOwnerAlias=image.owner_alias,
        State=image.state,
        StateReason=reason or None,
        Architecture=image.architecture,
        BootMode=image.boot_mode,
        TpmSupport=image.tpm_support,
        ImdsSupport=image.imds_support,
        EnaSupport=image.ena_support or None,
        SriovNetSupport=image.sriov_net_support,
        VirtualizationType=image.virtualization_type,
        Hypervisor=image.hypervisor,
        RootDeviceType=image.root_device_type,
        RootDeviceName=image.root_device_name,
        Platform=image.platform,
        PlatformDetails=image.platform_details,
        UsageOperation=image.usage_operation,
        KernelId=image.kernel_id,
        RamdiskId=image.ramdisk_id,
        ImageLocation=image.image_location,
        ProductCodes=[{"ProductCodeId": code, "ProductCodeType": kind} for code, kind in image.product_codes] or None,
        Public=image.public,
        LaunchPermissions=image.launch_permissions,
        Tags=_tags(image.tags),
        DeregistrationProtection=image.deregistration_protection,
        DeprecationTime=_time(image.deprecation_time),
        LastLaunchedTime=_time(image.last_launched_time),
        SourceImageId=image.source_image_id,
        SourceImageRegion=image.source_image_region,
        SourceInstanceId=image.source_instance_id,
    )


def snapshot_entry(snapshot: Snapshot) -> dict[str, Any]:
    """As DescribeSnapshots prints it, plus `CreateVolumePermissions` and `LockState`."""
    return snapshot.extra | _present(
        SnapshotId=snapshot.snapshot_id,
        OwnerId=snapshot.owner_id,
        VolumeSize=snapshot.volume_size_gib,
        StartTime=_time(snapshot.start_time),
        VolumeId=snapshot.volume_id,
        FullSnapshotSizeInBytes=snapshot.full_snapshot_size_bytes,
        State=snapshot.state,
        StateMessage=snapshot.state_message or None,
        Progress=f"{snapshot.progress_percentage}%",
        Description=snapshot.description,
        Encrypted=snapshot.encrypted,
        KmsKeyId=snapshot.kms_key_id,
        StorageTier=snapshot.storage_tier,
        Tags=_tags(snapshot.tags),
        CreateVolumePermissions=[
            {"Group": "all"} if account == "all" else {"UserId": account} for account in snapshot.shared_with
        ],
        LockState="governance" if snapshot.locked else None,
    )


def use_entry(use: Use) -> dict[str, Any]:
    return _present(
        Kind=use.kind,
        ImageId=use.image_id,
        Name=use.name or None,
        AccountId=use.account_id,
        InstanceState=use.instance_state if use.kind in ("instance", "other-account") else None,
        NewerVersions=use.newer_versions or None,
    )


def _mapping(device: BlockDevice) -> dict[str, Any]:
    if device.virtual_name:
        return {"DeviceName": device.device_name, "VirtualName": device.virtual_name}
    return {
        "DeviceName": device.device_name,
        "Ebs": _present(
            DeleteOnTermination=device.delete_on_termination,
            Iops=device.iops,
            SnapshotId=device.snapshot_id,
            VolumeSize=device.volume_size_gib,
            VolumeType=device.volume_type,
            KmsKeyId=device.kms_key_id,
            Throughput=device.throughput,
            Encrypted=device.encrypted,
        ),
    }


def _section(name: str, entries: Iterable[Any]) -> Iterator[str]:
    yield f'"{name}": ['
    separator = "\n"
    for entry in entries:
        yield separator + json.dumps(entry, ensure_ascii=False, separators=(",\n  ", ": "))
        separator = ",\n"
    yield "\n]"


def _present(**fields: Any) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if value is not None}


def _tags(tags: dict[str, str]) -> list[dict[str, str]] | None:
    return [{"Key": key, "Value": value} for key, value in tags.items()] or None


def _time(moment: datetime | None) -> str | None:
    if moment is None:
        return None
    precision = "microseconds" if moment.microsecond % 1000 else "milliseconds"
    return moment.isoformat(timespec=precision).replace("+00:00", "Z")
