"""Images and snapshots of EC2."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from ami_archiver.adapters.aws_errors import code_of, message_of, translated
from ami_archiver.adapters.clients import paged
from ami_archiver.batches import batches
from ami_archiver.errors import AccessDenied
from ami_archiver.model import Image, ImagePage, Snapshot, Volume
from ami_archiver.policy import ANY, Policy

logger = logging.getLogger(__name__)

PAGE_SIZE = 1000
"""The most that DescribeImages and DescribeSnapshots return in one page."""
VALUES_PER_FILTER = 200
"""https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Filter.html"""
IMAGES_PER_REFERENCES_CALL = 10
NO_VOLUME = "vol-ffffffff"
"""What EC2 says of a copied snapshot: its volume is not to be asked for."""
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


class Ec2Images:
    """EC2's images and snapshots."""

    def __init__(self, client: Any) -> None:
        self._ec2 = client

    def pages(self, policy: Policy, start: str | None = None) -> Iterator[ImagePage]:
        """This account's images that carry the policy's tags, disabled ones too, up to 1,000 a page."""
        request: dict[str, Any] = {
            "Owners": ["self"],
            "IncludeDisabled": True,
            "MaxResults": PAGE_SIZE,
            "Filters": _tag_filters(policy),
        }
        token = start
        while True:
            if token:
                request["NextToken"] = token
            with translated(f"policy {policy.name}"):
                answer = self._ec2.describe_images(**request)
            token = answer.get("NextToken") or None
            yield ImagePage([image_of(raw) for raw in answer.get("Images", []) if "ImageId" in raw], token)
            if token is None:
                return

    def by_id(self, image_ids: Collection[str]) -> dict[str, Image]:
        """Those of the images that can be seen; the others are left out."""
        found: dict[str, Image] = {}
        for batch in batches(sorted(image_ids), VALUES_PER_FILTER):
            with translated():
                answer = self._ec2.describe_images(
                    IncludeDisabled=True, Filters=[{"Name": "image-id", "Values": batch}]
                )
            found |= {raw["ImageId"]: image_of(raw) for raw in answer.get("Images", [])}
        return found

    def snapshots(self, snapshot_ids: Collection[str]) -> dict[str, Snapshot]:
        """By a filter, since one id that is gone would fail a whole call by ids."""
        return {one.snapshot_id: one for one in snapshots_by(self._ec2, "snapshot-id", snapshot_ids)}

    def launch_permissions(self, image_id: str) -> tuple[str, ...] | None:
        """As in RestoreFacts; None where the image is gone, or this may not be asked of it."""
        try:
            with translated(image_id):
                answer = self._ec2.describe_image_attribute(ImageId=image_id, Attribute="launchPermission")
        except (ClientError, AccessDenied) as error:
            logger.warning("launch permissions unknown", extra={"image_id": image_id, "reason": str(error)})
            return None
        return tuple(sorted(_permission(raw) for raw in answer.get("LaunchPermissions", [])))

    def ssm_parameters(self, image_ids: Sequence[str]) -> dict[str, tuple[str, ...]] | None:
        """ARNs of the SSM parameters that point at each image; None where this cannot be asked."""
        found: dict[str, list[str]] = {}
        for batch in batches(image_ids, IMAGES_PER_REFERENCES_CALL):
            request: dict[str, Any] = {"ImageIds": batch, "ResourceTypes": [{"ResourceType": "ssm:Parameter"}]}
            try:
                for raw in paged(self._ec2, "describe_image_references", "ImageReferences", **request):
                    found.setdefault(raw["ImageId"], []).append(raw["Arn"])
            except (ClientError, AccessDenied) as error:
                # The call is younger than some Regions and policies: what cannot be asked is recorded as unknown.
                logger.warning("image references unknown", extra={"reason": str(error)})
                return None
        return {image_id: tuple(sorted(arns)) for image_id, arns in found.items()}


def snapshots_by(client: Any, name: str, values: Collection[str], **more: Any) -> Iterator[Snapshot]:
    """The snapshots that have one of the values in a field that EC2 filters by."""
    return map(snapshot_of, raw_snapshots_by(client, name, values, **more))


def raw_snapshots_by(client: Any, name: str, values: Collection[str], **more: Any) -> Iterator[dict[str, Any]]:
    """As EC2 shows them."""
    for batch in batches(sorted(set(values)), VALUES_PER_FILTER):
        request: dict[str, Any] = {
            "Filters": [{"Name": name, "Values": batch}],
            "PaginationConfig": {"PageSize": PAGE_SIZE},
            **more,
        }
        yield from paged(client, "describe_snapshots", "Snapshots", **request)


def _tag_filters(policy: Policy) -> list[dict[str, Any]]:
    """EC2's filters know * and ? as wildcards: literal ones are escaped, and the policy matches once more itself."""
    filters: list[dict[str, Any]] = []
    for key, values in policy.tags.items():
        if ANY in values:
            filters.append({"Name": "tag-key", "Values": [literal(key)]})
        else:
            filters.append({"Name": f"tag:{key}", "Values": [literal(value) for value in values]})
    return filters


def literal(text: str) -> str:
    return text.replace("\\", "\\\\").replace("*", "\\*").replace("?", "\\?")


def image_of(raw: dict[str, Any]) -> Image:
    return Image(
        image_id=raw["ImageId"],
        name=raw.get("Name", ""),
        owner_id=raw.get("OwnerId", ""),
        state=raw.get("State", "unknown"),
        creation_date=_moment(raw.get("CreationDate", "")),
        root_device_type=raw.get("RootDeviceType", "unknown"),
        virtualization_type=raw.get("VirtualizationType", "unknown"),
        public=raw.get("Public", False),
        volumes=tuple(
            Volume(mapping["Ebs"]["SnapshotId"], mapping["Ebs"].get("VolumeSize"))
            for mapping in raw.get("BlockDeviceMappings", [])
            if mapping.get("Ebs", {}).get("SnapshotId")
        ),
        tags=_tags(raw.get("Tags", [])),
        description=raw.get("Description", ""),
        architecture=raw.get("Architecture", ""),
        platform_details=raw.get("PlatformDetails", ""),
        usage_operation=raw.get("UsageOperation", ""),
        product_codes=tuple(code.get("ProductCodeId", "") for code in raw.get("ProductCodes", [])),
        last_launched_at=_launched(raw.get("LastLaunchedTime", "")),
        deregistration_protection=raw.get("DeregistrationProtection", "disabled"),
    )


def _moment(text: str, otherwise: datetime = LONG_AGO) -> datetime:
    """The SDK says text, and optional; an image that does not tell its age is as old as can be."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return otherwise
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _launched(text: str) -> datetime | None:
    """A launch at a time that cannot be read was perhaps just now."""
    return _moment(text, datetime.max.replace(tzinfo=UTC)) if text else None


def snapshot_of(raw: dict[str, Any]) -> Snapshot:
    return Snapshot(
        snapshot_id=raw["SnapshotId"],
        state=raw.get("State", "unknown"),
        volume_gib=raw.get("VolumeSize", 0),
        written_bytes=raw.get("FullSnapshotSizeInBytes") or None,
        encrypted=raw.get("Encrypted", False),
        kms_key_id=raw.get("KmsKeyId"),
        volume_id=volume_id if (volume_id := raw.get("VolumeId")) and volume_id != NO_VOLUME else None,
        started_at=raw.get("StartTime"),
        tier=raw.get("StorageTier", "standard"),
        tags=_tags(raw.get("Tags", [])),
    )


def _tags(raw: Sequence[dict[str, Any]]) -> dict[str, str]:
    return {tag["Key"]: tag.get("Value", "") for tag in raw if "Key" in tag}


_PERMISSIONS = {
    "user": "UserId",
    "group": "Group",
    "organization": "OrganizationArn",
    "unit": "OrganizationalUnitArn",
}
"""Kinds of launch permissions as RestoreFacts writes them, and as EC2 does."""


def _permission(raw: Mapping[str, Any]) -> str:
    return next((f"{kind}:{raw[name]}" for kind, name in _PERMISSIONS.items() if name in raw), "unit:")


def share(client: Any, image_id: str, permissions: Sequence[str]) -> str | None:
    """Give launch permissions as in RestoreFacts; why EC2 did not take them, or None."""
    pairs = [one.partition(":") for one in permissions]
    try:
        with translated(image_id):
            client.modify_image_attribute(
                ImageId=image_id, LaunchPermission={"Add": [{_PERMISSIONS[kind]: value} for kind, _, value in pairs]}
            )
    except ClientError as error:
        return f"{code_of(error)}: {message_of(error)}"
    except AccessDenied as error:
        return str(error)
    return None
