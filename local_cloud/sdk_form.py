"""Images and snapshots in the SDK's form, both ways: for EC2's answers, for exports and for stored objects.

A field's name in the SDK follows from its name in the model; what does not follow is written out here.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from sys import intern
from typing import Any, NotRequired, TypeVar, get_type_hints

from pydantic import ConfigDict, TypeAdapter, ValidationError, with_config
from pydantic.alias_generators import to_pascal
from typing_extensions import TypedDict

from local_cloud.model import BlockDevice, Image, Snapshot

Fields = dict[str, Any]
T = TypeVar("T", Image, Snapshot, BlockDevice)

LONG_AGO = datetime(2006, 8, 25, tzinfo=UTC)
"""Stands for a time that is missing: the day EC2 opened, so older than anything in it."""
_OTHER_NAMES = {
    "owner_alias": "ImageOwnerAlias",
    "volume_size_gib": "VolumeSize",
    "full_snapshot_size_bytes": "FullSnapshotSizeInBytes",
}
_TIMES = ("CreationDate", "DeprecationTime", "LastLaunchedTime", "StartTime")
_NOT_ALIKE = {
    Image: {"block_devices", "state_reason", "product_codes", "launch_permissions", "tags", "extra"},
    Snapshot: {"changed_bytes", "progress_percentage", "tags", "shared_with", "content_seed", "content", "locked"}
    | {"extra"},
    BlockDevice: {"device_name", "virtual_name"},
}
_REASON_CODE = "Server.InternalError"
"""Why an image is in its state, where nobody says."""
_LOCKED = ("compliance-cooloff", "compliance", "governance")


def _alike(model: Any) -> dict[str, str]:
    """The SDK's name by the model's, of the fields that have the same value in both."""
    names = [field.name for field in dataclasses.fields(model) if field.name not in _NOT_ALIKE[model]]
    return {name: _OTHER_NAMES.get(name, to_pascal(name)) for name in names}


_IMAGE, _SNAPSHOT, _DEVICE = _alike(Image), _alike(Snapshot), _alike(BlockDevice)


def _types(model: Any) -> TypeAdapter[Any]:
    """The model's fields, to be checked strictly; those without a default must be there."""
    missing = dataclasses.MISSING
    required = {one.name for one in dataclasses.fields(model) if one.default is one.default_factory is missing}
    kinds = {name: kind if name in required else NotRequired[kind] for name, kind in get_type_hints(model).items()}
    fields = TypedDict(model.__name__, kinds)  # type: ignore[misc]  # its name is known at run time only
    return TypeAdapter(with_config(ConfigDict(strict=True))(fields))


_TYPES = {model: _types(model) for model in (Image, Snapshot, BlockDevice)}


def iso_time(moment: datetime) -> str:
    """A time as EC2 prints it: `2026-01-01T02:00:00.000Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def image_to_sdk(image: Image, tags: Mapping[str, str]) -> Fields:
    """An entry of DescribeImages. What the model does not know comes out of `extra` as it went in."""
    fields = {name: getattr(image, field) for field, name in _IMAGE.items()}
    reason = image.extra.get("StateReason", {}).get("Code", _REASON_CODE)
    return {
        "ImageType": "machine",
        **image.extra,
        **fields,
        **{name: iso_time(fields[name]) for name in _TIMES if fields.get(name)},
        "ImageLocation": image.image_location or f"{image.owner_id}/{image.name}",
        "StateReason": {"Code": reason, "Message": image.state_reason} if image.state_reason else None,
        "Public": image.public,
        "BlockDeviceMappings": [_device_to_sdk(device) for device in image.block_devices],
        "ProductCodes": product_codes_to_sdk(image) or None,
        "Tags": tags_to_sdk(tags),
    }


def snapshot_to_sdk(snapshot: Snapshot, tags: Mapping[str, str]) -> Fields:
    """An entry of DescribeSnapshots."""
    return {
        **snapshot.extra,
        **{name: getattr(snapshot, field) for field, name in _SNAPSHOT.items()},
        "StateMessage": snapshot.state_message or None,
        "Progress": f"{snapshot.progress_percentage}%",
        "Tags": tags_to_sdk(tags),
    }


def _device_to_sdk(device: BlockDevice) -> Fields:
    if device.virtual_name is not None:
        return {"DeviceName": device.device_name, "VirtualName": device.virtual_name}
    return {"DeviceName": device.device_name, "Ebs": {name: getattr(device, field) for field, name in _DEVICE.items()}}


def product_codes_to_sdk(image: Image) -> list[dict[str, str]]:
    return [{"ProductCodeId": code, "ProductCodeType": kind} for code, kind in image.product_codes]


def tags_to_sdk(tags: Mapping[str, str]) -> list[dict[str, str]] | None:
    """Tags as a list; None, so that nothing is written, where there are none: as EC2 does it."""
    return [{"Key": key, "Value": value} for key, value in tags.items()] or None


def image_from_sdk(entry: Any) -> Image:
    """The image of one entry of DescribeImages; `LaunchPermissions` may be there too. ValueError if it is none.

    Fields that the model does not know are kept in `extra`. '' is the owner where the entry names none.
    """
    given = _Given(entry)
    reason = given.take("StateReason", dict, {})
    code = reason.get("Code")
    permissions = given.take("LaunchPermissions", list, [])
    public = {"Group": "all"}
    if given.take("Public", bool, False) and public not in permissions:
        permissions = [*permissions, public]
    given.take("ImageType", str, "machine")
    fields = {
        **given.alike(_IMAGE, {"name": "", "owner_id": "", "creation_date": LONG_AGO, "ena_support": False}),
        "block_devices": given.take("BlockDeviceMappings", _devices_from_sdk, ()),
        "state_reason": reason.get("Message", ""),
        "product_codes": given.take("ProductCodes", _codes_from_sdk, ()),
        "launch_permissions": permissions,
        "tags": given.take("Tags", _tags_from_sdk, {}),
        "extra": given.left() | ({"StateReason": {"Code": code}} if code not in (None, _REASON_CODE) else {}),
    }
    return _checked(Image, fields)


def snapshot_from_sdk(entry: Any) -> Snapshot:
    """The snapshot of one entry of DescribeSnapshots; `CreateVolumePermissions` and `LockState` may be there too."""
    given = _Given(entry)
    fields = {
        **given.alike(_SNAPSHOT, {"owner_id": "", "start_time": LONG_AGO}),
        "progress_percentage": given.take("Progress", lambda text: int(text.removesuffix("%") or 100), 100),
        "tags": given.take("Tags", _tags_from_sdk, {}),
        "shared_with": given.take(
            "CreateVolumePermissions", lambda found: tuple(one.get("UserId") or one["Group"] for one in found), ()
        ),
        "locked": given.take("LockState", str, "") in _LOCKED,
        "extra": given.left(),
    }
    return _checked(Snapshot, fields)


class _Given:
    """What an entry says: each field is taken out once; `left` are the others. Null is the same as missing."""

    def __init__(self, entry: Any) -> None:
        if not isinstance(entry, dict):
            raise ValueError(f"expected an object, not {entry!r:.60}")
        self.rest: Fields = {name: value for name, value in entry.items() if value is not None}

    def take(self, name: str, convert: Callable[[Any], Any], default: Any) -> Any:
        if name not in self.rest:
            return default
        value = self.rest.pop(name)
        try:
            if isinstance(convert, type) and not isinstance(value, convert):
                raise TypeError(f"it is no {convert.__name__}")
            return convert(value)
        except (TypeError, KeyError, ValueError, AttributeError, OverflowError) as error:
            raise ValueError(f"{name} {value!r:.60} is not what the SDK has there: {error}") from error

    def left(self) -> Fields:
        return {intern(name): value for name, value in self.rest.items()}

    def alike(self, names: Mapping[str, str], defaults: Fields) -> Fields:
        """The fields of `names` that are there, or have a default; times as times, equal strings as one object."""
        found = dict(defaults)
        for field, name in names.items():
            if name in _TIMES and name in self.rest:
                found[field] = self.take(name, _time_from_sdk, None)
            elif (value := self.rest.pop(name, None)) is not None:
                found[field] = intern(value) if type(value) is str else value
        return found


def _time_from_sdk(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a time needs a zone, as in 2024-03-01T12:00:00.000Z")
    return moment.astimezone(UTC)


def _tags_from_sdk(tags: list[dict[str, str]]) -> dict[str, str]:
    return {intern(tag["Key"]): intern(tag.get("Value") or "") for tag in tags}


def _codes_from_sdk(codes: list[dict[str, str]]) -> tuple[tuple[str, str], ...]:
    return tuple((code.get("ProductCodeId", ""), code.get("ProductCodeType", "marketplace")) for code in codes)


def _devices_from_sdk(mappings: list[Fields]) -> tuple[BlockDevice, ...]:
    devices = []
    for mapping in mappings:
        name = mapping.get("DeviceName", "")
        if mapping.get("Ebs") is not None:
            devices.append(_checked(BlockDevice, {"device_name": name} | _Given(mapping["Ebs"]).alike(_DEVICE, {})))
        elif mapping.get("VirtualName"):
            devices.append(BlockDevice(name, virtual_name=mapping["VirtualName"]))
    return tuple(devices)


def _checked(model: type[T], fields: Fields) -> T:
    """What the fields make, each of its type; ValueError that names the SDK's name of the first that is not."""
    try:
        return model(**_TYPES[model].validate_python(fields))
    except ValidationError as error:
        first = error.errors()[0]
        place = [_OTHER_NAMES.get(str(part), to_pascal(str(part))) for part in first["loc"]]
        raise ValueError(f"{'.'.join(place)} {first['input']!r:.60}: {first['msg']}") from error
