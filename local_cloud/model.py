"""Images and snapshots as EC2 knows them; light enough for 100,000 of each.

Sizes are GiB (`_gib`) or bytes (`_bytes`), times are timezone-aware UTC. Fields without a meaning of their own here
are carried in `extra` under the SDK's names, so that a real account's export comes back out as it went in.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

GIB = 1024**3
NO_VOLUME = "vol-ffffffff"
"""What a snapshot that was not taken of a volume (a copy, a restored one) says of its volume."""


@dataclass(slots=True)
class Snapshot:
    """One EBS snapshot. `content_seed` stands for the written blocks until something reads them."""

    snapshot_id: str
    owner_id: str
    volume_size_gib: int
    start_time: datetime
    volume_id: str = NO_VOLUME
    full_snapshot_size_bytes: int | None = None
    """All written blocks in bytes; AWS may leave it out or say 0 (then the volume size is the upper bound)."""
    changed_bytes: int | None = None
    """Written since the snapshot before of the same volume; None: some share of all written blocks is made up."""
    state: str = "completed"
    """pending | completed | error | recoverable"""
    state_message: str = ""
    progress_percentage: int = 100
    description: str = ""
    encrypted: bool = False
    kms_key_id: str | None = None
    storage_tier: str = "standard"
    """standard | archive"""
    tags: dict[str, str] = field(default_factory=dict)
    shared_with: tuple[str, ...] = ()
    """Accounts with create-volume permission; `all` means public."""
    content_seed: str = ""
    """What the blocks are made from; '' means the snapshot id. Equal seeds give equal content."""
    content: bytes | None = None
    """The blocks themselves, when they came out of a stored object."""
    locked: bool = False
    """A snapshot lock forbids deletion."""
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class BlockDevice:
    """One entry of an image's block device mapping: an EBS snapshot, or (`virtual_name`) an instance store."""

    device_name: str
    snapshot_id: str | None = None
    volume_size_gib: int | None = None
    volume_type: str = "gp3"
    delete_on_termination: bool = True
    encrypted: bool = False
    iops: int | None = None
    throughput: int | None = None
    kms_key_id: str | None = None
    virtual_name: str | None = None


@dataclass(slots=True)
class Image:
    """One AMI. Launch permissions are the SDK's dicts: {"UserId": …} | {"Group": "all"} | {"OrganizationArn": …}."""

    image_id: str
    name: str
    owner_id: str
    creation_date: datetime
    block_devices: tuple[BlockDevice, ...] = ()
    description: str | None = None
    owner_alias: str | None = None
    state: str = "available"
    """pending | available | invalid | deregistered | transient | failed | error | disabled"""
    state_reason: str = ""
    architecture: str = "x86_64"
    boot_mode: str | None = None
    tpm_support: str | None = None
    imds_support: str | None = None
    ena_support: bool = True
    sriov_net_support: str | None = None
    virtualization_type: str = "hvm"
    """hvm | paravirtual"""
    hypervisor: str = "xen"
    root_device_type: str = "ebs"
    """ebs | instance-store"""
    root_device_name: str = "/dev/xvda"
    platform: str | None = None
    """'windows' or None"""
    platform_details: str = "Linux/UNIX"
    usage_operation: str = "RunInstances"
    kernel_id: str | None = None
    ramdisk_id: str | None = None
    image_location: str | None = None
    product_codes: tuple[tuple[str, str], ...] = ()
    """(product code id, type) pairs; type is marketplace | devpay"""
    launch_permissions: list[dict[str, str]] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)
    deregistration_protection: str = "disabled"
    """disabled | enabled-without-cooldown | enabled-with-cooldown"""
    deprecation_time: datetime | None = None
    last_launched_time: datetime | None = None
    source_image_id: str | None = None
    source_image_region: str | None = None
    source_instance_id: str | None = None
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def public(self) -> bool:
        return {"Group": "all"} in self.launch_permissions

    @property
    def snapshot_ids(self) -> list[str]:
        return [device.snapshot_id for device in self.block_devices if device.snapshot_id]
