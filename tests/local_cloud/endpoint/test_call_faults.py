"""Calls that fail on demand: refused as by a policy, in the protocol of each service, until the fault is cleared."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local_cloud.control_client import ControlError, RunningCloud
from local_cloud.in_process import VirtualCloud
from local_cloud.server import LocalCloud
from tests.local_cloud.endpoint.scenes import ACCOUNT, REGION, add_image, unique

Call = Callable[[], Any]


def refusal(call: Call) -> tuple[str, int]:
    """The error code and HTTP status with which a call is refused; ('', 200) if it is not."""
    try:
        call()
    except ClientError as error:
        return error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]
    return "", 200


def calls(client: Callable[[str], Any]) -> dict[str, Call]:
    """One call per protocol: EC2's, JSON, REST with XML, and two by POST with forms and XML."""
    return {
        "ec2:DescribeInstances": client("ec2").describe_instances,
        "ssm:DescribeParameters": client("ssm").describe_parameters,
        "s3:ListAllMyBuckets": client("s3").list_buckets,
        "autoscaling:DescribeAutoScalingGroups": client("autoscaling").describe_auto_scaling_groups,
        "sns:ListTopics": client("sns").list_topics,
    }


DENIED = [
    ("ec2:DescribeInstances", ("UnauthorizedOperation", 403)),
    ("ssm:DescribeParameters", ("AccessDeniedException", 400)),
    ("autoscaling:DescribeAutoScalingGroups", ("AccessDenied", 403)),
    ("sns:ListTopics", ("AccessDenied", 403)),
]


def test_denied_operation_is_refused_over_http_until_that_is_cleared(local_cloud: LocalCloud) -> None:
    operation, denied = DENIED[1]
    control = RunningCloud(local_cloud.endpoint_url)
    all_calls = calls(control.client)
    control.fault("deny", operation=operation)
    try:
        assert refusal(all_calls.pop(operation)) == denied
        assert {name: refusal(call) for name, call in all_calls.items()} == dict.fromkeys(all_calls, ("", 200))
        (logged,) = control.calls(operation=operation.partition(":")[2], limit=1)
        assert logged["error_code"] == denied[0]
    finally:
        control.fault("clear")
    assert refusal(calls(control.client)[operation]) == ("", 200)


@pytest.mark.parametrize(("operation", "denied"), DENIED)
def test_denied_operation_is_refused_in_process(
    virtual_cloud: VirtualCloud, operation: str, denied: tuple[str, int]
) -> None:
    call = calls(virtual_cloud.client)[operation]
    virtual_cloud.service.faults.deny(operation)
    assert refusal(call) == denied
    virtual_cloud.service.faults.clear()
    assert refusal(call) == ("", 200)


def test_s3_refuses_in_its_own_words(virtual_cloud: VirtualCloud) -> None:
    virtual_cloud.service.faults.deny("s3:ListBuckets")
    assert refusal(virtual_cloud.client("s3").list_buckets) == ("AccessDenied", 403)


def test_calls_that_are_not_denied_arrive_whole_while_others_are(local_cloud: LocalCloud) -> None:
    bucket, s3 = unique("bucket"), local_cloud.client("s3")
    local_cloud.service.faults.deny("ec2:DescribeInstances")
    try:
        s3.create_bucket(Bucket=bucket)
        s3.put_object(Bucket=bucket, Key="k", Body=b"x" * 300_000)
        assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x" * 300_000
    finally:
        local_cloud.service.faults.clear()


def test_operation_can_be_denied_a_few_times_only_and_with_another_code(virtual_cloud: VirtualCloud) -> None:
    call = virtual_cloud.client("ec2").describe_volumes
    virtual_cloud.service.faults.deny("DescribeVolumes", code="UnsupportedOperation", times=2)
    assert [refusal(call) for _ in range(3)] == [
        ("UnsupportedOperation", 400),
        ("UnsupportedOperation", 400),
        ("", 200),
    ]


def references(cloud: VirtualCloud | LocalCloud, image_id: str) -> list[str]:
    answer = cloud.client("ec2").describe_image_references(ImageIds=[image_id], IncludeAllResourceTypes=True)
    return [one["ResourceType"] for one in answer["ImageReferences"]]


def test_ec2_still_reads_the_parameters_that_a_caller_may_not(virtual_cloud: VirtualCloud) -> None:
    image_id = add_image(virtual_cloud.catalog)
    ssm = virtual_cloud.client("ssm")
    ssm.put_parameter(Name="/golden", Value=image_id, Type="String", DataType="aws:ec2:image")
    for operation in ("ssm:DescribeParameters", "ssm:GetParameters"):
        virtual_cloud.service.faults.deny(operation)

    assert references(virtual_cloud, image_id) == ["ssm:Parameter"]
    assert refusal(lambda: ssm.get_parameters(Names=["/golden"])) == ("AccessDeniedException", 400)


def test_image_recipes_refer_to_images_of_their_account_and_region(local_cloud: LocalCloud) -> None:
    control = RunningCloud(local_cloud.endpoint_url)
    image_id, other = (add_image(local_cloud.catalog) for _ in range(2))
    for region, account_id, kind in (
        (REGION, ACCOUNT, "image-recipe"),
        (REGION, ACCOUNT, "container-recipe"),
        (REGION, "999988887777", "image-recipe"),
        ("eu-west-1", ACCOUNT, "image-recipe"),
    ):
        arn = f"arn:aws:imagebuilder:{region}:{account_id}:{kind}/{unique('web')}/1.0.0"
        control.add_recipe(arn, image_id)

    assert references(local_cloud, image_id) == ["imagebuilder:ContainerRecipe", "imagebuilder:ImageRecipe"]
    assert references(local_cloud, other) == []
    chosen = local_cloud.client("ec2").describe_image_references(
        ImageIds=[image_id], ResourceTypes=[{"ResourceType": "imagebuilder:ImageRecipe"}]
    )["ImageReferences"]
    assert [one["Arn"].split(":")[5].partition("/")[0] for one in chosen] == ["image-recipe"]


@pytest.mark.parametrize(
    ("fault", "parameters", "message"),
    [
        ("deny", {"operation": "describe images"}, "not 'describe images'"),
        ("deny", {"operation": "DescribeImages", "times": 0}, "at least once, not 0 times"),
        ("fail_snapshot_deletion", {"snapshot_id": "snap-1", "code": "skipped"}, "internal-error"),
        ("fail_snapshot_deletion", {"snapshot_id": "snap-1", "times": -1}, "at least once"),
    ],
)
def test_fault_that_cannot_be_is_explained(
    local_cloud: LocalCloud, fault: str, parameters: dict[str, Any], message: str
) -> None:
    with pytest.raises(ControlError, match=message):
        RunningCloud(local_cloud.endpoint_url).fault(fault, **parameters)


def test_recipe_that_has_no_recipes_arn_is_refused(local_cloud: LocalCloud) -> None:
    with pytest.raises(ControlError, match="not 'my-recipe'"):
        RunningCloud(local_cloud.endpoint_url).add_recipe("my-recipe", "ami-1")
