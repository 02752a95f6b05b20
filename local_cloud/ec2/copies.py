"""Images and snapshots that are made from others: CreateImage, CopyImage, CreateSnapshot(s), CopySnapshot.

AWS takes minutes for each; here the result is complete at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from local_cloud.ec2.lookup import check_image_name, usable_image, usable_snapshot
from local_cloud.ec2.operation import Operation
from local_cloud.ec2.request import Request
from local_cloud.ec2.tag_specifications import tags_for
from local_cloud.ec2.world import World
from local_cloud.errors import AwsError
from local_cloud.model import NO_VOLUME, BlockDevice, Image, Snapshot
from local_cloud.sdk_form import snapshot_to_sdk, tags_to_sdk


def create_snapshot(world: World, request: Request) -> dict[str, Any]:
    """Of one of moto's volumes."""
    tags = tags_for(request, "snapshot")
    volume = world.instances.backend(request.caller).get_volume(request.params["VolumeId"])
    request.stop_if_dry_run()
    snapshot = _snapshot_of(world, request, volume, request.params.get("Description", ""), tags["snapshot"])
    return snapshot_to_sdk(snapshot, snapshot.tags)


def create_snapshots(world: World, request: Request) -> dict[str, Any]:
    """Of all volumes of one of moto's instances, but for those the request excludes."""
    tags = tags_for(request, "snapshot")
    specification = request.params["InstanceSpecification"]
    backend = world.instances.backend(request.caller)
    instance = backend.get_instance(specification["InstanceId"])
    excluded = set(specification.get("ExcludeDataVolumeIds", []))
    volumes = [
        backend.get_volume(device.volume_id)
        for name, device in instance.get_block_device_mapping
        if device.volume_id not in excluded
        and not (specification.get("ExcludeBootVolume") and name == instance.root_device_name)
    ]
    request.stop_if_dry_run()
    description = request.params.get("Description", "")
    snapshots = [_snapshot_of(world, request, volume, description, tags["snapshot"]) for volume in volumes]
    return {"Snapshots": [snapshot_to_sdk(snapshot, snapshot.tags) for snapshot in snapshots]}


def _snapshot_of(world: World, request: Request, volume: Any, description: str, tags: dict[str, str]) -> Snapshot:
    source = world.catalog.snapshots(request.region).get(volume.snapshot_id or "")
    snapshot = Snapshot(
        snapshot_id=world.service.new_id("snap"),
        owner_id=request.account_id,
        volume_size_gib=volume.size,
        start_time=world.clock.now(),
        volume_id=volume.id,
        full_snapshot_size_bytes=source.full_snapshot_size_bytes if source else None,
        description=description,
        encrypted=volume.encrypted,
        kms_key_id=volume.kms_key_id,
        tags=dict(tags),
    )
    world.catalog.add_snapshot(request.region, snapshot)
    return snapshot


def copy_snapshot(world: World, request: Request) -> dict[str, Any]:
    params = request.params
    tags = tags_for(request, "snapshot")
    source = usable_snapshot(world, request, params["SourceSnapshotId"], params["SourceRegion"])
    _check_completed(source)
    request.stop_if_dry_run()
    snapshot = _copy_of(world, request, source)
    snapshot.description = params.get("Description", "")
    snapshot.tags = dict(tags["snapshot"])
    world.catalog.add_snapshot(request.region, snapshot)
    return {"SnapshotId": snapshot.snapshot_id, "Tags": tags_to_sdk(snapshot.tags)}


def _check_completed(snapshot: Snapshot) -> None:
    if snapshot.state != "completed":
        raise AwsError("IncorrectState", f"The snapshot '{snapshot.snapshot_id}' is {snapshot.state}, not completed")


def _copy_of(world: World, request: Request, source: Snapshot) -> Snapshot:
    encrypted = source.encrypted or request.params.get("Encrypted", False) or world.encrypts_by_default(request.caller)
    return replace(
        source,
        snapshot_id=world.service.new_id("snap"),
        owner_id=request.account_id,
        start_time=world.clock.now(),
        volume_id=NO_VOLUME,
        changed_bytes=None,
        encrypted=encrypted,
        kms_key_id=(request.params.get("KmsKeyId") or source.kms_key_id) if encrypted else None,
        storage_tier="standard",
        tags={},
        shared_with=(),
        content_seed=source.content_seed or source.snapshot_id,
        locked=False,
        extra={},
    )


def create_image(world: World, request: Request) -> dict[str, Any]:
    """Of one of moto's instances, whose image says what the new one is like."""
    params = request.params
    check_image_name(world, request, params["Name"])
    tags = tags_for(request, "image", "snapshot")
    backend = world.instances.backend(request.caller)
    instance = backend.get_instance(params["InstanceId"])
    if instance.state not in ("running", "stopped"):
        raise AwsError("IncorrectState", f"Instance '{instance.id}' is not 'running' or 'stopped'.")
    request.stop_if_dry_run()
    image_id = world.service.new_id("ami")
    note = f"Created by CreateImage({instance.id}) for {image_id}"
    devices = []
    for name, device in instance.get_block_device_mapping:
        volume = backend.get_volume(device.volume_id)
        snapshot = _snapshot_of(world, request, volume, note, tags["snapshot"])
        devices.append(_device_on(snapshot, name, volume.volume_type, device.delete_on_termination))
    base = world.catalog.images(request.region).get(instance.image_id) or Image(
        instance.image_id, "", request.account_id, world.clock.now(), architecture=instance.architecture
    )
    image = _image_like(world, request, base, image_id, tuple(devices))
    image.root_device_name = instance.root_device_name
    image.source_instance_id = instance.id
    image.tags = dict(tags["image"])
    world.catalog.add_image(request.region, image)
    return {"ImageId": image_id}


def _device_on(snapshot: Snapshot, name: str, volume_type: str, delete_on_termination: bool) -> BlockDevice:
    return BlockDevice(
        device_name=name,
        snapshot_id=snapshot.snapshot_id,
        volume_size_gib=snapshot.volume_size_gib,
        volume_type=volume_type,
        delete_on_termination=delete_on_termination,
        encrypted=snapshot.encrypted,
        kms_key_id=snapshot.kms_key_id,
    )


def copy_image(world: World, request: Request) -> dict[str, Any]:
    """Launch permissions are not copied, tags only with `CopyImageTags`."""
    params, region = request.params, request.params["SourceRegion"]
    check_image_name(world, request, params["Name"])
    tags = tags_for(request, "image", "snapshot")
    source = usable_image(world, request, params["SourceImageId"], region)
    if source.state != "available" or source.root_device_type != "ebs":
        raise AwsError("InvalidRequest", f"The image '{source.image_id}' is not an available EBS-backed image")
    originals = _readable(world, request, source.snapshot_ids, region)
    request.stop_if_dry_run()
    copies = {}
    for snapshot_id, original in originals.items():
        image_note = f"Copied for DestinationAmi from SourceAmi {source.image_id}"
        copies[snapshot_id] = replace(
            _copy_of(world, request, original), description=image_note, tags=dict(tags["snapshot"])
        )
        world.catalog.add_snapshot(request.region, copies[snapshot_id])
    devices = tuple(
        replace(
            device,
            snapshot_id=copies[device.snapshot_id].snapshot_id,
            encrypted=copies[device.snapshot_id].encrypted,
            kms_key_id=copies[device.snapshot_id].kms_key_id,
        )
        if device.snapshot_id
        else device
        for device in source.block_devices
    )
    image = _image_like(world, request, source, world.service.new_id("ami"), devices)
    image.description = params.get("Description", source.description)
    copied = world.tags_of(request, source) if params.get("CopyImageTags") else {}
    image.tags = {**copied, **tags["image"]}
    world.catalog.add_image(request.region, image)
    return {"ImageId": image.image_id}


def _readable(world: World, request: Request, snapshot_ids: Sequence[str], region: str) -> dict[str, Snapshot]:
    """An image's snapshots; AuthFailure if one is not the caller's nor shared with it."""
    found = {}
    for snapshot_id in dict.fromkeys(snapshot_ids):
        try:
            found[snapshot_id] = usable_snapshot(world, request, snapshot_id, region)
        except AwsError as error:
            raise AwsError("AuthFailure", f"Not authorized for snapshot:{snapshot_id}") from error
        _check_completed(found[snapshot_id])
    return found


def _image_like(world: World, request: Request, base: Image, image_id: str, devices: tuple[BlockDevice, ...]) -> Image:
    return replace(
        base,
        image_id=image_id,
        name=request.params["Name"],
        owner_id=request.account_id,
        owner_alias=None,
        creation_date=world.clock.now(),
        block_devices=devices,
        description=request.params.get("Description"),
        state="available",
        state_reason="",
        image_location=f"{request.account_id}/{request.params['Name']}",
        launch_permissions=[],
        tags={},
        deregistration_protection="disabled",
        deprecation_time=None,
        last_launched_time=None,
        source_image_id=base.image_id,
        source_image_region=request.params.get("SourceRegion", request.region),
        source_instance_id=None,
        extra={},
    )


OPERATIONS: Mapping[str, Operation] = {
    "CreateSnapshot": create_snapshot,
    "CreateSnapshots": create_snapshots,
    "CopySnapshot": copy_snapshot,
    "CreateImage": create_image,
    "CopyImage": copy_image,
}
