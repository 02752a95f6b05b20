"""The end of a task whose bytes are through: write the object, or bring the restored image to life.

S3 is called without the catalog's lock. A task comes here once, taken from the runner's queue under the lock, so no
object is written by two threads; and it is marked completed only after S3 has taken the whole object.
"""

from __future__ import annotations

from dataclasses import replace

from local_cloud.engine.labels import object_labels
from local_cloud.engine.objects import ObjectStore
from local_cloud.engine.runner import TaskRunner
from local_cloud.engine.stored_object import CorruptObject, StoredImage, content_of, decode, encode
from local_cloud.engine.tasks import RestoreTask, StoreTask, Task
from local_cloud.errors import AwsError


def finish(runner: TaskRunner, objects: ObjectStore, task: Task) -> None:
    """Complete the task, or fail it with the reason why that was not possible."""
    try:
        if isinstance(task, StoreTask):
            _write(runner, objects, task)
        elif isinstance(task, RestoreTask):
            _restore(runner, task, decode(objects.read(task.account_id, task.bucket, task.object_key)))
    except (AwsError, CorruptObject) as error:
        reason = str(error)
    except Exception as error:  # whatever the object store raises, the task must end and the others go on
        reason = f"InternalError: {error!r}"
    else:
        return
    with runner.catalog.lock:
        runner.fail(task, reason)


def _write(runner: TaskRunner, objects: ObjectStore, task: StoreTask) -> None:
    image, snapshots = task.image, task.snapshots
    if image is not None and task.writes_object:
        contents = (content_of(snapshot, runner.settings.bytes_per_gib) for snapshot in snapshots)
        parts = encode(image, snapshots, contents, task.started_at, region=task.region)
        tags, metadata = object_labels(image, task.started_at, task.object_tags, runner.settings)
        objects.write(task.account_id, task.bucket, task.object_key, parts, metadata=metadata, tags=tags)
    with runner.catalog.lock:
        runner.complete(task)


def _restore(runner: TaskRunner, task: RestoreTask, stored: StoredImage) -> None:
    contents = [snapshot.content for snapshot in stored.snapshots]
    header = replace(stored, snapshots=tuple(replace(snapshot, content=None) for snapshot in stored.snapshots))
    if header != task.header:
        raise CorruptObject("the object was replaced while the task was in progress")
    with runner.catalog.lock:
        image = runner.catalog.images(task.region).get(task.image_id)
        snapshots = runner.catalog.snapshots(task.region)
        gone = [missing for missing in task.snapshot_ids if missing not in snapshots]
        if image is None or gone:
            raise AwsError("InvalidRequest", f"{gone[0] if gone else task.image_id} was deleted during the restore")
        for snapshot_id, content in zip(task.snapshot_ids, contents, strict=True):
            restored = snapshots[snapshot_id]
            restored.content, restored.state, restored.progress_percentage = content, "completed", 100
        image.state = "available"
        runner.complete(task)
