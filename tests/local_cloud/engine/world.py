"""A small world in virtual time: one catalog, one bucket, one service, and words to act on them."""

from __future__ import annotations

from typing import Any

from local_cloud.clock import VirtualClock
from local_cloud.engine.catalog import Catalog
from local_cloud.engine.objects import MemoryObjectStore
from local_cloud.engine.service import ImageService
from local_cloud.engine.tasks import RestoreTask, StoreTask
from local_cloud.model import GIB, BlockDevice, Image, Snapshot
from local_cloud.settings import EngineSettings, ThroughputSettings

ACCOUNT = "123456789012"
OTHER_ACCOUNT = "210987654321"
REGION = "us-east-1"
BUCKET = "archive"


class World:
    def __init__(
        self,
        *,
        throughput: ThroughputSettings | None = None,
        **settings: Any,
    ) -> None:
        self.clock = VirtualClock()
        self.catalog = Catalog()
        self.objects = MemoryObjectStore()
        self.objects.create_bucket(BUCKET, REGION)
        self.settings = EngineSettings(throughput=throughput or ThroughputSettings(), **settings)
        self.service = ImageService(self.catalog, self.objects, self.clock, self.settings)
        self._images = 0

    def image(self, gib: int, *, written_gib: float | None = None, snapshots: int = 1, **fields: Any) -> Image:
        """An image of mine with `snapshots` volumes that are `gib` together; `fields` as in the model."""
        self._images += 1
        number = self._images
        owner = fields.pop("owner_id", ACCOUNT)
        devices = []
        for index in range(snapshots):
            volume_gib = gib // snapshots + (gib % snapshots if index == 0 else 0)
            snapshot = Snapshot(
                f"snap-{number * 100 + index:017x}",
                owner,
                volume_gib,
                self.clock.now(),
                full_snapshot_size_bytes=round((written_gib or gib) / snapshots * GIB)
                if written_gib
                else volume_gib * GIB,
                tags={"Volume": str(index)},
            )
            self.catalog.add_snapshot(REGION, snapshot)
            devices.append(BlockDevice(f"/dev/sd{'abcdefgh'[index]}", snapshot.snapshot_id, volume_gib))
        image = Image(
            f"ami-{number:017x}",
            fields.pop("name", f"image {number}"),
            owner,
            self.clock.now(),
            tuple(devices),
            **fields,
        )
        self.catalog.add_image(REGION, image)
        return image

    def snapshot_of(self, image: Image) -> Snapshot:
        return self.catalog.snapshots(REGION)[image.snapshot_ids[0]]

    def store(self, image: Image, bucket: str = BUCKET, **object_tags: str) -> str:
        return self.service.create_store_image_task(ACCOUNT, REGION, image.image_id, bucket, object_tags)

    def store_new_image(self, gib: int) -> Image:
        image = self.image(gib)
        self.store(image)
        return image

    def restore(self, image: Image, name: str | None = None, **tags: str) -> Image:
        """Restore the object of the image under a new name; the pending image."""
        key = f"{image.image_id}.bin"
        image_id = self.service.create_restore_image_task(ACCOUNT, REGION, BUCKET, key, name, tags, {})
        return self.catalog.images(REGION)[image_id]

    def task(self, image: Image | str) -> StoreTask:
        """The newest store task of the image."""
        image_id = image if isinstance(image, str) else image.image_id
        (task,) = self.service.store_image_tasks(ACCOUNT, REGION, [image_id])
        return task

    def restore_task(self, image: Image) -> RestoreTask:
        tasks = self.service.restore_image_tasks(ACCOUNT, REGION)
        return next(task for task in tasks if task.image_id == image.image_id)

    def in_flight(self) -> float:
        self.service.settle()
        return self.service.in_flight_gib(ACCOUNT, REGION)

    def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.service.settle()

    def run_to_the_end(self) -> None:
        """Let time pass until nothing moves any more."""
        while (at := self.service.next_event_seconds()) is not None:
            self.advance(max(at - self.clock.seconds(), 0))
