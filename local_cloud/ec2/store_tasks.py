"""CreateStoreImageTask, DescribeStoreImageTasks, CreateRestoreImageTask: the image service's own three calls.

They run without the catalog's lock: the service takes it itself, and leaves it while it talks to S3.
"""

from __future__ import annotations

from typing import Any

from local_cloud.ec2.filters import Fields, compile_filters
from local_cloud.ec2.lookup import check_image_name
from local_cloud.ec2.paging import Key, page
from local_cloud.ec2.request import Request, tags_for
from local_cloud.ec2.world import World
from local_cloud.engine.eligibility import check_image_ids, storable_image
from local_cloud.engine.labels import check_object_tags
from local_cloud.engine.objects import check_bucket, object_address
from local_cloud.engine.tasks import StoreTask
from local_cloud.errors import AwsError

_MAX_IMAGE_IDS = 20
_MAX_PAGE = 200


def create_store_image_task(world: World, request: Request) -> dict[str, Any]:
    image_id, bucket = request.params["ImageId"], request.params["Bucket"]
    tags = _object_tags(request)
    if request.params.get("DryRun"):
        name, _ = object_address(bucket, image_id)
        check_object_tags(tags)
        with world.catalog.lock:
            storable_image(world.catalog, world.service.settings, request.account_id, request.region, image_id)
        check_bucket(world.service.objects, request.account_id, request.region, name)
        request.stop_if_dry_run()
    key = world.service.create_store_image_task(request.account_id, request.region, image_id, bucket, tags)
    return {"ObjectKey": key}


def _object_tags(request: Request) -> dict[str, str]:
    tags: dict[str, str] = {}
    for tag in request.params.get("S3ObjectTags", []):
        key = tag.get("Key", "")
        if key in tags:
            raise AwsError("InvalidParameterValue", f"Duplicate tag key '{key}' specified.")
        tags[key] = tag.get("Value", "")
    return tags


def describe_store_image_tasks(world: World, request: Request) -> dict[str, Any]:
    image_ids = request.params.get("ImageIds")
    if image_ids:
        if "MaxResults" in request.params:
            raise AwsError(
                "InvalidParameterCombination",
                "The parameter ImageIds cannot be used with the parameter MaxResults",
            )
        if len(image_ids) > _MAX_IMAGE_IDS:
            raise AwsError("InvalidParameterValue", f"At most {_MAX_IMAGE_IDS} image ids can be given")
        check_image_ids(image_ids)
        tasks = world.service.store_image_tasks(request.account_id, request.region, image_ids)
        return {"StoreImageTaskResults": [_task_view(world, task) for task in tasks]}
    fields: Fields[StoreTask] = {
        "task-state": lambda task: (task.state,),
        "bucket": lambda task: (_shown_bucket(world, task),),
    }
    accept = compile_filters(request.params.get("Filters", []), fields)
    tasks = world.service.store_image_tasks(request.account_id, request.region)
    tasks.sort(key=_newest_first)
    found, token = page(request, tasks, _newest_first, accept=accept, default_limit=_MAX_PAGE)
    return {"StoreImageTaskResults": [_task_view(world, task) for task in found], "NextToken": token}


def _newest_first(task: StoreTask) -> Key:
    return (-round(task.started_at.timestamp() * 1_000_000), task.image_id, task.bucket, task.object_key)


def _shown_bucket(world: World, task: StoreTask) -> str:
    path = task.object_key.rpartition("/")[0]
    with_path = world.service.settings.task_bucket == "with-path" and path
    return f"{task.bucket}/{path}" if with_path else task.bucket


def _task_view(world: World, task: StoreTask) -> dict[str, Any]:
    return {
        "AmiId": task.image_id,
        "TaskStartTime": task.started_at,
        "Bucket": _shown_bucket(world, task),
        "S3objectKey": task.object_key,
        "ProgressPercentage": task.progress_percentage,
        "StoreTaskState": task.state,
        "StoreTaskFailureReason": task.failure_reason,
    }


def create_restore_image_task(world: World, request: Request) -> dict[str, Any]:
    params, account_id, region = request.params, request.account_id, request.region
    tags = tags_for(request, "image", "snapshot")
    name = params.get("Name")
    if name is not None:
        with world.catalog.lock:
            check_image_name(world, request, name)
    if params.get("DryRun"):
        check_bucket(world.service.objects, account_id, region, params["Bucket"])
        world.service.objects.read(account_id, params["Bucket"], params["ObjectKey"])
        request.stop_if_dry_run()
    image_id = world.service.create_restore_image_task(
        account_id,
        region,
        params["Bucket"],
        params["ObjectKey"],
        name,
        tags["image"],
        tags["snapshot"],
        encrypted=world.encrypts_by_default(request.caller),
    )
    return {"ImageId": image_id}


def get_ebs_encryption_by_default(world: World, request: Request) -> dict[str, Any]:
    """Restored snapshots follow it."""
    return {"EbsEncryptionByDefault": world.encrypts_by_default(request.caller)}


def enable_ebs_encryption_by_default(world: World, request: Request) -> dict[str, Any]:
    request.stop_if_dry_run()
    world.encryption_by_default[request.caller] = True
    return {"EbsEncryptionByDefault": True}


def disable_ebs_encryption_by_default(world: World, request: Request) -> dict[str, Any]:
    request.stop_if_dry_run()
    world.encryption_by_default[request.caller] = False
    return {"EbsEncryptionByDefault": False}
