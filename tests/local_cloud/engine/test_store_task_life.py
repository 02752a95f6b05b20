"""The life of a store task: the object it makes, what describing it tells, and how it can go wrong."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from local_cloud.engine.stored_object import decode
from local_cloud.errors import AwsError
from tests.local_cloud.engine.world import ACCOUNT, BUCKET, OTHER_ACCOUNT, REGION, World

DAY = 86_400


@pytest.mark.parametrize(
    ("bucket", "folder"),
    [(BUCKET, ""), (f"{BUCKET}/", ""), (f"{BUCKET}/path1/path2", "path1/path2/"), (f"{BUCKET}/path1/", "path1/")],
)
def test_the_bucket_may_carry_a_path(bucket: str, folder: str) -> None:
    world = World()
    image = world.image(8)
    key = world.store(image, bucket)
    assert key == f"{folder}{image.image_id}.bin"
    world.run_to_the_end()
    assert (world.task(image).bucket, world.task(image).object_key) == (BUCKET, key)
    assert list(world.objects.heads) == [(BUCKET, key)]


def test_the_object_is_of_the_image_as_it_was_when_the_task_started() -> None:
    world = World()
    image = world.image(30, tags={"Name": "before"})
    world.store(image)
    image.tags["Name"] = "after"
    world.run_to_the_end()
    assert decode(world.objects.read(ACCOUNT, BUCKET, f"{image.image_id}.bin")).image.tags == {"Name": "before"}


@pytest.mark.parametrize(("where", "on_tags", "on_metadata"), [("tags", 1, 0), ("user-metadata", 0, 1), ("both", 1, 1)])
def test_facts_about_the_image_are_written_on_the_object(where: str, on_tags: int, on_metadata: int) -> None:
    world = World(object_metadata=where)
    image = world.image(8, name="web (blue) [1]", description="Größe? " + "x" * 300)
    world.store(image, Policy="nightly")
    world.run_to_the_end()
    (head,) = world.objects.heads.values()
    facts = {
        "ami-name": "web blue 1",
        "ami-description": ("Größe " + "x" * 300)[:256],
        "ami-registration-date": "2026-01-01T02:00:00+00:00",
        "ami-owner-account": ACCOUNT,
        "ami-store-date": "2026-01-01T02:00:00+00:00",
    }
    assert head.tags == {"Policy": "nightly", **(facts if on_tags else {})}
    headers = facts | {"ami-name": "web (blue) [1]", "ami-description": ("Gre? " + "x" * 300)[:256]}
    assert head.metadata == (headers if on_metadata else {})


def test_the_callers_tags_go_before_the_facts_when_ten_are_not_enough() -> None:
    world = World()
    mine = {f"key{number}": "mine" for number in range(7)} | {"ami-name": "my own"}
    world.store(world.image(8), **mine)
    world.run_to_the_end()
    (head,) = world.objects.heads.values()
    assert len(head.tags) == 10
    assert mine.items() <= head.tags.items()


def test_an_image_is_not_stored_twice_at_once() -> None:
    world = World()
    world.objects.create_bucket("second", REGION)
    image = world.store_new_image(8)
    for bucket in (BUCKET, f"{BUCKET}/path", "second"):
        with pytest.raises(AwsError, match="already in progress") as refused:
            world.store(image, bucket)
        assert refused.value.code == "InvalidRequest"


def test_one_copy_of_an_image_per_bucket_whatever_the_path() -> None:
    world = World()
    world.objects.create_bucket("second", REGION)
    image = world.store_new_image(8)
    world.run_to_the_end()
    for bucket in (BUCKET, f"{BUCKET}/elsewhere"):
        with pytest.raises(AwsError, match="already exists in the bucket") as refused:
            world.store(image, bucket)
        assert refused.value.code == "InvalidRequest"
    world.store(image, "second")


def test_an_object_that_came_into_the_bucket_otherwise_is_noticed_at_the_same_key() -> None:
    world = World()
    image = world.image(8)
    key = f"{image.image_id}.bin"
    world.objects.write(ACCOUNT, BUCKET, key, [b"copied from elsewhere"], metadata={}, tags={})
    with pytest.raises(AwsError, match="already exists in the bucket"):
        world.store(image)


def test_a_copy_that_is_completed_while_the_request_looks_for_one_is_noticed() -> None:
    world = World()
    image = world.image(8)
    look = world.objects.head

    def look_and_be_overtaken(account_id: str, bucket: str, key: str) -> Any:
        seen = look(account_id, bucket, key)
        world.objects.head = look  # type: ignore[method-assign]
        world.store(image)
        world.advance(1000)
        return seen

    world.objects.head = look_and_be_overtaken  # type: ignore[method-assign]
    with pytest.raises(AwsError, match="already exists in the bucket"):
        world.store(image)
    assert len(world.service.store_image_tasks(ACCOUNT, REGION)) == 1


def test_an_image_can_be_stored_again_after_its_object_was_deleted() -> None:
    world = World()
    image = world.store_new_image(8)
    world.run_to_the_end()
    world.objects.delete(BUCKET, f"{image.image_id}.bin")
    world.store(image)
    world.run_to_the_end()
    assert world.task(image).state == "Completed"
    assert len(world.service.store_image_tasks(ACCOUNT, REGION)) == 2


def test_a_task_fails_with_the_reason_when_the_object_cannot_be_written() -> None:
    world = World()
    refused, lost, broken = (world.store_new_image(8) for _ in range(3))
    world.objects.refuse_writes(BUCKET, AwsError("AccessDenied", "Access Denied"))
    world.run_to_the_end()
    assert world.task(refused).state == "Failed"
    assert world.task(refused).failure_reason == "AccessDenied: Access Denied"
    assert world.task(lost).state == world.task(broken).state == "Failed"
    assert world.in_flight() == 0
    world.objects.refuse_writes(BUCKET, None)
    world.store(refused)
    world.objects.delete_bucket(BUCKET)
    world.run_to_the_end()
    assert world.task(refused).failure_reason.startswith("NoSuchBucket")


def test_an_error_of_the_object_store_that_nobody_foresaw_fails_the_task_and_no_other() -> None:
    world = World()
    first, second = world.store_new_image(8), world.store_new_image(10)
    world.objects.refuse_writes(BUCKET, ConnectionResetError("gone"))  # type: ignore[arg-type]
    world.advance(110)
    world.objects.refuse_writes(BUCKET, None)
    world.run_to_the_end()
    assert "ConnectionResetError" in world.task(first).failure_reason
    assert world.task(second).state == "Completed"


def test_deregistering_the_image_does_not_stop_the_task_while_its_snapshots_stay() -> None:
    world = World()
    image = world.store_new_image(8)
    world.catalog.remove_image(REGION, image.image_id)
    world.run_to_the_end()
    assert world.task(image).state == "Completed"
    assert decode(world.objects.read(ACCOUNT, BUCKET, f"{image.image_id}.bin")).image.name == image.name


def test_deleting_a_snapshot_under_the_task_fails_it_at_once() -> None:
    world = World()
    image = world.store_new_image(100)
    world.advance(520)
    world.catalog.remove_snapshot(REGION, image.snapshot_ids[0])
    task = world.task(image)
    assert (task.state, task.progress_percentage) == ("Failed", 50)
    assert task.ended_seconds == 520
    assert image.snapshot_ids[0] in task.failure_reason
    assert world.in_flight() == 0
    world.run_to_the_end()
    assert not world.objects.heads


def test_deleting_a_snapshot_after_its_last_byte_was_read_does_no_harm() -> None:
    world = World()
    image = world.store_new_image(100)
    world.clock.advance(2000)  # nobody has settled since
    world.catalog.remove_snapshot(REGION, image.snapshot_ids[0])
    assert world.service.next_event_seconds() == world.clock.seconds()  # its object is still to be written
    assert world.task(image).state == "Completed"
    assert world.service.next_event_seconds() is None


@pytest.mark.parametrize("lost", ["image", "snapshot"])
def test_losing_access_while_the_task_runs_fails_it(lost: str) -> None:
    world = World()
    image = world.image(8, owner_id=OTHER_ACCOUNT, launch_permissions=[{"UserId": ACCOUNT}])
    world.snapshot_of(image).shared_with = (ACCOUNT,)
    world.store(image)
    if lost == "image":
        image.launch_permissions.clear()
    else:
        world.snapshot_of(image).shared_with = ()
    world.run_to_the_end()
    assert world.task(image).state == "Failed"
    assert "no longer shared" in world.task(image).failure_reason


def test_tasks_come_newest_first_even_within_a_second() -> None:
    world = World()
    images = [world.store_new_image(4).image_id for _ in range(3)]
    world.advance(10)
    images.append(world.store_new_image(4).image_id)
    assert [task.image_id for task in world.service.store_image_tasks(ACCOUNT, REGION)] == images[::-1]
    some = world.service.store_image_tasks(ACCOUNT, REGION, [images[1], images[0], images[1], images[3]])
    assert [task.image_id for task in some] == [images[3], images[1], images[0]]


def test_images_without_a_task_and_tasks_of_others_are_left_out() -> None:
    world = World()
    never_stored = world.image(8)
    (foreign,) = world.service.faults.occupy(OTHER_ACCOUNT, REGION, [8])
    (far,) = world.service.faults.occupy(ACCOUNT, "eu-west-1", [8])
    for ids in (None, [never_stored.image_id, foreign, far, "ami-0123456789abcdef0"]):
        assert world.service.store_image_tasks(ACCOUNT, REGION, ids) == []
    assert [task.image_id for task in world.service.store_image_tasks(ACCOUNT, "eu-west-1")] == [far]


def test_forgetting_an_old_task_keeps_the_newer_one_of_the_same_image() -> None:
    world = World()
    image = world.image(8)
    world.service.faults.fail_store(image.image_id)
    world.store(image)
    world.advance(20 * DAY)
    world.store(image)
    world.advance(12 * DAY)
    assert len(world.service.store_image_tasks(ACCOUNT, REGION)) == 1
    assert world.task(image).state == "Completed"


def test_a_task_that_is_still_in_progress_is_not_forgotten() -> None:
    world = World()
    image = world.store_new_image(8)
    world.service.faults.hang(image.image_id)
    world.advance(40 * DAY)
    assert world.task(image).state == "InProgress"
    assert world.in_flight() == 8


def test_a_described_task_does_not_change_afterwards() -> None:
    world = World()
    image = world.store_new_image(100)
    world.advance(520)
    then = world.task(image)
    world.run_to_the_end()
    assert (then.state, then.progress_percentage) == ("InProgress", 50)
    assert world.task(image).state == "Completed"


def test_times_are_the_walls() -> None:
    world = World()
    world.advance(3600)
    image = world.store_new_image(100)
    world.advance(5000)
    task = world.task(image)
    assert task.started_at == datetime(2026, 1, 1, 3, 0, tzinfo=UTC)
    assert task.ended_at == task.started_at + timedelta(seconds=1020)
