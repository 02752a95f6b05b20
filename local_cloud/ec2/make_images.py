"""Images and snapshots that are made here: RegisterImage, and CreateSnapshot, which is complete at once here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from local_cloud.ec2.lookup import check_image_name, usable_snapshot
from local_cloud.ec2.request import Request, tags_for
from local_cloud.ec2.world import World
from local_cloud.errors import AwsError
from local_cloud.model import BlockDevice, Image, Snapshot
from local_cloud.sdk_form import snapshot_to_sdk

_DEFAULT_VOLUME_TYPE = "gp2"


def register_image(world: World, request: Request) -> dict[str, Any]:
    """Defaults are AWS's, also where they are old: architecture i386, virtualization paravirtual, no ENA.

    An image with `ImageLocation` is instance-store-backed; one without needs its root device mapped. A billing
    product becomes a product code of the marketplace: it is the only way to register an image that has one.
    """
    params = request.params
    check_image_name(world, request, params["Name"])
    tags = tags_for(request, "image")
    location = params.get("ImageLocation")
    devices = block_devices(world, request, params.get("BlockDeviceMappings", []))
    if location is None:
        _check_root_device(params, devices)
    virtualization = params.get("VirtualizationType", "paravirtual")
    if virtualization not in ("hvm", "paravirtual"):
        raise AwsError(
            "InvalidParameterValue", f"Value ({virtualization}) for parameter virtualizationType is invalid."
        )
    request.stop_if_dry_run()
    image = Image(
        image_id=world.service.new_id("ami"),
        name=params["Name"],
        owner_id=request.account_id,
        creation_date=world.clock.now(),
        block_devices=devices,
        description=params.get("Description"),
        architecture=params.get("Architecture", "i386"),
        boot_mode=params.get("BootMode"),
        tpm_support=params.get("TpmSupport"),
        imds_support=params.get("ImdsSupport"),
        ena_support=params.get("EnaSupport", False),
        sriov_net_support=params.get("SriovNetSupport"),
        virtualization_type=virtualization,
        root_device_type="ebs" if location is None else "instance-store",
        root_device_name=params.get("RootDeviceName", "/dev/sda1"),
        kernel_id=params.get("KernelId"),
        ramdisk_id=params.get("RamdiskId"),
        image_location=location or f"{request.account_id}/{params['Name']}",
        product_codes=tuple((code, "marketplace") for code in params.get("BillingProducts", [])),
        tags=tags["image"],
    )
    world.catalog.add_image(request.region, image)
    return {"ImageId": image.image_id}


def _check_root_device(params: Mapping[str, Any], devices: Sequence[BlockDevice]) -> None:
    root = params.get("RootDeviceName")
    if root is None:
        raise AwsError("MissingParameter", "The request must contain the parameter RootDeviceName")
    if not any(device.device_name == root and device.virtual_name is None for device in devices):
        raise AwsError("InvalidBlockDeviceMapping", f"RootDeviceName: {root} is not mapped to a snapshot")


def block_devices(world: World, request: Request, mappings: Sequence[Mapping[str, Any]]) -> tuple[BlockDevice, ...]:
    """The request's BlockDeviceMappings, checked against the snapshots they name.

    Raises `AwsError`: InvalidBlockDeviceMapping, MissingParameter, InvalidSnapshot.NotFound.
    """
    devices: dict[str, BlockDevice] = {}
    for mapping in mappings:
        name = mapping.get("DeviceName")
        if not name:
            raise AwsError("MissingParameter", "The request must contain the parameter DeviceName")
        if name in devices:
            raise AwsError("InvalidBlockDeviceMapping", f"Duplicate device name: {name}")
        if "NoDevice" in mapping:
            continue
        if "VirtualName" in mapping:
            devices[name] = BlockDevice(name, virtual_name=mapping["VirtualName"])
        else:
            devices[name] = _ebs_device(world, request, name, mapping.get("Ebs", {}))
    return tuple(devices.values())


def _ebs_device(world: World, request: Request, name: str, ebs: Mapping[str, Any]) -> BlockDevice:
    size, encrypted, kms_key_id = ebs.get("VolumeSize"), ebs.get("Encrypted", False), ebs.get("KmsKeyId")
    if (snapshot_id := ebs.get("SnapshotId")) is not None:
        if "Encrypted" in ebs:
            raise AwsError(
                "InvalidBlockDeviceMapping",
                f"the encrypted flag cannot be specified since device {name} has a snapshot specified.",
            )
        snapshot = usable_snapshot(world, request, snapshot_id)
        if snapshot.state != "completed":
            raise AwsError("IncorrectState", f"The snapshot '{snapshot_id}' is {snapshot.state}, not completed")
        size = snapshot.volume_size_gib if size is None else size
        if size < snapshot.volume_size_gib:
            raise AwsError(
                "InvalidBlockDeviceMapping",
                f"Volume of size {size}GB is smaller than snapshot '{snapshot_id}', "
                f"expect size >= {snapshot.volume_size_gib}GB",
            )
        encrypted, kms_key_id = snapshot.encrypted, snapshot.kms_key_id
    elif size is None:
        raise AwsError("MissingParameter", f"The request must contain the parameter size or snapshotId: {name}")
    if size < 1:
        raise AwsError("InvalidParameterValue", f"Value ({size}) for parameter volumeSize is invalid.")
    return BlockDevice(
        device_name=name,
        snapshot_id=snapshot_id,
        volume_size_gib=size,
        volume_type=ebs.get("VolumeType", _DEFAULT_VOLUME_TYPE),
        delete_on_termination=ebs.get("DeleteOnTermination", True),
        encrypted=encrypted,
        iops=ebs.get("Iops"),
        throughput=ebs.get("Throughput"),
        kms_key_id=kms_key_id,
    )


def create_snapshot(world: World, request: Request) -> dict[str, Any]:
    """Of one of moto's volumes."""
    tags = tags_for(request, "snapshot")
    volume = world.instances.backend(request.caller).get_volume(request.params["VolumeId"])
    request.stop_if_dry_run()
    source = world.catalog.snapshots(request.region).get(volume.snapshot_id or "")
    snapshot = Snapshot(
        snapshot_id=world.service.new_id("snap"),
        owner_id=request.account_id,
        volume_size_gib=volume.size,
        start_time=world.clock.now(),
        volume_id=volume.id,
        full_snapshot_size_bytes=source.full_snapshot_size_bytes if source else None,
        description=request.params.get("Description", ""),
        encrypted=volume.encrypted,
        kms_key_id=volume.kms_key_id,
        tags=tags["snapshot"],
    )
    world.catalog.add_snapshot(request.region, snapshot)
    return snapshot_to_sdk(snapshot, snapshot.tags)
