"""The cloud in virtual time, without sockets."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError

from local_cloud.in_process import VirtualCloud
from tests.local_cloud.endpoint.scenes import add_image, unique

KEYS = {
    "KeySchema": [{"AttributeName": "k", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "k", "AttributeType": "S"}],
    "BillingMode": "PAY_PER_REQUEST",
}


def test_an_image_is_stored_and_restored_in_no_time(virtual_cloud: VirtualCloud) -> None:
    ec2, s3 = virtual_cloud.client("ec2"), virtual_cloud.client("s3")
    s3.create_bucket(Bucket="archive-bucket")
    image_id = add_image(virtual_cloud.catalog, gib=100)
    key = ec2.create_store_image_task(ImageId=image_id, Bucket="archive-bucket/p")["ObjectKey"]
    with pytest.raises(ClientError, match="404"):
        s3.head_object(Bucket="archive-bucket", Key=key)
    virtual_cloud.advance(3 * 3600)
    assert s3.head_object(Bucket="archive-bucket", Key=key)["ContentLength"] > 0
    new = ec2.create_restore_image_task(Bucket="archive-bucket", ObjectKey=key, Name="again")["ImageId"]
    virtual_cloud.advance(3 * 3600)
    assert ec2.describe_images(ImageIds=[new])["Images"][0]["State"] == "available"


def test_an_object_is_as_old_as_the_clock_says(virtual_cloud: VirtualCloud) -> None:
    s3 = virtual_cloud.client("s3")
    s3.create_bucket(Bucket="archive-bucket")
    virtual_cloud.advance(40 * 24 * 3600)
    s3.put_object(Bucket="archive-bucket", Key="k", Body=b"")
    written = s3.head_object(Bucket="archive-bucket", Key="k")["LastModified"]
    assert written == datetime(2026, 1, 1, 2, tzinfo=UTC) + timedelta(days=40)


def test_reset_leaves_nothing(virtual_cloud: VirtualCloud) -> None:
    s3, dynamodb, ec2, ssm = (virtual_cloud.client(name) for name in ("s3", "dynamodb", "ec2", "ssm"))
    s3.create_bucket(Bucket="archive-bucket")
    dynamodb.create_table(TableName="records", **KEYS)
    ssm.put_parameter(Name="/a", Value="b", Type="String")
    ec2.create_launch_template(LaunchTemplateName="t", LaunchTemplateData={"InstanceType": "t3.micro"})
    add_image(virtual_cloud.catalog)
    virtual_cloud.advance(5)
    virtual_cloud.reset()
    assert s3.list_buckets()["Buckets"] == []
    assert dynamodb.list_tables()["TableNames"] == []
    assert ssm.describe_parameters()["Parameters"] == []
    assert ec2.describe_images(Owners=["self"])["Images"] == []
    assert ec2.describe_launch_templates()["LaunchTemplates"] == []
    assert virtual_cloud.clock.seconds() == 0
    assert virtual_cloud.calls.list()[0].operation == "ListBuckets"


def test_accounts_do_not_see_each_other(virtual_cloud: VirtualCloud) -> None:
    name = unique("topic")
    virtual_cloud.client("sns").create_topic(Name=name)
    assert virtual_cloud.client("sns", "999999999999").list_topics()["Topics"] == []
    assert len(virtual_cloud.client("sns").list_topics()["Topics"]) == 1


def test_a_plain_session_needs_no_endpoint(virtual_cloud: VirtualCloud) -> None:
    session = virtual_cloud.session()
    session.client("s3").create_bucket(Bucket="archive-bucket")
    session.client("s3").put_object(Bucket="archive-bucket", Key="ü/k", Body=b"x" * 100_000)
    assert session.client("s3").get_object(Bucket="archive-bucket", Key="ü/k")["Body"].read() == b"x" * 100_000
    session.client("kms").create_key()
    table = session.resource("dynamodb").create_table(TableName="records", **KEYS)
    table.put_item(Item={"k": "1"}, ConditionExpression="attribute_not_exists(k)")
    with pytest.raises(ClientError, match="ConditionalCheckFailedException"):
        table.put_item(Item={"k": "1"}, ConditionExpression="attribute_not_exists(k)")


def test_many_threads_may_call(virtual_cloud: VirtualCloud) -> None:
    dynamodb, ec2 = virtual_cloud.client("dynamodb"), virtual_cloud.client("ec2")
    dynamodb.create_table(TableName="records", **KEYS)

    def call(number: int) -> None:
        dynamodb.put_item(TableName="records", Item={"k": {"S": str(number)}})
        ec2.describe_store_image_tasks()

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(call, range(100)))
    assert dynamodb.scan(TableName="records")["Count"] == 100
    assert len(virtual_cloud.calls.filter(operation="PutItem")) == 100


def test_a_write_costs_little_time(virtual_cloud: VirtualCloud) -> None:
    dynamodb = virtual_cloud.client("dynamodb")
    dynamodb.create_table(TableName="records", **KEYS)
    started = time.process_time()
    for number in range(200):
        dynamodb.put_item(TableName="records", Item={"k": {"S": str(number)}})
    assert 200 / (time.process_time() - started) > 250, "calls per second; a thousand and more on an idle machine"


def test_a_second_cloud_in_the_process_is_refused(virtual_cloud: VirtualCloud) -> None:
    with pytest.raises(RuntimeError, match="one local cloud at a time"):
        VirtualCloud().__enter__()
