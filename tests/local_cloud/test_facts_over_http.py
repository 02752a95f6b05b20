"""EC2's image store through boto3 over HTTP: one test for each fact that AWS documents (Doc) or others saw (Seen).

Each test has an account of its own. What is about time is in test_facts_of_time.py, on the engine in virtual time.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local_cloud.model import Image
from local_cloud.server import LocalCloud
from tests.local_cloud.endpoint.scenes import REGION, add_image, unique, until


@dataclass
class Account:
    """An account in the cloud, with a bucket."""

    cloud: LocalCloud
    account_id: str
    bucket: str
    ec2: Any
    s3: Any

    def image(self, gib: float = 8, **fields: Any) -> str:
        image_id = add_image(self.cloud.catalog, gib=gib, owner_id=self.account_id)
        for name, value in fields.items():
            setattr(self.known(image_id), name, value)
        return image_id

    def known(self, image_id: str) -> Image:
        return self.cloud.catalog.images(REGION)[image_id]

    def store(self, image_id: str, bucket: str | None = None, **more: Any) -> str:
        key: str = self.ec2.create_store_image_task(ImageId=image_id, Bucket=bucket or self.bucket, **more)["ObjectKey"]
        return key

    def hold(self, gib: float) -> str:
        """A store task of this size that never ends."""
        image_id = self.image(gib)
        self.cloud.service.faults.hang(image_id)
        self.store(image_id)
        return image_id

    def task(self, image_id: str) -> dict[str, Any]:
        (task,) = self.ec2.describe_store_image_tasks(ImageIds=[image_id])["StoreImageTaskResults"]
        return dict(task)

    def stored(self, image_id: str, **more: Any) -> str:
        """The key of the image's object, once the store is complete."""
        key = self.store(image_id, **more)
        until(lambda: self.task(image_id)["StoreTaskState"] == "Completed")
        return key

    def restored(self, key: str, name: str, **more: Any) -> dict[str, Any]:
        """The restored image, once it is available."""
        image_id = self.ec2.create_restore_image_task(Bucket=self.bucket, ObjectKey=key, Name=name, **more)["ImageId"]
        until(lambda: self.described(image_id)["State"] == "available")
        return self.described(image_id)

    def described(self, image_id: str) -> dict[str, Any]:
        (image,) = self.ec2.describe_images(ImageIds=[image_id], IncludeDisabled=True)["Images"]
        return dict(image)


@pytest.fixture
def mine(local_cloud: LocalCloud) -> Iterator[Account]:
    account_id = f"{random.SystemRandom().randrange(10**11, 10**12)}"
    s3 = local_cloud.client("s3", account_id)
    bucket = unique("facts")
    s3.create_bucket(Bucket=bucket)
    yield Account(local_cloud, account_id, bucket, local_cloud.client("ec2", account_id), s3)
    local_cloud.service.faults.clear()


def refusal(call: Any, *arguments: Any, **keywords: Any) -> str:
    """The error code that a call is refused with, HTTP 400."""
    with pytest.raises(ClientError) as refused:
        call(*arguments, **keywords)
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    return str(refused.value.response["Error"]["Code"])


# CreateStoreImageTask


def test_doc_store_writes_one_object_by_multipart_upload_and_only_at_the_end(mine: Account) -> None:
    image_id = mine.image(400)
    key = mine.store(image_id)
    assert mine.s3.list_objects_v2(Bucket=mine.bucket).get("Contents", []) == []
    until(lambda: mine.task(image_id)["StoreTaskState"] == "Completed")
    assert [entry["Key"] for entry in mine.s3.list_objects_v2(Bucket=mine.bucket)["Contents"]] == [key]
    assert "-" in mine.s3.head_object(Bucket=mine.bucket, Key=key)["ETag"]  # S3 marks multipart uploads so


def test_doc_stored_object_can_be_smaller_than_the_snapshots(mine: Account) -> None:
    key = mine.stored(mine.image(8))
    assert mine.s3.head_object(Bucket=mine.bucket, Key=key)["ContentLength"] < 8 * 1024**3


def test_doc_metadata_and_tags_are_kept_and_launch_permissions_are_not(mine: Account) -> None:
    permissions = [{"UserId": "111122223333"}]
    image_id = mine.image(description="of the image", tags={"Team": "web"}, launch_permissions=permissions)
    restored = mine.restored(mine.stored(image_id), unique("again"))
    shared = mine.ec2.describe_image_attribute(ImageId=restored["ImageId"], Attribute="launchPermission")
    assert (restored["Description"], shared["LaunchPermissions"]) == ("of the image", [])
    assert {"Key": "Team", "Value": "web"} in restored["Tags"]


def test_doc_object_key_is_the_image_id_below_the_path_in_bucket(mine: Account) -> None:
    first, second = mine.image(), mine.image()
    assert mine.store(first) == f"{first}.bin"
    assert mine.store(second, f"{mine.bucket}/path1/path2") == f"path1/path2/{second}.bin"


def test_doc_object_says_name_description_registration_owner_and_time(mine: Account) -> None:
    image_id = mine.image(description="of the image")
    key = mine.stored(image_id)
    values = {tag["Value"] for tag in mine.s3.get_object_tagging(Bucket=mine.bucket, Key=key)["TagSet"]}
    assert {mine.known(image_id).name, "of the image", mine.account_id} <= values
    assert len(values) == 5


def test_doc_callers_s3_object_tags_are_added_and_odd_ones_refused(mine: Account) -> None:
    key = mine.stored(mine.image(), S3ObjectTags=[{"Key": "CostCenter", "Value": "4711"}])
    tags = mine.s3.get_object_tagging(Bucket=mine.bucket, Key=key)["TagSet"]
    assert {"Key": "CostCenter", "Value": "4711"} in tags
    for odd in ({"Key": "k" * 129, "Value": ""}, {"Key": "k", "Value": "v" * 257}, {"Key": "aws:k", "Value": "v"}):
        assert refusal(mine.store, mine.image(), S3ObjectTags=[odd]) == "InvalidParameterValue"


def test_doc_300_gib_in_progress_is_below_the_limit_so_another_is_accepted(mine: Account) -> None:
    mine.hold(100)
    mine.hold(200)
    assert mine.store(mine.image(5000))


def test_doc_800_gib_in_progress_rejects_everything_until_it_completes(mine: Account) -> None:
    huge, small = mine.image(800), mine.image(1)
    mine.store(huge)
    assert refusal(mine.store, small) == "InvalidRequest"
    until(lambda: mine.task(huge)["StoreTaskState"] == "Completed")
    assert mine.store(small)


def test_doc_800_gib_are_accepted_at_599_and_nothing_at_600(mine: Account) -> None:
    mine.hold(599)
    mine.hold(800)
    assert refusal(mine.store, mine.image(1)) == "InvalidRequest"


def test_seen_second_store_of_an_image_being_stored_is_an_invalid_request(mine: Account) -> None:
    image_id = mine.hold(10)
    with pytest.raises(ClientError, match=r"InvalidRequest.*already in progress"):
        mine.store(image_id)


def test_seen_image_that_is_in_the_bucket_is_an_invalid_request(mine: Account) -> None:
    image_id = mine.image()
    mine.stored(image_id)
    with pytest.raises(ClientError, match=r"InvalidRequest.*already exists in the bucket"):
        mine.store(image_id)


# DescribeStoreImageTasks


def test_doc_tasks_are_paged_newest_first(mine: Account) -> None:
    ids = [mine.hold(1) for _ in range(5)]
    pages = list(mine.ec2.get_paginator("describe_store_image_tasks").paginate(PaginationConfig={"PageSize": 2}))
    assert [[task["AmiId"] for task in page["StoreImageTaskResults"]] for page in pages] == [
        [ids[4], ids[3]],
        [ids[2], ids[1]],
        [ids[0]],
    ]
    assert refusal(mine.ec2.describe_store_image_tasks, MaxResults=201) == "InvalidParameterValue"


def test_doc_tasks_are_filtered_by_state_and_bucket(mine: Account) -> None:
    done, going = mine.image(), mine.hold(10)
    mine.stored(done)
    asked = {"task-state": ("InProgress", [going]), "bucket": ("nobody-s", [])}
    for name, (value, expected) in asked.items():
        answer = mine.ec2.describe_store_image_tasks(Filters=[{"Name": name, "Values": [value]}])
        assert [task["AmiId"] for task in answer["StoreImageTaskResults"]] == expected


def test_doc_at_most_20_ids_and_not_together_with_max_results(mine: Account) -> None:
    ids = [f"ami-{number:017x}" for number in range(21)]
    assert refusal(mine.ec2.describe_store_image_tasks, ImageIds=ids) == "InvalidParameterValue"
    one = {"ImageIds": [mine.hold(1)], "MaxResults": 5}
    assert refusal(mine.ec2.describe_store_image_tasks, **one) == "InvalidParameterCombination"


def test_seen_with_ids_filters_are_ignored_and_only_the_newest_task_comes_back(mine: Account) -> None:
    image_id = mine.image()
    mine.stored(image_id)
    other = unique("facts")
    mine.s3.create_bucket(Bucket=other)
    mine.store(image_id, other)
    ignored = [{"Name": "task-state", "Values": ["Failed"]}]
    answer = mine.ec2.describe_store_image_tasks(ImageIds=[image_id], Filters=ignored)
    assert [task["Bucket"] for task in answer["StoreImageTaskResults"]] == [other]


def test_doc_fields_of_a_task(mine: Account) -> None:
    image_id = mine.hold(10)
    task = mine.task(image_id)
    assert set(task) == {
        "AmiId", "TaskStartTime", "Bucket", "S3objectKey",
        "ProgressPercentage", "StoreTaskState", "StoreTaskFailureReason",
    }  # fmt: skip
    assert (task["S3objectKey"], task["StoreTaskState"]) == (f"{image_id}.bin", "InProgress")


def test_seen_failure_reason_is_empty_where_nothing_failed_and_says_what_did(mine: Account) -> None:
    image_id = mine.image()
    mine.cloud.service.faults.fail_store(image_id, "a bad block")
    mine.store(image_id)
    assert mine.task(mine.hold(1))["StoreTaskFailureReason"] == ""
    until(lambda: mine.task(image_id)["StoreTaskState"] == "Failed")
    assert mine.task(image_id)["StoreTaskFailureReason"] == "a bad block"


# CreateRestoreImageTask


def test_doc_bucket_must_be_in_the_region_of_the_request(mine: Account) -> None:
    key = mine.stored(mine.image())
    elsewhere = mine.cloud.client("ec2", mine.account_id, "eu-west-1")
    arguments = {"Bucket": mine.bucket, "ObjectKey": key, "Name": "there"}
    assert refusal(elsewhere.create_restore_image_task, **arguments) == "InaccessibleStorageLocation"


def test_doc_name_must_be_free_and_is_the_originals_where_left_out(mine: Account) -> None:
    image_id = mine.image()
    key, name = mine.stored(image_id), mine.known(image_id).name
    arguments = {"Bucket": mine.bucket, "ObjectKey": key}
    assert refusal(mine.ec2.create_restore_image_task, **arguments) == "InvalidAMIName.Duplicate"
    mine.ec2.deregister_image(ImageId=image_id)
    restored = mine.ec2.create_restore_image_task(**arguments)["ImageId"]
    assert (restored != image_id, mine.described(restored)["Name"]) == (True, name)


def test_doc_tag_specifications_are_for_image_and_snapshots(mine: Account) -> None:
    specifications = [
        {"ResourceType": kind, "Tags": [{"Key": "Restored", "Value": kind}]} for kind in ("image", "snapshot")
    ]
    restored = mine.restored(mine.stored(mine.image()), unique("again"), TagSpecifications=specifications)
    snapshot_id = restored["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]
    (snapshot,) = mine.ec2.describe_snapshots(SnapshotIds=[snapshot_id])["Snapshots"]
    assert {"Key": "Restored", "Value": "image"} in restored["Tags"]
    assert {"Key": "Restored", "Value": "snapshot"} in snapshot["Tags"]


def test_doc_image_and_snapshots_of_a_failed_restore_go_to_a_failed_state(mine: Account) -> None:
    key = mine.stored(mine.image())
    whole = mine.s3.get_object(Bucket=mine.bucket, Key=key)["Body"].read()
    mine.s3.put_object(Bucket=mine.bucket, Key=key, Body=whole[:-1])
    arguments = {"Bucket": mine.bucket, "ObjectKey": key, "Name": unique("cut")}
    image_id = mine.ec2.create_restore_image_task(**arguments)["ImageId"]
    until(lambda: mine.described(image_id)["State"] == "failed")


def test_doc_restores_are_rejected_from_300_gib_in_flight_on(mine: Account) -> None:
    keys = [mine.stored(mine.image(gib)) for gib in (299, 400, 1)]
    for key in keys[:2]:
        mine.cloud.service.faults.hang(key.removesuffix(".bin"))
    started = [
        mine.ec2.create_restore_image_task(Bucket=mine.bucket, ObjectKey=key, Name=unique("large"))["ImageId"]
        for key in keys[:2]
    ]
    arguments = {"Bucket": mine.bucket, "ObjectKey": keys[2], "Name": unique("small")}
    assert refusal(mine.ec2.create_restore_image_task, **arguments) == "InvalidRequest"
    until(lambda: all(mine.described(image_id)["State"] == "available" for image_id in started))


def test_doc_object_in_glacier_must_be_thawed_first_but_not_for_instant_retrieval(mine: Account) -> None:
    key = mine.stored(mine.image())
    source = {"Bucket": mine.bucket, "Key": key}
    for storage_class, code in (("DEEP_ARCHIVE", "InvalidObjectState"), ("GLACIER", "InvalidObjectState")):
        cold = f"{storage_class}/{key}"
        mine.s3.copy_object(Bucket=mine.bucket, Key=cold, CopySource=source, StorageClass=storage_class)
        arguments = {"Bucket": mine.bucket, "ObjectKey": cold, "Name": unique("cold")}
        assert refusal(mine.ec2.create_restore_image_task, **arguments) == code
    mine.s3.copy_object(Bucket=mine.bucket, Key=f"ir/{key}", CopySource=source, StorageClass="GLACIER_IR")
    assert mine.restored(f"ir/{key}", unique("warm"))


def test_seen_restored_image_names_its_source(mine: Account) -> None:
    image_id = mine.image()
    restored = mine.restored(mine.stored(image_id), unique("again"))
    assert (restored["SourceImageId"], restored["SourceImageRegion"]) == (image_id, REGION)


def test_seen_restored_snapshots_follow_encryption_by_default_not_the_original(mine: Account) -> None:
    image_id = mine.image()
    snapshot = mine.cloud.catalog.snapshots(REGION)[image_id.replace("ami-", "snap-")]
    snapshot.encrypted = True
    key = mine.stored(image_id)
    plain = mine.restored(key, unique("plain"))["BlockDeviceMappings"][0]["Ebs"]
    mine.ec2.enable_ebs_encryption_by_default()
    encrypted = mine.restored(key, unique("encrypted"))["BlockDeviceMappings"][0]["Ebs"]
    assert (plain["Encrypted"], encrypted["Encrypted"]) == (False, True)


# What can be stored


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"root_device_type": "instance-store"}, "InvalidRequest"),
        ({"virtualization_type": "paravirtual"}, "InvalidRequest"),
        ({"state": "pending"}, "InvalidAMIID.Unavailable"),
    ],
    ids=str,
)
def test_doc_image_of_this_kind_cannot_be_stored(mine: Account, fields: dict[str, Any], code: str) -> None:
    assert refusal(mine.store, mine.image(**fields)) == code


def test_doc_at_most_5000_gib_can_be_stored(mine: Account) -> None:
    assert refusal(mine.store, mine.image(5001)) == "InvalidRequest"
    assert mine.store(mine.image(5000))


def test_doc_image_shared_directly_can_be_stored_and_one_that_is_only_public_not(mine: Account) -> None:
    for permission, accepted in (({"UserId": mine.account_id}, True), ({"Group": "all"}, False)):
        image_id = add_image(mine.cloud.catalog, owner_id="999988887777")
        mine.known(image_id).launch_permissions.append(permission)
        snapshots = mine.cloud.catalog.snapshots(REGION)
        snapshot_id = image_id.replace("ami-", "snap-")
        snapshots[snapshot_id] = replace(snapshots[snapshot_id], shared_with=(mine.account_id,))
        if accepted:
            assert mine.store(image_id)
        else:
            assert refusal(mine.store, image_id) == "AuthFailure"


def test_doc_snapshot_deleted_while_the_task_runs_fails_it(mine: Account) -> None:
    image_id = mine.hold(10)
    mine.cloud.service.faults.delete_snapshot(REGION, image_id.replace("ami-", "snap-"))
    until(lambda: mine.task(image_id)["StoreTaskState"] == "Failed")


def test_doc_image_with_encrypted_snapshots_can_be_stored(mine: Account) -> None:
    image_id = mine.image()
    mine.cloud.catalog.snapshots(REGION)[image_id.replace("ami-", "snap-")].encrypted = True
    assert mine.stored(image_id)


# Neighbouring calls


def test_doc_deregistering_with_snapshots_returns_a_code_for_each_and_skips_what_another_image_uses(
    mine: Account,
) -> None:
    image_id, other = mine.image(), mine.image()
    snapshot_id = image_id.replace("ami-", "snap-")
    with mine.cloud.catalog.lock:
        image = mine.cloud.catalog.images(REGION)[other]
        mine.cloud.catalog.remove_image(REGION, other)
        mine.cloud.catalog.add_image(REGION, replace(image, block_devices=mine.known(image_id).block_devices))
    results = [
        mine.ec2.deregister_image(ImageId=each, DeleteAssociatedSnapshots=True)["DeleteSnapshotResults"]
        for each in (image_id, other)
    ]
    assert results == [
        [{"SnapshotId": snapshot_id, "ReturnCode": "skipped"}],
        [{"SnapshotId": snapshot_id, "ReturnCode": "success"}],
    ]


def test_doc_disabling_drops_launch_permissions_for_good_and_hides_the_image(mine: Account) -> None:
    image_id = mine.image(launch_permissions=[{"UserId": "111122223333"}])
    mine.ec2.disable_image(ImageId=image_id)
    assert mine.ec2.describe_images(Owners=["self"])["Images"] == []
    assert mine.described(image_id)["State"] == "disabled"
    mine.ec2.enable_image(ImageId=image_id)
    shared = mine.ec2.describe_image_attribute(ImageId=image_id, Attribute="launchPermission")
    assert shared["LaunchPermissions"] == []


def test_doc_deregistration_protection_blocks_deregistering(mine: Account) -> None:
    image_id = mine.image()
    mine.ec2.enable_image_deregistration_protection(ImageId=image_id)
    assert refusal(mine.ec2.deregister_image, ImageId=image_id) == "OperationNotPermitted"
    assert mine.described(image_id)["State"] == "available"


def test_doc_image_references_take_ten_ids_and_name_what_uses_an_image(mine: Account) -> None:
    image_id = mine.image()
    data = {"ImageId": image_id, "InstanceType": "t3.micro"}
    mine.ec2.create_launch_template(LaunchTemplateName="web", LaunchTemplateData=data)
    answer = mine.ec2.describe_image_references(ImageIds=[image_id], IncludeAllResourceTypes=True)
    assert [reference["ResourceType"] for reference in answer["ImageReferences"]] == ["ec2:LaunchTemplate"]
    ids = [f"ami-{number:017x}" for number in range(11)]
    too_many = {"ImageIds": ids, "IncludeAllResourceTypes": True}
    assert refusal(mine.ec2.describe_image_references, **too_many) == "InvalidParameterValue"


def test_doc_full_snapshot_size_may_be_absent(mine: Account) -> None:
    image_id = mine.image(8)
    snapshot_id = image_id.replace("ami-", "snap-")
    (known,) = mine.ec2.describe_snapshots(SnapshotIds=[snapshot_id])["Snapshots"]
    mine.cloud.catalog.snapshots(REGION)[snapshot_id].full_snapshot_size_bytes = None
    (unknown,) = mine.ec2.describe_snapshots(SnapshotIds=[snapshot_id])["Snapshots"]
    assert (known["FullSnapshotSizeInBytes"], "FullSnapshotSizeInBytes" in unknown) == (8 * 1024**3, False)


def test_doc_images_are_paged_only_where_asked_up_to_1000(mine: Account) -> None:
    for _ in range(6):
        mine.image()
    assert "NextToken" not in mine.ec2.describe_images(Owners=["self"])
    page = mine.ec2.describe_images(Owners=["self"], MaxResults=5)
    assert (len(page["Images"]), bool(page["NextToken"])) == (5, True)
    assert refusal(mine.ec2.describe_images, Owners=["self"], MaxResults=1001) == "InvalidParameterValue"
