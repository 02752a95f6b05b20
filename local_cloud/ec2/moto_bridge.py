"""moto's EC2 on top of the catalog: its instances and volumes come from the catalog's images and snapshots.

moto keeps an AMI as an object with a volume and a snapshot of its own, which is far too heavy for 100,000 images,
and loads some hundreds by default. Here its backend has none: where moto looks one up, it gets a small stand-in.
Each `MotoInstances` has backends of its own, so that two clouds in one process share nothing.
"""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

from moto.core.request import Request as MotoRequest
from moto.core.responses import ActionResult
from moto.core.utils import camelcase_to_underscores
from moto.ec2.models import EC2Backend
from moto.ec2.models.launch_templates import LaunchTemplate
from moto.ec2.responses import EC2Response

from local_cloud.clock import Clock
from local_cloud.ec2.request import Caller, dry_run_succeeded
from local_cloud.engine.catalog import Catalog
from local_cloud.engine.eligibility import find_image
from local_cloud.errors import AwsError
from local_cloud.model import BlockDevice, Image, Snapshot

_PROVISIONED = {"io1", "io2"}


class Launches:
    """The launches that `Image.last_launched_time` does not show yet, since EC2 tells them a day late.

    docs.aws.amazon.com/AWSEC2/latest/UserGuide/ami-last-launched-time.html
    Guarded by the catalog's lock.
    """

    def __init__(self, clock: Clock, delay_seconds: float) -> None:
        self._clock = clock
        self._delay = timedelta(seconds=delay_seconds)
        self._unseen: deque[tuple[datetime, Image]] = deque()

    def note(self, image: Image) -> None:
        """The image was launched from just now."""
        self._unseen.append((self._clock.now(), image))
        self.show()

    def show(self) -> None:
        """Let the images show every launch that is old enough to be told."""
        horizon = self._clock.now() - self._delay
        while self._unseen and self._unseen[0][0] <= horizon:
            at, image = self._unseen.popleft()
            image.last_launched_time = max(at, image.last_launched_time or at)


class CatalogBackend(EC2Backend):
    """moto's backend of one account and Region, without images and snapshots of its own."""

    def __init__(self, caller: Caller, catalog: Catalog, clock: Clock, launches: Launches) -> None:
        self.catalog = catalog
        self.clock = clock
        self.launches = launches
        super().__init__(caller.region, caller.account_id)

    def _load_amis(self) -> None:
        """moto's default AMIs stay out."""

    def describe_images(
        self,
        ami_ids: list[str] | None = None,
        filters: dict[str, Any] | None = None,
        exec_users: list[str] | None = None,  # noqa: ARG002 - moto's signature
        owners: list[str] | None = None,  # noqa: ARG002 - moto's signature
    ) -> list[Any]:
        """What moto reads of an image when it launches an instance, and no more."""
        wanted = ami_ids or (filters or {}).get("image-id") or []
        images = self.catalog.images(self.region_name)
        found = [images[one] for one in ([wanted] if isinstance(wanted, str) else wanted) if one in images]
        return [
            SimpleNamespace(
                platform=one.platform,
                virtualization_type=one.virtualization_type,
                architecture=one.architecture,
                root_device_name=one.root_device_name,
                kernel_id=one.kernel_id,
            )
            for one in found
        ]

    def get_snapshot(self, snapshot_id: str) -> Any:
        snapshot: Snapshot | None = self.catalog.snapshots(self.region_name).get(snapshot_id)
        if snapshot is None:
            raise AwsError("InvalidSnapshot.NotFound", f"The snapshot '{snapshot_id}' does not exist.")
        return SimpleNamespace(volume=SimpleNamespace(size=snapshot.volume_size_gib), encrypted=snapshot.encrypted)

    def _create_default_encryption_key(self) -> str:
        """moto would start its KMS for this."""
        self.default_kms_key_id = f"arn:aws:kms:{self.region_name}:{self.account_id}:alias/aws/ebs"
        return self.default_kms_key_id

    def do_resources_exist(self, resource_ids: list[str]) -> bool:
        """moto's own lets unknown instances pass."""
        for instance_id in (one for one in resource_ids if one.startswith("i-")):
            self.get_instance(instance_id)
        return super().do_resources_exist(resource_ids)

    def launchable_image(self, image_id: str | None, launch_template: dict[str, Any]) -> Image:
        """The image an instance would be launched from.

        Raises `AwsError`: MissingParameter, InvalidAMIID.* (also for an image that is not available).
        """
        if not image_id and launch_template:
            image_id = self._get_template_from_args(launch_template).image_id
        image = find_image(self.catalog, self.account_id, self.region_name, image_id or "")
        if image.state != "available":
            raise AwsError("InvalidAMIID.Unavailable", f"The image '{image_id}' is {image.state}")
        return image

    def run_instances(self, image_id: str, *args: Any, **kwargs: Any) -> Any:
        """With the image's block devices, where the request and its launch template bring none of their own."""
        image = self.launchable_image(image_id, kwargs.get("launch_template") or {})
        ebs = [device for device in image.block_devices if device.virtual_name is None]
        if ebs and "block_device_mappings" not in kwargs and not kwargs.get("launch_template"):
            kwargs["block_device_mappings"] = [_mapping(device) for device in ebs]
        reservation = super().run_instances(image_id, *args, **kwargs)
        self.launches.note(image)
        return reservation

    def create_launch_template(self, *args: Any, **kwargs: Any) -> LaunchTemplate:
        """With the clock's time; moto's own is the wall's."""
        template = super().create_launch_template(*args, **kwargs)
        template.create_time = template.versions[0].create_time = self.clock.now()
        return template


def _mapping(device: BlockDevice) -> dict[str, Any]:
    # moto launches no volume with provisioned IOPS, since it does not pass the number on.
    volume_type = "gp3" if device.volume_type in _PROVISIONED else device.volume_type
    return {
        "DeviceName": device.device_name,
        "Ebs": {
            "VolumeSize": device.volume_size_gib,
            "VolumeType": volume_type,
            "SnapshotId": device.snapshot_id,
            "DeleteOnTermination": device.delete_on_termination,
            "Encrypted": device.encrypted,
            "KmsKeyId": device.kms_key_id if device.encrypted else None,
        },
    }


class MotoInstances:
    """moto's EC2 for all accounts and Regions of one cloud: instances, launch templates, volumes, networks."""

    def __init__(self, catalog: Catalog, clock: Clock, launches: Launches) -> None:
        self._catalog = catalog
        self._clock = clock
        self._launches = launches
        self._backends: dict[Caller, CatalogBackend] = {}

    def backend(self, caller: Caller) -> CatalogBackend:
        if caller not in self._backends:
            self._backends[caller] = CatalogBackend(caller, self._catalog, self._clock, self._launches)
        return self._backends[caller]

    def accounts(self, region: str) -> list[str]:
        return [caller.account_id for caller in self._backends if caller.region == region]

    def answer(self, caller: Caller, action: str, request: MotoRequest) -> bytes:
        """moto's answer to one request. What moto does not have is UnsupportedOperation.

        Raises `AwsError`, and moto's own ServiceException.
        """
        response = _Response(self, caller)
        response.setup_class(request)
        method = getattr(response, str(camelcase_to_underscores(action)), None)
        if method is None:
            raise _unsupported(action)
        try:
            result = method()
        except NotImplementedError as error:
            raise _unsupported(action) from error
        if response._get_param("DryRun"):  # moto looks at it only where something would change
            raise dry_run_succeeded()
        body = response.serialized(result)[2] if isinstance(result, ActionResult) else result
        return body.encode() if isinstance(body, str) else bytes(body)


class ForCaller:
    """Of one of moto's services: its account and Region are given instead of guessed."""

    caller: Caller

    def get_current_account(self) -> str:
        return self.caller.account_id

    def get_region_from_url(self, request: Any, full_url: str) -> str:  # noqa: ARG002 - moto's signature
        return self.caller.region


class _Response(ForCaller, EC2Response):
    """moto's EC2 with its account, Region and backend given instead of guessed."""

    def __init__(self, instances: MotoInstances, caller: Caller) -> None:
        super().__init__()
        self._instances = instances
        self.caller = caller

    @property
    def ec2_backend(self) -> CatalogBackend:
        return self._instances.backend(self.caller)

    def run_instances(self) -> ActionResult:
        """Look for the image before a dry run ends."""
        self.ec2_backend.launchable_image(self._get_param("ImageId"), self._get_param("LaunchTemplate", {}))
        return super().run_instances()


def _unsupported(action: str) -> AwsError:
    return AwsError("UnsupportedOperation", f"The local cloud does not have the operation {action}")
