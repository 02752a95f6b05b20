"""The image service's three calls as EC2 answers them."""

from __future__ import annotations

from typing import Any

from .scenario import ACCOUNT, BUCKET, REGION, Cloud, refusal


def store(cloud: Cloud, count: int = 1, bucket: str = BUCKET) -> list[str]:
    """Start `count` store tasks, a second apart; returns the image ids."""
    image_ids = []
    for _ in range(count):
        image_ids.append(cloud.add_image().image_id)
        cloud.client().create_store_image_task(ImageId=image_ids[-1], Bucket=bucket)
        cloud.clock.advance(1)
    return image_ids


def task_ids(answer: dict[str, Any]) -> list[str]:
    return [task["AmiId"] for task in answer["StoreImageTaskResults"]]


def test_tasks_started_at_the_same_instant_are_paged_too(cloud: Cloud, ec2: Any) -> None:
    images = [cloud.add_image() for _ in range(5)]
    for image in images:
        ec2.create_store_image_task(ImageId=image.image_id, Bucket=BUCKET)
    pages = list(ec2.get_paginator("describe_store_image_tasks").paginate(PaginationConfig={"PageSize": 2}))

    assert sorted(one for page in pages for one in task_ids(page)) == sorted(one.image_id for one in images)


def test_there_are_at_most_two_hundred_tasks_on_a_page(cloud: Cloud, ec2: Any) -> None:
    cloud.service.faults.occupy(ACCOUNT, REGION, [0.1] * 201)

    answer = ec2.describe_store_image_tasks()

    assert (len(answer["StoreImageTaskResults"]), "NextToken" in answer) == (200, True)


def test_filters_select_by_state_and_bucket_but_not_among_named_images(cloud: Cloud, ec2: Any) -> None:
    cloud.objects.create_bucket("second", REGION)
    (first,) = store(cloud)
    cloud.clock.advance(3600)
    (second,) = store(cloud, bucket="second")

    def by(name: str, value: str) -> dict[str, Any]:
        return {"Filters": [{"Name": name, "Values": [value]}]}

    assert task_ids(ec2.describe_store_image_tasks(**by("task-state", "Completed"))) == [first]
    assert task_ids(ec2.describe_store_image_tasks(**by("bucket", "second"))) == [second]
    assert task_ids(ec2.describe_store_image_tasks(ImageIds=[first], **by("bucket", "second"))) == [first]


def test_waiters_of_the_sdk_see_the_end(cloud: Cloud, ec2: Any) -> None:
    (image_id,) = store(cloud)
    cloud.clock.advance(3600)
    ec2.get_waiter("store_image_task_complete").wait(ImageIds=[image_id])
    restored = ec2.create_restore_image_task(Bucket=BUCKET, ObjectKey=f"{image_id}.bin", Name="again")["ImageId"]
    cloud.clock.advance(3600)
    ec2.get_waiter("image_available").wait(ImageIds=[restored])


def test_dry_runs_check_the_image_the_bucket_and_the_object(cloud: Cloud, ec2: Any) -> None:
    image_id = cloud.add_image().image_id

    def store_dry(image_id: str, bucket: str) -> str:
        return refusal(ec2.create_store_image_task, ImageId=image_id, Bucket=bucket, DryRun=True)

    def restore_dry(key: str) -> str:
        return refusal(ec2.create_restore_image_task, Bucket=BUCKET, ObjectKey=key, DryRun=True)

    assert store_dry(image_id, BUCKET) == "DryRunOperation"
    assert store_dry(image_id, "no-such-bucket") == "NoSuchBucket"
    assert store_dry("ami-0123456789abcdef0", BUCKET) == "InvalidAMIID.NotFound"
    assert restore_dry("missing.bin") == "NoSuchKey"
    assert task_ids(ec2.describe_store_image_tasks()) == []
