"""The model's images and snapshots as the SDK's dicts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from local_cloud.ec2.answers import iso_time
from local_cloud.model import BlockDevice, Image, Snapshot


def image_view(image: Image, tags: Mapping[str, str]) -> dict[str, Any]:
    """An entry of DescribeImages. What the model does not know comes out of `extra` as it went in."""
    return {
        **image.extra,
        "ImageId": image.image_id,
        "Name": image.name,
        "Description": image.description,
        "OwnerId": image.owner_id,
        "ImageOwnerAlias": image.owner_alias,
        "ImageLocation": image.image_location or f"{image.owner_id}/{image.name}",
        "ImageType": image.extra.get("ImageType", "machine"),
        "State": image.state,
        "StateReason": _state_reason(image),
        "Public": image.public,
        "CreationDate": iso_time(image.creation_date),
        "Architecture": image.architecture,
        "BootMode": image.boot_mode,
        "TpmSupport": image.tpm_support,
        "ImdsSupport": image.imds_support,
        "EnaSupport": image.ena_support,
        "SriovNetSupport": image.sriov_net_support,
        "VirtualizationType": image.virtualization_type,
        "Hypervisor": image.hypervisor,
        "RootDeviceType": image.root_device_type,
        "RootDeviceName": image.root_device_name,
        "BlockDeviceMappings": [device_view(device) for device in image.block_devices],
        "Platform": image.platform,
        "PlatformDetails": image.platform_details,
        "UsageOperation": image.usage_operation,
        "KernelId": image.kernel_id,
        "RamdiskId": image.ramdisk_id,
        "ProductCodes": product_codes_view(image) or None,
        "DeprecationTime": iso_time(image.deprecation_time) if image.deprecation_time else None,
        "LastLaunchedTime": iso_time(image.last_launched_time) if image.last_launched_time else None,
        "DeregistrationProtection": image.deregistration_protection,
        "SourceImageId": image.source_image_id,
        "SourceImageRegion": image.source_image_region,
        "SourceInstanceId": image.source_instance_id,
        "Tags": tags_view(tags),
    }


def _state_reason(image: Image) -> dict[str, str] | None:
    if not image.state_reason:
        return None
    code = image.extra.get("StateReason", {}).get("Code", "Server.InternalError")
    return {"Code": code, "Message": image.state_reason}


def device_view(device: BlockDevice) -> dict[str, Any]:
    """An entry of BlockDeviceMappings."""
    if device.virtual_name is not None:
        return {"DeviceName": device.device_name, "VirtualName": device.virtual_name}
    return {
        "DeviceName": device.device_name,
        "Ebs": {
            "SnapshotId": device.snapshot_id,
            "VolumeSize": device.volume_size_gib,
            "VolumeType": device.volume_type,
            "DeleteOnTermination": device.delete_on_termination,
            "Encrypted": device.encrypted,
            "Iops": device.iops,
            "Throughput": device.throughput,
            "KmsKeyId": device.kms_key_id,
        },
    }


def product_codes_view(image: Image) -> list[dict[str, str]]:
    return [{"ProductCodeId": code, "ProductCodeType": kind} for code, kind in image.product_codes]


def snapshot_view(snapshot: Snapshot, tags: Mapping[str, str]) -> dict[str, Any]:
    """An entry of DescribeSnapshots."""
    return {
        **snapshot.extra,
        "SnapshotId": snapshot.snapshot_id,
        "OwnerId": snapshot.owner_id,
        "VolumeId": snapshot.volume_id,
        "VolumeSize": snapshot.volume_size_gib,
        "FullSnapshotSizeInBytes": snapshot.full_snapshot_size_bytes,
        "StartTime": snapshot.start_time,
        "State": snapshot.state,
        "StateMessage": snapshot.state_message or None,
        "Progress": f"{snapshot.progress_percentage}%",
        "Description": snapshot.description,
        "Encrypted": snapshot.encrypted,
        "KmsKeyId": snapshot.kms_key_id,
        "StorageTier": snapshot.storage_tier,
        "Tags": tags_view(tags),
    }


def tags_view(tags: Mapping[str, str]) -> list[dict[str, str]] | None:
    """Tags as a list; None, so that nothing is written, where there are none: as EC2 does it."""
    return [{"Key": key, "Value": value} for key, value in tags.items()] or None
