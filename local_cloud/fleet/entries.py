"""One image, snapshot or use out of its entry in an export.

Fields are those of the SDK's Image and Snapshot shapes (EC2 API, 2016-11-15); the ones without a meaning of their own
here stay in `extra`. Besides, an entry may carry what other calls print: `LaunchPermissions`
(describe-image-attribute), `CreateVolumePermissions` (describe-snapshot-attribute) and `LockState`
(describe-locked-snapshots).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, cast

from local_cloud.fleet.fields import Entry, shown
from local_cloud.fleet.fleet import InstanceState, Use, UseKind
from local_cloud.fleet.sdk_types import wrong_field
from local_cloud.model import BlockDevice, Image, Snapshot

LONG_AGO = datetime(2006, 8, 25, tzinfo=UTC)
"""Stands for a time that the export lacks: the day EC2 opened, so older than anything in it."""

IMAGE_STATES = (
    "pending",
    "available",
    "invalid",
    "deregistered",
    "transient",
    "failed",
    "error",
    "disabled",
)
SNAPSHOT_STATES = ("pending", "completed", "error", "recoverable", "recovering")
USE_KINDS = ("instance", "launch-template", "ssm-parameter", "other-account")
_LOCKED = ("compliance-cooloff", "compliance", "governance")
_PERMISSIONS = ("UserId", "Group", "OrganizationArn", "OrganizationalUnitArn")


def is_machine(entry: Entry) -> bool:
    """False for the kernels and ramdisks of old (aki-, ari-), which DescribeImages lists too."""
    kind = entry.choice("ImageType", ("machine", "kernel", "ramdisk"), "machine")
    return kind == "machine"


def image_from(entry: Entry) -> Image:
    """The image of one entry of `Images`; '' as its owner where the export names none."""
    image_id = entry.identity("ImageId", "ami")
    reason = entry.inner("StateReason")
    platform = entry.optional_word("Platform")
    reason_code = reason.optional_word("Code") if reason else None
    return Image(
        image_id=image_id,
        name=entry.text("Name") or "",
        owner_id=entry.account("OwnerId") or "",
        creation_date=entry.time("CreationDate") or LONG_AGO,
        block_devices=tuple(_block_devices(entry)),
        description=entry.text("Description"),
        owner_alias=entry.optional_word("ImageOwnerAlias"),
        state=entry.choice("State", IMAGE_STATES, "available"),
        state_reason=(reason.text("Message") or "") if reason else "",
        architecture=entry.word("Architecture", "x86_64"),
        boot_mode=entry.optional_word("BootMode"),
        tpm_support=entry.optional_word("TpmSupport"),
        imds_support=entry.optional_word("ImdsSupport"),
        ena_support=entry.flag("EnaSupport"),
        sriov_net_support=entry.optional_word("SriovNetSupport"),
        virtualization_type=entry.choice("VirtualizationType", ("hvm", "paravirtual"), "hvm"),
        hypervisor=entry.word("Hypervisor", "xen"),
        root_device_type=entry.choice("RootDeviceType", ("ebs", "instance-store"), "ebs"),
        root_device_name=entry.word("RootDeviceName", "/dev/xvda"),
        platform=platform.lower() if platform else None,
        platform_details=entry.word("PlatformDetails", "Linux/UNIX"),
        usage_operation=entry.word("UsageOperation", "RunInstances"),
        kernel_id=entry.optional_word("KernelId"),
        ramdisk_id=entry.optional_word("RamdiskId"),
        image_location=entry.text("ImageLocation"),
        product_codes=tuple(
            (code.word("ProductCodeId", ""), code.word("ProductCodeType", "marketplace"))
            for code in entry.inners("ProductCodes")
        ),
        launch_permissions=_launch_permissions(entry),
        tags=entry.tags(),
        deregistration_protection=entry.word("DeregistrationProtection", "disabled"),
        deprecation_time=entry.time("DeprecationTime"),
        last_launched_time=entry.time("LastLaunchedTime"),
        source_image_id=entry.optional_word("SourceImageId"),
        source_image_region=entry.optional_word("SourceImageRegion"),
        source_instance_id=entry.text("SourceInstanceId"),
        extra=_extra(entry, "Image") | ({"StateReason": {"Code": reason_code}} if reason_code else {}),
    )


def snapshot_from(entry: Entry) -> Snapshot:
    """The snapshot of one entry of `Snapshots`; '' as its owner where the export names none."""
    snapshot_id = entry.identity("SnapshotId", "snap")
    volume_size_gib = entry.whole("VolumeSize", minimum=1)
    if volume_size_gib is None:
        raise entry.error("VolumeSize is missing")
    return Snapshot(
        snapshot_id=snapshot_id,
        owner_id=entry.account("OwnerId") or "",
        volume_size_gib=volume_size_gib,
        start_time=entry.time("StartTime") or LONG_AGO,
        volume_id=entry.text("VolumeId") or "vol-ffffffff",
        full_snapshot_size_bytes=entry.whole("FullSnapshotSizeInBytes", minimum=0),
        state=entry.choice("State", SNAPSHOT_STATES, "completed"),
        state_message=entry.text("StateMessage") or "",
        progress_percentage=entry.percentage("Progress", 100),
        description=entry.text("Description") or "",
        encrypted=entry.flag("Encrypted"),
        kms_key_id=entry.optional_word("KmsKeyId"),
        storage_tier=entry.choice("StorageTier", ("standard", "archive"), "standard"),
        tags=entry.tags(),
        shared_with=tuple(
            permission.account("UserId") or permission.word("Group", "all")
            for permission in entry.inners("CreateVolumePermissions")
        ),
        locked=entry.word("LockState", "") in _LOCKED,
        extra=_extra(entry, "Snapshot"),
    )


def use_from(entry: Entry) -> Use:
    """One entry of `InUse`, which `write_fleet` adds to what AWS prints."""
    image_id = entry.identity("ImageId", "ami")
    if not entry.has("Kind"):
        raise entry.error(f"Kind is missing; expected one of {', '.join(USE_KINDS)}")
    return Use(
        kind=cast(UseKind, entry.choice("Kind", USE_KINDS, "instance")),
        image_id=image_id,
        name=entry.text("Name") or "",
        account_id=entry.account("AccountId"),
        instance_state=cast(
            InstanceState, entry.choice("InstanceState", ("running", "stopped", "terminated"), "running")
        ),
        newer_versions=entry.whole("NewerVersions", minimum=0) or 0,
    )


def _extra(entry: Entry, shape_name: str) -> dict[str, Any]:
    fields = entry.rest()
    wrong = wrong_field(shape_name, fields)
    if wrong is not None:
        raise entry.error(f"{wrong} {shown(fields[wrong])} has not the type that it has in the SDK's {shape_name}")
    return fields


def _block_devices(entry: Entry) -> Iterator[BlockDevice]:
    for mapping in entry.inners("BlockDeviceMappings"):
        device_name = mapping.word("DeviceName", "")
        ebs = mapping.inner("Ebs")
        virtual_name = mapping.optional_word("VirtualName")
        if ebs is not None:
            yield BlockDevice(
                device_name=device_name,
                snapshot_id=ebs.identifier("SnapshotId", "snap"),
                volume_size_gib=ebs.whole("VolumeSize", minimum=1),
                volume_type=ebs.word("VolumeType", "gp3"),
                delete_on_termination=ebs.flag("DeleteOnTermination", default=True),
                encrypted=ebs.flag("Encrypted"),
                iops=ebs.whole("Iops", minimum=0),
                throughput=ebs.whole("Throughput", minimum=0),
                kms_key_id=ebs.optional_word("KmsKeyId"),
            )
        elif virtual_name is not None:
            yield BlockDevice(device_name=device_name, virtual_name=virtual_name)


def _launch_permissions(entry: Entry) -> list[dict[str, str]]:
    permissions: list[dict[str, str]] = []
    for permission in entry.inners("LaunchPermissions"):
        found = {key: value for key in _PERMISSIONS if (value := permission.optional_word(key))}
        if len(found) != 1:
            raise permission.error(f"expected exactly one of {', '.join(_PERMISSIONS)}")
        permissions.append(found)
    if entry.flag("Public") and {"Group": "all"} not in permissions:
        permissions.append({"Group": "all"})
    return permissions
